"""Whether a journal tells a story that can be: every contact ends once, nobody is in two places,
no number is missing, no time runs backwards, and every assignment follows from the rules.  And the
state that it comes to, as a digest.

``ccserver audit`` reads the file of a running server, or of one that ran, and compares its digest
with what the server itself has.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct

from actors import events as ev
from actors.ids import AgentId, ContactId
from ccserver.journal import codec
from ccserver.journal.decisions import Replay
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
        self._ended: dict[ContactId, None] = {}
        self._overdue: set[ContactId] = set()
        self._wrong_by: dict[str, int] = {}
        """What queues' figures are off: each error is said once."""
        self._longest = math.inf
        self._talks: dict[AgentId, ContactId] = {}
        self._states: dict[AgentId, str] = {}
        self._past = PastFold()
        self._fold = Fold((), (), lambda: 0.0)
        self._decisions = Replay()
        self._knows_the_dispatcher = False

    def go_on(self, checkpoint: Checkpoint, heard: Iterable[Entry]) -> None:
        """From where the journal's checkpoint stands.

        ``heard``: what the dispatcher heard up to there, from the start of that run of the server
        on; without it, decisions are not looked at before the next start.
        """
        past = checkpoint.past
        self.seq = past.seq
        self._past = PastFold(past)
        self._fold.go_on(checkpoint.figures)
        self._living = {name: contact.arrived for name, contact in checkpoint.live.contacts.items()}
        for name, contact in checkpoint.live.contacts.items():
            if contact.conversation is not None:
                for one in contact.conversation.participants:
                    if one.kind == "agent":
                        self._talks[AgentId(one.id)] = name
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
        self._past.apply(seq, at, event)
        self._fold.apply(event)
        self._check(seq, at, event)
        self._decide(Entry(seq, at, event))

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

    def _check(self, seq: int, at: int, event: Any) -> None:
        for name in _DURATIONS:
            if (getattr(event, name, 0.0) or 0.0) < SLACK:
                self.find(seq, f"{codec.tag_of(event)}: {name} is negative")
        match event:
            case ev.ContactArrived(ref) | ev.ContactPlaced(ref):
                if ref.id in self._living or ref.id in self._ended:
                    self.find(seq, f"contact {ref.id} begins a second time")
                self._living[ref.id] = at
                self.contacts += 1
            case ev.ContactEnded(ref):
                if ref.id in self._ended:
                    self.find(seq, f"contact {ref.id} ends a second time")
                elif self._living.pop(ref.id, None) is None:
                    self.find(seq, f"contact {ref.id} ends and never began")
                self._end(ref.id)
            case ev.ContactStateChanged(ref):
                self._converses(seq, ref.id, event.participants)
            case ev.ContactQueued(ref) | ev.ContactConnected(ref) if ref.id not in self._living:
                ended = ref.id in self._ended
                how = "after its end" if ended else "and never began"
                self.find(seq, f"contact {ref.id} goes on {how}")
            case ev.AgentStateChanged(agent):
                before = self._states.get(agent, event.before)
                if before != event.before:
                    self.find(seq, f"agent {agent} was {before}, and is said to be {event.before}")
                self._states[agent] = event.state
            case ev.CentreConfigured():
                self._configured(event)
            case ev.ServerStarted():
                self.runs += 1
                self._states.clear()  # as what it knows of agents, it will say as it goes on
            case ev.ActorCrashed("agent"):
                self._states.clear()  # one of them begins anew

    def _configured(self, event: ev.CentreConfigured) -> None:
        self._longest = event.content["routing"]["max_contact_seconds"] + OVERTIME

    def _end(self, contact: ContactId) -> None:
        self._ended[contact] = None
        if len(self._ended) > MOST_ENDED:
            del self._ended[next(iter(self._ended))]
        self._overdue.discard(contact)
        self._let_go(contact)

    def _converses(
        self, seq: int, contact: ContactId, participants: tuple[ev.Participant, ...]
    ) -> None:
        self._let_go(contact)
        for one in participants:
            if one.kind != "agent":
                continue
            agent = AgentId(one.id)
            other = self._talks.setdefault(agent, contact)
            if other != contact:
                self.find(seq, f"agent {agent} talks with {other} and with {contact}")

    def _let_go(self, contact: ContactId) -> None:
        for agent in [agent for agent, other in self._talks.items() if other == contact]:
            del self._talks[agent]
