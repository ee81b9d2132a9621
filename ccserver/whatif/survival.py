"""How long people wait before they give up, from those who did and those who were answered first.

The estimate is Kaplan's and Meier's: who was answered after a minute says nothing of what he would
have done later, but that he had patience for a minute.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from math import inf
from operator import neg


class Survival:
    """``waits``: how long each waited, in seconds, and whether he gave up then."""

    def __init__(self, waits: Iterable[tuple[float, bool]]) -> None:
        # Who gave up at an instant was still there then: he comes before those answered at it.
        ordered = sorted(waits, key=lambda wait: (wait[0], not wait[1]))
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
        return 1.0 if place == 0 else self.shares[place - 1]

    def draw(self, lot: float, waited: float = 0.0) -> float:
        """The patience of one who has waited so long already; ``lot``: from 0 to 1, 1 excluded.

        Infinite where nobody is known to have given up so late.
        """
        wanted = lot * self.beyond(waited)
        first = bisect_right(self.times, waited)
        place = bisect_left(self.shares, -wanted, first, key=neg)
        return self.times[place] if place < len(self.times) else inf
