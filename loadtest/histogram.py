"""Latencies in buckets that grow with their values, as HdrHistogram has them.

Between two powers of two lie 128 buckets, so a quantile is right to 0.8 % from a microsecond to
days, in a few hundred numbers, however many were recorded.
"""

from __future__ import annotations

from collections.abc import Iterable

_BITS = 7
_EACH = 1 << _BITS
_UNIT = 1e-6


class Latencies:
    """Seconds in, seconds out; recording costs under a microsecond."""

    __slots__ = ("_counts", "count", "longest", "total")

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self.count = 0
        self.total = 0.0
        self.longest = 0.0

    def record(self, seconds: float) -> None:
        """What is below zero counts as zero."""
        seconds = max(0.0, seconds)
        value = int(seconds / _UNIT)
        shift = max(0, value.bit_length() - _BITS - 1)
        bucket = (shift << _BITS) + (value >> shift)
        self._counts[bucket] = self._counts.get(bucket, 0) + 1
        self.count += 1
        self.total += seconds
        if seconds > self.longest:
            self.longest = seconds

    def quantile(self, share: float) -> float | None:
        """The value that this share is at or below, to 0.8 % upwards; None: nothing was recorded.

        1 gives the longest, exactly.
        """
        if not self.count:
            return None
        wanted = share * self.count
        seen = 0
        for bucket in sorted(self._counts):
            seen += self._counts[bucket]
            if seen >= wanted:
                return min(_upper(bucket), self.longest)
        return self.longest

    @property
    def mean(self) -> float | None:
        return self.total / self.count if self.count else None

    def add(self, others: Iterable[Latencies]) -> Latencies:
        """Take over what others recorded; returns itself."""
        for other in others:
            for bucket, count in other._counts.items():
                self._counts[bucket] = self._counts.get(bucket, 0) + count
            self.count += other.count
            self.total += other.total
            self.longest = max(self.longest, other.longest)
        return self


def _upper(bucket: int) -> float:
    """The end of a bucket, in seconds."""
    shift = max(0, (bucket >> _BITS) - 1)
    return ((bucket - (shift << _BITS)) + 1 << shift) * _UNIT
