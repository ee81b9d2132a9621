"""The highest rate that holds the objectives, as a machine that says which rate to try next.

    Climbing -> Halving -> Confirming -> Over
                Halving <- Confirming            it did not hold again: go on below

It doubles until a rate fails, halves the gap until that is small, and tries the rate found again:
one good run may be luck.
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

MOST_TRIALS = 60


class Climbing(Struct, frozen=True):
    rate: float


class Halving(Struct, frozen=True):
    """``rate`` is between one that held, or none, and one that failed."""

    rate: float
    failed: float


class Confirming(Struct, frozen=True):
    rate: float
    failed: float | None
    left: int


class Over(Struct, frozen=True):
    """``found``: the highest rate that held, each time; None: not even the lowest did."""

    found: float | None


State: TypeAlias = Climbing | Halving | Confirming | Over


class RateSearch:
    """Rates are calls a second; ``precision`` is a share of the rate."""

    def __init__(self, lowest: float, highest: float, precision: float, confirmations: int) -> None:
        self._highest, self._precision = highest, precision
        self._confirmations = confirmations
        self._held: list[float] = []
        """Rates that held, rising."""
        self._trials = 0
        self.state: State = Climbing(lowest)

    @property
    def rate(self) -> float | None:
        """To be tried next; None: it is over."""
        return None if isinstance(self.state, Over) else self.state.rate

    @property
    def found(self) -> float | None:
        """The highest rate that held, as far as is known by now."""
        if isinstance(self.state, Over):
            return self.state.found
        return self._held[-1] if self._held else None

    def judged(self, held: bool) -> None:
        """The rate was tried: whether it met the objectives."""
        self._trials += 1
        match self.state:
            case Climbing(rate) if held:
                self._held.append(rate)
                if rate >= self._highest:
                    self.state = self._confirm(rate, None)
                else:
                    self.state = Climbing(min(2 * rate, self._highest))
            case Climbing(rate):
                self.state = self._below(rate)
            case Halving(rate, failed) if held:
                self._held.append(rate)
                self.state = self._between(rate, failed)
            case Halving(rate):
                self.state = self._below(rate)
            case Confirming(rate, failed, left) if held:
                self.state = Confirming(rate, failed, left - 1) if left > 1 else Over(rate)
            case Confirming(rate):
                self._held.remove(rate)
                self.state = self._below(rate)
            case Over():
                raise ValueError("the search is over")
        if self._trials >= MOST_TRIALS and not isinstance(self.state, Over):
            self.state = Over(self.found)

    def _below(self, failed: float) -> State:
        """Whatever held lies below it, for rates are tried upwards from one that held."""
        return self._between(self._held[-1], failed) if self._held else Over(None)

    def _between(self, held: float, failed: float) -> State:
        if failed - held <= self._precision * failed:
            return self._confirm(held, failed)
        return Halving((held + failed) / 2, failed)

    def _confirm(self, rate: float, failed: float | None) -> State:
        if not self._confirmations:
            return Over(rate)
        return Confirming(rate, failed, self._confirmations)
