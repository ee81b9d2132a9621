"""Events of contacts and agents at given seconds, for a report."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from actors import events as ev
from actors.ids import AgentId, ContactId, EntryPointName, LegId, QueueName
from actors.place import Place
from actors.reasons import During, EndedBy, OfferFailure, Outcome
from ccserver.journal import codec
from ccserver.journal.log import Entry
from ccserver.journal.reading import JOURNAL, JournalFile
from ccserver.journal.reports import Report
from ccserver.journal.storage import SqliteStorage
from ccserver.reporting.question import Question
from ccserver.reporting.reading import entries_for

SUPPORT, SALES = QueueName("support"), QueueName("sales")
ADA, BEN = AgentId("1001"), AgentId("1002")
CENTRE: dict[str, Any] = {
    "queues": [{"name": "support"}, {"name": "sales"}],
    "agents": [{"id": "1001"}, {"id": "1002"}],
}


def read_report(data: Path, asked: Question, now: int, longest_seconds: float) -> Report:
    """All of it, from the journal in this ``data.dir``."""
    report = Report(asked.rules, asked.minutes, begin=asked.begin, end=asked.end)
    journal = JournalFile(data / JOURNAL)
    for entry in entries_for(journal, report, asked.begin, asked.end, longest_seconds):
        report.apply(entry)
    report.finish(min(asked.end, now))
    return report


class Chronicle:
    """``zero``: the instant from which seconds are counted.  What is told is sorted by them."""

    def __init__(self, report: Report, zero: datetime) -> None:
        self.report = report
        self.heard: list[Entry] = []
        self.zero = int(zero.timestamp() * 1_000_000)
        self._told: list[tuple[float, ev.AnyEvent]] = []
        self.tell(0, ev.CentreConfigured("v1", CENTRE, "start"))

    def at(self, seconds: float) -> int:
        return self.zero + round(seconds * 1_000_000)

    def tell(self, seconds: float, *events: ev.AnyEvent) -> None:
        self._told.extend((seconds, event) for event in events)

    def is_heard(self) -> None:
        """By the report: all that has been told."""
        self._told.sort(key=lambda told: told[0])
        for seconds, event in self._told:
            entry = Entry(len(self.heard) + 1, self.at(seconds), event)
            self.heard.append(entry)
            self.report.apply(entry)
        self._told.clear()

    def ends(self, seconds: float) -> Report:
        self.is_heard()
        self.report.finish(self.at(seconds))
        return self.report

    def write(self, path: Path) -> None:
        """All that has been told, as a journal in this file."""
        self.is_heard()
        storage = SqliteStorage(path)
        rows = [(e.seq, e.at, codec.tag_of(e.event), codec.encode(e.event)) for e in self.heard]
        storage.write(rows)
        storage.close()

    def agent(self, seconds: float, agent: AgentId, state: str, **more: Any) -> None:
        allowed = ("end-wrap-up",) if state == "wrap_up" else ()
        event = ev.AgentStateChanged(agent, "voice", "?", state, allowed=allowed, **more)
        self.tell(seconds, event)


class Customer:
    """One contact; it tells each step at its second."""

    def __init__(
        self, chronicle: Chronicle, name: str, at: float, *, placed_by: AgentId | None = None
    ) -> None:
        self.told = chronicle
        self.ref = ev.ContactRef(ContactId(name))
        self.queue: QueueName | None = None
        self._queued = self._connected = self._presented = at
        self._state, self._since = "", at
        if placed_by is not None:
            chronicle.tell(at, ev.ContactPlaced(self.ref, placed_by, "+442", "+441", "pstn"))
            return
        arrived = ev.ContactArrived(self.ref, EntryPointName("main"), "+44", "2001", LegId(name))
        chronicle.tell(at, arrived)

    def is_answered_by_us(self, at: float) -> None:
        self.told.tell(at, ev.LegConfirmed(LegId(self.ref.id), self.ref.id, None))

    def waits(self, at: float, queue: QueueName = SUPPORT, *, again: bool = False) -> None:
        if not again:
            self._queued = at
        self.queue = queue
        self.told.tell(at, ev.ContactQueued(self.ref, queue, Place(5, at, 1), again=again))

    def rings(self, at: float, agent: AgentId = ADA) -> None:
        self._presented = at
        assert self.queue is not None
        event = ev.ContactPresented(self.ref, self.queue, agent, LegId("a"), 0.0)
        self.told.tell(at, event)

    def fails(self, at: float, reason: OfferFailure, agent: AgentId = ADA) -> None:
        assert self.queue is not None
        self.told.tell(at, ev.ContactOfferFailed(self.ref, self.queue, agent, reason))

    def talks(self, at: float, agent: AgentId = ADA) -> None:
        assert self.queue is not None
        self._connected = at
        waited, rang = at - self._queued, at - self._presented
        event = ev.ContactConnected(self.ref, self.queue, agent, LegId("a"), waited, rang)
        self.told.tell(at, event)
        self.is_in(at, "connected", customer="connected", **{agent: "connected"})

    def is_in(
        self,
        at: float,
        state: str,
        *,
        customer: str | None = None,
        consulted: AgentId | None = None,
        **agents: str,
    ) -> None:
        """The conversation; who is in it, and in which state he is."""
        there: list[ev.Participant] = []
        if customer is not None:
            there.append(ev.Participant("customer", "customer", "", customer, (), 0.0))
        for name, theirs in agents.items():
            part = "consulted" if name == consulted else ""
            role = "primary" if name == next(iter(agents)) else ""
            there.append(ev.Participant(name, "agent", role, theirs, (), 0.0, part=part))
        lasted = at - self._since if self._state not in ("", state) else 0.0
        changed = ev.ContactStateChanged(self.ref, 1, self._state, state, lasted, tuple(there))
        self._state, self._since = state, at
        self.told.tell(at, changed)

    def hangs_up(
        self,
        at: float,
        outcome: Outcome,
        during: During | None = None,
        *,
        by: EndedBy = EndedBy.CUSTOMER,
        agent: AgentId | None = None,
        reason: str | None = None,
    ) -> None:
        handled = outcome is Outcome.HANDLED
        waited = (self._connected if handled else at) - self._queued if self.queue else 0.0
        if self._state not in ("", "over"):
            self.is_in(at, "over")
        ended = ev.ContactEnded(
            self.ref,
            outcome,
            self.queue,
            agent,
            during,
            reason,
            by,
            waited,
            at - self._connected if handled else 0.0,
        )
        self.told.tell(at, ended)
