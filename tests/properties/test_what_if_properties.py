"""A random day of a centre, with reloads, played by random rules: every call comes to an end."""

from __future__ import annotations

from random import Random
from zoneinfo import ZoneInfo

import pytest

from ccserver.journal.reports import Rules
from ccserver.settings import Settings
from ccserver.settings.content import content_of
from ccserver.whatif.comparison import Centre, compare
from ccserver.whatif.figures import ALL, Count
from ccserver.whatif.recorded import read_recorded
from ccserver.whatif.staffing import staffed
from tests.support.day import agents, queues, random_day
from tests.support.recorded_day import BEGINS, ENDS

RULES = 3


@pytest.mark.parametrize("seed", [1, 2])
async def test_everybody_ends_once_by_whatever_rules(seed, autojump_clock):
    async with random_day(seed) as floor:
        journal = floor.core.journal
    counted = Rules(ZoneInfo("UTC"))
    count = Count(counted, BEGINS, ENDS)
    recorded = read_recorded(journal, BEGINS, ENDS, count.hear)
    record = count.day(recorded.courses)

    for number in range(RULES):
        random = Random(f"{seed} {number}")
        content = content_of(recorded.settings) | queues(random) | agents(random)
        staffing = staffed(Settings.model_validate(content), recorded)
        new = Centre(staffing.settings, staffing.wishes)

        found = compare(recorded, record, new, counted, seed=number)

        (run,) = found.runs
        for played in (run.old, run.new):
            assert set(played.fates) == {course.id for course in recorded.courses}
            assert all(fate.outcome is not None for fate in played.fates.values())
            whole = played.day.queues[ALL]
            assert whole.offered == len(recorded.courses)
            # Whom nobody may serve waits when the stretch is over.
            assert whole.answered + whole.abandoned + whole.overflowed <= whole.offered
    assert compare(recorded, record, new, counted, seed=number) == found
