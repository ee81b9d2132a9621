"""All that a transaction may hear and ask for.

A transaction has one timer: starting one forgets the one before, ``Linger`` and ``Stop`` any.

Transmit comes last among the effects of one step, after the timers: a transport that fails while
it is told to send then finds everything in its place, and nothing is armed for a dead transaction.
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from sip.machine import CancelTimer, StartTimer, Stop
from sip.message import Response


class UnexpectedEvent(Exception):
    """A machine heard what cannot be in its state: a fault of whoever drives it."""

    def __init__(self, state: object, event: object) -> None:
        super().__init__(f"{type(state).__name__} heard {event}")


class TransportFailed(Struct, frozen=True, gc=False):
    """Heard: the message could not be sent."""


class CancelSent(Struct, frozen=True, gc=False):
    """Heard by an INVITE client transaction: a CANCEL for it has gone."""


class RequestRetransmitted(Struct, frozen=True, gc=False):
    """Heard by a server transaction: its request has come again."""


class AckReceived(Struct, frozen=True, gc=False):
    """Heard by an INVITE server transaction: an ACK with its branch."""


class Respond(Struct, frozen=True):
    """Heard by a server transaction: its user's answer."""

    response: Response


class Transmit(Struct, frozen=True, gc=False):
    """Hand these bytes to the transport."""

    data: bytes


class PassUp(Struct, frozen=True):
    """Tell the transaction user."""

    response: Response


class TimedOut(Struct, frozen=True, gc=False):
    """No final response came.  The user treats it as a 408 (RFC 3261 §8.1.3.1)."""


class TransportLost(Struct, frozen=True, gc=False):
    """The request could not be sent.  The user treats it as a 503 (RFC 3261 §8.1.3.1)."""


class Linger(Struct, frozen=True, gc=False):
    """It is over, and but absorbs or answers what comes late: forget it in so many seconds.

    What RFC 3261 does with its timers D, I, J and K, and RFC 6026 with L and M.
    """

    seconds: float


class NoAck(Struct, frozen=True, gc=False):
    """Nobody acknowledged our final response (timer H)."""


ClientEffect: TypeAlias = (
    Transmit | PassUp | TimedOut | TransportLost | StartTimer | CancelTimer | Linger | Stop
)
ServerEffect: TypeAlias = Transmit | NoAck | StartTimer | Linger | Stop
