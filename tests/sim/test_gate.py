"""One seed is one run, whatever the process (I15)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GATE = range(1000, 1200)
PORTION = 25


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


@pytest.mark.parametrize("first", GATE[::PORTION])
def test_a_seed_is_one_run_whatever_the_process(first: int) -> None:
    assert not differing(range(first, first + PORTION), 2.0)


def test_what_follows_the_order_of_a_set_is_not_one_run() -> None:
    unsorted = "from tests.sim import people; people.sorted = lambda names: list(set(names))"
    assert differing(range(2, 3), 1.0, unsorted) == [2]
