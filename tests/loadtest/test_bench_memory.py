"""Whether memory was flat is judged by what was needed late, beside what was needed early."""

from __future__ import annotations

import csv
from pathlib import Path
from xml.etree import ElementTree

import pytest

from loadtest.bench_memory import Soak, plot, write


def soak(*needed: int) -> Soak:
    """Of one process, a figure a minute."""
    rows = [(60.0 * (n + 1), {"core": bytes_}) for n, bytes_ in enumerate(needed)]
    return Soak({"handled": 1}, rows, "passed")


def test_memory_that_rises_at_first_and_then_stays_is_flat() -> None:
    assert soak(*[50, 80, 90, 95], *[100] * 56).grown == {"core": 1.0}


def test_memory_that_rises_all_the_time_is_told_by_how_much() -> None:
    rising = soak(*(1000 + n for n in range(1, 61)))

    assert rising.grown["core"] == pytest.approx(1.04, abs=0.005)


def test_one_spike_is_no_growth() -> None:
    assert soak(*[100] * 58, 900, 100).grown == {"core": 1.0}


def test_the_memory_over_time_is_written_and_drawn(tmp_path: Path) -> None:
    found = soak(1_000_000, 2_000_000)

    write(found, tmp_path / "soak.csv")

    with (tmp_path / "soak.csv").open() as file:
        assert list(csv.DictReader(file)) == [
            {"seconds": "60", "core": "1000000"},
            {"seconds": "120", "core": "2000000"},
        ]
    assert "core" in "".join(ElementTree.fromstring(plot(found)).itertext())
