"""Opening hours in the configuration: calendars that a manager can write down."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from functools import lru_cache
from typing import Annotated, TypeAlias
from zoneinfo import ZoneInfo, available_timezones

from pydantic import Field

from actors.hours import DAY, Calendar, Span, SpecialDay
from ccserver.settings.kinds import Kind, Name, valid
from ccserver.settings.section import Section

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_TIMES = re.compile(r"([0-9]{2}):([0-9]{2})-([0-9]{2}):([0-9]{2})")
_DATE = re.compile(r"(?:([0-9]{4})-)?([0-9]{2})-([0-9]{2})")
_LEAP_YEAR = 2024
"""In which every day that any year has exists."""


def span(text: str) -> Span:
    """``09:00-18:00``, ``22:00-02:00`` over midnight, ``00:00-24:00``.  Raises ValueError."""
    found = _TIMES.fullmatch(text)
    if found is None:
        raise ValueError
    start, end = (60 * int(found[at]) + int(found[at + 1]) for at in (1, 3))
    if int(found[2]) > 59 or int(found[4]) > 59 or start >= DAY or end > DAY or start == end:
        raise ValueError
    return Span(start, end if end > start else end + DAY)


def weekly_span(text: str) -> tuple[tuple[int, ...], Span]:
    """``mon-fri 09:00-18:00``, ``sat,sun 10:00-14:00``: the days, Monday 0, and the span.

    Raises ValueError.
    """
    days, _, times = text.partition(" ")
    return tuple(dict.fromkeys(_days(days))), span(times.strip())


def special_date(text: str) -> tuple[int | None, int, int]:
    """``2026-12-25``, or ``12-25`` of every year: year, month, day.  Raises ValueError."""
    found = _DATE.fullmatch(text)
    if found is None:
        raise ValueError
    year, month, day = (None if part is None else int(part) for part in found.groups())
    assert month is not None
    assert day is not None
    date(_LEAP_YEAR if year is None else year, month, day)
    return year, month, day


def _days(text: str) -> Iterator[int]:
    for part in text.split(","):
        first, dash, last = part.partition("-")
        start = WEEKDAYS.index(first)
        end = WEEKDAYS.index(last) if dash else start
        yield from (day % 7 for day in range(start, end + 1 if end >= start else end + 8))


@lru_cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _zone(text: str) -> None:
    if text not in _zones():
        raise ValueError
    ZoneInfo(text)


TimeZone: TypeAlias = Annotated[
    str, valid(_zone), Kind("the IANA name of a time zone", '"Europe/Sofia"')
]
WeeklySpan: TypeAlias = Annotated[
    str,
    valid(weekly_span),
    Kind('days and times, as "mon-fri 09:00-18:00" or "sat,sun 22:00-02:00"', '"sat 10:00-14:00"'),
]
DaySpan: TypeAlias = Annotated[str, valid(span), Kind('times, as "09:00-12:00"', '"09:00-12:00"')]
SpecialDate: TypeAlias = Annotated[
    str,
    valid(special_date),
    Kind('a date: "2026-12-25", or "12-25" for every year', '"12-25"'),
]


class SpecialDayEntry(Section):
    """A day with hours of its own, in place of those of its weekday."""

    date: SpecialDate
    """Which day."""
    open: list[DaySpan] = []
    """When it is open; empty: not at all."""


class Hours(Section):
    name: Name
    """By which queues and entry points name it."""
    time_zone: TimeZone
    """Whose clock is meant, with its summer time."""
    weekly: Annotated[list[WeeklySpan], Field(min_length=1)]
    """When it is open. A span that ends before it begins runs over midnight, and belongs to the
    day on which it begins."""
    holidays: list[SpecialDate] = []
    """Days on which it stays closed."""
    special_days: list[SpecialDayEntry] = []
    """Days with hours of their own; one that is a holiday too counts as special."""


def calendar_of(hours: Hours) -> Calendar:
    weekly: list[list[Span]] = [[] for _ in WEEKDAYS]
    for text in hours.weekly:
        days, one = weekly_span(text)
        for day in days:
            weekly[day].append(one)
    special = [
        SpecialDay(*special_date(day.date), tuple(map(span, day.open)))
        for day in hours.special_days
    ]
    special += [SpecialDay(*special_date(text)) for text in hours.holidays]
    return Calendar(hours.name, hours.time_zone, tuple(map(tuple, weekly)), tuple(special))
