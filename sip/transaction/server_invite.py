"""INVITE server transaction.  RFC 3261 §17.2.1, with the Accepted state of RFC 6026 §7.1.

Timers: G retransmits a final response, H gives up on the ACK, I absorbs late ACKs, L late INVITEs.
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from sip.machine import CancelTimer, StartTimer, Stop, TimerFired
from sip.message import Request
from sip.transaction.effects import (
    AckReceived,
    NoAck,
    RequestRetransmitted,
    Respond,
    ServerEffect,
    Transmit,
    TransportFailed,
)
from sip.transaction.values import DEFAULT, Timers


class Proceeding(Struct):
    """``last`` is the newest provisional response, if any."""

    last: bytes | None = None


class Completed(Struct):
    """A 3xx-6xx was sent; its ACK is awaited."""

    final: bytes
    pause: float


class Confirmed(Struct):
    """The ACK came."""


class Accepted(Struct):
    """A 2xx was sent.  Sending it again, and waiting for its ACK, is the user's (RFC 6026 §7.1)."""


class Terminated(Struct):
    pass


State: TypeAlias = Proceeding | Completed | Confirmed | Accepted | Terminated
Event: TypeAlias = RequestRetransmitted | AckReceived | Respond | TransportFailed | TimerFired


class ServerInvite:
    def __init__(self, request: Request, *, reliable: bool, timers: Timers = DEFAULT) -> None:
        self.request = request
        self.state: State = Proceeding()
        self._reliable, self._timers = reliable, timers

    @property
    def answered(self) -> bool:
        """A final response has been sent: a CANCEL comes too late (§9.2)."""
        return not isinstance(self.state, Proceeding)

    def handle(self, event: Event) -> list[ServerEffect]:
        match self.state, event:
            case Proceeding() as proceeding, Respond(response):
                data = response.encode()
                if response.status < 200:
                    proceeding.last = data
                    return [Transmit(data)]
                return [Transmit(data), *self._final(response.status, data)]
            case Proceeding(last), RequestRetransmitted():
                return [] if last is None else [Transmit(last)]

            case Completed(final), RequestRetransmitted():
                return [Transmit(final)]
            case Completed() as completed, TimerFired("G"):
                completed.pause = min(2 * completed.pause, self._timers.t2)
                return [Transmit(completed.final), StartTimer("G", completed.pause)]
            case Completed(), AckReceived():
                self.state = Confirmed()
                linger = 0.0 if self._reliable else self._timers.t4
                return [CancelTimer("G"), CancelTimer("H"), StartTimer("I", linger)]
            case Completed(), TimerFired("H"):
                self.state = Terminated()
                return [CancelTimer("G"), NoAck(), Stop()]
            case Completed(), TransportFailed():
                self.state = Terminated()
                return [CancelTimer("G"), CancelTimer("H"), NoAck(), Stop()]

            case (Confirmed(), TimerFired("I")) | (Accepted(), TimerFired("L")):
                self.state = Terminated()
                return [Stop()]
            case _:
                return []  # INVITEs and ACKs again, responses after the final one: absorbed

    def _final(self, status: int, data: bytes) -> list[ServerEffect]:
        if status < 300:
            self.state = Accepted()
            return [StartTimer("L", self._timers.patience)]
        self.state = Completed(data, self._timers.t1)
        effects: list[ServerEffect] = [StartTimer("H", self._timers.patience)]
        if not self._reliable:
            effects.append(StartTimer("G", self._timers.t1))
        return effects
