"""By its own rules a day comes to its own figures again, whatever agents had to do beside."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from actors.reasons import OfferFailure
from ccserver.journal.reports import Rules
from ccserver.whatif.comparison import Centre, compare
from ccserver.whatif.figures import ALL, Count, Figures
from ccserver.whatif.recorded import read_recorded
from tests.support.recorded_day import BEGINS, ENDS, day_with_errands

RULES = Rules(ZoneInfo("UTC"))


@pytest.mark.parametrize("seed", [6, 8])
async def test_a_day_with_calls_outside_and_consultations_is_played_as_it_was(
    seed: int, autojump_clock
) -> None:
    """Counts and shares of contacts are equal; waits to 10 ms; occupancy to a thousandth.

    Handle time of all to a fiftieth: of those who were given a customer by name, nobody wraps up in
    what is played.
    """
    count = Count(RULES, BEGINS, ENDS)
    async with day_with_errands(seed) as floor:
        recorded = read_recorded(floor.core.journal, BEGINS, ENDS, count.hear)
    day = count.day(recorded.courses)

    again = compare(recorded, day, Centre(recorded.settings, recorded.wishes), RULES)

    assert again.astray == 0
    played = again.runs[0].old.day
    assert played.queues.keys() == day.queues.keys()
    for name, figures in played.queues.items():
        assert_alike(figures, day.queues[name])
    whole = played.queues[ALL].handle_time
    assert whole == pytest.approx(day.queues[ALL].handle_time, rel=0.02)
    for now, then in zip(played.slices, day.slices, strict=True):
        assert (now.at, now.offered, now.abandoned) == (then.at, then.offered, then.abandoned)
        assert now.occupancy == pytest.approx(then.occupancy, abs=0.001)
    assert recorded.left_out.placed > 10
    assert recorded.left_out.worked > 600, "minutes of work that is not the queues'"
    failures = {offer.failure for course in recorded.courses for offer in course.offers}
    assert OfferFailure.RONA in failures
    holds = [hold for course in recorded.courses for one in course.services for hold in one.holds]
    assert any(lasted is None for _, lasted in holds), "an agent left, and his customer went back"
    given = [one.by_name for course in recorded.courses for one in course.services]
    assert any(one is not None and (one.onward or one.returned) for one in given)


def assert_alike(one: Figures, other: Figures) -> None:
    for counted in ("offered", "answered", "abandoned", "overflowed", "service_level"):
        assert getattr(one, counted) == getattr(other, counted), counted
    for timed in ("speed_of_answer", "longest_wait"):
        assert getattr(one, timed) == pytest.approx(getattr(other, timed), abs=0.01), timed
    assert one.waits == pytest.approx(other.waits, abs=0.01)
    assert one.occupancy == pytest.approx(other.occupancy, abs=0.001)
