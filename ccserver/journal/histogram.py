"""Counting durations into buckets: plain numbers, so that observing costs next to nothing."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise

from msgspec import Struct


class HistogramFigures(Struct, frozen=True, gc=False):
    """What a histogram held at one instant.

    ``counts`` are not cumulated; there is one more of them than bounds, for what lies above all.
    """

    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    sum: float

    def cumulated(self) -> list[tuple[str, float]]:
        """Upper bounds as text and the observations up to each, as Prometheus wants them."""
        buckets: list[tuple[str, float]] = []
        total = 0
        for bound, count in zip([*self.bounds, float("inf")], self.counts, strict=True):
            total += count
            buckets.append(("+Inf" if bound == float("inf") else str(bound), total))
        return buckets


class Histogram:
    """``bounds``: the buckets' upper bounds in seconds, rising; a bound belongs to its bucket."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        if not bounds or any(a >= b for a, b in pairwise(bounds)):
            raise ValueError(f"expected rising bounds, got {bounds!r}")
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, seconds: float) -> None:
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.sum += seconds

    def go_on(self, figures: HistogramFigures) -> None:
        """Count on from what an earlier run had, if it counted into the same buckets."""
        if figures.bounds == self.bounds:
            self.counts = list(figures.counts)
            self.sum = figures.sum

    def figures(self) -> HistogramFigures:
        return HistogramFigures(self.bounds, tuple(self.counts), self.sum)
