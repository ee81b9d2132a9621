"""The journal's disk in a simulation: every commit takes its time, and it may fail, or be slow.

The writer's thread is a task: virtual time would jump while a real thread works.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from random import Random
from typing import Any, ClassVar, Literal, TypeAlias
from unittest.mock import patch

import trio

from ccserver.journal.storage import Row
from tests.support.restarting import Disk

Trouble: TypeAlias = Literal["full", "read_only", "locked", "fsync"]
TROUBLES: tuple[Trouble, ...] = ("full", "read_only", "locked", "fsync")
SAYS: dict[Trouble, str] = {
    "full": "database or disk is full",
    "read_only": "attempt to write a readonly database",
    "locked": "database is locked",
    "fsync": "disk I/O error",
}


class SimulatedDisk(Disk):
    """``takes``: seconds of a commit; ``trouble``: why every commit fails, if it does."""

    immediate: ClassVar[bool] = False

    def __init__(self, seed: int, takes: float) -> None:
        super().__init__()
        self.takes = takes
        self.trouble: Trouble | None = None
        self.is_dead: Callable[[], bool] = lambda: False
        """Whether the process that writes has been killed: then it waits for nothing."""
        self._random = Random(f"disk {seed}")
        self._unsure: list[Row] = []
        """Written, but fsync has failed: nobody knows whether they are there."""

    def write(self, rows: Sequence[Row]) -> None:
        if self.trouble is not None:
            if self.trouble == "fsync":
                self._unsure = list(rows)
            raise sqlite3.OperationalError(SAYS[self.trouble])
        self._unsure = []
        super().write(rows)

    def opens_again(self) -> None:
        """By another process than the one that wrote last: what was unsure is there, or is not."""
        if self._unsure and self._random.random() < 0.5:
            super().write(self._unsure)
        self._unsure = []

    async def _in_a_thread(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """Done at the beginning of the time that it takes, or at its end: who is killed meanwhile
        may have written, and not know it.  What a thread has begun it ends, whoever is cancelled:
        else inputs would be missing in front of those that a dead run hands over (``close_down``).
        """
        takes = 0.0 if self.is_dead() else self.takes
        if self._random.random() < 0.5:
            try:
                await trio.sleep(takes)
            except trio.Cancelled:
                work(*arguments)
                raise
            return work(*arguments)
        try:
            return work(*arguments)
        finally:
            await trio.sleep(takes)

    @contextmanager
    def as_thread(self) -> Iterator[None]:
        """Whatever is done in a thread, is done by this disk."""
        with patch.object(trio.to_thread, "run_sync", self._in_a_thread):
            yield
