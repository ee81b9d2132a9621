"""Non-INVITE server transaction.  RFC 3261 §17.2.2.

Late requests are answered for the time of timer J.  It has no timer.
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from sip.machine import Stop, TimerFired
from sip.transaction.effects import (
    Linger,
    RequestRetransmitted,
    Respond,
    ServerEffect,
    Transmit,
    TransportFailed,
    UnexpectedEvent,
)
from sip.transaction.values import DEFAULT, Timers


class Trying(Struct):
    pass


class Proceeding(Struct):
    last: bytes


class Completed(Struct):
    final: bytes


class Terminated(Struct):
    pass


State: TypeAlias = Trying | Proceeding | Completed | Terminated
Event: TypeAlias = RequestRetransmitted | Respond | TransportFailed | TimerFired


class ServerNonInvite:
    def __init__(self, *, reliable: bool, timers: Timers = DEFAULT) -> None:
        self.state: State = Trying()
        self._linger = 0.0 if reliable else timers.patience

    def handle(self, event: Event) -> list[ServerEffect]:
        match self.state, event:
            case Trying() | Proceeding(), Respond(response) if response.status < 200:
                self.state = Proceeding(response.encode())
                return [Transmit(self.state.last)]
            case Trying() | Proceeding(), Respond(response):
                self.state = Completed(response.encode())
                return [Linger(self._linger), Transmit(self.state.final)]
            case Trying(), RequestRetransmitted():
                return []  # its user is still thinking
            case Proceeding(last), RequestRetransmitted():
                return [Transmit(last)]
            case Completed(final), RequestRetransmitted():
                return [Transmit(final)]
            case Trying() | Proceeding(), TransportFailed():
                self.state = Terminated()
                return [Stop()]
            case Completed(), TransportFailed():
                return []  # the request may come again, and it ends by itself
            case Completed(), Respond():
                return []  # §17.2.2: a response after the final one is discarded
            case Terminated(), _:
                return []  # race: what was under way when the transaction ended
            case _:
                raise UnexpectedEvent(self.state, event)
