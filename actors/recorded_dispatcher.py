"""The dispatcher, and all that it hears written down before it acts on it.

What it decides follows from what it hears, from the rules, from the clock and from the lots that it
draws.  All of them are in the journal, so each of its decisions can be computed again, by the same
code (``ccserver.journal.decisions``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from actors import events as ev
from actors import messages as m
from actors.dispatcher import Dispatcher, Message
from actors.effects import Effect, Record

_HEARD: dict[type, Callable[[float, Any], ev.AnyEvent]] = {
    m.ContactWaits: ev.HeardContactWaits,
    m.RequirementsChanged: ev.HeardRequirementsChanged,
    m.ContactLeft: ev.HeardContactLeft,
    m.ContactConnected: ev.HeardContactConnected,
    m.AgentAvailable: ev.HeardAgentAvailable,
    m.AgentUnavailable: ev.HeardAgentUnavailable,
    m.ReservationRefused: ev.HeardReservationRefused,
    m.Restarted: ev.HeardRestarted,
}


class RecordedDispatcher:
    """``make`` makes the dispatcher, given its clock, which stands while it decides; ``now`` gives
    monotonic seconds.
    """

    def __init__(
        self, make: Callable[[Callable[[], float]], Dispatcher], now: Callable[[], float]
    ) -> None:
        self._now = now
        self._instant = now()
        self.dispatcher = make(lambda: self._instant)

    def handle(self, message: Message) -> list[Effect]:
        self._instant = self._now()
        match message:
            case m.AgentUnavailable(agent) if agent not in self.dispatcher.index.available:
                # He was given a contact, and says that he has it: that is known.
                return self.dispatcher.handle(message)
        heard = _HEARD[type(message)](self._instant, message)
        return [Record(heard), *self.dispatcher.handle(message)]
