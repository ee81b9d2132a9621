"""Journals that were written once and are read by many tests, and the file that one lies in."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import trio
import trio.testing

from ccserver.journal.storage import MemoryStorage, Row, SqliteStorage
from tests.support.day import random_day
from tests.support.kill_points import Kills, tell
from tests.support.stories import STORIES


@cache
def day(seed: int) -> tuple[Row, ...]:
    """All that was journalled on a random day."""

    async def passes() -> tuple[Row, ...]:
        storage = MemoryStorage()
        async with random_day(seed, storage):
            return tuple(storage.rows)

    return trio.run(passes, clock=trio.testing.MockClock(autojump_threshold=0))


@cache
def story(name: str) -> tuple[Row, ...]:
    """Of ``tests.support.stories``, as nobody dies in it."""

    async def happens() -> tuple[Row, ...]:
        told, settings = STORIES[name]
        floor = await tell(told, Kills([]), **settings)
        return tuple(floor.disk.rows)

    return trio.run(happens, clock=trio.testing.MockClock(autojump_threshold=0))


def everything() -> tuple[Row, ...]:
    """A day, and all stories one after another, as one journal."""
    rows = list(day(3))
    for name in STORIES:
        last, at = rows[-1][0], rows[-1][1]
        rows += [
            (last + seq, at + 1_000_000 + when - EPOCH_MICROS, tag, _of_its_own(payload, last))
            for seq, when, tag, payload in story(name)
        ]
    return tuple(rows)


EPOCH_MICROS = 1_700_000_000_000_000


def _of_its_own(payload: bytes, number: int) -> bytes:
    """Contacts of different stories have the same ids; from here on, others."""
    return payload.replace(b'"a01hf7', b'"a%05x' % (number % 2**20))


class File:
    """A journal on the disk, which grows."""

    def __init__(self, path: Path, rows: tuple[Row, ...] = ()) -> None:
        self.path = path
        self._storage = SqliteStorage(path)
        self.grows(rows)

    def grows(self, rows: tuple[Row, ...]) -> None:
        self._storage.write(rows)

    def close(self) -> None:
        self._storage.close()
