"""How long people wait before they give up, from those who did and those who were answered first.

The estimate is Kaplan's and Meier's: who was answered after a minute says nothing of what he would
have done later, but that he had patience for a minute.  Beyond the longest wait that was seen it
goes on as the exponential curve that leads there (Brown, Hollander and Korwar, 1974): otherwise
whoever is left would wait for ever.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from math import inf, log, nextafter
from operator import neg


class Survival:
    """``waits``: how long each waited, in seconds, and whether he gave up then."""

    def __init__(self, waits: Iterable[tuple[float, bool]]) -> None:
        # Who gave up at an instant was still there then: he comes before those answered at it.
        ordered = sorted(waits, key=lambda wait: (wait[0], not wait[1]))
        self.longest = ordered[-1][0] if ordered else 0.0
        """Wait that was seen."""
        self.times: list[float] = []
        """At which anybody gave up, rising."""
        self.shares: list[float] = []
        """Of all, who have more patience than that."""
        share, left = 1.0, len(ordered)
        for waited, gave_up in ordered:
            if gave_up:
                share *= (left - 1) / left
                if self.times and self.times[-1] == waited:
                    self.shares[-1] = share
                else:
                    self.times.append(waited)
                    self.shares.append(share)
            left -= 1

    def beyond(self, seconds: float) -> float:
        """The share of all who wait longer than that."""
        place = bisect_right(self.times, seconds)
        share = 1.0 if place == 0 else self.shares[place - 1]
        if seconds > self.longest and 0 < share < 1:
            return float(share ** (seconds / self.longest))
        return share

    def draw(self, lot: float, waited: float = 0.0) -> float:
        """The patience of one who has waited so long already; ``lot``: from 0 to 1, 1 excluded.

        Infinite where nobody is known to have given up at all.
        """
        wanted = lot * self.beyond(waited)
        first = bisect_right(self.times, waited)
        place = bisect_left(self.shares, -wanted, first, key=neg)
        if place < len(self.times):
            return self.times[place]
        left = self.shares[-1] if self.shares else 1.0
        if not 0 < left < 1 or wanted == 0:
            return inf
        return max(self.longest * log(wanted) / log(left), nextafter(waited, inf))
