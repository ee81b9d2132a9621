"""Opening hours against the plainest model there is: read the clock, look it up."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import assume, given
from hypothesis import strategies as st

from actors.hours import DAY, HORIZON_DAYS, Calendar, Span, SpecialDay, open_at

ZONES = st.sampled_from(
    ["Europe/Sofia", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "UTC"]
)
YEAR = st.floats(datetime(2026, 1, 1).timestamp(), datetime(2027, 1, 1).timestamp())


@st.composite
def spans(draw: st.DrawFn) -> Span:
    start = draw(st.integers(0, DAY - 1))
    return Span(start, draw(st.integers(start + 1, start + DAY)))


DAYS = st.lists(spans(), max_size=2).map(tuple)
SPECIAL = st.builds(
    SpecialDay, st.sampled_from([None, 2026]), st.integers(1, 12), st.integers(1, 28), DAYS
)
CALENDARS = st.builds(
    Calendar, st.just("c"), ZONES, st.tuples(*[DAYS] * 7), st.lists(SPECIAL, max_size=3).map(tuple)
)


def read_from_the_clock(calendar: Calendar, instant: float) -> bool:
    wall = datetime.fromtimestamp(instant, ZoneInfo(calendar.zone)).replace(tzinfo=None)
    for ago in (0, 1):
        day = (wall - timedelta(days=ago)).date()
        midnight = datetime(day.year, day.month, day.day)
        minutes = (wall - midnight).total_seconds() / 60
        ordered = sorted(calendar.special, key=lambda special: special.year is None)
        found = next(
            (
                special.spans
                for special in ordered
                if special.year in (None, day.year)
                and (special.month, special.day) == (day.month, day.day)
            ),
            calendar.weekly[day.weekday()],
        )
        if any(span.start <= minutes < span.end for span in found):
            return True
    return False


def is_settled(zone: str, instant: float) -> bool:
    """The clock was put neither forward nor back within two days."""
    two = 2 * 86400
    offsets = {
        datetime.fromtimestamp(at, ZoneInfo(zone)).utcoffset() for at in (instant - two, instant)
    }
    return len(offsets) == 1


@given(CALENDARS, YEAR)
def test_it_is_open_when_the_clock_on_the_wall_says_so(calendar, instant) -> None:
    assume(is_settled(calendar.zone, instant))
    assert open_at(calendar, instant)[0] is read_from_the_clock(calendar, instant)


@given(CALENDARS, YEAR, st.floats(0, 1))
def test_nothing_changes_before_it_is_said_to_and_then_it_does(calendar, instant, share) -> None:
    is_open, until = open_at(calendar, instant)
    assert until > instant
    between = instant + (until - instant) * share * 0.999999
    assert open_at(calendar, between)[0] is is_open
    if until < instant + (HORIZON_DAYS - 2) * 86400:
        assert open_at(calendar, until)[0] is not is_open
