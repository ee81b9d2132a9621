"""From a run that fails to a small one that fails the same way: fewer faults, less time."""

from __future__ import annotations

from functools import partial

from msgspec.structs import replace

from tests.sim.run import REPLAY, Outcome, simulate
from tests.sim.swarm import Fault, Swarm

MOST_RUNS = 60


def shrink(failed: Outcome) -> Outcome:
    """The smallest failing run found within ``MOST_RUNS``: delta debugging over the faults.

    It must violate the invariant that was violated first.
    """
    best, runs = failed, 0
    invariant = failed.violations[0].invariant
    run = partial(simulate, replays=invariant == REPLAY)

    def fails(swarm: Swarm) -> bool:
        nonlocal best, runs
        runs += 1
        outcome = run(swarm)
        if not any(found.invariant == invariant for found in outcome.violations[:1]):
            return False
        best = outcome
        return True

    last = failed.violations[0].at
    before = tuple(fault for fault in failed.swarm.faults if fault.at <= last)
    fails(replace(failed.swarm, faults=before, minutes=min(failed.swarm.minutes, last / 60 + 0.1)))
    parts = 2
    while runs < MOST_RUNS and best.swarm.faults:
        faults = best.swarm.faults
        size = max(1, len(faults) // parts)
        for start in range(0, len(faults), size):
            rest: tuple[Fault, ...] = faults[:start] + faults[start + size :]
            if runs < MOST_RUNS and fails(replace(best.swarm, faults=rest)):
                parts = max(parts - 1, 2)
                break
        else:
            if size == 1:
                break
            parts = min(2 * parts, len(faults))
    return best
