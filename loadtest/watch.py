"""The server, watched beside the calls: its processes and its metrics, a sample a second."""

from __future__ import annotations

import math
import re
import urllib.request

import trio
from msgspec import Struct

from loadtest.processes import Processes, Usage

PACE = 1.0
PATIENCE = 2.0
"""Seconds that a scrape may take."""
_SAMPLE = re.compile(
    r"^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? ([0-9.eE+-]+|NaN)(?: .*)?$", re.MULTILINE
)
_BOUND = re.compile(r'(?:^|,)le="([^"]+)"')
MOST = 8 * 2**20
"""Bytes of a page of metrics."""


class Sample(Struct, frozen=True):
    at: float
    """Seconds after calls began to come; while a run lasts, an instant of its clock."""
    cpu: dict[str, float]
    """Share of a core, by process."""
    memory: dict[str, int]
    """Bytes, by process."""
    metrics: dict[str, float]


class Watch:
    """``url`` None: no metrics."""

    def __init__(self, processes: Processes, url: str | None, show: list[str]) -> None:
        self._processes, self._url, self._figures = processes, url, Figures(show)
        self.samples: list[Sample] = []
        self.unreadable = 0
        """Scrapes that failed."""

    async def run(self) -> None:
        """Until cancelled."""
        last = trio.current_time()
        before = self._processes.sample()
        while True:
            await trio.sleep_until(last + PACE)
            now, usage = trio.current_time(), self._processes.sample()
            metrics = await self._scraped()
            self.samples.append(
                Sample(
                    now,
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
        return self._figures.read(page)


class Figures:
    """Reads pages, one after the other.  ``show``: names of series, to be summed over their labels;
    or of histograms, as ``request_seconds:p99``, of what came since the page before."""

    def __init__(self, show: list[str]) -> None:
        self._names = [name for name in show if ":p" not in name]
        self._quantiles = {
            name: (name.partition(":p")[0], float(f"0.{name.partition(':p')[2]}"))
            for name in show
            if ":p" in name
        }
        self._before: dict[str, dict[float, float]] = {}

    def read(self, page: str) -> dict[str, float]:
        """What the page has of them; a histogram in which nothing new came has no quantile."""
        found: dict[str, float] = {}
        buckets: dict[str, dict[float, float]] = {}
        histograms = {name for name, _ in self._quantiles.values()}
        for name, labels, value in _SAMPLE.findall(page):
            if value == "NaN":
                continue
            if name in self._names:
                found[name] = found.get(name, 0.0) + float(value)
            elif name.endswith("_bucket") and name.removesuffix("_bucket") in histograms:
                counts = buckets.setdefault(name.removesuffix("_bucket"), {})
                bound = _BOUND.search(labels)
                if bound is not None:
                    upper = float(bound[1])
                    counts[upper] = counts.get(upper, 0.0) + float(value)
        for shown, (name, share) in self._quantiles.items():
            quantile = _quantile(buckets.get(name, {}), self._before.get(name, {}), share)
            if quantile is not None:
                found[shown] = quantile
        self._before = buckets
        return found


def _quantile(after: dict[float, float], before: dict[float, float], share: float) -> float | None:
    """The upper bound of the bucket that holds it; of the last finite one, if it is beyond all."""
    counts = [(upper, after[upper] - before.get(upper, 0.0)) for upper in sorted(after)]
    total = counts[-1][1] if counts else 0.0
    if total <= 0:
        return None
    upper = next(upper for upper, count in counts if count >= share * total)
    finite = [bound for bound, _ in counts if bound < math.inf]
    return upper if upper < math.inf else max(finite, default=0.0)


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
