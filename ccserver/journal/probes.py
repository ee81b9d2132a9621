"""What the process measures of itself: how late its loop is, how long the collector stops it."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

import trio

from ccserver.journal.histogram import Histogram

LAG_BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
PAUSE_BOUNDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
PERIOD = 0.1


class LoopLag:
    """How much later than asked for the loop wakes a task.

    ``tell`` hears each figure in seconds: admission control listens.
    """

    def __init__(self, tell: Callable[[float], None] | None = None) -> None:
        self.seconds = Histogram(LAG_BOUNDS)
        self.latest = 0.0
        self._tell = tell

    async def run(self) -> None:
        while True:
            due = trio.current_time() + PERIOD
            await trio.sleep_until(due)
            self.latest = max(0.0, trio.current_time() - due)
            self.seconds.observe(self.latest)
            if self._tell is not None:
                self._tell(self.latest)


class GcPauses:
    """Measures each pass of the garbage collector, while entered."""

    def __init__(self) -> None:
        self.seconds = Histogram(PAUSE_BOUNDS)
        self._started = 0.0

    def __enter__(self) -> GcPauses:
        gc.callbacks.append(self._hear)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        gc.callbacks.remove(self._hear)

    def _hear(self, phase: str, info: dict[str, Any]) -> None:
        if phase == "start":
            self._started = time.perf_counter()
        else:
            self.seconds.observe(time.perf_counter() - self._started)
