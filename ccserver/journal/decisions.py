"""The dispatcher's decisions, computed again from what the journal says that it had heard.

No rule is written here: what was heard is told to a dispatcher, and what it decides is compared
with what was done.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import TypeAlias

from msgspec import Struct

from actors import events as ev
from actors import messages as m
from actors.dispatcher import Dispatcher
from actors.effects import Record
from actors.ids import DISPATCHER, AgentId, ContactId, owner_of
from actors.routing.index import Index
from actors.routing.lots import Lots
from actors.routing.policy import Policy
from ccserver.journal.log import Entry

HEARD = (ev.ServerStarted, ev.ActorCrashed, ev.Heard, ev.ContactAssigned, ev.ContactEnded)
"""All that a `Replay` looks at: others may be kept from it."""

Make: TypeAlias = Callable[[Callable[[], float], Policy | None, Callable[[], float]], Dispatcher]


class Decision(Struct, frozen=True):
    """One that stands in the journal, or that should.

    ``computed`` is what follows from what was heard; ``recorded`` what was written: at ``seq``, or
    not at all, and then ``seq`` is that of what was heard.
    """

    seq: int
    computed: ev.ContactAssigned | None
    recorded: ev.ContactAssigned | None

    @property
    def agrees(self) -> bool:
        return self.computed == self.recorded


class Replay:
    """Takes a journal's entries in their order, from a ``server.started`` on.

    ``make`` makes the dispatcher, given its clock, no rules yet, and what draws its lots.
    """

    def __init__(self, make: Make = Dispatcher) -> None:
        self._make = make
        self._now = 0.0
        self._begin_anew()

    @property
    def now(self) -> float:
        """The dispatcher's clock, in monotonic seconds: when it heard something last."""
        return self._now

    @property
    def index(self) -> Index:
        """Who waits and who is available, as the dispatcher knew it."""
        return self._dispatcher.index

    @property
    def given(self) -> Collection[ContactId]:
        """As the dispatcher has it."""
        return self._dispatcher.given

    def _begin_anew(self) -> None:
        self._lots = Lots()
        self._dispatcher = self._make(lambda: self._now, None, self._lots.draw)
        self._computed: deque[ev.ContactAssigned] = deque()
        self._heard_at = 0
        self._given: dict[ContactId, dict[ContactId, AgentId]] = {}
        """The requests of each contact that were given to an agent, until it ends."""

    def apply(self, entry: Entry) -> Iterator[Decision]:
        """The decision that this entry is, and any before it that should have been written."""
        match entry.event:
            case ev.ServerStarted():
                yield from self.end()
                self._begin_anew()
            case ev.ActorCrashed(_, name) if name == DISPATCHER:
                yield from self.end()
                self._begin_anew()
            case ev.Heard(now, lot) as heard:
                yield from self.end()
                self._lots.begin(lot)
                self._now, self._heard_at = now, entry.seq
                self._computed.extend(_assignments(self._dispatcher, heard))
            case ev.ContactAssigned() as recorded:
                computed = self._computed.popleft() if self._computed else None
                self._given.setdefault(owner_of(recorded.contact), {})[recorded.contact] = (
                    recorded.agent
                )
                yield Decision(entry.seq, computed, recorded)
            case ev.ContactEnded(contact):
                self._forget(contact.id)

    def _forget(self, contact: ContactId) -> None:
        """The dispatcher heard that an agent has answered, which is not written down, for nothing
        follows from it (`RecordedDispatcher`); whoever waits has another word to come."""
        for request, agent in self._given.pop(contact, {}).items():
            if self.index.look_up(request) is None:
                self._dispatcher.handle(m.ContactConnected(request, agent))

    def end(self) -> Iterator[Decision]:
        """What should have been written behind the last entry."""
        while self._computed:
            yield Decision(self._heard_at, self._computed.popleft(), None)


def _assignments(dispatcher: Dispatcher, heard: ev.Heard) -> Iterator[ev.ContactAssigned]:
    for effect in dispatcher.handle(heard.message):  # type: ignore[attr-defined]
        match effect:
            case Record(ev.ContactAssigned() as assigned):
                yield assigned


def decisions(entries: Iterable[Entry]) -> Iterator[Decision]:
    """All of them, recorded or not."""
    replay = Replay()
    for entry in entries:
        yield from replay.apply(entry)
    yield from replay.end()
