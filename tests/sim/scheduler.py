"""One seed, one order: Trio run deterministically, with tasks held back at the seed's will.

Trio takes all tasks that can run as one batch and runs each of them once; shuffling such a batch
moves two tasks against each other by one step, which finds next to no race.  ``HoldBack`` also
keeps some of them for a later batch, so that any of them may get ahead of the others.

This uses what Trio keeps private (``trio._core._run``); ``check_trio`` says so when it has changed.
"""

from __future__ import annotations

import gc
import math
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from random import Random
from typing import Any, TypeVar

import trio
import trio._core._run as trio_run

T = TypeVar("T")

COLLECTION = 600.0
"""Virtual seconds between two passes of the garbage collector, always at the same instants."""


class TrioHasChanged(Exception):
    """The scheduler of this release cannot be steered as that of 0.35 can."""


def check_trio() -> None:
    """Raises TrioHasChanged, before a simulation claims to be reproducible and is not."""
    for name in ("_ALLOW_DETERMINISTIC_SCHEDULING", "_r", "GLOBAL_RUN_CONTEXT"):
        if not hasattr(trio_run, name):
            raise TrioHasChanged(f"trio._core._run has no {name}")


class HoldBack:
    """Stands in for Trio's own source of random numbers.

    ``chance``: how likely a task that could run is kept for a later batch; one always runs.
    """

    def __init__(self, seed: int, chance: float) -> None:
        self._random = Random(seed)
        self._chance = chance
        self.batches = 0
        self.held = 0

    def random(self) -> float:
        return self._random.random()

    def uniform(self, a: float, b: float) -> float:
        return self._random.uniform(a, b)

    def shuffle(self, batch: list[Any]) -> None:
        """Trio has sorted the batch by the tasks' birth."""
        self.batches += 1
        self._random.shuffle(batch)
        if self._chance == 0.0 or len(batch) < 2:
            return
        run, held = [], []
        for task in batch:
            (held if self._random.random() < self._chance else run).append(task)
        if not run:
            run.append(held.pop())
        batch[:] = run
        self.held += len(held)
        trio_run.GLOBAL_RUN_CONTEXT.runner.runq.extend(held)


class JumpingClock(trio.abc.Clock):
    """Stands still while anybody can run; when nobody can, it is the next deadline at once.

    As ``trio.testing.MockClock(autojump_threshold=0)`` for half the price: that one first polls
    once more to see whether nothing happens, and asks for Trio's statistics at each jump.
    """

    def __init__(self) -> None:
        self._now = 0.0
        self._collect_at = COLLECTION

    def start_clock(self) -> None:
        pass

    def current_time(self) -> float:
        return self._now

    def deadline_to_sleep_time(self, deadline: float) -> float:
        """Trio asks when no task can run."""
        if deadline == math.inf:
            return math.inf
        self._now += max(0.0, deadline - self._now)
        if self._now >= self._collect_at:
            gc.collect(1)  # what is new: to look at a whole day is dearer by the hour
            self._collect_at = self._now + COLLECTION
        return 0.0


@contextmanager
def _steered(source: HoldBack) -> Iterator[None]:
    check_trio()
    before = trio_run._ALLOW_DETERMINISTIC_SCHEDULING, trio_run._r
    trio_run._ALLOW_DETERMINISTIC_SCHEDULING, trio_run._r = True, source  # type: ignore[assignment]
    collecting = gc.isenabled()
    gc.disable()
    gc.freeze()  # what is there is none of the simulation's garbage
    try:
        yield
    finally:
        trio_run._ALLOW_DETERMINISTIC_SCHEDULING, trio_run._r = before
        gc.collect()
        gc.unfreeze()
        if collecting:
            gc.enable()


def run(main: Callable[..., Awaitable[T]], *arguments: object, seed: int, chance: float) -> T:
    """``trio.run`` in virtual time, in the order that ``seed`` and ``chance`` give."""
    source = HoldBack(seed, chance)
    with _steered(source):
        return trio.run(main, *arguments, clock=JumpingClock())
