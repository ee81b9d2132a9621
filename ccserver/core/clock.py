"""The clock of a run: monotonic, and the same for every process since the machine was booted.

So an instant in the journal means the same to the run that wrote it and to the one that takes
over, whatever is done to the clock on the wall.

The clock on the wall is read off it: it goes on evenly until somebody looks, and finds it set.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from trio.abc import Clock

BOOT = Path("/proc/sys/kernel/random/boot_id")


SET_BY = 0.01
"""Seconds; what differs by less was only read a moment later."""


class SteadyWall:
    """Seconds since 1970, by ``wall`` as it was looked at last and ``now`` since then.

    ``now`` is the clock of the run: asked at each turn, and so without the way through Trio.
    """

    def __init__(self, wall: Callable[[], float], now: Callable[[], float]) -> None:
        self._wall, self._now = wall, now
        self._ahead = wall() - now()

    def __call__(self) -> float:
        return self._now() + self._ahead

    def look(self) -> float:
        """By how many seconds the clock on the wall has been set; 0: it has not."""
        by = self._wall() - self()
        if abs(by) < SET_BY:
            return 0.0
        self._ahead += by
        return by


class MachineClock(Clock):
    """For ``trio.run``: ``time.monotonic``."""

    def start_clock(self) -> None:
        """It runs since the machine was booted."""

    def current_time(self) -> float:
        return time.monotonic()

    def deadline_to_sleep_time(self, deadline: float) -> float:
        return deadline - time.monotonic()


def boot_name() -> str:
    """Which boot it counts from; empty where the system does not say."""
    try:
        return BOOT.read_text().strip()
    except OSError:
        return ""
