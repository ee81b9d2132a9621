"""What is foretold from a day's journal, against what would have been.

Of invented people it is known what a journal never tells: for how long each who was answered would
have waited, and each who was not would have talked.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from ccserver.settings import Settings
from ccserver.whatif.figures import ALL, Figures
from loadtest.bench_what_if import BEGINS, SEED, foretold_and_true
from loadtest.invented_day import rules, write_day

CALLS, AGENTS = 900, 9


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Of a centre that had such a day."""
    directory = tmp_path_factory.mktemp("centre")
    found = Settings.model_validate(rules(AGENTS, Path(directory)))
    write_day(found, BEGINS, CALLS, SEED)
    return found


def figures(day: Figures) -> tuple[float, ...]:
    assert day.service_level is not None
    assert day.abandonment is not None
    assert day.speed_of_answer is not None
    assert day.occupancy is not None
    return day.service_level, day.abandonment, day.speed_of_answer, day.occupancy


@pytest.mark.parametrize("order", ["+2:sales", "-1:sales"])
def test_what_other_staffing_does_is_foretold(settings, order):
    """What it truly changes, but for a third of that: in a day of so few calls chance does much."""
    compared, true = foretold_and_true(settings, CALLS, order, runs=3)

    was = figures(compared.recorded.queues[ALL])
    would = figures(true)
    runs = [figures(run.new.day.queues[ALL]) for run in compared.runs]
    foretold = [sum(values) / len(runs) for values in zip(*runs, strict=True)]
    for before, told, truly in zip(was, foretold, would, strict=True):
        assert abs(truly - before) > 0.05 * before  # there is something to foretell
        assert abs(told - truly) < abs(truly - before) / 3, (before, told, truly)
