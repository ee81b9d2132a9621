"""The estimated wait of a contact, as a distribution.

The queue before the contact is served many times over, by the agents who are at work: each time
whoever is busy ends when one of the recent conversations that have lasted as long as his would have
ended, and everyone before us takes as long as one of the recent conversations took.  What is said
is how these trials turn out.  There is no chance in it: the trials take the recent conversations in
orders that are always the same, and each of them as often as any other.
"""

from __future__ import annotations

import heapq
from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache
from math import sqrt

from msgspec import Struct

TRIALS = 61
DEPTH = 24
"""Places in line that are tried one by one; those behind follow from how fast the line moves."""
CREW = 64
"""Agents that are tried one by one; a greater crew is stood for by so many of it."""
LEAST = 10
"""Conversations without which nothing is known."""
_Z90 = 1.2816
"""Standard deviations from the middle of a normal distribution to nine tenths of it."""


class Estimate(Struct, frozen=True, gc=False):
    """In seconds from now until an agent's phone rings: half of those who stand there wait no
    longer than ``p50``, nine of ten no longer than ``p90``.
    """

    p50: float
    p90: float


class Busy(Struct, frozen=True):
    """An agent with a contact.  ``times``: how long such ones take, ascending, in seconds."""

    elapsed: float
    times: Sequence[float]


class Line(Struct, frozen=True):
    """How long each place of a line waits, the first first, and how fast the line moves behind."""

    places: tuple[Estimate, ...]
    pace: float
    """Seconds from one place to the next."""
    spread: float
    """The variance of that."""
    known: int
    """Of how many conversations all this is known."""
    stride: float = 1.0
    """How many agents each that was tried stands for."""

    def at(self, ahead: float) -> Estimate:
        """For who has so many before him; a fraction is between two places."""
        ahead = (ahead + 1) / self.stride - 1
        last = len(self.places) - 1
        if ahead >= last:
            # How much the sum of the times that follow varies, and how well their mean is known.
            more, end = ahead - last, self.places[last]
            variance = self.spread * (more + more**2 / self.known)
            width = sqrt((end.p90 - end.p50) ** 2 + _Z90**2 * variance)
            p50 = end.p50 + more * self.pace
            return Estimate(p50, p50 + width)
        if ahead < 0:  # before the first who is free of those who stand for so many
            first = self.places[0]
            return Estimate(first.p50 * (ahead + 1), first.p90 * (ahead + 1))
        before = int(ahead)
        share, one, other = ahead - before, self.places[before], self.places[before + 1]
        return Estimate(
            one.p50 + share * (other.p50 - one.p50), one.p90 + share * (other.p90 - one.p90)
        )


def line_of(idle: int, busy: Sequence[Busy], times: Sequence[float]) -> Line | None:
    """What the line of a queue is like, with so many agents at work.

    ``times``: how long an agent was taken up by each of the queue's recent contacts, wrap-up
    included, ascending.  None: there are no agents, or too few contacts to know.
    """
    crew = idle + len(busy)
    if crew == 0 or len(times) < LEAST:
        return None
    stride = max(1.0, crew / CREW)
    hands = _every(stride, [Busy(0.0, ())] * idle + sorted(busy, key=lambda one: one.elapsed))
    draws = [_order(draw) for draw in range(len(hands) + DEPTH)]
    rests = [_rests(one, draws[at], times) for at, one in enumerate(hands)]
    took = [[times[int(share * len(times))] for share in draw] for draw in draws[len(hands) :]]
    trials = [_tried([rest[t] for rest in rests], [one[t] for one in took]) for t in range(TRIALS)]
    places = []
    for waits in zip(*trials, strict=True):
        ordered = sorted(waits)
        places.append(Estimate(ordered[TRIALS // 2], ordered[TRIALS * 9 // 10]))
    mean = sum(times) / len(times)
    variance = sum((time - mean) ** 2 for time in times) / len(times)
    pace, spread = mean / len(hands), variance / len(hands) ** 2
    return Line(tuple(places), pace, spread, len(times), stride)


def _tried(free: list[float], took: Sequence[float]) -> list[float]:
    """When each place is served, if the agents are free then, and each one served takes so long."""
    heapq.heapify(free)
    waits = []
    for time in took:
        begins = free[0]
        waits.append(begins)
        heapq.heapreplace(free, begins + time)
    return waits


def _rests(one: Busy, shares: Sequence[float], times: Sequence[float]) -> list[float]:
    """How much longer he is taken up, in each trial; who has outlasted everyone begins anew."""
    known = one.times
    if not known:
        if one.elapsed == 0.0:
            return [0.0] * TRIALS
        return [times[int(share * len(times))] for share in shares]
    first = bisect_right(known, one.elapsed)
    longer = len(known) - first
    if longer == 0:
        return [known[int(share * len(known))] for share in shares]
    return [known[first + int(share * longer)] - one.elapsed for share in shares]


@lru_cache(1024)
def _order(draw: int) -> tuple[float, ...]:
    """One number of each of as many equal parts of 0 to 1 as there are trials, shuffled."""
    parts = [(part + _mixed(draw, part) / 2**64) / TRIALS for part in range(TRIALS)]
    for last in range(TRIALS - 1, 0, -1):  # Fisher-Yates
        other = _mixed(draw, TRIALS + last) % (last + 1)
        parts[last], parts[other] = parts[other], parts[last]
    return tuple(parts)


def _mixed(draw: int, number: int) -> int:
    """64 bits that look like chance, and never change: the finisher of SplitMix64."""
    bits = (draw * TRIALS * 2 + number + 1) * 0x9E3779B97F4A7C15 % 2**64
    bits = (bits ^ bits >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    bits = (bits ^ bits >> 27) * 0x94D049BB133111EB % 2**64
    return bits ^ bits >> 31


def _every(stride: float, crew: Sequence[Busy]) -> Sequence[Busy]:
    if stride == 1.0:
        return crew
    return [crew[int((at + 0.5) * stride)] for at in range(CREW)]
