from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from random import Random

import pytest
import trio
import trio._core._run as trio_run

from tests.sim import scheduler


async def race(head_start: int) -> str:
    """Check, then act: the second comes ``head_start`` steps later, and sees a stale answer."""
    taken: list[str] = []
    seen: list[bool] = []

    async def takes(name: str, steps: int) -> None:
        for _ in range(steps):
            await trio.lowlevel.checkpoint()
        free = not taken
        await trio.lowlevel.checkpoint()
        seen.append(free)
        taken.append(name)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(takes, "a", 0)
        nursery.start_soon(takes, "b", head_start)
    return "doubled" if all(seen) else "fine"


async def order(names: str) -> str:
    said: list[str] = []

    async def say(name: str) -> None:
        for _ in range(5):
            await trio.lowlevel.checkpoint()
            said.append(name)

    async with trio.open_nursery() as nursery:
        for name in names:
            nursery.start_soon(say, name)
    return "".join(said)


def test_one_seed_gives_one_order_and_another_seed_another() -> None:
    orders = [scheduler.run(order, "abcdef", seed=n, chance=0.5) for n in (1, 1, 2, 3)]
    assert orders[0] == orders[1]
    assert len(set(orders)) == 3


def test_a_race_with_a_head_start_is_found_by_holding_back_and_not_by_shuffling() -> None:
    def found(chance: float) -> int:
        runs = (scheduler.run(race, 4, seed=seed, chance=chance) for seed in range(200))
        return sum(run == "doubled" for run in runs)

    assert found(0.0) == 0
    assert found(0.6) > 5


def test_virtual_time_jumps_while_tasks_are_held_back() -> None:
    async def sleeps() -> float:
        async with trio.open_nursery() as nursery:
            for hour in range(20):
                nursery.start_soon(trio.sleep, 3600.0 * hour)
        return trio.current_time()

    assert scheduler.run(sleeps, seed=5, chance=0.8) == 19 * 3600.0


Sleep = Callable[[float], Awaitable[None]]


async def nights(seed: int, sleep: Sleep | None) -> list[tuple[float, int, str]]:
    """Who wakes when and by what, where sleeps, deadlines and cancellations coincide."""
    random, sleep = Random(seed), sleep or trio.sleep
    woken: list[tuple[float, int, str]] = []
    scopes = [trio.CancelScope(deadline=random.choice((2.0, 5.0, math.inf))) for _ in range(8)]

    async def sleeps(sleeper: int, naps: list[float], cancels: int) -> None:
        with scopes[sleeper]:
            for nap in naps:
                await sleep(nap)
                woken.append((trio.current_time(), sleeper, "slept"))
                if nap == 3.0:
                    scopes[cancels].cancel()
        woken.append((trio.current_time(), sleeper, "over"))

    async with trio.open_nursery() as nursery:
        for sleeper in range(8):
            naps = random.choices((0.0, 1.0, 2.0, 3.0), k=6)
            nursery.start_soon(sleeps, sleeper, naps, random.randrange(8))
    return woken


def test_who_sleeps_wakes_as_by_trio_itself() -> None:
    trios = trio.sleep
    for seed in range(60):
        ours, theirs = (
            scheduler.run(nights, seed, sleep, seed=seed, chance=0.5) for sleep in (None, trios)
        )
        assert ours == theirs


def test_trio_is_left_as_it_was() -> None:
    def now() -> list[object]:
        private = [trio_run._ALLOW_DETERMINISTIC_SCHEDULING, trio_run._r]
        return [*private, trio.sleep, trio.sleep_until]

    before = now()
    scheduler.run(order, "ab", seed=1, chance=0.5)
    assert now() == before


def test_another_trio_is_refused(monkeypatch) -> None:
    monkeypatch.delattr(trio_run, "_r")
    with pytest.raises(scheduler.TrioHasChanged, match="_r"):
        scheduler.run(order, "ab", seed=1, chance=0.5)
