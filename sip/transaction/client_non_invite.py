"""Non-INVITE client transaction.  RFC 3261 §17.1.2.

Timers: E retransmits, F gives up, K absorbs late responses.
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from sip.machine import CancelTimer, StartTimer, Stop, TimerFired
from sip.message import Request, Response
from sip.transaction.effects import (
    ClientEffect,
    PassUp,
    TimedOut,
    Transmit,
    TransportFailed,
    TransportLost,
    UnexpectedEvent,
)
from sip.transaction.values import DEFAULT, Timers


class Trying(Struct):
    """Sent; ``pause`` is what timer E was last armed with."""

    request: Request
    pause: float


class Proceeding(Struct):
    """A provisional response came: timer E goes on, every T2."""

    request: Request


class Completed(Struct):
    pass


class Terminated(Struct):
    pass


State: TypeAlias = Trying | Proceeding | Completed | Terminated


class ClientNonInvite:
    def __init__(self, request: Request, *, reliable: bool, timers: Timers = DEFAULT) -> None:
        self.state: State = Trying(request, timers.t1)
        self._reliable, self._timers = reliable, timers

    def start(self) -> list[ClientEffect]:
        effects: list[ClientEffect] = [StartTimer("F", self._timers.patience)]
        if not self._reliable:
            effects.append(StartTimer("E", self._timers.t1))
        assert isinstance(self.state, Trying)
        return [*effects, Transmit(self.state.request.encode())]

    def handle(self, event: Response | TransportFailed | TimerFired) -> list[ClientEffect]:
        match self.state, event:
            case Trying() as trying, TimerFired("E"):
                trying.pause = min(2 * trying.pause, self._timers.t2)
                return [StartTimer("E", trying.pause), Transmit(trying.request.encode())]
            case Proceeding(request), TimerFired("E"):
                return [StartTimer("E", self._timers.t2), Transmit(request.encode())]
            case Trying() | Proceeding(), TimerFired("F"):
                self.state = Terminated()
                return [CancelTimer("E"), TimedOut(), Stop()]
            case Trying() | Proceeding(), TransportFailed():
                self.state = Terminated()
                return [CancelTimer("E"), CancelTimer("F"), TransportLost(), Stop()]

            case ((Trying(request) | Proceeding(request)), Response() as response) if (
                response.status < 200
            ):
                self.state = Proceeding(request)
                return [PassUp(response)]
            case Trying() | Proceeding(), Response() as response:
                self.state = Completed()
                linger = 0.0 if self._reliable else self._timers.t4
                return [
                    CancelTimer("E"),
                    CancelTimer("F"),
                    StartTimer("K", linger),
                    PassUp(response),
                ]

            case Completed(), TimerFired("K"):
                self.state = Terminated()
                return [Stop()]
            case Completed(), Response() | TransportFailed():
                return []  # a response again: absorbed
            case Terminated(), Response() | TransportFailed() | TimerFired():
                return []  # race: what was under way when the transaction ended
            case _:
                raise UnexpectedEvent(self.state, event)
