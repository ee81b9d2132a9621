"""Whether a journal tells a story that can be: every contact ends once, nobody is in two places,
no number is missing, no time runs backwards, and every assignment follows from the rules.  And the
state that it comes to, as a digest.

``ccserver audit`` reads the file of a running server, or of one that ran, and compares its digest
with what the server itself has.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, TypeAlias

import msgspec
from msgspec import Struct

from actors import events as ev
from actors.ids import AgentId, ContactId
from ccserver.journal import codec
from ccserver.journal.decisions import HEARD, Replay
from ccserver.journal.fold import Fold
from ccserver.journal.folds import Checkpoint
from ccserver.journal.log import Entry
from ccserver.journal.past import PastFold
from ccserver.journal.pieces import digest

MOST_FINDINGS = 100
"""That are kept; the others are only counted."""
MOST_ENDED = 5_000
"""Contacts that are remembered after their end, some 0.6 MB: what is told of one of them is said to
come after it, and of others to be of nobody who began.  At 20 calls a second that is four minutes,
and as soon this process needs no more memory."""
OVERTIME = 120.0
"""Seconds that a contact has, beyond the longest that is configured, to be ended."""
SLACK = -0.001
"""Seconds: two clocks are read one after the other."""
_DURATIONS = ("lasted", "talked", "waited", "rang", "dispatch")
_UNCOUNTED = frozenset(
    (
        ev.AgentStateChanged,
        ev.AgentLeft,
        ev.ContactAssigned,
        ev.ContactStateChanged,
        ev.ConsultEnded,
        ev.ContactTransferred,
        ev.WrapUpEnded,
    )
)
"""They change no figure of a queue that is looked at."""

_Hear: TypeAlias = Callable[[Any], object]


class _ByType(dict[type[Struct], tuple[_Hear, ...]]):
    """Who hears an event, found out when the first of its type comes."""

    def __init__(self, found: Callable[[type[Struct]], Iterable[_Hear]]) -> None:
        self._found = found

    def __missing__(self, kind: type[Struct]) -> tuple[_Hear, ...]:
        self[kind] = hearers = tuple(self._found(kind))
        return hearers


class Finding(Struct, frozen=True):
    """What cannot be, and the event that says so."""

    seq: int
    text: str


class Audit:
    """Applies entries in their order; ``findings`` are the first of ``found``.

    One that goes on for as long as the server runs forgets who ended long ago.
    """

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.found = 0
        self.seq = self.events = self.unread = self.runs = self.contacts = 0
        self._living: dict[ContactId, int] = {}
        """Who has begun, and when, in microseconds since 1970."""
        self._ended: OrderedDict[ContactId, None] = OrderedDict()
        self._overdue: set[ContactId] = set()
        self._wrong_by: dict[str, int] = {}
        """What queues' figures are off: each error is said once."""
        self._longest = math.inf
        self._talks: dict[AgentId, ContactId] = {}
        self._talkers: dict[ContactId, list[AgentId]] = {}
        """Who came to talk with whom: the same, by contact."""
        self._states: dict[AgentId, str] = {}
        self._past = PastFold()
        self._fold = Fold((), (), lambda: 0.0)
        self._decisions = Replay()
        self._knows_the_dispatcher = False
        self._checks: dict[type[Struct], _Hear] = {
            ev.ContactArrived: self._begins,
            ev.ContactPlaced: self._begins,
            ev.ContactQueued: self._goes_on,
            ev.ContactConnected: self._goes_on,
            ev.ContactStateChanged: self._converses,
            ev.ContactEnded: self._ends,
            ev.AgentStateChanged: self._agent_changed,
            ev.CentreConfigured: self._configured,
            ev.ServerStarted: self._server_started,
            ev.ActorCrashed: self._crashed,
        }
        self._hearers = _ByType(self._hearers_of)

    def go_on(self, checkpoint: Checkpoint, heard: Iterable[Entry]) -> None:
        """From where the journal's checkpoint stands.

        ``heard``: what the dispatcher heard up to there, from the start of that run of the server
        on; without it, decisions are not looked at before the next start.
        """
        past = checkpoint.past
        self.seq = past.seq
        self._past = PastFold(past)
        self._hearers.clear()
        self._fold.go_on(checkpoint.figures)
        self._living = {name: contact.arrived for name, contact in checkpoint.live.contacts.items()}
        for name, contact in checkpoint.live.contacts.items():
            if contact.conversation is not None:
                for one in contact.conversation.participants:
                    if one.kind == "agent":
                        self._talk(AgentId(one.id), name)
        self._states = {name: agent.state for name, agent in checkpoint.live.agents.items()}
        for entry in heard:
            if isinstance(entry.event, ev.CentreConfigured):
                self._configured(entry.event)
            self._decide(entry)

    @property
    def at(self) -> int:
        """When the last entry was written, in microseconds since 1970."""
        return self._past.past.at

    @property
    def digest(self) -> str:
        """Of the state behind the last entry."""
        return digest(self._past.past)

    def apply(self, seq: int, at: int, payload: bytes) -> None:
        if seq != self.seq + 1:
            self.find(seq, f"events {self.seq + 1} to {seq - 1} are missing")
        self.seq = seq
        self.events += 1
        try:
            event = codec.decode(payload)
        except msgspec.DecodeError:
            self.unread += 1
            self._past.past.seq = seq
            return
        self._past.past.seq, self._past.past.at = seq, at
        for hear in self._hearers[type(event)]:
            hear(event)

    def _hearers_of(self, kind: type[Struct]) -> Iterable[_Hear]:
        """The state, the figures, what is checked here, and the dispatcher, in this order."""
        durations = [name for name in _DURATIONS if name in kind.__struct_fields__]
        if kind in self._past.handlers:
            yield self._past.handlers[kind]
        if kind in self._fold.handlers and kind not in _UNCOUNTED:
            yield self._fold.handlers[kind]
        if durations:
            yield partial(self._lasts, durations)
        if kind in self._checks:
            yield self._checks[kind]
        if issubclass(kind, HEARD):
            yield self._decides

    def look(self) -> None:
        """What must be so at every instant is so behind the last entry."""
        for name, queue in self._fold.figures().queues.items():
            now = queue.waiting + queue.being_offered + queue.in_service
            over = queue.handled + sum(queue.abandoned.values()) + queue.overflowed + queue.failed
            wrong = queue.offered - now - over
            if wrong != self._wrong_by.get(name, 0):
                self._wrong_by[name] = wrong
                self.find(self.seq, f"queue {name}: {queue.offered} offered, {now + over} counted")
        self._look_for_the_forgotten()

    def _look_for_the_forgotten(self) -> None:
        """No contact may last for ever (I1); each that does is said once."""
        for name, began in self._living.items():
            if (self._past.past.at - began) / 1e6 <= self._longest:
                break  # who came later has not been there for longer
            if name not in self._overdue:
                self._overdue.add(name)
                self.find(self.seq, f"contact {name} has lasted too long, and has not ended")

    def _decides(self, event: Any) -> None:
        self._decide(Entry(self.seq, self.at, event))

    def _decide(self, entry: Entry) -> None:
        """The dispatcher's decisions are what follows from what it heard (I7)."""
        if isinstance(entry.event, ev.ServerStarted):
            self._knows_the_dispatcher = True
        if not self._knows_the_dispatcher:
            return
        for decision in self._decisions.apply(entry):
            if not decision.agrees:
                what = decision.recorded or decision.computed
                assert what is not None
                self.find(
                    decision.seq,
                    f"contact {what.contact}: that {what.agent} was given it"
                    f" {'does not follow from the rules' if decision.recorded else 'is missing'}",
                )

    def find(self, seq: int, text: str) -> None:
        """That event ``seq`` shows something that cannot be."""
        self.found += 1
        if len(self.findings) < MOST_FINDINGS:
            self.findings.append(Finding(seq, text))

    def _lasts(self, durations: Iterable[str], event: Any) -> None:
        for name in durations:
            if (getattr(event, name) or 0.0) < SLACK:
                self.find(self.seq, f"{codec.tag_of(event)}: {name} is negative")

    # --- contacts and conversations -----------------------------------------------------------

    def _begins(self, event: ev.ContactArrived | ev.ContactPlaced) -> None:
        name = event.contact.id
        if name in self._living or name in self._ended:
            self.find(self.seq, f"contact {name} begins a second time")
        self._living[name] = self.at
        self.contacts += 1

    def _goes_on(self, event: ev.ContactQueued | ev.ContactConnected) -> None:
        name = event.contact.id
        if name not in self._living:
            how = "after its end" if name in self._ended else "and never began"
            self.find(self.seq, f"contact {name} goes on {how}")

    def _ends(self, event: ev.ContactEnded) -> None:
        name = event.contact.id
        if name in self._ended:
            self.find(self.seq, f"contact {name} ends a second time")
        elif self._living.pop(name, None) is None:
            self.find(self.seq, f"contact {name} ends and never began")
        self._ended[name] = None
        if len(self._ended) > MOST_ENDED:
            self._ended.popitem(last=False)
        self._overdue.discard(name)
        self._let_go(name)

    def _converses(self, event: ev.ContactStateChanged) -> None:
        contact = event.contact.id
        self._let_go(contact)
        for one in event.participants:
            if one.kind != "agent":
                continue
            agent = AgentId(one.id)
            other = self._talks.get(agent)
            if other is None:
                self._talk(agent, contact)
            elif other != contact:
                self.find(self.seq, f"agent {agent} talks with {other} and with {contact}")

    def _talk(self, agent: AgentId, contact: ContactId) -> None:
        self._talks[agent] = contact
        self._talkers.setdefault(contact, []).append(agent)

    def _let_go(self, contact: ContactId) -> None:
        for agent in self._talkers.pop(contact, ()):
            if self._talks.get(agent) == contact:
                del self._talks[agent]

    # --- agents and the server ----------------------------------------------------------------

    def _agent_changed(self, event: ev.AgentStateChanged) -> None:
        agent = event.agent
        before = self._states.get(agent, event.before)
        if before != event.before:
            self.find(self.seq, f"agent {agent} was {before}, and is said to be {event.before}")
        self._states[agent] = event.state

    def _configured(self, event: ev.CentreConfigured) -> None:
        self._longest = event.content["routing"]["max_contact_seconds"] + OVERTIME

    def _server_started(self, event: ev.ServerStarted) -> None:
        self.runs += 1
        self._states.clear()  # as what it knows of agents, it will say as it goes on

    def _crashed(self, event: ev.ActorCrashed) -> None:
        if event.kind == "agent":
            self._states.clear()  # one of them begins anew
