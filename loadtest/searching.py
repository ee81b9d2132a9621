"""A search carried out: a run of the scenario at each rate, and what came of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from loadtest.engine import CannotStart
from loadtest.result import Found, Result, Trial
from loadtest.scenario.model import Arrivals, Phase, Scenario
from loadtest.search import RateSearch
from loadtest.session import Display, perform


class Search:
    """``trials`` gives each as it is done; ``found`` is what is known by then."""

    def __init__(self, scenario: Scenario, directory: Path) -> None:
        self._scenario, self._directory = scenario, directory
        wanted = scenario.search
        self._search = RateSearch(
            wanted.lowest, wanted.highest, wanted.precision, wanted.confirmations
        )
        self._trials: list[Trial] = []
        self._ended: str | None = None
        self.broken_by: str | None = None
        """``died`` or ``unproved``: the verdict after which no more rates were tried."""

    def trials(self, display: Display | None = None) -> Iterator[tuple[Trial, Result]]:
        """Raises CannotStart if it cannot even begin."""
        while (rate := self._search.rate) is not None and self._ended is None:
            try:
                result = perform(at_rate(self._scenario, rate), self._directory, display)
            except CannotStart as error:
                if not self._trials:
                    raise
                self._ended, self.broken_by = str(error), "died"
                return
            number = len(self._trials) + 1
            where = f"{number:02d}-rate-{rate:g}"
            trial = Trial(rate, result.verdict == "passed", _why(result), where)
            self._trials.append(trial)
            self._search.judged(trial.held)
            if result.verdict in ("died", "unproved"):
                self._ended, self.broken_by = trial.why, result.verdict
            elif self._search.rate is None and self._search.found == self._scenario.search.highest:
                self._ended = "search.highest holds, and no higher rate was tried"
            yield trial, result

    @property
    def found(self) -> Found:
        """The highest rate that held, of those tried so far."""
        return Found(self._scenario.name, self._search.found, self._trials, self._ended)


def at_rate(scenario: Scenario, rate: float) -> Scenario:
    """The scenario with one rate, held; a warm-up before it does not count."""
    search = scenario.search
    warm_up = Phase(name="settle", seconds=search.settle_seconds, rate=rate, measured=False)
    hold = Phase(name="hold", seconds=search.seconds, rate=rate)
    process = scenario.arrivals.process
    arrivals = Arrivals(
        process="poisson" if process == "recorded" else process,
        phases=[warm_up, hold],
        seed=scenario.arrivals.seed,
    )
    return scenario.model_copy(update={"arrivals": arrivals})


def to_json(found: Found) -> bytes:
    return msgspec.json.format(msgspec.json.encode(found), indent=1)


def _why(result: Result) -> str:
    if result.died is not None:
        return result.died
    missed = [
        f"{judged.measure} {judged.wanted}, found "
        + ("nothing" if judged.found is None else f"{judged.found:.4g}")
        for judged in result.objectives
        if not judged.met
    ]
    if result.verdict == "unproved":
        missed.append(result.own.complaint or "")
    return "; ".join(missed) or "all objectives met"
