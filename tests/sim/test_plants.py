"""Bugs that other systems had, planted: each is found, and shrunk to what it needs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sim.plants import MINUTES_OF_PLANTS, PLANTS, Plant
from tests.sim.run import Outcome, simulate
from tests.sim.shrink import shrink
from tests.sim.swarm import draw

MOST_MORE = 100
FOUND_AT = {
    line.split()[0]: int(line.split()[1])
    for line in (Path(__file__).parent / "found.txt").read_text().splitlines()
    if line and not line.startswith("#")
}
"""By plant, the first seed that finds it: docs/simulation.md has the table."""


def found_by(plant: Plant) -> Outcome | None:
    """By the seed that found it last; or, where the product's own changes have given that one
    another day, by one of as many more as it may well take.
    """
    with plant.planted():
        for seed in (FOUND_AT[plant.name], *range(MOST_MORE)):
            outcome = simulate(draw(seed, MINUTES_OF_PLANTS))
            if outcome.violations:
                return outcome
    return None


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.name)
def test_a_planted_bug_is_found(plant: Plant) -> None:
    assert found_by(plant) is not None, f"{plant.bug}: found by none of {MOST_MORE} seeds"


def test_a_failing_run_is_shrunk_to_the_faults_that_it_needs() -> None:
    plant = next(plant for plant in PLANTS if plant.name == "starts_again_empty")
    outcome = found_by(plant)
    assert outcome is not None
    with plant.planted():
        small = shrink(outcome)
    assert small.violations[0].invariant == outcome.violations[0].invariant
    assert [fault.kind for fault in small.swarm.faults] == ["actor"]
    assert len(outcome.swarm.faults) > 1
