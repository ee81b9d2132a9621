from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest import searching
from loadtest.result import Judged
from loadtest.search import MOST_TRIALS, Over, RateSearch
from loadtest.searching import Search, at_rate
from tests.support.load import scenario
from tests.support.load_result import result


def found(search: RateSearch, holds: Callable[[float], bool]) -> tuple[float | None, list[float]]:
    """What it finds with a server of which ``holds`` tells, and the rates it tried."""
    tried = []
    while (rate := search.rate) is not None:
        tried.append(rate)
        search.judged(holds(rate))
    assert isinstance(search.state, Over)
    return search.state.found, tried


def test_it_doubles_then_halves_then_confirms():
    rate, tried = found(RateSearch(10, 1000, 0.1, 1), lambda rate: rate <= 100)

    assert tried == [10, 20, 40, 80, 160, 120, 100, 110, 100]
    assert rate == 100


def test_a_server_that_holds_all_is_tried_no_higher_than_asked():
    rate, tried = found(RateSearch(10, 100, 0.1, 2), lambda rate: True)

    assert rate == 100
    assert tried == [10, 20, 40, 80, 100, 100, 100]


def test_a_server_that_does_not_hold_the_lowest_ends_it():
    assert found(RateSearch(10, 100, 0.1, 1), lambda rate: False) == (None, [10])


def test_a_rate_that_held_by_luck_is_given_up():
    lucky = iter([True, True, True, False, False, False, True, True])

    rate, tried = found(RateSearch(10, 1000, 0.5, 1), lambda rate: next(lucky))

    # 10, 20 and 40 hold, 80 fails; 40 does not hold again, nor does 20; 10 does.
    assert tried == [10, 20, 40, 80, 40, 20, 10]
    assert rate == 10


@given(
    st.floats(1, 100), st.floats(1, 100), st.floats(0.01, 0.5), st.floats(0.5, 10_000),
    st.integers(0, 3),
)  # fmt: skip
def test_the_rate_found_holds_and_is_as_near_the_limit_as_asked(
    lowest, factor, precision, limit, confirmations
):
    highest = lowest * factor
    search = RateSearch(lowest, highest, precision, confirmations)

    rate, tried = found(search, lambda rate: rate <= limit)

    assert len(tried) <= MOST_TRIALS
    if limit < lowest:
        assert rate is None
    else:
        assert rate is not None
        assert rate <= min(limit, highest)
        assert rate >= min(limit, highest) * (1 - precision) * 0.999


@given(st.lists(st.booleans(), min_size=MOST_TRIALS, max_size=MOST_TRIALS), st.integers(0, 3))
def test_it_ends_however_the_server_wavers(answers, confirmations):
    wavering = iter(answers)

    rate, tried = found(RateSearch(1, 500, 0.05, confirmations), lambda rate: next(wavering))

    assert len(tried) <= MOST_TRIALS
    assert rate is None or rate in tried


def test_what_is_over_cannot_be_judged():
    search = RateSearch(1, 10, 0.1, 0)
    search.judged(False)

    with pytest.raises(ValueError, match="over"):
        search.judged(True)


def test_each_trial_is_the_scenario_at_one_rate_with_a_warm_up():
    one = at_rate(scenario(search={"settle_seconds": 3, "seconds": 20}), 42)

    assert [(p.rate, p.seconds, p.measured) for p in one.arrivals.phases] == [
        (42, 3, False),
        (42, 20, True),
    ]
    assert one.callers == scenario().callers


@pytest.mark.parametrize(
    ("beyond", "rate", "broken_by", "ended"),
    [
        ({}, 4, None, "search.highest holds, and no higher rate was tried"),
        ({"objectives": [Judged("failed_share", "<= 0", 0.5, False)]}, 2, None, None),
        ({"died": "its process has ended"}, 2, "died", "its process has ended"),
    ],
)
def test_a_search_says_why_it_went_no_further(monkeypatch, beyond, rate, broken_by, ended):
    def perform(wanted, directory, display):
        return result(**(beyond if wanted.arrivals.phases[0].rate > 2 else {}))

    monkeypatch.setattr(searching, "perform", perform)
    limits = {"lowest": 1, "highest": 4, "precision": 0.5}
    search = Search(scenario(search=limits), Path())

    trials = list(search.trials())

    assert trials
    assert (search.found.rate, search.found.ended, search.broken_by) == (rate, ended, broken_by)
