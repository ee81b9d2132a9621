"""One agent at his phone, as a machine.

    Free -> Ringing -> Talking -> Free
            Ringing, Talking -> Away -> Free        he is idle for a while

What he will do with a call was drawn as it came (`OfferPlan`).
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from sip.machine import CancelTimer, StartTimer, TimerFired

NOTICED = 1.0
"""Seconds after which an agent hangs up whose customer is gone, if the server has not."""


class OfferPlan(Struct, frozen=True, gc=False):
    """Seconds."""

    does: str
    """``answer``, ``ignore``, ``reject`` or ``hang_up`` (answer, and be the one to end it)."""
    after: float
    """How long it rings before that."""
    talk: float = 0.0
    """How long until he hangs up."""
    away: float | None = None
    """How long he is idle after it; None: not at all."""


# --- what he hears --------------------------------------------------------------------------------


class Rung(Struct, frozen=True, gc=False):
    """An INVITE."""

    offer: OfferPlan


class CallEnded(Struct, frozen=True, gc=False):
    """Whoever ended it."""


class CustomerGone(Struct, frozen=True, gc=False):
    """The caller of this test hung up; the call may go on with others, as a conference does."""


class Finish(Struct, frozen=True, gc=False):
    """The test is over."""


Message: TypeAlias = Rung | CallEnded | CustomerGone | Finish | TimerFired


# --- what he does ---------------------------------------------------------------------------------


class Ring(Struct, frozen=True, gc=False):
    pass


class Answer(Struct, frozen=True, gc=False):
    pass


class HangUp(Struct, frozen=True, gc=False):
    pass


class Reject(Struct, frozen=True, gc=False):
    """The call that rings; None: with the status of the scenario."""

    status: int | None = None


class Decline(Struct, frozen=True, gc=False):
    """The call that has just come, beside the one there is."""

    status: int


class GoIdle(Struct, frozen=True, gc=False):
    pass


class ComeBack(Struct, frozen=True, gc=False):
    pass


class BecameFree(Struct, frozen=True, gc=False):
    """To be measured: from here to the next INVITE."""


Effect: TypeAlias = (
    Ring
    | Answer
    | HangUp
    | Reject
    | Decline
    | GoIdle
    | ComeBack
    | BecameFree
    | StartTimer
    | CancelTimer
)


# --- states ---------------------------------------------------------------------------------------


class Free(Struct, gc=False):
    pass


class Ringing(Struct, gc=False):
    offer: OfferPlan


class Talking(Struct, gc=False):
    offer: OfferPlan


class Away(Struct, gc=False):
    pass


class Over(Struct, gc=False):
    pass


State: TypeAlias = Free | Ringing | Talking | Away | Over


class UnexpectedMessage(Exception):
    """Whoever drives the machine is wrong."""


class AgentPhone:
    def __init__(self) -> None:
        self.state: State = Free()

    def handle(self, message: Message) -> list[Effect]:
        match self.state, message:
            case Free(), Rung(offer):
                self.state = Ringing(offer)
                if offer.does == "ignore":
                    return [Ring()]
                return [Ring(), StartTimer("answer", offer.after)]
            case Ringing(offer), TimerFired("answer"):
                if offer.does == "reject":
                    return [Reject()]
                self.state = Talking(offer)
                if offer.does == "hang_up":
                    return [Answer(), StartTimer("talk", offer.talk)]
                return [Answer()]
            case Talking(offer), TimerFired("talk"):
                # He can be rung again at once: a BYE need not be answered for that.
                return [HangUp(), *self._done(offer)]
            case Talking(), CustomerGone():
                return [StartTimer("talk", NOTICED)]
            case Free() | Ringing() | Away() | Over(), CustomerGone():
                return []  # the server's affair; he has not spoken with him, or no longer does
            case Ringing(offer), CallEnded():
                return [CancelTimer("answer"), *self._done(offer)]
            case Talking(offer), CallEnded():
                return [CancelTimer("talk"), *self._done(offer)]
            case Away(), TimerFired("idle"):
                self.state = Free()
                return [ComeBack(), BecameFree()]

            case Ringing() | Talking(), Rung():
                return [Decline(486)]  # a second call, which one agent is not for
            case Away() | Over(), Rung():
                return [Decline(480)]  # race: it was on its way as he left

            case Ringing(), Finish():
                self.state = Over()
                return [CancelTimer("answer"), Reject(480)]
            case Talking(), Finish():
                self.state = Over()
                return [CancelTimer("talk"), HangUp()]
            case Free() | Away() | Over(), Finish():
                self.state = Over()
                return [CancelTimer("idle")]
            case Free() | Away() | Over(), CallEnded():
                return []  # of a call that was declined, or that he has hung up
            case (Free() | Away() | Over() | Talking(), TimerFired()):
                return []  # race: it fired as the call ended
            case _:
                raise UnexpectedMessage(type(self.state).__name__, type(message).__name__)

    def _done(self, offer: OfferPlan) -> list[Effect]:
        if offer.away is None:
            self.state = Free()
            return [BecameFree()]
        self.state = Away()
        return [GoIdle(), StartTimer("idle", offer.away)]
