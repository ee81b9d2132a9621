"""Opening hours as a manager writes them."""

from __future__ import annotations

import pytest

from actors.hours import Span, SpecialDay
from ccserver.settings.hours import Hours, calendar_of, span, special_date, weekly_span


def test_days_are_read_as_people_write_them() -> None:
    nine_to_six = Span(540, 1080)
    assert weekly_span("mon-fri 09:00-18:00") == ((0, 1, 2, 3, 4), nine_to_six)
    assert weekly_span("sat,sun 09:00-18:00") == ((5, 6), nine_to_six)
    assert weekly_span("sat-mon,wed 09:00-18:00") == ((5, 6, 0, 2), nine_to_six)
    assert weekly_span("mon-sun 00:00-24:00") == (tuple(range(7)), Span(0, 1440))


def test_a_span_that_ends_before_it_begins_runs_over_midnight() -> None:
    assert span("22:00-02:00") == Span(1320, 1560)


@pytest.mark.parametrize(
    "text", ["9:00-18:00", "09:00-09:00", "09:60-18:00", "24:00-25:00", "09:00", "09:00-24:30", ""]
)
def test_what_is_no_span_is_refused(text) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        span(text)


@pytest.mark.parametrize("text", ["02-30", "2025-02-29", "13-01", "2026-1-1", "christmas"])
def test_a_day_that_no_year_has_is_refused(text) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        special_date(text)


def test_a_calendar_is_made_of_all_that_is_written() -> None:
    hours = Hours.model_validate(
        {
            "name": "office",
            "time_zone": "Europe/Sofia",
            "weekly": ["mon-fri 09:00-12:00", "mon 13:00-18:00"],
            "holidays": ["12-25", "2026-05-06"],
            "special_days": [{"date": "2026-12-24", "open": ["09:00-12:00"]}],
        }
    )
    calendar = calendar_of(hours)
    assert calendar.weekly[0] == (Span(540, 720), Span(780, 1080))
    assert calendar.weekly[4:] == ((Span(540, 720),), (), ())
    assert calendar.special == (
        SpecialDay(2026, 12, 24, (Span(540, 720),)),
        SpecialDay(None, 12, 25),
        SpecialDay(2026, 5, 6),
    )
    assert calendar == calendar_of(hours)
