"""The seeds that ever failed (``seeds.txt``): they are run for ever."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sim.many import told
from tests.sim.run import simulate
from tests.sim.swarm import draw

SEEDS = Path(__file__).parent / "seeds.txt"


def corpus() -> list[tuple[int, int, float]]:
    """Generator, seed and minutes."""
    lines = SEEDS.read_text().splitlines()
    rows = [line.split() for line in lines if line and not line.startswith("#")]
    return [(int(version), int(seed), float(minutes)) for version, seed, minutes, *_ in rows]


@pytest.mark.parametrize(("version", "seed", "minutes"), corpus())
def test_a_seed_that_failed_once_fails_no_more(version: int, seed: int, minutes: float) -> None:
    outcome = simulate(draw(seed, minutes, version), replays=True)
    assert not outcome.violations, told(outcome, version=version)
