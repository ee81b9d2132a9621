"""What the process measures of itself: how long the garbage collector stops it."""

from __future__ import annotations

import gc
import time
from types import TracebackType
from typing import Any

from ccserver.journal.histogram import Histogram

PAUSE_BOUNDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)


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
