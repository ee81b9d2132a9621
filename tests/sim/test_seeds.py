"""Seeded days of a whole centre, with people, faults and attackers, and what must hold in them."""

from __future__ import annotations

import os

import pytest

from tests.sim.many import simulated, told

SEEDS = range(int(os.environ.get("SIMULATED_SEEDS", "300")))
PORTION = 60


@pytest.mark.parametrize("first", SEEDS[::PORTION])
def test_nothing_is_violated_in_any_of_these_seeds(first: int) -> None:
    seeds = range(first, min(first + PORTION, SEEDS.stop))
    outcomes = simulated(seeds, 10.0, os.cpu_count() or 1)
    failed = [told(one) for one in outcomes if one.violations]
    assert not failed, "\n\n".join(failed)
