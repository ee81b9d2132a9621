"""What is said of a place in line and of a wait: sentences put together from recorded pieces.

The grammar is English.  A piece ``number`` is the file ``en/number.wav`` among the prompts, where
``en`` is the directory that the configuration names.
"""

from __future__ import annotations

from actors.estimate import Estimate

MOST = 999
"""The greatest number that can be said."""
NUMBERS = (*range(21), *range(30, 100, 10))
PHRASES = {
    "hundred": "hundred",
    "next": "You are the next in line.",
    "number": "You are number",
    "in-line": "in line.",
    "more-than": "There are more than",
    "before-you": "callers before you.",
    "wait-below": "You will probably wait less than one minute.",
    "wait-about": "You will probably wait about",
    "wait-between": "You will probably wait between",
    "wait-above": "You will probably wait more than",
    "and": "and",
    "minute": "minute.",
    "minutes": "minutes.",
}
"""Each piece that is no number, with its words; a sentence's end falls."""
PIECES = (*map(str, NUMBERS), *PHRASES)


def number(value: int) -> tuple[str, ...]:
    """``("3", "hundred", "40", "2")`` for 342.  Raises ValueError beyond 0 to ``MOST``."""
    if not 0 <= value <= MOST:
        raise ValueError(f"expected a number from 0 to {MOST}, got {value}")
    hundreds, rest = divmod(value, 100)
    said = (str(hundreds), "hundred") if hundreds else ()
    if rest == 0:
        return said or ("0",)
    if rest in NUMBERS:
        return (*said, str(rest))
    return (*said, str(rest - rest % 10), str(rest % 10))


def position(place: int) -> tuple[str, ...]:
    """For the first, second, ... in line; beyond ``MOST`` nothing is said."""
    if place > MOST:
        return ()
    return ("next",) if place == 1 else ("number", *number(place), "in-line")


def beyond(limit: int) -> tuple[str, ...]:
    """More than so many stand before him."""
    return ("more-than", *number(limit), "before-you")


def minutes_of(estimate: Estimate, step: int) -> tuple[int, int]:
    """The estimate in minutes, both ends rounded up to multiples of ``step``; 0: below one."""
    low, high = (
        0 if seconds <= 60 else -int(-seconds // (60 * step)) * step
        for seconds in (estimate.p50, estimate.p90)
    )
    return low, high


def wait(low: int, high: int, limit: int) -> tuple[str, ...]:
    """In minutes, as of ``minutes_of``; of what may last longer than ``limit`` no end is said."""
    if high == 0:
        return ("wait-below",)
    low = min(max(low, 1), limit)
    if high > limit:
        return ("wait-above", *number(low), _unit(low))
    if low >= high:
        return ("wait-about", *number(high), _unit(high))
    return ("wait-between", *number(low), "and", *number(high), _unit(high))


def _unit(minutes: int) -> str:
    return "minute" if minutes == 1 else "minutes"
