from __future__ import annotations

import pytest

from loadtest.comparison import compare, to_text
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

    assert lines["setup p50 s"].ratio == pytest.approx(2.0)
    assert lines["core CPU s a call"].ratio == pytest.approx(0.5)
    assert lines["core CPU s a call"].before == pytest.approx(2 * 0.5 / 11)
    assert lines["dropped share"].ratio is None
    assert "ring p50 s" not in lines


def test_the_table_has_a_row_for_each():
    lines = compare(result(), result())

    rows = to_text(lines).splitlines()

    assert len(rows) == len(lines) + 1
    assert len({len(row) for row in rows}) == 1
    assert any(row.split()[-1] == "1.00" for row in rows)
