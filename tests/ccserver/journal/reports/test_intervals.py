"""Intervals by the clock of a zone, also on the days on which it is put forward or back."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccserver.journal.reports import Intervals
from ccserver.journal.reports.intervals import MICRO

SOFIA, KATHMANDU = ZoneInfo("Europe/Sofia"), ZoneInfo("Asia/Kathmandu")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")
"""Its clock is put forward by half an hour only, at 02:00."""
HOUR = 3600 * MICRO


def micro(text: str, zone: ZoneInfo) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()) * MICRO


def shown(found: tuple[int, int | None], zone: ZoneInfo) -> list[str]:
    assert found[1] is not None
    return [datetime.fromtimestamp(at // MICRO, zone).isoformat() for at in found[:2]]  # type: ignore[operator]


@pytest.mark.parametrize(
    ("minutes", "begin", "end"),
    [
        (15, "2026-03-02T09:30:00+02:00", "2026-03-02T09:45:00+02:00"),
        (30, "2026-03-02T09:30:00+02:00", "2026-03-02T10:00:00+02:00"),
        (60, "2026-03-02T09:00:00+02:00", "2026-03-02T10:00:00+02:00"),
        (1440, "2026-03-02T00:00:00+02:00", "2026-03-03T00:00:00+02:00"),
    ],
)
def test_an_instant_lies_in_the_interval_that_its_clock_shows(minutes, begin, end):
    at = micro("2026-03-02T09:44:59", SOFIA)
    assert shown(Intervals(SOFIA, minutes).around(at), SOFIA) == [begin, end]


def test_an_hour_of_a_zone_that_is_off_by_45_minutes_is_an_hour_of_its_clock():
    at = micro("2026-03-02T09:44:59", KATHMANDU)
    assert shown(Intervals(KATHMANDU, 60).around(at), KATHMANDU) == [
        "2026-03-02T09:00:00+05:45",
        "2026-03-02T10:00:00+05:45",
    ]


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-01", 24)]
)
def test_a_day_lasts_from_midnight_to_midnight_however_many_hours_it_has(day, hours):
    begin, end = Intervals(SOFIA, 1440).around(micro(f"{day}T12:00:00", SOFIA))
    assert end is not None
    assert (end - begin) / HOUR == hours


def test_an_hour_that_comes_twice_is_two_intervals():
    first = int(datetime(2026, 10, 25, 0, 30, tzinfo=UTC).timestamp()) * MICRO
    intervals = Intervals(SOFIA, 60)
    assert shown(intervals.around(first), SOFIA) == [
        "2026-10-25T03:00:00+03:00",
        "2026-10-25T03:00:00+02:00",
    ]
    assert shown(intervals.around(first + HOUR), SOFIA) == [
        "2026-10-25T03:00:00+02:00",
        "2026-10-25T04:00:00+02:00",
    ]


def test_an_interval_ends_where_the_clock_is_put_forward_into_the_middle_of_one():
    before = int(datetime(2026, 10, 3, 15, 0, tzinfo=UTC).timestamp()) * MICRO
    intervals = Intervals(LORD_HOWE, 60)
    assert shown(intervals.around(before), LORD_HOWE) == [
        "2026-10-04T01:00:00+10:30",
        "2026-10-04T02:30:00+11:00",
    ]
    assert shown(intervals.around(before + HOUR // 2), LORD_HOWE) == [
        "2026-10-04T02:30:00+11:00",
        "2026-10-04T03:00:00+11:00",
    ]


@given(
    st.sampled_from([SOFIA, KATHMANDU, LORD_HOWE, ZoneInfo("America/Havana")]),
    st.sampled_from([15, 30, 60, 1440]),
    st.integers(1_700_000_000, 1_900_000_000),
)
def test_intervals_follow_each_other_without_gap_or_overlap(zone, minutes, second):
    intervals = Intervals(zone, minutes)
    begin, end = intervals.around(second * MICRO)
    assert end is not None
    assert begin <= second * MICRO < end
    assert intervals.around(begin) == intervals.around(end - MICRO) == (begin, end)
    assert intervals.around(end)[0] == end
    assert end - begin <= (25 * HOUR if minutes == 1440 else minutes * 60 * MICRO)
