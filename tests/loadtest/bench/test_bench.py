"""The table of figures, its history and its plots."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from loadtest.bench import history, parts
from loadtest.bench.__main__ import DIRECTORY, HISTORY, PAGE, further
from loadtest.bench.history import Row
from loadtest.bench.measures import MEASURES, Measure, Part
from loadtest.bench.page import BEGIN, END, PLOTS, plots, put, table, write
from loadtest.bench.parts import PARTS


def row(measure: str, value: float, began: str = "2026-03-02T10:00:00", machine: str = "2 x A"):
    goal = next(each for each in MEASURES if each.key == measure)
    return Row(began, "abc1234", machine, 0.5, measure, value, goal.goal, goal.is_met(value))


def test_every_measure_has_a_key_of_its_own_and_a_part_that_is_run_and_drawn() -> None:
    assert len({measure.key for measure in MEASURES}) == len(MEASURES)
    assert {measure.part for measure in MEASURES} == set(Part) == set(PARTS)
    assert sorted(part for drawn in PLOTS.values() for part in drawn) == sorted(Part)


def test_every_bench_is_run_for_the_table_or_with_the_rest() -> None:
    there = {path.stem for path in Path("loadtest").glob("bench_*.py")}

    assert "bench_store" in further()
    assert {name for name in there if hasattr(parts, name)} == there - set(further())
    assert "bench_calls" not in further()


def test_a_goal_is_a_highest_or_a_lowest_value() -> None:
    most = Measure("a", Part.CALLS, "", "ms", 2.0)
    least = Measure("b", Part.CALLS, "", "/s", 100.0, at_least=True)

    assert most.is_met(2.0)
    assert not most.is_met(2.1)
    assert least.is_met(100.0)
    assert not least.is_met(99.0)
    assert (most.times_the_goal(3.0), least.times_the_goal(50.0)) == (1.5, 2.0)


def test_a_goal_of_none_at_all_is_missed_by_no_number_of_times() -> None:
    assert Measure("a", Part.CALLS, "", "", 0.0).times_the_goal(3.0) is None
    assert Measure("b", Part.CALLS, "", "/s", 100.0, at_least=True).times_the_goal(0.0) is None


def test_the_history_keeps_every_run(tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    first, second = [row("call.cpu", 3.4)], [row("call.cpu", 0.5), row("hold.rate", 250.0)]

    assert history.read(path) == []
    history.add(path, first)
    history.add(path, second)

    assert history.read(path) == [*first, *second]


def test_what_is_no_measure_any_more_is_left_out_of_the_history(tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    kept = row("call.cpu", 3.4)

    history.add(path, [Row("2026", "abc", "A", 0.0, "bygone", 1.0, 1.0, True), kept])

    assert history.read(path) == [kept]


def test_the_table_has_each_measure_as_it_was_found_last() -> None:
    found = table([row("call.cpu", 3.4), row("call.cpu", 0.512), row("hold.rate", 250.0)])

    assert "≤ 0.6 ms | **0.512 ms** | met |" in found
    assert "≥ 600 /s | **250 /s** | **missed** | 2026-03-02 10:00, abc1234, load 0.5 |" in found
    assert "3.4" not in found
    assert found.count("not measured yet") == len(MEASURES) - 2


def test_a_plot_shows_the_runs_on_the_machine_of_the_last_one() -> None:
    rows = [row("call.cpu", 1.2, "2026-01", machine="another")]
    rows += [row("call.cpu", 1.2, "2026-02"), row("call.cpu", 0.6, "2026-03")]

    drawn = plots(rows)

    assert list(drawn) == ["calls"]
    line = ElementTree.fromstring(drawn["calls"]).find("{*}polyline")
    assert line is not None
    (_, above), (_, below) = (point.split(",") for point in line.attrib["points"].split())
    assert float(above) < float(below)


def test_a_page_keeps_what_stands_around_the_table(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nbygone\n{END}\nafter\n")

    write([row("call.cpu", 3.4)], page, tmp_path)

    text = page.read_text()
    assert text.startswith(f"before\n{BEGIN}\n")
    assert text.endswith(f"{END}\nafter\n")
    assert "bygone" not in text
    assert "**3.4 ms**" in text
    assert "(./calls.svg)" in text
    assert (tmp_path / "calls.svg").exists()


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="expected"):
        put("a page", "text")


def test_the_page_and_its_plots_are_those_of_the_history(tmp_path: Path) -> None:
    beside = tmp_path / PAGE.name
    beside.write_text(PAGE.read_text())
    (tmp_path / DIRECTORY.name).mkdir()

    write(history.read(HISTORY), beside, tmp_path / DIRECTORY.name)

    assert beside.read_text() == PAGE.read_text()
    for name in plots(history.read(HISTORY)):
        drawn = (tmp_path / DIRECTORY.name / f"{name}.svg").read_text()
        assert drawn == (DIRECTORY / f"{name}.svg").read_text()
