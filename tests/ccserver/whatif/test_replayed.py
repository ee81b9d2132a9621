"""A day played again: as it was by the same rules, and otherwise by others."""

from __future__ import annotations

import pytest

from ccserver.settings import Settings
from ccserver.whatif.courses import Course, Courses
from ccserver.whatif.people import People
from ccserver.whatif.recorded import Recorded, read_recorded
from ccserver.whatif.replayed import Replayed, Used
from tests.support.recorded_day import BEGINS, ENDS, quiet_day


def played(
    recorded: Recorded, settings: Settings | None = None, seed: int = 0
) -> tuple[list[Course], Used]:
    courses = Courses()
    replayed = Replayed(
        recorded,
        People(recorded.courses, seed),
        settings or recorded.settings,
        recorded.wishes,
        courses.apply,
    )
    used = replayed.play()
    return list(courses.by_id.values()), used


def story(course: Course) -> tuple[object, ...]:
    """What became of it, with times to the tenth of a second."""
    return (
        course.id,
        course.outcome,
        course.queue,
        [(offer.agent, offer.failure, offer.answered) for offer in course.offers],
        [service.agent for service in course.services],
    )


@pytest.mark.parametrize("seed", [2, 5])
async def test_by_the_same_rules_every_contact_goes_where_it_went(seed, autojump_clock):
    """Everybody gives up, or is answered, as he was: nothing had to be drawn."""
    async with quiet_day(seed) as floor:
        recorded = read_recorded(floor.core.journal, BEGINS, ENDS)

    again, used = played(recorded)

    assert [story(course) for course in again] == [story(course) for course in recorded.courses]
    for one, other in zip(again, recorded.courses, strict=True):
        assert one.waited == pytest.approx(other.waited, abs=0.05)
        assert one.lasted == pytest.approx(other.lasted, abs=0.05)
    assert used == Used(patience=0, conversations=0)
    assert any(offer.failure for course in recorded.courses for offer in course.offers)
    assert {course.outcome for course in recorded.courses} >= {"handled", "abandoned"}
