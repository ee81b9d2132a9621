from __future__ import annotations

import pytest

from loadtest.comparison import compare, different, to_text
from loadtest.result import Latency
from loadtest.watch import Sample
from tests.support.load_result import result


def server(cpu: float) -> list[Sample]:
    return [Sample(at, {"core": cpu}, {"core": 50_000_000}, {}) for at in (1.0, 2.0)]


def test_what_both_measured_stands_side_by_side():
    slow = Latency(10, 0.02, {"p50": 0.02, "p99": 0.08, "max": 0.1})
    before = result(server=server(0.5))
    after = result(server=server(0.25), latencies={"setup": slow, "ring": slow})

    lines = {line.what: line for line in compare(before, after)}

    assert lines["setup p50 ms"].ratio == pytest.approx(2.0)
    assert lines["core CPU ms a call"].ratio == pytest.approx(0.5)
    assert lines["core CPU ms a call"].before == pytest.approx(2 * 500 / 11)
    assert lines["dropped share"].ratio is None
    assert "ring p50 ms" not in lines


def test_the_table_has_a_row_for_each():
    lines = compare(result(), result())

    rows = to_text(lines).splitlines()

    assert len(rows) == len(lines) + 1
    assert len({len(row) for row in rows}) == 1
    assert any(row.split()[-1] == "1.00" for row in rows)


def test_what_was_used_before_calls_came_is_no_cost_of_theirs():
    busy = [Sample(-1.0, {"core": 1.0}, {"core": 1}, {}), *server(0.5)]

    lines = compare(result(server=busy), result(server=server(0.5)))

    assert [line for line in lines if line.before != line.after] == []


def test_it_is_said_what_of_the_scenario_is_not_the_same():
    one = {"name": "day", "arrivals": {"phases": [{"rate": 5}]}, "search": {"seconds": 30}}
    other = {"name": "day", "arrivals": {"phases": [{"rate": 10}]}, "search": {"seconds": 30}}

    assert different(result(wanted=one), result(wanted=other)) == [
        "arrivals.phases.0.rate: 5, then 10"
    ]
