"""One caller, as a machine.

    Dialling -> Waiting -> Talking -> Leaving -> Over     an agent is waited for
    Dialling ------------> Talking                        the server's answer is enough

What he will do was drawn before (`CallPlan`); here it is decided when.
"""

from __future__ import annotations

import math
from typing import TypeAlias

from msgspec import Struct

from sip.machine import CancelTimer, StartTimer, TimerFired


class CallPlan(Struct, frozen=True, gc=False):
    """Seconds; patience may be infinite."""

    dial: str
    patience: float
    talk: float
    waits_for_agent: bool
    keys: str = ""


# --- what he hears --------------------------------------------------------------------------------


class Start(Struct, frozen=True, gc=False):
    """It is time."""


class Answered(Struct, frozen=True, gc=False):
    """The server's 200."""


class AgentAnswered(Struct, frozen=True, gc=False):
    """An agent whose phone rang for this caller has answered."""


class Ended(Struct, frozen=True, gc=False):
    """Nobody is on the other end any more."""

    kind: str
    """As of sip.invite_usage's EndCause."""
    status: int | None = None


class Finish(Struct, frozen=True, gc=False):
    """The test is over."""


Message: TypeAlias = Start | Answered | AgentAnswered | Ended | Finish | TimerFired


# --- what he does ---------------------------------------------------------------------------------


class Dial(Struct, frozen=True, gc=False):
    pass


class HangUp(Struct, frozen=True, gc=False):
    """CANCEL or BYE, as it has to be."""


class PressKeys(Struct, frozen=True, gc=False):
    keys: str


class SetUp(Struct, frozen=True, gc=False):
    """The server has answered: to be measured."""


class Connected(Struct, frozen=True, gc=False):
    """Talk begins."""


class Gone(Struct, frozen=True, gc=False):
    """Exactly once.  ``outcome``: ``handled``, ``abandoned``, ``refused``, ``timeout``,
    ``transport``, ``dropped`` (the server hung up before an agent came) or ``unfinished``."""

    outcome: str
    status: int | None = None


Effect: TypeAlias = Dial | HangUp | PressKeys | SetUp | Connected | Gone | StartTimer | CancelTimer


# --- states ---------------------------------------------------------------------------------------


class Dialling(Struct, gc=False):
    """``agent_came``: before the server's answer, where that waits for the agent's."""

    agent_came: bool = False


class Waiting(Struct, gc=False):
    """The server has answered; an agent has not."""


class Talking(Struct, gc=False):
    pass


class Leaving(Struct, gc=False):
    """He hung up; his lease is the SIP layer's, whose transactions always end."""

    outcome: str


class Over(Struct, gc=False):
    pass


State: TypeAlias = Dialling | Waiting | Talking | Leaving | Over


class UnexpectedMessage(Exception):
    """Whoever drives the machine is wrong."""


class Caller:
    def __init__(self, plan: CallPlan) -> None:
        self.plan = plan
        self.state: State = Dialling()

    def handle(self, message: Message) -> list[Effect]:
        plan = self.plan
        match self.state, message:
            case Dialling(), Start():
                if plan.patience < math.inf:
                    return [StartTimer("patience", plan.patience), Dial()]
                return [Dial()]
            case Dialling(agent_came), Answered():
                keys: list[Effect] = [PressKeys(plan.keys)] if plan.keys else []
                if plan.waits_for_agent and not agent_came:
                    self.state = Waiting()
                    return [SetUp(), *keys]
                return [SetUp(), *self._talk(), *keys]
            case Dialling() as dialling, AgentAnswered():
                dialling.agent_came = True
                return []
            case Waiting(), AgentAnswered():
                return self._talk()

            case Dialling() | Waiting(), TimerFired("patience"):
                self.state = Leaving("abandoned")
                return [HangUp()]
            case Talking(), TimerFired("talk"):
                self.state = Leaving("handled")
                return [HangUp()]
            case Dialling() | Waiting(), Finish():
                self.state = Leaving("unfinished")
                return [CancelTimer("patience"), HangUp()]
            case Talking(), Finish():
                self.state = Leaving("handled")
                return [CancelTimer("talk"), HangUp()]

            case Dialling(), Ended(kind, status):
                outcome = kind if kind in ("timeout", "transport") else "refused"
                return [CancelTimer("patience"), *self._over(outcome, status)]
            case Waiting(), Ended(_, status):
                return [CancelTimer("patience"), *self._over("dropped", status)]
            case Talking(), Ended(_, status):
                return [CancelTimer("talk"), *self._over("handled", status)]
            case Leaving(outcome), Ended(_, status):
                return self._over(outcome, status)

            case Talking(), AgentAnswered():
                return []  # he was given to another agent
            case Leaving() | Over(), Answered() | AgentAnswered() | Finish() | TimerFired():
                return []  # race: it came as he hung up, or was gone
            case Over(), Ended():
                return []
            case _:
                raise UnexpectedMessage(type(self.state).__name__, type(message).__name__)

    def _talk(self) -> list[Effect]:
        self.state = Talking()
        return [CancelTimer("patience"), StartTimer("talk", self.plan.talk), Connected()]

    def _over(self, outcome: str, status: int | None) -> list[Effect]:
        self.state = Over()
        return [Gone(outcome, status)]
