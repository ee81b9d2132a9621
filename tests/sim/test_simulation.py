"""Seeded days of a whole centre, with people, faults and attackers, and what must hold in them.

The corpus (``seeds.txt``) has the seeds that ever failed; they are run for ever.
"""

from __future__ import annotations

import faulthandler
import os
import subprocess
import sys
from collections.abc import Iterator
from multiprocessing import get_context
from multiprocessing.pool import AsyncResult
from pathlib import Path

import pytest

from tests.sim.many import simulated, simulated_once, told
from tests.sim.plants import MINUTES_OF_PLANTS, PLANTS, Plant
from tests.sim.run import Outcome, simulate
from tests.sim.shrink import shrink
from tests.sim.swarm import draw

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
SEEDS = range(int(os.environ.get("SIMULATED_SEEDS", "300")))
PORTION = 30
GATE = range(1000, 1200)
GATE_PORTION = 25
SOAK_HOURS, SOAK_SEED, SOAK_GENERATOR = 24.0, 6, 5
"""Of six agents and a router outside; the server is killed 96 times, its machine has no power 56
times, its disk fails 64 times, its configuration is changed 864 times, and much else goes wrong
1,440 times.
"""


def corpus() -> list[tuple[int, int, float]]:
    """Generator, seed and minutes."""
    lines = (HERE / "seeds.txt").read_text().splitlines()
    rows = [line.split() for line in lines if line and not line.startswith("#")]
    return [(int(version), int(seed), float(minutes)) for version, seed, minutes, *_ in rows]


@pytest.mark.parametrize("first", SEEDS[::PORTION])
def test_nothing_is_violated_in_any_of_these_seeds(first: int) -> None:
    seeds = range(first, min(first + PORTION, SEEDS.stop))
    outcomes = simulated(seeds, 10.0, os.cpu_count() or 1)
    failed = [told(one) for one in outcomes if one.violations]
    assert not failed, "\n\n".join(failed)


@pytest.fixture(scope="module")
def day() -> Iterator[AsyncResult[Outcome]]:
    """It is one run, and takes one processor for minutes: the tests below leave it another."""
    with get_context("spawn").Pool(1) as pool:
        yield pool.apply_async(simulated_once, (SOAK_SEED, SOAK_HOURS * 60.0, SOAK_GENERATOR))


@pytest.mark.usefixtures("day")
@pytest.mark.parametrize(("version", "seed", "minutes"), corpus())
def test_a_seed_that_failed_once_fails_no_more(version: int, seed: int, minutes: float) -> None:
    outcome = simulate(draw(seed, minutes, version), replays=True)
    assert not outcome.violations, told(outcome, version=version)


MOST_MORE = 100
FOUND_AT = {
    line.split()[0]: int(line.split()[1])
    for line in (HERE / "found.txt").read_text().splitlines()
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


def differing(seeds: range, minutes: float, before: str = "") -> list[int]:
    """The seeds that are not one run in two processes, with other hash seeds and another heap.

    ``before``: what is done there first.
    """
    code = (
        "import sys; padding = [bytearray(n) for n in range(int(sys.argv[1]))]\n"
        "from tests.sim.run import Outcome, simulate; from tests.sim.swarm import draw\n"
        f"{before}\n"
        f"print(*(simulate(draw(seed, {minutes})).digest for seed in {seeds!r}), sep='\\n')"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(padding)],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": str(hash_seed)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for hash_seed, padding in ((0, 0), (seeds.start, 3001))
    ]
    first, second = [process.communicate()[0].split() for process in processes]
    assert len(first) == len(seeds)
    return [seed for seed, a, b in zip(seeds, first, second, strict=True) if a != b]


@pytest.mark.parametrize("first", GATE[::GATE_PORTION])
def test_a_seed_is_one_run_whatever_the_process(first: int) -> None:
    """I15."""
    assert not differing(range(first, first + GATE_PORTION), 2.0)


def test_what_follows_the_order_of_a_set_is_not_one_run() -> None:
    unsorted = "from tests.sim import people; people.sorted = lambda names: list(set(names))"
    assert differing(range(2, 3), 1.0, unsorted) == [2]


def test_nothing_is_violated_in_a_whole_day(day: AsyncResult[Outcome]) -> None:
    faulthandler.cancel_dump_traceback_later()  # it takes longer than any other, and is not stuck
    outcome = day.get()
    assert outcome.deaths > 100
    assert not outcome.violations, f"{outcome.violations}\n{outcome.ladder}"
