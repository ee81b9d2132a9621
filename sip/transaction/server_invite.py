"""INVITE server transaction.  RFC 3261 §17.2.1, with the Accepted state of RFC 6026 §7.1.

Timers: G retransmits a final response, H gives up on the ACK.  Late ACKs are absorbed for the time
of timer I, late INVITEs for that of timer L.
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from sip.machine import Stop, TimerFired
from sip.transaction.effects import (
    AckReceived,
    Linger,
    NoAck,
    RequestRetransmitted,
    Respond,
    ServerEffect,
    Transmit,
    TransportFailed,
    UnexpectedEvent,
)
from sip.transaction.repetition import Repetition
from sip.transaction.values import DEFAULT, Timers


class Proceeding(Struct):
    """``last`` is the newest provisional response, if any."""

    last: bytes | None = None


class Completed(Struct):
    """A 3xx-6xx was sent; its ACK is awaited."""

    final: bytes
    repetition: Repetition


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
                return [self._final(response.status, data), Transmit(data)]
            case Proceeding(last), RequestRetransmitted():
                return [] if last is None else [Transmit(last)]

            case Completed(final), RequestRetransmitted():
                return [Transmit(final)]
            case Completed(final, repetition), TimerFired("G"):
                again = repetition.after(min(2 * repetition.pause, self._timers.t2))
                return [again, Transmit(final)]
            case Completed(), AckReceived():
                self.state = Confirmed()
                return [Linger(0.0 if self._reliable else self._timers.t4)]
            case Completed(), TimerFired("H"):
                self.state = Terminated()
                return [NoAck(), Stop()]

            case Accepted(), Respond(response) if 200 <= response.status < 300:
                return [Transmit(response.encode())]  # the user sends it until the ACK comes
            case Accepted(), RequestRetransmitted():
                return []  # RFC 6026 §7.1: absorbed, for the 2xx comes again by itself

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

    def _final(self, status: int, data: bytes) -> ServerEffect:
        if status < 300:
            self.state = Accepted()
            return Linger(self._timers.patience)
        repetition = self._timers.repetition("G", "H", reliable=self._reliable)
        self.state = Completed(data, repetition)
        return repetition.timer()
