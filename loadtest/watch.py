"""The server, watched beside the calls: its processes and its metrics, a sample a second."""

from __future__ import annotations

import re
import urllib.request

import trio
from msgspec import Struct

from loadtest.processes import Processes, Usage

PACE = 1.0
PATIENCE = 2.0
"""Seconds that a scrape may take."""
_SAMPLE = re.compile(
    r"^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{.*\})? ([0-9.eE+-]+|NaN)(?: .*)?$", re.MULTILINE
)
MOST = 8 * 2**20
"""Bytes of a page of metrics."""


class Sample(Struct, frozen=True):
    at: float
    """Seconds after the begin."""
    cpu: dict[str, float]
    """Share of a core, by process."""
    memory: dict[str, int]
    """Bytes, by process."""
    metrics: dict[str, float]


class Watch:
    """``url`` None: no metrics."""

    def __init__(self, processes: Processes, url: str | None, show: list[str]) -> None:
        self._processes, self._url, self._show = processes, url, show
        self.samples: list[Sample] = []
        self.unreadable = 0
        """Scrapes that failed."""

    async def run(self) -> None:
        """Until cancelled."""
        begin = last = trio.current_time()
        before = self._processes.sample()
        while True:
            await trio.sleep_until(last + PACE)
            now, usage = trio.current_time(), self._processes.sample()
            metrics = await self._scraped()
            self.samples.append(
                Sample(
                    now - begin,
                    _shares(before, usage, now - last),
                    {name: one.memory for name, one in usage.items()},
                    metrics,
                )
            )
            if len(self.samples) > 7200:
                del self.samples[1::2]  # a soak: every second one will do
            before, last = usage, now

    async def _scraped(self) -> dict[str, float]:
        url = self._url
        if url is None:
            return {}
        try:
            page = await trio.to_thread.run_sync(_fetch, url, abandon_on_cancel=True)
        except (OSError, ValueError):
            self.unreadable += 1
            return {}
        return sums(page, self._show)


def sums(page: str, names: list[str]) -> dict[str, float]:
    """Of a Prometheus page, each name's samples summed over its labels."""
    found: dict[str, float] = {}
    for name, value in _SAMPLE.findall(page):
        if name in names and value != "NaN":
            found[name] = found.get(name, 0.0) + float(value)
    return found


def _fetch(url: str) -> str:
    with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
        page: bytes = answer.read(MOST)
    return page.decode(errors="replace")


def _shares(before: dict[str, Usage], after: dict[str, Usage], seconds: float) -> dict[str, float]:
    return {
        name: (usage.cpu - before[name].cpu) / seconds
        for name, usage in after.items()
        if name in before and seconds > 0
    }
