from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.histogram import Latencies

SECONDS = st.lists(st.floats(0, 1e5, allow_subnormal=False), min_size=1, max_size=200)


@given(SECONDS, st.sampled_from([0.01, 0.5, 0.9, 0.99, 1.0]))
def test_a_quantile_is_never_below_the_truth_and_at_most_a_hundredth_above(values, share):
    found = Latencies()
    for value in values:
        found.record(value)
    values.sort()
    wanted = share * len(values)
    truth = next(value for rank, value in enumerate(values, 1) if rank >= wanted)

    quantile = found.quantile(share)

    assert quantile is not None
    assert truth - 1e-6 <= quantile <= truth * 1.008 + 2e-6


@given(SECONDS, SECONDS)
def test_two_together_are_as_one(some, more):
    one, other, both = Latencies(), Latencies(), Latencies()
    for values, latencies in ((some, one), (more, other), (some + more, both)):
        for value in values:
            latencies.record(value)

    total = Latencies().add([one, other])

    assert [total.quantile(q) for q in (0.1, 0.5, 1)] == [both.quantile(q) for q in (0.1, 0.5, 1)]
    assert total.mean == pytest.approx(both.mean)


def test_where_nothing_was_recorded_there_is_no_quantile():
    assert Latencies().quantile(0.5) is None
    assert Latencies().mean is None


def test_what_came_before_its_time_counts_as_zero():
    found = Latencies()
    found.record(-0.001)

    assert found.longest == 0.0
