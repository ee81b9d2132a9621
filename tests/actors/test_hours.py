"""Opening hours: by the wall clock of a place, with its holidays and its summer time."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from actors.hours import HORIZON_DAYS, Calendar, Span, SpecialDay, open_at

OFFICE = Span(9 * 60, 18 * 60)
NIGHT = Span(22 * 60, 26 * 60 + 30)
CLOSED: tuple[Span, ...] = ()


def calendar(
    *weekly: tuple[Span, ...], zone: str = "Europe/Berlin", special: tuple[SpecialDay, ...] = ()
) -> Calendar:
    """The days from Monday on; those that are not given are closed."""
    return Calendar("c", zone, (*weekly, *(CLOSED,) * (7 - len(weekly))), special)


def at(text: str, zone: str = "Europe/Berlin", fold: int = 0) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp()


WEEKDAYS = calendar(*[(OFFICE,)] * 5)


@pytest.mark.parametrize(
    ("now", "is_open", "until"),
    [
        ("2026-11-23 08:59:59", False, "2026-11-23 09:00"),
        ("2026-11-23 09:00:00", True, "2026-11-23 18:00"),
        ("2026-11-23 17:59:59", True, "2026-11-23 18:00"),
        ("2026-11-23 18:00:00", False, "2026-11-24 09:00"),
        ("2026-11-27 18:00:00", False, "2026-11-30 09:00"),
    ],
)
def test_it_opens_at_the_first_second_and_closes_at_the_last(now, is_open, until) -> None:
    assert open_at(WEEKDAYS, at(now)) == (is_open, at(until))


def test_the_same_instant_is_judged_by_the_clock_of_each_place() -> None:
    instant = at("2026-11-23 09:30")
    assert open_at(WEEKDAYS, instant)[0]
    assert not open_at(calendar((OFFICE,), zone="America/New_York"), instant)[0]
    assert open_at(calendar((OFFICE,), zone="Asia/Kolkata"), instant)[0]


def test_a_span_over_midnight_belongs_to_the_day_it_begins_on() -> None:
    monday_night = calendar((NIGHT,))
    assert open_at(monday_night, at("2026-11-23 23:00")) == (True, at("2026-11-24 02:30"))
    assert open_at(monday_night, at("2026-11-24 02:29")) == (True, at("2026-11-24 02:30"))
    assert not open_at(monday_night, at("2026-11-23 01:00"))[0]


def test_a_holiday_closes_its_day_and_not_the_night_before() -> None:
    nights = calendar(*[(NIGHT,)] * 7, special=(SpecialDay(2026, 11, 24),))
    assert open_at(nights, at("2026-11-24 01:00")) == (True, at("2026-11-24 02:30"))
    assert open_at(nights, at("2026-11-24 22:30")) == (False, at("2026-11-25 22:00"))


def test_a_special_day_has_hours_of_its_own() -> None:
    short = SpecialDay(2026, 12, 24, (Span(10 * 60, 12 * 60),))
    office = calendar(*[(OFFICE,)] * 5, special=(short, SpecialDay(None, 12, 25)))
    assert open_at(office, at("2026-12-24 09:30")) == (False, at("2026-12-24 10:00"))
    assert open_at(office, at("2026-12-24 11:00")) == (True, at("2026-12-24 12:00"))
    assert open_at(office, at("2026-12-24 12:00")) == (False, at("2026-12-28 09:00"))


def test_a_yearly_holiday_comes_every_year_unless_a_year_says_otherwise() -> None:
    yearly, once = SpecialDay(None, 12, 25), SpecialDay(2028, 12, 25, (OFFICE,))
    office = calendar(*[(OFFICE,)] * 7, special=(yearly, once))
    for year, is_open in ((2026, False), (2027, False), (2028, True), (2029, False)):
        assert open_at(office, at(f"{year}-12-25 12:00"))[0] is is_open


def test_spans_that_touch_or_overlap_are_one() -> None:
    morning, noon, evening = Span(480, 720), Span(700, 800), Span(800, 1080)
    assert open_at(calendar((evening, morning, noon)), at("2026-11-23 09:00")) == (
        True,
        at("2026-11-23 18:00"),
    )


def test_round_the_clock_is_open_as_far_as_one_looks() -> None:
    now = at("2026-11-23 09:00")
    is_open, until = open_at(calendar(*[(Span(0, 1440),)] * 7), now)
    assert is_open
    assert until >= now + (HORIZON_DAYS - 1) * 86400


def test_what_never_opens_is_closed_as_far_as_one_looks() -> None:
    now = at("2026-11-23 09:00")
    assert open_at(calendar(), now) == (False, now + HORIZON_DAYS * 86400)


class TestTheClockIsPutForward:
    """Berlin, 29 March 2026: 02:00 is 03:00 at once."""

    JUMP = at("2026-03-29 03:00")

    def test_what_opens_at_a_time_that_is_left_out_opens_with_the_jump(self) -> None:
        sundays = calendar(*[CLOSED] * 6, (Span(150, 600),))
        assert open_at(sundays, self.JUMP - 1) == (False, self.JUMP)
        assert open_at(sundays, self.JUMP) == (True, at("2026-03-29 10:00"))

    def test_what_closes_at_a_time_that_is_left_out_closes_with_the_jump(self) -> None:
        saturday_night = calendar(*[CLOSED] * 5, (NIGHT,))
        assert open_at(saturday_night, self.JUMP - 1) == (True, self.JUMP)
        assert not open_at(saturday_night, self.JUMP)[0]

    def test_a_span_that_is_left_out_as_a_whole_does_not_open(self) -> None:
        sundays = calendar(*[CLOSED] * 6, (Span(130, 170),))
        is_open, until = open_at(sundays, self.JUMP - 60)
        assert not is_open
        assert until == at("2026-04-05 02:10")

    def test_a_day_that_spans_the_jump_is_an_hour_shorter(self) -> None:
        sundays = calendar(*[CLOSED] * 6, (Span(60, 300),))
        opens, closes = at("2026-03-29 01:00"), at("2026-03-29 05:00")
        assert open_at(sundays, opens) == (True, closes)
        assert closes - opens == 3 * 3600


class TestTheClockIsPutBack:
    """Berlin, 25 October 2026: 02:00 to 03:00 comes twice."""

    FIRST, SECOND = at("2026-10-25 02:30"), at("2026-10-25 02:30", fold=1)

    def test_what_opens_at_a_time_that_comes_twice_opens_at_the_first(self) -> None:
        sundays = calendar(*[CLOSED] * 6, (Span(150, 600),))
        assert open_at(sundays, self.FIRST - 1) == (False, self.FIRST)
        assert open_at(sundays, self.FIRST) == (True, at("2026-10-25 10:00"))

    def test_what_closes_at_a_time_that_comes_twice_closes_at_the_second(self) -> None:
        saturday_night = calendar(*[CLOSED] * 5, (NIGHT,))
        assert self.SECOND - self.FIRST == 3600
        assert open_at(saturday_night, self.FIRST) == (True, self.SECOND)
        assert not open_at(saturday_night, self.SECOND)[0]


def test_a_zone_that_skips_half_an_hour_jumps_at_its_own_instant() -> None:
    """Lord Howe Island puts its clock forward by 30 minutes: 4 October 2026, 02:00 is 02:30."""
    sundays = calendar(*[CLOSED] * 6, (Span(135, 600),), zone="Australia/Lord_Howe")
    jump = at("2026-10-04 02:30", "Australia/Lord_Howe")
    assert open_at(sundays, jump - 1) == (False, jump)
    assert open_at(sundays, jump)[0]
