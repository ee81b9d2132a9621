"""Diversions: when a queue does not take a customer, or does not keep him, and where he goes then.

The same rules are asked at the door, before he waits, and (as overflows) while he waits.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeAlias

from msgspec import Struct

from actors.commands import ToEntryPoint, ToNumber, ToQueue
from actors.messages import QueueSeen

When: TypeAlias = Literal[
    "closed", "waiting", "estimated_wait", "no_agents", "none_working", "waited"
]
"""``closed``: outside the opening hours.  ``waiting``: so many wait.  ``estimated_wait``: half of
those who come now will wait longer.  ``no_agents``: none who could ever serve him is signed in.
``none_working``: none of those is at work: signed out, or idle.  ``waited``: he himself, so long.
"""


class Farewell(Struct, frozen=True):
    """Play a message, and let the customer go."""

    file: str | None
    """None: say nothing."""


class Busy(Struct, frozen=True):
    """Refuse the call, while it is not answered; hang up, when it is."""

    status: int = 486


Destination: TypeAlias = ToQueue | ToEntryPoint | ToNumber | Farewell | Busy


class Diversion(Struct, frozen=True):
    """``least``: contacts for ``waiting``, seconds for the times."""

    when: When
    to: Destination
    least: float = 0.0

    @property
    def onward(self) -> bool:
        """To somebody else: he is not let go."""
        return isinstance(self.to, ToQueue | ToEntryPoint | ToNumber)

    @property
    def asks_the_queue(self) -> bool:
        """Whether it depends on what is known of the queue, beside the clock."""
        return self.when not in ("closed", "waited")

    def holds(self, seen: QueueSeen | None, *, is_open: bool, since: float, now: float) -> bool:
        """For a customer who has waited there since an instant.

        ``seen`` None: nothing is known, and what depends on it does not hold.
        """
        match self.when:
            case "closed":
                return not is_open
            case "waited":
                return now >= since + self.least
        if seen is None:
            return False
        match self.when:
            case "waiting":
                return seen.waiting >= self.least
            case "estimated_wait":
                return seen.estimate is not None and seen.estimate.p50 >= self.least
            case "no_agents":
                return seen.signed_in == 0
            case "none_working":
                return seen.working == 0


def first_that_holds(
    rules: Iterable[Diversion],
    seen: QueueSeen | None,
    *,
    is_open: bool,
    since: float,
    now: float,
) -> Diversion | None:
    """In the order in which they are written."""
    held = (r for r in rules if r.holds(seen, is_open=is_open, since=since, now=now))
    return next(held, None)


def described(to: Destination) -> str:
    """For the journal: ``queue:sales``, ``message:closed.wav``, ``busy:486``."""
    match to:
        case ToQueue(queue):
            return f"queue:{queue}"
        case ToEntryPoint(entry_point):
            return f"entry_point:{entry_point}"
        case ToNumber(number):
            return f"number:{number}"
        case Farewell(file):
            return f"message:{file or ''}"
        case Busy(status):
            return f"busy:{status}"
