from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import trio

from actors.base import ActorStatistics
from ccserver.diagnose import DIAGNOSIS, report, write_on_signal

LEG = ActorStatistics("leg/1", mailbox=2, peak=5, handled=10, state="Up")


async def seen(there: Callable[[], bool]) -> None:
    for _ in range(10_000):
        if there():
            return
        await trio.lowlevel.checkpoint()
    raise AssertionError("nothing was seen of it")


async def test_each_signal_writes_tasks_and_actors(tmp_path: Path) -> None:
    async with trio.open_nursery() as nursery:
        await nursery.start(write_on_signal, tmp_path, lambda: {"leg": [LEG]})
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGUSR1)
            await seen((tmp_path / DIAGNOSIS).exists)
            text = (tmp_path / DIAGNOSIS).read_text()
            assert "leg/1: Up; 2 waiting, 5 at most, 10 handled" in text
            assert "write_on_signal" in text
            (tmp_path / DIAGNOSIS).unlink()
        nursery.cancel_scope.cancel()


async def test_a_disk_that_takes_nothing_is_said_and_costs_nothing(tmp_path: Path, caplog) -> None:
    async with trio.open_nursery() as nursery:
        await nursery.start(write_on_signal, tmp_path / "gone", dict)
        os.kill(os.getpid(), signal.SIGUSR1)
        await seen(lambda: "no diagnosis" in caplog.text)
        nursery.cancel_scope.cancel()


async def test_tasks_stand_below_the_nursery_that_holds_them() -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.sleep_forever, name="the child")
        await trio.lowlevel.checkpoint()
        lines = report({}).splitlines()
        nursery.cancel_scope.cancel()
    child = next(line for line in lines if line.strip() == "the child")
    assert child.startswith("    ")
