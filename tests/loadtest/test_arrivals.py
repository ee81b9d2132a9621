from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

from loadtest.arrivals import BadRecording, planned, rate_at, read_recording, recorded
from loadtest.scenario.model import Phase


def phase(**keys: object) -> Phase:
    return Phase.model_validate({"name": "p", "seconds": 10, "rate": 10, **keys})


def instants(phases: list[Phase], process: str, seed: int = 1) -> list[float]:
    return [arrival.at for arrival in planned(phases, process, Random(seed))]


def test_constant_arrivals_are_even():
    assert instants([phase()], "constant") == pytest.approx([n / 10 for n in range(1, 101)])


def test_a_ramp_brings_the_area_under_it():
    found = instants([phase(from_rate=0, rate=20)], "constant")

    assert len(found) == 100
    assert sum(at < 5.001 for at in found) == 25  # a quarter of the area in the first half
    assert all(0 < at <= 10.000001 for at in found)


def test_a_staircase_stays_on_its_steps():
    stairs = [phase(from_rate=10, rate=30, steps=3, seconds=30)]

    assert [rate_at(stairs, at) for at in (0, 9.9, 10.1, 20.1, 29.9, 30.1)] == [
        10,
        10,
        20,
        30,
        30,
        0,
    ]
    assert len(instants(stairs, "constant")) == 600


def test_a_quiet_phase_has_no_calls_and_the_next_one_begins_in_time():
    found = list(planned([phase(rate=0), phase(rate=1, seconds=3)], "constant", Random(1)))

    assert [(arrival.at, arrival.phase) for arrival in found] == [(11, 1), (12, 1), (13, 1)]


def test_poisson_arrivals_have_the_rate_and_the_scatter_of_chance():
    found = instants([phase(seconds=2000)], "poisson")
    gaps = [after - before for before, after in pairwise(found)]
    mean = sum(gaps) / len(gaps)
    scatter = (sum((gap - mean) ** 2 for gap in gaps) / len(gaps)) ** 0.5

    assert len(found) == pytest.approx(20_000, rel=0.03)
    assert scatter / mean == pytest.approx(1, rel=0.05)
    assert found == sorted(found)


def test_the_same_seed_draws_the_same_calls():
    phases = [phase(from_rate=1, rate=50)]

    assert instants(phases, "poisson", 7) == instants(phases, "poisson", 7)
    assert instants(phases, "poisson", 7) != instants(phases, "poisson", 8)


def test_a_recording_is_played_in_its_order_and_at_its_speed(tmp_path: Path):
    path = tmp_path / "calls.csv"
    path.write_text("# of a Monday\n2.5,2002\n\n0.5\n")

    found = list(recorded(read_recording(path), 2.0))

    assert [(arrival.at, arrival.number) for arrival in found] == [(0.25, None), (1.25, "2002")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "calls.csv: expected at least one call"),
        ("1\nsoon,2001", "calls.csv, line 2: expected seconds after the start, got 'soon'"),
        ("-1", "line 1: expected seconds after the start, got '-1'"),
        ("nan", "line 1: expected seconds"),
    ],
)
def test_a_recording_that_is_none_is_refused(tmp_path: Path, text: str, expected: str):
    path = tmp_path / "calls.csv"
    path.write_text(text)

    with pytest.raises(BadRecording, match=expected):
        read_recording(path)
