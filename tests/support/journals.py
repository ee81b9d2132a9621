"""Journals that were written once and are read by many tests, and the file that one lies in."""

from __future__ import annotations

import re
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


def everything(times: int = 1) -> tuple[Row, ...]:
    """A day, and all stories one after another, as one journal; the same again, if asked."""
    rows: list[Row] = []
    for part in [day(3), *map(story, STORIES)] * times:
        last, at = rows[-1][:2] if rows else (0, EPOCH_MICROS)
        rows += [
            (last + seq, at + 1_000_000 + when - EPOCH_MICROS, tag, _of_its_own(payload, last))
            for seq, when, tag, payload in part
        ]
    return tuple(rows)


EPOCH_MICROS = 1_700_000_000_000_000


def _of_its_own(payload: bytes, number: int) -> bytes:
    """Contacts of different stories have the same ids; here, each has one that sorts by time."""
    return re.sub(rb'"a01hf(?=[78])', b'"a%04x' % number, payload)


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
