"""The clock of a run: monotonic, and the same for every process since the machine was booted.

So an instant in the journal means the same to the run that wrote it and to the one that takes
over, whatever is done to the clock on the wall.
"""

from __future__ import annotations

import time
from pathlib import Path

from trio.abc import Clock

BOOT = Path("/proc/sys/kernel/random/boot_id")


class MachineClock(Clock):
    """For ``trio.run``."""

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
