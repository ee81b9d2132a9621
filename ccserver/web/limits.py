"""How much anyone may ask: a bucket of tokens for each name, refilled with time."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable

MOST_NAMES = 10_000


class Limit:
    """``rate`` a second, ``burst`` at once.  ``now`` gives monotonic seconds."""

    def __init__(self, rate: float, burst: float, now: Callable[[], float]) -> None:
        self._rate, self._burst, self._now = rate, burst, now
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, name: str) -> int:
        """0: it may; else the whole seconds after which it may try again."""
        now = self._now()
        tokens, at = self._buckets.pop(name, (self._burst, now))
        tokens = min(self._burst, tokens + (now - at) * self._rate)
        allowed = tokens >= 1.0
        self._buckets[name] = (tokens - allowed, now)
        if len(self._buckets) > MOST_NAMES:
            self._buckets.popitem(last=False)  # the one not seen for longest: it is full again
        return 0 if allowed else max(1, math.ceil((1.0 - tokens) / self._rate))
