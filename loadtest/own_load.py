"""Whether the generator itself is what limits the test."""

from __future__ import annotations

from collections.abc import Callable

import trio
from msgspec import Struct

from loadtest.histogram import Latencies

PACE = 0.05
"""Seconds between two looks at our own loop."""
WINDOW = 1.0
BUSY = 0.9
"""Of a core, in a whole window."""
LATE = 0.05
"""Seconds: calls that begin so much later than meant, at p99, are no open loop any more."""


class OwnLoad(Struct):
    """``cpu`` is the share of a core over the run; ``busiest`` that of the busiest window."""

    cpu: float
    busiest: float
    busy_seconds: float
    """In windows above `BUSY`."""
    lag_p99_seconds: float
    lateness_p99_seconds: float

    @property
    def complaint(self) -> str | None:
        """What keeps the figures from being the server's; None: nothing."""
        if self.busy_seconds >= 2 * WINDOW:
            return (
                f"the generator is the bottleneck: it used {self.busiest:.0%} of its core, "
                f"{self.busy_seconds:.0f} s long above {BUSY:.0%}"
            )
        if self.lateness_p99_seconds > LATE:
            return (
                "the generator is the bottleneck: of its calls, 1 % began more than "
                f"{self.lateness_p99_seconds * 1e3:.0f} ms later than meant"
            )
        if self.lag_p99_seconds > LATE:
            return (
                "the generator, or the machine it shares, is the bottleneck: its loop was "
                f"{self.lag_p99_seconds * 1e3:.0f} ms late at p99"
            )
        return None


class OwnWatch:
    """``cpu`` gives the seconds of CPU this process has used."""

    def __init__(self, cpu: Callable[[], float]) -> None:
        self._cpu = cpu
        self.lag = Latencies()
        self._busiest = self._busy = 0.0
        self._begun: tuple[float, float] = (0.0, 0.0)
        self.share = 0.0
        """Of the window before."""

    async def run(self) -> None:
        """Until cancelled."""
        self._begun = last = (trio.current_time(), self._cpu())
        while True:
            due = trio.current_time() + PACE
            await trio.sleep_until(due)
            now = trio.current_time()
            self.lag.record(now - due)
            if now - last[0] >= WINDOW:
                used = self._cpu()
                self.share = (used - last[1]) / (now - last[0])
                self._busiest = max(self._busiest, self.share)
                if self.share >= BUSY:
                    self._busy += now - last[0]
                last = (now, used)

    def load(self, lateness: Latencies) -> OwnLoad:
        seconds = trio.current_time() - self._begun[0]
        used = self._cpu() - self._begun[1]
        return OwnLoad(
            cpu=used / seconds if seconds > 0 else 0.0,
            busiest=self._busiest,
            busy_seconds=self._busy,
            lag_p99_seconds=self.lag.quantile(0.99) or 0.0,
            lateness_p99_seconds=lateness.quantile(0.99) or 0.0,
        )
