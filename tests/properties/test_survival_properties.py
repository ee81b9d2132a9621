"""Patience, from those who gave up and those who were answered first."""

from __future__ import annotations

from math import inf, isclose

from hypothesis import given
from hypothesis import strategies as st

from ccserver.whatif.survival import Survival

WAITS = st.lists(st.tuples(st.integers(1, 40).map(float), st.booleans()), max_size=40)
LOTS = st.floats(0, 1, exclude_max=True)


def product_limit(waits: list[tuple[float, bool]], at: float) -> float:
    """Kaplan and Meier, 1958, as it is written there: a factor for each time of an end."""
    share = 1.0
    for time in sorted({waited for waited, gave_up in waits if gave_up and waited <= at}):
        at_risk = sum(waited >= time for waited, _ in waits)
        ended = sum(waited == time and gave_up for waited, gave_up in waits)
        share *= 1 - ended / at_risk
    return share


@given(WAITS, st.floats(0, 50))
def test_the_estimate_is_kaplans_and_meiers_as_far_as_anybody_was_seen_to_wait(waits, at):
    survival = Survival(waits)
    at = min(at, survival.longest)
    assert isclose(survival.beyond(at), product_limit(waits, at), abs_tol=1e-12)


@given(WAITS, st.floats(0, 200), st.floats(0, 200))
def test_beyond_that_it_falls_as_an_exponential_curve_through_its_last_point(waits, one, other):
    survival = Survival(waits)
    longest, left = survival.longest, product_limit(waits, survival.longest)
    first, second = survival.beyond(longest + one), survival.beyond(longest + other)
    if 0 < left < 1:
        both = survival.beyond(longest + one + other)
        assert isclose(first * second, both * left, rel_tol=1e-6)
        assert isclose(first, left ** (1 + one / longest), rel_tol=1e-9)
    else:
        assert first == second == left  # all gave up, or nobody did


@given(st.lists(st.integers(1, 40).map(float), min_size=1, max_size=40), st.floats(0, 50))
def test_where_all_gave_up_it_is_the_share_of_those_who_waited_longer(waits, at):
    longer = sum(waited > at for waited in waits) / len(waits)
    found = Survival((waited, True) for waited in waits).beyond(at)
    assert isclose(found, longer, abs_tol=1e-12)


@given(WAITS, LOTS, st.floats(0, 50))
def test_who_has_waited_so_long_gives_up_later_if_ever(waits, lot, waited):
    survival = Survival(waits)
    drawn = survival.draw(lot, waited)
    assert drawn > waited
    assert drawn == inf or drawn > survival.longest or (drawn, True) in waits
    if not any(gave_up for _, gave_up in waits):
        assert drawn == inf


@given(WAITS, LOTS, LOTS)
def test_a_smaller_lot_is_more_patience(waits, one, other):
    survival = Survival(waits)
    small, great = sorted((one, other))
    assert survival.draw(small) >= survival.draw(great)


@given(WAITS, st.floats(0, 30))
def test_lots_that_are_even_give_patience_as_it_is_estimated(waits, waited):
    """Of a thousand, the share whom each time leaves is the estimate's, given that they waited."""
    survival = Survival(waits)
    drawn = [survival.draw((lot + 0.5) / 1000, waited) for lot in range(1000)]
    for time in (*survival.times, survival.longest + 10):
        if time > waited and survival.beyond(waited) > 0:
            left = sum(each > time for each in drawn) / 1000
            share = survival.beyond(time) / survival.beyond(waited)
            assert abs(left - share) <= 0.001 + 1e-9
