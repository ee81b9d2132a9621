"""The estimated wait: what must hold of any, and how often it comes true."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.estimate import CREW, DEPTH, LEAST, Busy, Line, line_of

TIMES = st.lists(st.floats(1.0, 1000.0), min_size=LEAST, max_size=60).map(sorted)
ELAPSED = st.lists(st.floats(0.1, 1500.0), max_size=8)
AHEAD = st.integers(0, 3 * DEPTH)


def line(idle: int, elapsed: list[float], times: list[float]) -> Line:
    found = line_of(idle, [Busy(one, times) for one in elapsed], times)
    assert found is not None
    return found


@given(st.integers(0, 3), ELAPSED, TIMES)
def test_nine_of_ten_wait_no_shorter_than_half_of_them(idle, elapsed, times) -> None:
    if not idle and not elapsed:
        return
    known = line(idle, elapsed, times)
    for ahead in range(0, 3 * DEPTH, 5):
        estimate = known.at(ahead)
        assert 0 <= estimate.p50 <= estimate.p90


@given(st.integers(0, 3), ELAPSED, TIMES, st.floats(0, 90), st.floats(0, 90))
def test_who_stands_behind_waits_no_shorter(idle, elapsed, times, one, other) -> None:
    if not idle and not elapsed:
        return
    known = line(idle, elapsed, times)
    before, behind = known.at(min(one, other)), known.at(max(one, other))
    assert before.p50 <= behind.p50 + 1e-6
    assert before.p90 <= behind.p90 + 1e-6


@given(st.integers(1, 6), TIMES, AHEAD)
def test_one_agent_more_is_no_worse(idle, times, ahead) -> None:
    """All free: nobody's remaining time is drawn differently for the new one's presence."""
    fewer, more = line(idle, [], times), line(idle * 2, [], times)
    assert more.at(ahead).p50 <= fewer.at(ahead).p50 + 1e-6


@given(ELAPSED.filter(bool), TIMES, AHEAD)
def test_twice_as_long_conversations_make_twice_as_long_a_wait(elapsed, times, ahead) -> None:
    once = line(1, elapsed, times).at(ahead)
    twice = line(1, [2 * one for one in elapsed], [2 * one for one in times]).at(ahead)
    assert twice.p50 == pytest.approx(2 * once.p50)
    assert twice.p90 == pytest.approx(2 * once.p90)


@given(st.integers(1, 8), st.integers(0, DEPTH - 1), st.floats(1, 1000))
def test_where_all_take_the_same_the_wait_is_counted_and_not_guessed(crew, ahead, time) -> None:
    estimate = line(crew, [], [time] * LEAST).at(ahead)
    assert estimate.p50 == estimate.p90 == pytest.approx(ahead // crew * time)


@given(ELAPSED, TIMES, AHEAD)
def test_the_same_is_estimated_the_same(elapsed, times, ahead) -> None:
    assert line(1, elapsed, times).at(ahead) == line(1, elapsed, times).at(ahead)


def test_who_has_a_free_agent_does_not_wait() -> None:
    known = line(3, [50.0] * 4, [100.0] * LEAST)
    assert [known.at(ahead).p90 for ahead in range(3)] == [0.0, 0.0, 0.0]
    assert known.at(3).p50 > 0


@pytest.mark.parametrize("known", [0, LEAST - 1])
def test_too_few_conversations_are_not_known(known) -> None:
    assert line_of(2, [], [60.0] * known) is None


def test_nobody_at_work_is_not_known() -> None:
    assert line_of(0, [], [60.0] * 50) is None


def test_an_agent_who_outlasts_all_we_know_is_no_promise() -> None:
    estimate = line(0, [5000.0], [100.0 + at for at in range(40)]).at(0)
    assert estimate.p50 > 100


@pytest.mark.parametrize("crew", [1, 8, 3 * CREW])
@pytest.mark.parametrize("ahead", [0, 10, 80])
@pytest.mark.parametrize("kind", ["exponential", "alike", "two kinds"])
def test_it_comes_true_as_often_as_it_says(crew, ahead, kind) -> None:
    """Against queues that are served by chance: half of the waits are below P50 and nine of ten
    below P90, give or take what 100 queues allow.
    """
    random = Random(f"{crew} {ahead} {kind}")

    def talk() -> float:
        match kind:
            case "exponential":
                return random.expovariate(1 / 180)
            case "alike":
                return max(1.0, random.gauss(180, 20))
        return random.gauss(40, 5) if random.random() < 0.7 else random.gauss(600, 60)

    within = {0.5: 0, 0.9: 0}
    rounds = 100
    for _ in range(rounds):
        seen = sorted(talk() for _ in range(200))
        busy = [under_way(random, talk) for _ in range(crew)]
        known = line_of(0, [Busy(gone, seen) for gone, _ in busy], seen)
        assert known is not None
        free = [length - gone for gone, length in busy]
        heapq.heapify(free)
        for _ in range(ahead):
            heapq.heapreplace(free, free[0] + talk())
        within[0.5] += free[0] <= known.at(ahead).p50
        within[0.9] += free[0] <= known.at(ahead).p90
    assert within[0.5] / rounds == pytest.approx(0.5, abs=0.17)
    assert within[0.9] / rounds == pytest.approx(0.9, abs=0.12)


def under_way(random: Random, talk: Callable[[], float]) -> tuple[float, float]:
    """How long it has lasted, and will have: at any instant the long ones are met more often."""
    while True:
        length = talk()
        if random.random() < length / 2000:
            return random.random() * length, length
