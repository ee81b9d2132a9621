"""Whether, and when, a process that has ended is started again, and how it is made to end.

Idle -> Running -> Resting -> Running ...
           |          |
         Ending ------+-> Ended
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TypeAlias

from msgspec import Struct

from sip.machine import CancelTimer, StartTimer, Stop, TimerFired

FIRST_PAUSE = 0.1
"""Seconds before the first restart; each crash within ``WINDOW`` doubles it."""
LONGEST_PAUSE = 5.0
MOST_CRASHES = 5
"""One more within ``WINDOW`` seconds, and starting again does not help."""
WINDOW = 60.0
HOPELESS = 2
"""The exit status that says so at once: the configuration is wrong, a port is taken, or the journal
cannot be written.
"""


class ProcessEnded(Struct, frozen=True, gc=False):
    """``status`` as subprocess has it: negative is the signal that ended it."""

    status: int


class EndWanted(Struct, frozen=True, gc=False):
    """End it, and start it no more.  After ``patience`` seconds it is killed."""

    patience: float


class StartProcess(Struct, frozen=True, gc=False):
    pass


class EndProcess(Struct, frozen=True, gc=False):
    """SIGTERM: it ends its work in order; told twice, it hurries."""


class KillProcess(Struct, frozen=True, gc=False):
    """SIGKILL."""


class GiveUp(Struct, frozen=True, gc=False):
    """End the server with this status.  ``reason``: what to say; None: the process has said it."""

    status: int
    reason: str | None


class Idle(Struct, frozen=True, gc=False):
    """Not started yet."""


class Running(Struct, frozen=True, gc=False):
    pass


class Resting(Struct, frozen=True, gc=False):
    """Crashed; the timer ``restart`` runs."""


class Ending(Struct, frozen=True, gc=False):
    """Told to end; the timer ``patience`` runs."""


class Ended(Struct, frozen=True, gc=False):
    """For good."""


State: TypeAlias = Idle | Running | Resting | Ending | Ended
Message: TypeAlias = ProcessEnded | EndWanted | TimerFired
Effect: TypeAlias = (
    StartProcess | EndProcess | KillProcess | GiveUp | StartTimer | CancelTimer | Stop
)


class Keeper:
    """Keeps the process ``name`` running.  ``now`` gives monotonic seconds.

    A start that is hopeless ends the server only if it is the first: later, calls are under way,
    and what is in the way (a full disk) may go.  A ``vital`` one that keeps crashing ends it too.
    """

    def __init__(self, name: str, now: Callable[[], float], *, vital: bool = True) -> None:
        self.name = name
        self.state: State = Idle()
        self._now, self._vital = now, vital
        self._starts = 0
        self._crashes: deque[float] = deque()

    def wants_it(self) -> bool:
        """Whether the process should be there, now or after a pause."""
        return isinstance(self.state, Running | Resting)

    def start(self) -> list[Effect]:
        self.state = Running()
        self._starts += 1
        return [StartProcess()]

    def handle(self, message: Message) -> list[Effect]:
        match self.state, message:
            case Running(), ProcessEnded(status) if status == HOPELESS and self._starts == 1:
                return self._end(GiveUp(HOPELESS, None))
            case Running(), ProcessEnded(status) if status == HOPELESS:
                self.state = Resting()
                return [StartTimer("restart", LONGEST_PAUSE)]
            case Running(), ProcessEnded(status):
                return self._crashed(status)
            case Resting(), TimerFired("restart"):
                return self.start()
            case Idle(), EndWanted():
                return self._end()
            case Resting(), EndWanted():
                return [CancelTimer("restart"), *self._end()]
            case ((Running() | Ending()), EndWanted(patience)):
                self.state = Ending()
                return [EndProcess(), StartTimer("patience", patience)]
            case Ending(), TimerFired("patience"):
                return [KillProcess()]
            case Ending(), ProcessEnded():
                return [CancelTimer("patience"), *self._end()]
            case Ended(), EndWanted():
                return []  # it ended, or gave up, as it was asked to end
            case _:
                state = type(self.state).__name__
                raise ValueError(f"{self.name}: {type(message).__name__} while {state}")

    def _crashed(self, status: int) -> list[Effect]:
        now = self._now()
        while self._crashes and now >= self._crashes[0] + WINDOW:
            self._crashes.popleft()
        self._crashes.append(now)
        if len(self._crashes) > MOST_CRASHES and self._vital:
            reason = (
                f"the {self.name} process crashed {len(self._crashes)} times within "
                f"{WINDOW:.0f} seconds, last with {describe(status)}: giving up"
            )
            return self._end(GiveUp(1, reason))
        pause = min(FIRST_PAUSE * 2 ** (len(self._crashes) - 1), LONGEST_PAUSE)
        self.state = Resting()
        return [StartTimer("restart", pause)]

    def _end(self, *last: Effect) -> list[Effect]:
        self.state = Ended()
        return [*last, Stop()]


def describe(status: int) -> str:
    return f"signal {-status}" if status < 0 else f"exit status {status}"
