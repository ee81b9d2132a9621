"""What an agent does from his desktop with one call, as a machine.

    Pausing -> Asking -> Pausing -> Asking ... -> Over

He finds the contact, consults, and then comes back, transfers or makes a conference: each a request
to the server, with a pause before it.  What is refused because it is too soon is asked again.
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from sip.machine import CancelTimer, StartTimer, TimerFired

TRIES = 5
LAST_STEP = {"consult": "end-consult", "transfer": "transfer", "conference": "conference"}


class DeskPlan(Struct, frozen=True, gc=False):
    does: str
    """``consult``, ``transfer`` or ``conference``."""
    pause: float
    """Seconds before each step."""


# --- what he hears --------------------------------------------------------------------------------


class Begin(Struct, frozen=True, gc=False):
    """He has answered."""


class Found(Struct, frozen=True, gc=False):
    """The contact he is in; None: the server knows of none, yet."""

    contact: str | None


class Done(Struct, frozen=True, gc=False):
    pass


class Refused(Struct, frozen=True, gc=False):
    code: str
    """The server's reason, or what went wrong on the way to it."""


class CallEnded(Struct, frozen=True, gc=False):
    pass


Message: TypeAlias = Begin | Found | Done | Refused | CallEnded | TimerFired


# --- what he does ---------------------------------------------------------------------------------


class Find(Struct, frozen=True, gc=False):
    pass


class Command(Struct, frozen=True, gc=False):
    contact: str
    op: str


class Told(Struct, frozen=True, gc=False):
    """Exactly once: how it went."""

    outcome: str


Effect: TypeAlias = Find | Command | Told | StartTimer | CancelTimer


# --- states ---------------------------------------------------------------------------------------


class Pausing(Struct, frozen=True, gc=False):
    """``contact`` None: it is to be found."""

    step: str
    contact: str | None
    tries: int = 0


class Asking(Struct, frozen=True, gc=False):
    """The server has been asked; its client has a deadline."""

    step: str
    contact: str | None
    tries: int


class Over(Struct, frozen=True, gc=False):
    pass


State: TypeAlias = Pausing | Asking | Over


class UnexpectedMessage(Exception):
    """Whoever drives the machine is wrong."""


class Desk:
    def __init__(self, plan: DeskPlan) -> None:
        self.plan = plan
        self.state: State = Pausing("find", None)

    def handle(self, message: Message) -> list[Effect]:
        match self.state, message:
            case Pausing(), Begin():
                return [StartTimer("step", self.plan.pause)]
            case Pausing(step, None, tries), TimerFired("step"):
                self.state = Asking(step, None, tries)
                return [Find()]
            case Pausing(step, str() as contact, tries), TimerFired("step"):
                self.state = Asking(step, contact, tries)
                return [Command(contact, step)]

            case Asking("find"), Found(str() as contact):
                self.state = Asking("consult", contact, 0)
                return [Command(contact, "consult")]
            case Asking("find", _, tries), Found():
                return self._again("find", None, tries, "no contact found")
            case Asking("consult", contact), Done():
                self.state = Pausing(LAST_STEP[self.plan.does], contact)
                return [StartTimer("step", self.plan.pause)]
            case Asking(), Done():
                return self._over("done")
            case Asking("consult"), Refused(code):
                return self._over(f"refused {code}")  # who is asked is not free: he lets it be
            case Asking(step, contact, tries), Refused(code):
                return self._again(step, contact, tries, f"refused {code}")

            case Asking("transfer"), CallEnded():
                return []  # race: his part of the call ends before he is told that it is done
            case Pausing() | Asking(), CallEnded():
                return [CancelTimer("step"), *self._over("cut short")]
            case Over(), _:
                return []  # race: an answer, or a timer, when the call was over
            case _:
                raise UnexpectedMessage(type(self.state).__name__, type(message).__name__)

    def _again(self, step: str, contact: str | None, tries: int, outcome: str) -> list[Effect]:
        if tries + 1 >= TRIES:
            return self._over(outcome)
        self.state = Pausing(step, contact, tries + 1)
        return [StartTimer("step", self.plan.pause)]

    def _over(self, outcome: str) -> list[Effect]:
        self.state = Over()
        return [Told(f"{self.plan.does} {outcome}")]
