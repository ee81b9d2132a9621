"""The collector looks often at little, and by itself not at all."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest
import trio

from ccserver.core.collector import FEW, PAUSE, SHORTEST, WANTED, Collector


class Centre:
    """``passes``: the generations that were looked at; each pass takes ``took`` seconds."""

    def __init__(self) -> None:
        self.calls = self.phones = self.transactions = 0
        self.passes: list[int] = []
        self.took = self.time = 0.0
        self.collector = Collector(
            lambda: self.calls,
            lambda: self.phones,
            lambda: self.transactions,
            lambda: self.time,
        )

    def hear(self, phase: str, info: dict[str, Any]) -> None:
        if phase == "start":
            self.passes.append(info["generation"])
            self.time += self.took


@pytest.fixture
def centre() -> Iterator[Centre]:
    found = Centre()
    gc.collect()
    gc.disable()
    gc.callbacks.append(found.hear)
    yield found
    gc.callbacks.remove(found.hear)
    gc.unfreeze()
    gc.enable()


@pytest.mark.parametrize(("calls", "transactions"), [(1, 0), (0, FEW + 1)])
def test_while_there_are_calls_or_what_they_left_only_the_young_is_looked_at_and_stays_in_sight(
    centre: Centre, calls: int, transactions: int
) -> None:
    """Behind the last of 250 calls a second, 65 ms at once, for what is gone in half a minute."""
    centre.calls, centre.transactions, frozen = calls, transactions, gc.get_freeze_count()

    centre.collector.look()

    assert centre.passes == [0]
    assert gc.get_freeze_count() == frozen


def test_without_calls_everything_is_looked_at_once(centre: Centre) -> None:
    kept = [[n] for n in range(1000)]

    centre.collector.look()

    assert centre.passes == [2]
    assert not any(gc.is_tracked(each) and each in gc.get_objects() for each in kept[:3])


def test_what_many_phones_leave_is_put_out_of_sight_without_a_look(centre: Centre) -> None:
    centre.phones = FEW + 1
    kept = [[n] for n in range(1000)]
    gc.collect(1)  # as what came while there were calls
    centre.passes.clear()
    frozen = gc.get_freeze_count()

    centre.collector.look()

    assert centre.passes == [0]
    assert gc.get_freeze_count() >= frozen + len(kept)


async def test_nothing_is_collected_but_by_the_clock_until_it_ends(
    autojump_clock: Any, centre: Centre
) -> None:
    gc.enable()
    with trio.move_on_after(3.5 * PAUSE):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(centre.collector.run)
            await trio.testing.wait_all_tasks_blocked()
            assert not gc.isenabled()
            centre.passes.clear()

    assert centre.passes == [2, 2, 2]
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0


@pytest.mark.parametrize(
    ("took", "pause"), [(WANTED / 20, PAUSE), (5 * WANTED, SHORTEST), (1.0, SHORTEST)]
)
async def test_the_longer_a_pass_takes_the_sooner_comes_the_next(
    autojump_clock: Any, centre: Centre, took: float, pause: float
) -> None:
    centre.calls = 1
    async with trio.open_nursery() as nursery:
        nursery.start_soon(centre.collector.run)
        await trio.testing.wait_all_tasks_blocked()
        centre.took = took
        await trio.sleep(10 * PAUSE + SHORTEST / 2)
        centre.passes.clear()
        await trio.sleep(4 * pause)
        nursery.cancel_scope.cancel()

    assert centre.passes == [0, 0, 0, 0]
