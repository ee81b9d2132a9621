"""Many runs in several processes, and what is told of one that failed."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from functools import partial
from multiprocessing import get_context

from tests.sim.plants import PLANTS, Plant
from tests.sim.run import Outcome, simulate
from tests.sim.shrink import shrink
from tests.sim.swarm import VERSION, draw

REPLAYED = 5
"""One run of so many is replayed: that takes a quarter of the time of a run."""


def simulated(
    seeds: Iterable[int],
    minutes: float,
    jobs: int,
    plant: str | None = None,
    version: int = VERSION,
    replayed: int = REPLAYED,
) -> Iterator[Outcome]:
    """The runs of these seeds, as they are done, in so many processes.

    Those of seeds that ``replayed`` divides are replayed.
    """
    run = partial(_one, minutes=minutes, plant=plant, version=version, replayed=replayed)
    if jobs == 1:
        yield from map(run, seeds)
        return
    with get_context("spawn").Pool(jobs) as pool:
        yield from pool.imap_unordered(run, seeds)


def first_to_find(
    plants: Iterable[str], minutes: float, jobs: int, most: int
) -> Iterator[tuple[str, int | None]]:
    """By planted bug, the first of the seeds from 0 that finds it, if one of so many does."""
    find = partial(_first, minutes=minutes, most=most)
    with get_context("spawn").Pool(jobs) as pool:
        yield from pool.imap(find, plants)


def simulated_once(seed: int, minutes: float, version: int) -> Outcome:
    """One run, in whatever process."""
    return _one(seed, minutes, None, version)


def _first(plant: str, minutes: float, most: int) -> tuple[str, int | None]:
    seeds = range(most)
    found = (seed for seed in seeds if _one(seed, minutes, plant).violations)
    return plant, next(found, None)


def told(outcome: Outcome, planted: Plant | None = None, version: int = VERSION) -> str:
    """What failed, where, and how little of it is needed; ``version``: the generator's."""
    with ExitStack() as stack:
        if planted is not None:
            stack.enter_context(planted.planted())
        small = shrink(outcome)
    found = "\n".join(f"  {violation}" for violation in small.violations[:5])
    return (
        f"seed {outcome.swarm.seed} of generator {version}: {outcome.violations[0]}\n"
        f"shrunk from {len(outcome.swarm.faults)} faults to {len(small.swarm.faults)}:\n"
        f"{found}\n  {small.swarm}\n{small.ladder}"
    )


def _one(
    seed: int,
    minutes: float,
    plant: str | None,
    version: int = VERSION,
    replayed: int | None = None,
) -> Outcome:
    logging.getLogger().handlers[:] = [logging.NullHandler()]
    with ExitStack() as stack:
        for one in PLANTS:
            if one.name == plant:
                stack.enter_context(one.planted())
        replays = replayed is not None and seed % replayed == 0
        return simulate(draw(seed, minutes, version), replays=replays)
