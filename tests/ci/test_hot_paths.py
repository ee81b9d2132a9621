"""What is executed most costs no more than at the last landing, or it is said why."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from loadtest.bench_hot_paths import PLOT, plot
from loadtest.hot_paths import TOLERANCE, Row, apart, history, measured, record

ANSWER = 'python -m loadtest.bench_hot_paths --record "why it costs more, or less"'


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="the history is of CPython 3.11")
def test_no_hot_path_has_become_dearer_unnoticed() -> None:
    now, last = measured(), history()[-1].counts

    assert not apart(now, last), ANSWER
    assert now.keys() == last.keys(), ANSWER


def test_what_differs_by_more_than_is_tolerated_is_told() -> None:
    last = {"call": 1000, "packet": 100}

    assert apart({"call": 1100, "packet": 91, "new": 5}, last) == []
    assert apart({"call": 1101, "packet": 100}, last) == [
        "call: 1101 bytecodes, 1000 at the last landing (1.10)"
    ]
    assert apart({"call": 1000, "packet": 89}, last) == [
        "packet: 89 bytecodes, 100 at the last landing (0.89)"
    ]
    assert TOLERANCE == 0.10


def test_a_history_keeps_what_was_measured_before_a_path_was_known(tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    rows = [Row("2026-01-01", {"call": 10}, "first"), Row("2026-01-02", {"packet": 3}, "a, b")]

    for row in rows:
        record(row, path)

    assert history(path) == rows


def test_the_plot_is_of_the_history() -> None:
    assert PLOT.read_text() == plot(history())
