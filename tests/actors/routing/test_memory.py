"""Who served a caller last: bounded in number and in time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from actors.ids import AgentId
from actors.routing.memory import LastAgents

A, B = AgentId("a"), AgentId("b")


def test_the_last_one_counts_and_is_forgotten_in_time():
    memory = LastAgents(100.0)
    memory.remember("0123", A, 0.0)
    memory.remember("0123", B, 50.0)
    assert memory.recall("0123", 150.0) == B
    assert memory.recall("0123", 150.1) is None
    assert memory.recall("0456", 60.0) is None


def test_who_called_longest_ago_is_forgotten_first():
    memory = LastAgents(100.0, most=2)
    for n, caller in enumerate(("1", "2", "1", "3")):
        memory.remember(caller, A, float(n))
    assert [memory.recall(caller, 5.0) for caller in "123"] == [A, None, A]
    assert len(memory) == 2


def test_who_shows_no_number_is_not_known_again():
    memory = LastAgents(100.0)
    for caller in ("", "anonymous"):
        memory.remember(caller, A, 0.0)
        assert memory.recall(caller, 0.0) is None


@given(
    st.lists(st.tuples(st.sampled_from("123456"), st.floats(0, 30)), max_size=40),
    st.integers(1, 4),
)
def test_it_never_holds_more_than_it_may(calls, most):
    memory = LastAgents(50.0, most)
    now = 0.0
    for caller, later in calls:
        now += later
        memory.remember(caller, A, now)
        assert len(memory) <= most
        assert memory.recall(caller, now) == A
