"""Non-INVITE client transaction.  RFC 3261 §17.1.2.

Timers: E retransmits, F gives up; late responses are absorbed for the time of timer K.
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from sip.machine import Stop, TimerFired
from sip.message import Request, Response
from sip.transaction.effects import (
    ClientEffect,
    Linger,
    PassUp,
    TimedOut,
    Transmit,
    TransportFailed,
    TransportLost,
    UnexpectedEvent,
)
from sip.transaction.repetition import Repetition
from sip.transaction.values import DEFAULT, Timers


class Trying(Struct):
    """Sent; timers E and F run."""

    request: Request
    repetition: Repetition


class Proceeding(Struct):
    """A provisional response came: timer E goes on, every T2."""

    request: Request
    repetition: Repetition


class Completed(Struct):
    pass


class Terminated(Struct):
    pass


State: TypeAlias = Trying | Proceeding | Completed | Terminated


class ClientNonInvite:
    def __init__(self, request: Request, *, reliable: bool, timers: Timers = DEFAULT) -> None:
        self.state: State = Trying(request, timers.repetition("E", "F", reliable=reliable))
        self._linger, self._t2 = 0.0 if reliable else timers.t4, timers.t2

    def start(self) -> list[ClientEffect]:
        assert isinstance(self.state, Trying)
        return [self.state.repetition.timer(), Transmit(self.state.request.encode())]

    def handle(self, event: Response | TransportFailed | TimerFired) -> list[ClientEffect]:
        match self.state, event:
            case (
                (Trying(request, repetition) | Proceeding(request, repetition)),
                (Response() as response),
            ):
                if response.status < 200:
                    self.state = Proceeding(request, repetition)
                    return [PassUp(response)]
                self.state = Completed()
                return [Linger(self._linger), PassUp(response)]
            case Trying(request, repetition), TimerFired("E"):
                again = repetition.after(min(2 * repetition.pause, self._t2))
                return [again, Transmit(request.encode())]
            case Proceeding(request, repetition), TimerFired("E"):
                return [repetition.after(self._t2), Transmit(request.encode())]
            case Trying() | Proceeding(), TimerFired("F"):
                self.state = Terminated()
                return [TimedOut(), Stop()]
            case Trying() | Proceeding(), TransportFailed():
                self.state = Terminated()
                return [TransportLost(), Stop()]

            case Completed(), Response() | TransportFailed():
                return []  # a response again: absorbed
            case Terminated(), Response() | TransportFailed() | TimerFired():
                return []  # race: what was under way when the transaction ended
            case _:
                raise UnexpectedEvent(self.state, event)
