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
from heapq import heappop, heappush
from random import Random
from typing import Any, TypeVar

import trio
import trio._core._run as trio_run

T = TypeVar("T")
_sleep, _sleep_until = trio.sleep, trio.sleep_until

COLLECTION = 600.0
"""Virtual seconds between two passes of the garbage collector, always at the same instants."""


class TrioHasChanged(Exception):
    """The scheduler of this release cannot be steered as that of 0.35 can."""


def check_trio() -> None:
    """Raises TrioHasChanged, before a simulation claims to be reproducible and is not."""
    names = ("_ALLOW_DETERMINISTIC_SCHEDULING", "_r", "GLOBAL_RUN_CONTEXT")
    needed: list[tuple[object, str]] = [(trio_run, name) for name in names]
    needed += [(trio.lowlevel.Task, "_cancel_status"), (trio.Cancelled, "_create")]
    for owner, name in needed:
        if not hasattr(owner, name):
            raise TrioHasChanged(f"Trio's {owner} has no {name}")


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

    ``sleep`` and ``sleep_until`` are Trio's without a cancel scope for each, which was a sixth of
    all that a simulation costs.  Whoever sleeps wakes in the same batch as he would by Trio's.
    """

    def __init__(self) -> None:
        self._now = 0.0
        self._collect_at = COLLECTION
        self._ends: list[tuple[float, int]] = []
        """A heap, of when a sleep is over, and its number."""
        self._asleep: dict[int, trio.lowlevel.Task] = {}
        """By number, who has not been cancelled."""
        self._slept = 0

    def start_clock(self) -> None:
        pass

    def current_time(self) -> float:
        return self._now

    def deadline_to_sleep_time(self, deadline: float) -> float:
        """Trio asks when no task can run."""
        ends, asleep = self._ends, self._asleep
        while ends and ends[0][1] not in asleep:
            heappop(ends)
        if ends:
            deadline = min(deadline, ends[0][0])
        if deadline == math.inf:
            return math.inf
        self._now += max(0.0, deadline - self._now)
        while ends and ends[0][0] <= self._now:
            task = asleep.pop(heappop(ends)[1], None)
            if task is not None:
                trio.lowlevel.reschedule(task)
        if self._now >= self._collect_at:
            gc.collect(1)  # what is new: to look at a whole day is dearer by the hour
            self._collect_at = self._now + COLLECTION
        return 0.0

    async def sleep(self, seconds: float) -> None:
        if seconds > 0:
            await self.sleep_until(self._now + seconds)
        else:
            await _sleep(seconds)

    async def sleep_until(self, deadline: float) -> None:
        if not self._now < deadline < math.inf:
            await _sleep_until(deadline)
            return
        self._slept = number = self._slept + 1
        self._asleep[number] = task = trio.lowlevel.current_task()
        heappush(self._ends, (deadline, number))

        def abort(raise_cancel: object) -> trio.lowlevel.Abort:
            del self._asleep[number]
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(abort)
        if task._cancel_status.effectively_cancelled:
            # Since he was woken: a scope of the sleep's own would have let it through.
            raise trio.Cancelled._create(source="unknown")


@contextmanager
def _steered(source: HoldBack, clock: JumpingClock) -> Iterator[None]:
    check_trio()
    before = trio_run._ALLOW_DETERMINISTIC_SCHEDULING, trio_run._r
    trio_run._ALLOW_DETERMINISTIC_SCHEDULING, trio_run._r = True, source  # type: ignore[assignment]
    trio.sleep, trio.sleep_until = clock.sleep, clock.sleep_until
    collecting = gc.isenabled()
    gc.disable()
    gc.freeze()  # what is there is none of the simulation's garbage
    try:
        yield
    finally:
        trio_run._ALLOW_DETERMINISTIC_SCHEDULING, trio_run._r = before
        trio.sleep, trio.sleep_until = _sleep, _sleep_until
        gc.collect()
        gc.unfreeze()
        if collecting:
            gc.enable()


def run(main: Callable[..., Awaitable[T]], *arguments: object, seed: int, chance: float) -> T:
    """``trio.run`` in virtual time, in the order that ``seed`` and ``chance`` give."""
    source, clock = HoldBack(seed, chance), JumpingClock()
    with _steered(source, clock):
        return trio.run(main, *arguments, clock=clock)
