"""INVITE server transaction.  RFC 3261 §17.2.1, with the Accepted state of RFC 6026 §7.1.

Timers: G retransmits a final response, H gives up on the ACK, I absorbs late ACKs, L late INVITEs.
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from sip.machine import CancelTimer, StartTimer, Stop, TimerFired
from sip.transaction.effects import (
    AckReceived,
    NoAck,
    RequestRetransmitted,
    Respond,
    ServerEffect,
    Transmit,
    TransportFailed,
    UnexpectedEvent,
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
    def __init__(self, *, reliable: bool, timers: Timers = DEFAULT) -> None:
        self.state: State = Proceeding()
        self._reliable, self._timers = reliable, timers

    @property
    def answered(self) -> bool:
        """A final response has been sent: a CANCEL comes too late (§9.2)."""
        return not isinstance(self.state, Proceeding)

    @property
    def silent(self) -> bool:
        """Nothing has been sent yet."""
        return isinstance(self.state, Proceeding) and self.state.last is None

    def handle(self, event: Event) -> list[ServerEffect]:
        match self.state, event:
            case Proceeding() as proceeding, Respond(response):
                data = response.encode()
                if response.status < 200:
                    proceeding.last = data
                    return [Transmit(data)]
                return [*self._final(response.status, data), Transmit(data)]
            case Proceeding(last), RequestRetransmitted():
                return [] if last is None else [Transmit(last)]

            case Completed(final), RequestRetransmitted():
                return [Transmit(final)]
            case Completed() as completed, TimerFired("G"):
                completed.pause = min(2 * completed.pause, self._timers.t2)
                return [StartTimer("G", completed.pause), Transmit(completed.final)]
            case Completed(), AckReceived():
                self.state = Confirmed()
                linger = 0.0 if self._reliable else self._timers.t4
                return [CancelTimer("G"), CancelTimer("H"), StartTimer("I", linger)]
            case Completed(), TimerFired("H"):
                self.state = Terminated()
                return [CancelTimer("G"), NoAck(), Stop()]

            case Accepted(), Respond(response) if 200 <= response.status < 300:
                return [Transmit(response.encode())]  # the user sends it until the ACK comes
            case Accepted(), RequestRetransmitted():
                return []  # RFC 6026 §7.1: absorbed, for the 2xx comes again by itself

            case (Confirmed(), TimerFired("I")) | (Accepted(), TimerFired("L")):
                self.state = Terminated()
                return [Stop()]

            case Completed() | Confirmed() | Accepted(), Respond():
                return []  # race: its user decided twice, as when a time-out crosses a CANCEL
            case (Confirmed(), RequestRetransmitted()) | (_, AckReceived()):
                return []  # late copies, and an ACK of what has not been sent
            case Proceeding() | Completed() | Confirmed() | Accepted(), TransportFailed():
                return []  # RFC 6026 §7.1: it stays, for the peer may yet send its request again
            case Terminated(), _:
                return []  # race: what was under way when the transaction ended
            case _:
                raise UnexpectedEvent(self.state, event)

    def _final(self, status: int, data: bytes) -> list[ServerEffect]:
        if status < 300:
            self.state = Accepted()
            return [StartTimer("L", self._timers.patience)]
        self.state = Completed(data, self._timers.t1)
        effects: list[ServerEffect] = [StartTimer("H", self._timers.patience)]
        if not self._reliable:
            effects.append(StartTimer("G", self._timers.t1))
        return effects
