"""A queue: the contacts that wait for one kind of service, and how long they may.

It keeps the order and the bounds; whom they are given to is the dispatcher's affair.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from msgspec import Struct
from sortedcontainers import SortedDict

from actors import messages as m
from actors.effects import Effect, TellContact, TellDispatcher, Watch
from actors.ids import DISPATCHER, ContactId, QueueName, contact_actor
from sip.machine import CancelTimer, StartTimer, TimerFired

Message: TypeAlias = (
    m.JoinQueue
    | m.LeaveQueue
    | m.ContactConnected
    | m.ContactPaired
    | m.Restarted
    | m.Down
    | TimerFired
)


class QueueSettings(Struct, frozen=True):
    """Bounds; None: none."""

    name: QueueName
    max_waiting: int | None = None
    max_wait_seconds: float | None = None


class QueueStatistics(Struct, frozen=True):
    waiting: int
    being_offered: int


class Queue:
    """``now`` gives monotonic seconds."""

    def __init__(self, settings: QueueSettings, now: Callable[[], float]) -> None:
        self.settings = settings
        self._now = now
        self._waiting: SortedDict = SortedDict()  # Place → ContactId
        self._joined: SortedDict = SortedDict()  # (since, seq) → ContactId, for the bound of time
        self._waits: dict[ContactId, m.ContactWaits] = {}
        self._offered: set[ContactId] = set()

    def handle(self, message: Message) -> list[Effect]:
        match message:
            case m.JoinQueue():
                return self._join(message)
            case m.ContactPaired(contact, _):
                if not self._remove(contact):
                    return []  # paired as it left: LeaveQueue has told the dispatcher
                self._offered.add(contact)
                return self._arm()
            case m.LeaveQueue(contact):
                return self._leave(contact)
            case m.ContactConnected(contact):
                self._offered.discard(contact)
                return [TellDispatcher(message)]
            case m.Down(name, crashed):
                if not crashed:
                    return []
                return self._leave(ContactId(name.rpartition("/")[2]))
            case m.Restarted(name):
                if name != DISPATCHER:
                    return []
                return [TellDispatcher(self._waits[contact]) for contact in self.order()]
            case TimerFired("max_wait"):
                return self._time_is_up()
            case TimerFired(name):
                raise ValueError(f"no timer of a queue is called {name}")

    def order(self) -> list[ContactId]:
        """Who waits, first to last."""
        return list(self._waiting.values())

    def statistics(self) -> QueueStatistics:
        return QueueStatistics(len(self._waits), len(self._offered))

    def _join(self, join: m.JoinQueue) -> list[Effect]:
        again = join.contact in self._offered
        self._offered.discard(join.contact)
        limit = self.settings.max_waiting
        if not again and limit is not None and len(self._waits) >= limit:
            return [TellContact(join.contact, self._overflowed(join.contact, "full"))]
        self._remove(join.contact)
        place = join.place
        self._waiting[place] = join.contact
        self._joined[place.since, place.seq] = join.contact
        waits = m.ContactWaits(
            join.contact, self.settings.name, place, join.requirements, self._now(), join.tried
        )
        self._waits[join.contact] = waits
        watch: list[Effect] = [] if again else [Watch(contact_actor(join.contact))]
        return [*watch, TellDispatcher(waits), *self._arm()]

    def _remove(self, contact: ContactId) -> bool:
        """Whether it waited."""
        waits = self._waits.pop(contact, None)
        if waits is None:
            return False
        place = waits.place
        del self._waiting[place]
        del self._joined[place.since, place.seq]
        return True

    def _leave(self, contact: ContactId) -> list[Effect]:
        self._remove(contact)
        self._offered.discard(contact)
        return [TellDispatcher(m.ContactLeft(contact)), *self._arm()]

    def _time_is_up(self) -> list[Effect]:
        """Whoever has waited too long by now; the timer is for the next one."""
        bound = self.settings.max_wait_seconds
        assert bound is not None
        now = self._now()
        effects: list[Effect] = []
        while self._joined and self._joined.peekitem(0)[0][0] + bound <= now:
            contact = self._joined.peekitem(0)[1]
            self._remove(contact)
            effects.append(TellDispatcher(m.ContactLeft(contact)))
            effects.append(TellContact(contact, self._overflowed(contact, "max_wait")))
        return [*effects, *self._arm()]

    def _overflowed(self, contact: ContactId, why: str) -> m.Overflowed:
        return m.Overflowed(contact, self.settings.name, why)

    def _arm(self) -> list[Effect]:
        bound = self.settings.max_wait_seconds
        if bound is None:
            return []
        if not self._joined:
            return [CancelTimer("max_wait")]
        due = self._joined.peekitem(0)[0][0] + bound
        return [StartTimer("max_wait", max(0.0, due - self._now()))]
