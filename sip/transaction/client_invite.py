"""INVITE client transaction.  RFC 3261 §17.1.1, with the Accepted state of RFC 6026 §7.2.

Timers: A retransmits, B gives up; ``cancel`` gives up after a CANCEL (§9.1).  Late 3xx-6xx are
answered for the time of timer D, late 2xx passed up for that of timer M.
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from sip.machine import StartTimer, Stop, TimerFired
from sip.message import Request, Response
from sip.transaction.effects import (
    CancelSent,
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

TIMER_D = 32.0


class Calling(Struct):
    """The INVITE has been sent; timers A and B run."""

    request: Request
    repetition: Repetition


class Proceeding(Struct):
    """A provisional response came: retransmission has stopped."""

    request: Request


class Cancelling(Struct):
    """A CANCEL has gone after the INVITE, which should be answered with 487 for it."""

    request: Request


class Completed(Struct):
    """A 3xx-6xx came; the ACK answers its retransmissions."""

    ack: bytes


class Accepted(Struct):
    """A 2xx came; its retransmissions, and other forks' 2xx, are the user's."""


class Terminated(Struct):
    pass


State: TypeAlias = Calling | Proceeding | Cancelling | Completed | Accepted | Terminated


class ClientInvite:
    def __init__(self, request: Request, *, reliable: bool, timers: Timers = DEFAULT) -> None:
        self.state: State = Calling(request, timers.repetition("A", "B", reliable=reliable))
        self._reliable, self._timers = reliable, timers

    @property
    def pending(self) -> Request | None:
        """The request; None: it has its final response, or never will."""
        match self.state:
            case Calling(request) | Proceeding(request):
                return request
            case _:
                return None

    def start(self) -> list[ClientEffect]:
        assert isinstance(self.state, Calling)
        return [self.state.repetition.timer(), Transmit(self.state.request.encode())]

    def handle(
        self, event: Response | CancelSent | TransportFailed | TimerFired
    ) -> list[ClientEffect]:
        match self.state, event:
            case (
                (Calling(request) | Proceeding(request) | Cancelling(request)),
                Response() as response,
            ):
                return self._answered(request, response)
            case Calling(request, repetition), TimerFired("A"):
                return [repetition.after(2 * repetition.pause), Transmit(request.encode())]
            case Calling(), TimerFired("B"):
                self.state = Terminated()
                return [TimedOut(), Stop()]

            case Proceeding(request), CancelSent():
                self.state = Cancelling(request)
                return [StartTimer("cancel", self._timers.patience)]
            case Cancelling(), TimerFired("cancel"):
                # §9.1: a phone that has died, or whose 487 is lost, answers no more.
                self.state = Terminated()
                return [TimedOut(), Stop()]
            case Cancelling() | Completed() | Accepted() | Terminated(), CancelSent():
                return []  # race: the final answer has come, or it was cancelled before
            case Completed(ack), Response() as response:
                # §17.1.1.2: our ACK was lost.  A 2xx of another fork is too late to matter.
                return [Transmit(ack)] if response.status >= 300 else []
            case Accepted(), Response() as response:
                return [PassUp(response)] if 200 <= response.status < 300 else []

            case Calling() | Proceeding() | Cancelling(), TransportFailed():
                self.state = Terminated()
                return [TransportLost(), Stop()]
            case Completed() | Accepted(), TransportFailed():
                return []  # its user has a final response; an ACK that was lost is asked for again
            case Terminated(), Response() | TransportFailed() | TimerFired():
                return []  # race: what was under way when the transaction ended
            case _:
                raise UnexpectedEvent(self.state, event)

    def _answered(self, request: Request, response: Response) -> list[ClientEffect]:
        if response.status < 200:
            if not isinstance(self.state, Calling):
                return [PassUp(response)]
            quiet = self.state.repetition.cancel()
            self.state = Proceeding(request)
            return [quiet, PassUp(response)]
        if response.status < 300:
            self.state = Accepted()  # its ACK is the dialog's (RFC 6026 §7.2)
            return [Linger(self._timers.patience), PassUp(response)]
        ack = ack_for(request, response).encode()
        self.state = Completed(ack)
        return [Linger(0.0 if self._reliable else TIMER_D), PassUp(response), Transmit(ack)]


def ack_for(invite: Request, response: Response) -> Request:
    """The ACK of a non-2xx, which belongs to the transaction.  RFC 3261 §17.1.1.3"""
    headers = [
        ("Via", invite.header("Via") or ""),
        ("Max-Forwards", "70"),
        ("From", invite.header("From") or ""),
        ("To", response.header("To") or ""),
        ("Call-ID", invite.call_id),
        ("CSeq", f"{invite.cseq.number} ACK"),
        *(("Route", route) for route in invite.header_all("Route")),
    ]
    return Request.build("ACK", invite.target, headers)
