from __future__ import annotations

from pathlib import Path

from loadtest.scenario.reference import markdown
from loadtest.scenario.values import measures


def test_the_reference_of_scenarios_is_up_to_date():
    written = Path("docs/scenario.md").read_text(encoding="utf-8")

    assert written == markdown(), "stale: run `make docs`"


def test_every_key_of_a_scenario_says_what_it_is_for():
    for line in markdown().splitlines():
        if line.startswith("| `"):
            assert not line.endswith("|  |"), line


def test_every_measure_is_in_the_reference():
    page = markdown()

    for measure in measures():
        first, _, rest = measure.partition("_")
        assert f"`{measure}`" in page or f"`{first}_..._seconds`" in page, (measure, rest)
