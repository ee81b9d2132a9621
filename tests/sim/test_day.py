"""A whole day in one run."""

from __future__ import annotations

import faulthandler
from multiprocessing import get_context

from tests.sim.many import simulated_once

SOAK_HOURS, SOAK_SEED, SOAK_GENERATOR = 24.0, 6, 5
"""Of six agents and a router outside; the server is killed 96 times, its machine has no power 56
times, its disk fails 64 times, its configuration is changed 864 times, and much else goes wrong
1,440 times.
"""


def test_nothing_is_violated_in_a_whole_day() -> None:
    faulthandler.cancel_dump_traceback_later()  # it takes longer than any other, and is not stuck
    day = (SOAK_SEED, SOAK_HOURS * 60.0, SOAK_GENERATOR)
    with get_context("spawn").Pool(1) as pool:  # where nothing keeps what a day logs
        outcome = pool.apply(simulated_once, day)
    assert outcome.deaths > 100
    assert not outcome.violations, f"{outcome.violations}\n{outcome.ladder}"
