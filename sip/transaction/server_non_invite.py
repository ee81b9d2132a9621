"""Non-INVITE server transaction.  RFC 3261 §17.2.2.  Timer J absorbs late requests."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from sip.machine import StartTimer, Stop, TimerFired
from sip.message import Request
from sip.transaction.effects import (
    RequestRetransmitted,
    Respond,
    ServerEffect,
    Transmit,
    TransportFailed,
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
    def __init__(self, request: Request, *, reliable: bool, timers: Timers = DEFAULT) -> None:
        self.request = request
        self.state: State = Trying()
        self._reliable, self._timers = reliable, timers

    def handle(self, event: Event) -> list[ServerEffect]:
        match self.state, event:
            case Trying() | Proceeding(), Respond(response) if response.status < 200:
                self.state = Proceeding(response.encode())
                return [Transmit(self.state.last)]
            case Trying() | Proceeding(), Respond(response):
                self.state = Completed(response.encode())
                linger = 0.0 if self._reliable else self._timers.patience
                return [Transmit(self.state.final), StartTimer("J", linger)]
            case (Proceeding(last), RequestRetransmitted()):
                return [Transmit(last)]
            case (Completed(final), RequestRetransmitted()):
                return [Transmit(final)]
            case Completed(), TimerFired("J"):
                self.state = Terminated()
                return [Stop()]
            case Trying() | Proceeding(), TransportFailed():
                self.state = Terminated()
                return [Stop()]
            case _:
                return []  # not answered yet, or answered already: absorbed
