"""Opening hours: a calendar of spans of the wall clock in one time zone.

A span belongs to the day on which it begins, and may run over midnight.  A special day's spans
take the place of its weekday's; a holiday is a special day without any.

Where the clock is put forward, a time that it leaves out stands for the instant of the jump: what
opens or closes at 02:30 does so as 02:00 becomes 03:00.  Where it is put back, a time comes twice:
a span begins at the first and ends at the second, so nobody finds a closed door within it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from msgspec import Struct

DAY = 24 * 60
"""Minutes by the wall clock."""
HORIZON_DAYS = 31
"""How far ahead a change is looked for."""


class Span(Struct, frozen=True, order=True):
    """Open from ``start`` to ``end``, in minutes from midnight of the day it begins on.

    ``0 <= start < DAY`` and ``start < end <= start + DAY``.
    """

    start: int
    end: int


class SpecialDay(Struct, frozen=True):
    """``year`` None: every year."""

    year: int | None
    month: int
    day: int
    spans: tuple[Span, ...] = ()


class Calendar(Struct, frozen=True):
    """``weekly``: the spans of the seven weekdays, Monday first.  ``zone``: an IANA name.

    Of two special days that are the same day, the one with a year counts, and then the first.
    """

    name: str
    zone: str
    weekly: tuple[tuple[Span, ...], ...]
    special: tuple[SpecialDay, ...] = ()


def open_at(calendar: Calendar, instant: float) -> tuple[bool, float]:
    """Whether it is open at an instant (seconds since 1970), and until when it stays so.

    The second is the next change, or, if there is none within ``HORIZON_DAYS``, an instant
    thereabouts: until then at least nothing changes.
    """
    zone = ZoneInfo(calendar.zone)
    first = datetime.fromtimestamp(instant, zone).date() - timedelta(days=1)
    closes: float | None = None
    for start, end in _spans(calendar, first):
        if end <= instant or end <= start:
            continue
        if closes is None:
            if start > instant:
                return False, start
            closes = end
        elif start <= closes:
            closes = max(closes, end)
        else:
            break
    return closes is not None, instant + HORIZON_DAYS * 86400.0 if closes is None else closes


def _spans(calendar: Calendar, first: date) -> Iterator[tuple[float, float]]:
    """In instants, by their starts."""
    for ahead in range(HORIZON_DAYS + 2):
        yield from _spans_of(calendar, first + timedelta(days=ahead))


@lru_cache(4096)
def _spans_of(calendar: Calendar, day: date) -> tuple[tuple[float, float], ...]:
    zone = ZoneInfo(calendar.zone)
    return tuple(
        (_instant(zone, day, span.start, opens=True), _instant(zone, day, span.end, opens=False))
        for span in sorted(_wanted(calendar, day))
    )


def _wanted(calendar: Calendar, day: date) -> tuple[Span, ...]:
    same = [s for s in calendar.special if (s.month, s.day) == (day.month, day.day)]
    for special in same:
        if special.year == day.year:
            return special.spans
    yearly = [special for special in same if special.year is None]
    return yearly[0].spans if yearly else calendar.weekly[day.weekday()]


def _instant(zone: ZoneInfo, day: date, minute: int, *, opens: bool) -> float:
    """When the clock of this zone reads so many minutes after midnight of ``day``."""
    midnight = datetime(day.year, day.month, day.day)
    wall = midnight + timedelta(minutes=minute)
    early = wall.replace(tzinfo=zone, fold=0).timestamp()
    late = wall.replace(tzinfo=zone, fold=1).timestamp()
    if late < early:
        return _jump(zone, late, early)
    return early if opens else late


def _jump(zone: ZoneInfo, before: float, after: float) -> float:
    """The instant between two, in whole seconds, at which the clock was put forward."""
    low, high = int(before), int(after)
    earlier = datetime.fromtimestamp(low, zone).utcoffset()
    while high - low > 1:
        middle = (low + high) // 2
        if datetime.fromtimestamp(middle, zone).utcoffset() == earlier:
            low = middle
        else:
            high = middle
    return float(high)
