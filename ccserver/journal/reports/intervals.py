"""Intervals of a report: quarters, halves and whole hours, and days, by the clock of one zone.

They follow each other without a gap.  Where the clock is put forward or back, an interval of
minutes ends and another begins, if that falls into one; a day then has 23 or 25 hours.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Literal, TypeAlias
from zoneinfo import ZoneInfo

Minutes: TypeAlias = Literal[15, 30, 60, 1440]
"""1440: a day of the zone, however many minutes it has."""
DAY: Minutes = 1440
MICRO = 1_000_000


class Intervals:
    """``zone``: whose clock counts.  ``minutes`` None: all is one interval."""

    def __init__(self, zone: ZoneInfo, minutes: Minutes | None) -> None:
        self.zone = zone
        self._minutes = minutes

    def around(self, at: int) -> tuple[int, int | None]:
        """The interval that holds an instant: its begin, and its end that is the next one's begin.

        Instants are microseconds since 1970, UTC.  Without intervals: from ``at`` on, with no end.
        """
        if self._minutes is None:
            return at, None
        second = at // MICRO
        if self._minutes == DAY:
            day = datetime.fromtimestamp(second, self.zone).date()
            return self.midnight(day), self.midnight(day + timedelta(days=1))
        offset, length = self._offset(second), self._minutes * 60
        start = (second + offset) // length * length - offset
        end = start + length
        if self._offset(start) != offset:
            start = self._change(start, second)
        if self._offset(end - 1) != offset:
            end = self._change(second, end - 1)
        return start * MICRO, end * MICRO

    def midnight(self, day: date) -> int:
        """When a day begins.  Where the clock leaves midnight out: the instant of the jump."""
        begin = datetime(day.year, day.month, day.day, tzinfo=self.zone)
        return int(begin.timestamp()) * MICRO

    def _offset(self, second: int) -> int:
        offset = datetime.fromtimestamp(second, self.zone).utcoffset()
        assert offset is not None
        return int(offset.total_seconds())

    def _change(self, before: int, after: int) -> int:
        """The first second in (before, after] that has the offset of ``after``."""
        wanted = self._offset(after)
        while after - before > 1:
            middle = (before + after) // 2
            if self._offset(middle) == wanted:
                after = middle
            else:
                before = middle
        return after
