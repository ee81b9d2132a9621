"""Callers who hang up while they wait, and come back: for a while their place is kept (P-9).

It hears the events of contacts as they are recorded, and is asked at the door of a queue.  What one
abandoned contact leaves behind is given to one caller, once; who takes it and does not wait after
all leaves it for the next time.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from msgspec import Struct

from actors import events as ev
from actors.ids import ContactId, QueueName
from actors.messages import Regained
from actors.past import Past
from actors.place import Place
from actors.reasons import During, Outcome

MOST = 10_000
"""Places that are kept at once; the oldest goes first."""
NOBODY = frozenset(("", "anonymous", "unavailable", "unknown", "restricted", "private"))
"""Numbers that say nothing of who calls."""

Owner: TypeAlias = tuple[QueueName, str]
"""A queue, and the number that waited there."""


def has_left(ended: ev.ContactEnded) -> bool:
    """The caller hung up while he waited, or was cut off by us."""
    waited = ended.during in (During.QUEUE, During.RINGING)
    return waited and ended.outcome in (Outcome.ABANDONED, Outcome.FAILED)


class _Kept(Struct, frozen=True):
    regained: Regained
    until: float


class Returning:
    """``seconds``: for how long each queue keeps a place; a queue that is not there keeps none.

    ``now`` gives monotonic seconds.
    """

    def __init__(self, seconds: Mapping[QueueName, float], now: Callable[[], float]) -> None:
        self._now = now
        self._callers: dict[ContactId, str] = {}
        self._places: dict[ContactId, tuple[QueueName, Place]] = {}
        self._kept: OrderedDict[Owner, _Kept] = OrderedDict()
        self._taken: dict[ContactId, tuple[Owner, _Kept]] = {}
        """By contacts that are at the door."""
        self.handlers: dict[type, Callable[[Any], None]] = {
            ev.ContactArrived: self._arrived,
            ev.ContactQueued: self._queued,
            ev.ContactDiverted: self._diverted,
            ev.ContactEnded: self._ended,
        }
        """Of each event that changes what is kept, by its type."""
        self.configure(seconds)

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def keeps_places(self) -> bool:
        """Of anybody: else nobody need be asked whether he has one."""
        return bool(self._seconds or self._kept)

    def configure(self, seconds: Mapping[QueueName, float]) -> None:
        """From now on; what is kept stays so for as long as it was meant to."""
        self._seconds = {queue: time for queue, time in seconds.items() if time > 0}

    def apply(self, event: ev.AnyEvent) -> None:
        handler = self.handlers.get(type(event))
        if handler is not None:
            handler(event)

    def _arrived(self, event: ev.ContactArrived) -> None:
        if self._seconds and event.ani not in NOBODY:
            self._callers[event.contact.id] = event.ani

    def _queued(self, event: ev.ContactQueued) -> None:
        contact = event.contact.id
        if contact in self._callers:
            self._places[contact] = event.queue, event.place
            self._taken.pop(contact, None)

    def _diverted(self, event: ev.ContactDiverted) -> None:
        self._put_back(event.contact.id)

    def _ended(self, event: ev.ContactEnded) -> None:
        contact = event.contact.id
        self._put_back(contact)
        ani = self._callers.pop(contact, "")
        last = self._places.pop(contact, None)
        if has_left(event) and ani and last is not None and last[0] == event.queue:
            self._keep((last[0], ani), Regained(last[1], contact))

    def go_on(self, past: Past) -> None:
        """From where an earlier run of the server stood."""
        for contact in past.contacts.values():
            if contact.entry_point and contact.ani not in NOBODY and self._seconds:
                self._callers[contact.ref.id] = contact.ani
                if contact.queue is not None and contact.place is not None:
                    self._places[contact.ref.id] = contact.queue, contact.place
        found = [
            (one.at + self._seconds[queue], (queue, caller), Regained(one.place, one.contact))
            for queue, callers in past.left.items()
            if queue in self._seconds
            for caller, one in callers.items()
        ]
        for until, owner, regained in sorted(found, key=lambda each: each[0]):
            if until > self._now():
                self._kept[owner] = _Kept(regained, until)

    def take(self, contact: ContactId, queue: QueueName, caller: str) -> Regained | None:
        """For a caller at the queue's door: the place he had there, if it is kept."""
        if self._callers.get(contact) != caller:
            return None
        kept = self._kept.pop((queue, caller), None)
        if kept is None or kept.until < self._now():
            return None
        self._taken[contact] = (queue, caller), kept
        return kept.regained

    def _keep(self, owner: Owner, regained: Regained) -> None:
        seconds = self._seconds.get(owner[0])
        if seconds is None:
            return
        self._kept[owner] = _Kept(regained, self._now() + seconds)
        self._kept.move_to_end(owner)
        if len(self._kept) > MOST:
            self._kept.popitem(last=False)

    def _put_back(self, contact: ContactId) -> None:
        """He did not wait after all."""
        taken = self._taken.pop(contact, None)
        if taken is not None and taken[0] not in self._kept:
            self._kept[taken[0]] = taken[1]
