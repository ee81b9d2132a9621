"""Whether a journal tells a story that can be: every contact ends once, nobody is in two places,
no number is missing, no time runs backwards.  And the state that it comes to, as a digest.

``ccserver audit`` reads the file of a running server, or of one that ran, and compares its digest
with what the server itself has.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec
from msgspec import Struct

from actors import events as ev
from actors.ids import AgentId, ContactId
from ccserver.journal import codec
from ccserver.journal.fold import Fold
from ccserver.journal.past import PastFold, digest

MOST_FINDINGS = 100
"""That are kept; the others are only counted."""
SLACK = -0.001
"""Seconds: two clocks are read one after the other."""
_DURATIONS = ("lasted", "talked", "waited", "rang", "dispatch")


class Finding(Struct, frozen=True):
    """What cannot be, and the event that says so."""

    seq: int
    text: str


class Audit:
    """Applies entries in their order; ``findings`` are the first of ``found``."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.found = 0
        self.seq = self.events = self.unread = self.runs = 0
        self._began: set[ContactId] = set()
        self._ended: Counter[ContactId] = Counter()
        self._talks: dict[AgentId, ContactId] = {}
        self._past = PastFold()
        self._fold = Fold((), (), lambda: 0.0)

    @property
    def contacts(self) -> int:
        return len(self._began)

    @property
    def digest(self) -> str:
        """Of the state behind the last entry."""
        return digest(self._past.past)

    def apply(self, seq: int, at: int, payload: bytes) -> None:
        if seq != self.seq + 1:
            self._find(seq, f"events {self.seq + 1} to {seq - 1} are missing")
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
        self._check(seq, event)

    def finish(self) -> None:
        """All has been read: what is to agree at every instant agrees at this one."""
        for name, queue in self._fold.figures().queues.items():
            now = queue.waiting + queue.being_offered + queue.in_service
            over = queue.handled + sum(queue.abandoned.values()) + queue.overflowed + queue.failed
            if queue.offered != now + over:
                self._find(self.seq, f"queue {name}: {queue.offered} offered, {now + over} counted")

    def _find(self, seq: int, text: str) -> None:
        self.found += 1
        if len(self.findings) < MOST_FINDINGS:
            self.findings.append(Finding(seq, text))

    def _check(self, seq: int, event: Any) -> None:
        for name in _DURATIONS:
            if (getattr(event, name, 0.0) or 0.0) < SLACK:
                self._find(seq, f"{codec.tag_of(event)}: {name} is negative")
        match event:
            case ev.ContactArrived(ref) | ev.ContactPlaced(ref):
                if ref.id in self._began:
                    self._find(seq, f"contact {ref.id} begins a second time")
                self._began.add(ref.id)
            case ev.ContactEnded(ref):
                self._ended[ref.id] += 1
                if self._ended[ref.id] > 1:
                    self._find(seq, f"contact {ref.id} ends a second time")
                if ref.id not in self._began:
                    self._find(seq, f"contact {ref.id} ends and never began")
                self._let_go(ref.id)
            case ev.ContactStateChanged(ref):
                self._converses(seq, ref.id, event.participants)
            case ev.ContactQueued(ref) | ev.ContactConnected(ref) if self._ended[ref.id]:
                self._find(seq, f"contact {ref.id} goes on after its end")
            case ev.ServerStarted():
                self.runs += 1

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
                self._find(seq, f"agent {agent} talks with {other} and with {contact}")

    def _let_go(self, contact: ContactId) -> None:
        for agent in [agent for agent, other in self._talks.items() if other == contact]:
            del self._talks[agent]
