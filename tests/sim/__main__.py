"""Simulate a centre: ``python -m tests.sim --seed 7``, ``--seeds 0:300``, ``--soak 24``.

A run that fails prints what was violated, the run shrunk, and the end of its ladder; the exit
status is then 1.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from contextlib import ExitStack

from rich.progress import Progress

from tests.sim.many import REPLAYED, first_to_find, simulated, told
from tests.sim.plants import MINUTES_OF_PLANTS, PLANTS, Plant
from tests.sim.run import simulate
from tests.sim.swarm import VERSION, Swarm, draw


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.sim", description=__doc__)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--seed", type=int, help="one run")
    which.add_argument("--seeds", type=_range, metavar="FIRST:END", help="many runs")
    which.add_argument(
        "--find", type=int, metavar="MOST", help="the first seed that finds each planted bug"
    )
    parser.add_argument("--soak", type=float, metavar="HOURS", help="one long run, of --seed or 0")
    parser.add_argument("--minutes", type=float, default=10.0, help="of each run, with faults")
    parser.add_argument("--generator", type=int, default=VERSION, help="what a seed means")
    parser.add_argument(
        "--replayed", type=int, default=REPLAYED, metavar="N", help="replay one run of N"
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--plant", choices=[plant.name for plant in PLANTS], help="a known bug")
    asked = parser.parse_args(arguments)
    logging.getLogger().addHandler(logging.NullHandler())  # the oracles listen to what is logged
    planted = next((plant for plant in PLANTS if plant.name == asked.plant), None)
    if asked.find is not None:
        return _find(asked.find, asked.jobs, planted)
    if asked.soak is not None:
        return _soak(draw(asked.seed or 0, asked.soak * 60.0, asked.generator), planted)
    if asked.seed is None and asked.seeds is None:
        parser.error("which? --seed, --seeds, --soak or --find")
    seeds = range(asked.seed, asked.seed + 1) if asked.seeds is None else asked.seeds
    failed = 0
    with Progress() as progress:
        task = progress.add_task("runs", total=len(seeds))
        for outcome in simulated(
            seeds, asked.minutes, asked.jobs, asked.plant, asked.generator, asked.replayed
        ):
            progress.advance(task)
            if outcome.violations:
                failed += 1
                progress.console.print(
                    told(outcome, planted, asked.generator), markup=False, highlight=False
                )
    print(f"{len(seeds)} runs, {failed} failed")
    return 1 if failed else 0


def _find(most: int, jobs: int, planted: Plant | None) -> int:
    """As ``found.txt`` has it."""
    missed = 0
    names = [plant.name for plant in (PLANTS if planted is None else [planted])]
    for name, seed in first_to_find(names, MINUTES_OF_PLANTS, jobs, most):
        missed += seed is None
        print(name, "never" if seed is None else seed, flush=True)
    return 1 if missed else 0


def _soak(swarm: Swarm, planted: Plant | None) -> int:
    with Progress() as progress, ExitStack() as stack:
        if planted is not None:
            stack.enter_context(planted.planted())
        task = progress.add_task("virtual seconds", total=swarm.minutes * 60.0)
        outcome = simulate(swarm, lambda now: progress.update(task, completed=now))
    print(f"{outcome.contacts} contacts: {outcome.outcomes}; {outcome.digest[:16]}")
    for violation in outcome.violations:
        print(violation)
    print(outcome.ladder)
    return 1 if outcome.violations else 0


def _range(text: str) -> range:
    first, _, end = text.partition(":")
    return range(int(first), int(end))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
