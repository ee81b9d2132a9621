"""The dispatcher, and all that it hears written down before it acts on it.

What it decides follows from what it hears, the rules among it, from the clock and from the lots
that it draws.  All of them are in the journal, so each of its decisions can be computed again, by
the same code (``ccserver.journal.decisions``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from actors import events as ev
from actors import messages as m
from actors.dispatcher import Dispatcher, Message
from actors.effects import Effect, Record
from actors.routing import outside
from actors.routing.lots import Lots
from actors.routing.policy import Policy, PolicyChanged
from sip.machine import TimerFired

_HEARD: dict[type, Callable[[float, float, Any], ev.AnyEvent]] = {
    PolicyChanged: ev.HeardPolicyChanged,
    m.ContactWaits: ev.HeardContactWaits,
    m.ContactLeft: ev.HeardContactLeft,
    m.ContactConnected: ev.HeardContactConnected,
    m.AgentAvailable: ev.HeardAgentAvailable,
    m.AgentUnavailable: ev.HeardAgentUnavailable,
    m.AgentServes: ev.HeardAgentServes,
    m.AgentServed: ev.HeardAgentServed,
    m.ReservationRefused: ev.HeardReservationRefused,
    m.Restarted: ev.HeardRestarted,
    outside.AssignContact: ev.HeardAssignContact,
    outside.RouterHeard: ev.HeardRouterHeard,
    outside.RouterLeft: ev.HeardRouterLeft,
    TimerFired: ev.HeardTimerFired,
}


class RecordedDispatcher:
    """``make`` makes the dispatcher, given its clock, which stands while it decides, and what draws
    its lots; ``now`` gives monotonic seconds, ``draw`` a number from 0 to 1.
    """

    def __init__(
        self,
        make: Callable[[Callable[[], float], Policy | None, Callable[[], float]], Dispatcher],
        now: Callable[[], float],
        draw: Callable[[], float],
    ) -> None:
        self._now, self._draw = now, draw
        self._instant = now()
        self._lots = Lots()
        self.dispatcher = make(lambda: self._instant, None, self._lots.draw)

    def handle(self, message: Message) -> list[Effect]:
        self._instant = self._now()
        if self._is_known(message):
            return self.dispatcher.handle(message)
        lot = self._draw() if self.dispatcher.index.policy.draws_lots else 0.0
        self._lots.begin(lot)
        heard = _HEARD[type(message)](self._instant, lot, message)
        return [Record(heard), *self.dispatcher.handle(message)]

    def _is_known(self, message: Message) -> bool:
        """It follows from a decision, and no decision follows from it: most calls have one such."""
        index = self.dispatcher.index
        match message:
            case m.AgentUnavailable(agent):
                return agent not in index.available  # he was given a contact, and has it
            case m.ContactConnected(contact):
                return index.look_up(contact) is None  # it was given away
            case _:
                return False
