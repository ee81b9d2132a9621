"""Which of those who fit: each strategy by itself."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from actors.ids import AgentId, ContactId
from actors.routing.lots import Lots
from actors.routing.selection import NothingToDraw
from actors.routing.strategies import Strategy
from tests.support.routing import Q, agent, contact, index_of, policy, rules

C = ContactId("c")


def under(strategy: Strategy, asks: str | None = None, **more):
    return policy(rules("q", asks=asks, strategy=strategy, **more))


def chosen(strategy, *agents, asks=None, waits=None, **more):
    index = index_of(*agents, waits or contact("c"), under=under(strategy, asks, **more))
    choice = index.agent_for(C)
    return None if choice is None else choice.agent.agent


def test_the_longest_available_whatever_else():
    those = agent("a", since=5.0, contacts=0), agent("b", since=1.0, contacts=9)
    assert chosen(Strategy.LONGEST_AVAILABLE, *those) == "b"


def test_who_has_served_fewest_and_then_who_has_waited_longest():
    one, two, three = (
        agent("a", since=1.0, contacts=3),
        agent("b", since=5.0, contacts=2, skills={"x": 1}),
        agent("c", since=4.0, contacts=2),
    )
    assert chosen(Strategy.FEWEST_CONTACTS, one, two, three) == "c"


def test_who_has_talked_least():
    those = agent("a", since=1.0, talked=90.0), agent("b", since=5.0, talked=80.5)
    assert chosen(Strategy.LEAST_TALK_TIME, *those) == "b"


def test_whose_proficiencies_in_what_is_asked_come_to_most():
    those = (
        agent("a", skills={"english": 9, "billing": 1, "chess": 10}),
        agent("b", skills={"english": 6, "billing": 6}),
    )
    assert chosen(Strategy.BEST_SKILL, *those, asks="english and billing") == "b"
    assert chosen(Strategy.BEST_SKILL, *those, asks="english and not trainee") == "a"


def test_the_first_of_the_queues_list_and_then_of_the_configuration():
    those = [agent(name, position=n) for n, name in enumerate("abcd")]
    assert chosen(Strategy.LINEAR, *those) == "a"
    listed = (AgentId("c"), AgentId("b"))
    assert chosen(Strategy.LINEAR, *those, listed=listed) == "c"
    assert chosen(Strategy.LINEAR, those[0], those[3], listed=listed) == "a"


def test_round_robin_goes_on_where_it_was_and_begins_anew_after_the_last():
    those = [agent(name, position=n, skills={name: 1}) for n, name in enumerate("abc")]
    index = index_of(*those, contact("c"), under=under(Strategy.ROUND_ROBIN))
    order = []
    for _ in range(5):
        choice = index.agent_for(C)
        assert choice is not None
        order.append(choice.agent.agent)
        index.take_turn(Q, choice.agent)
    assert order == ["a", "b", "c", "a", "b"]
    index.remove_agent(AgentId("c"))
    choice = index.agent_for(C)
    assert choice is not None
    assert choice.agent.agent == "a"  # c is not there, so a new round begins
    assert [head.rank[0] for head in choice.heads] == [1, 1]


def test_round_robin_passes_over_who_has_failed_it():
    those = [agent(name, position=n) for n, name in enumerate("abc")]
    waits = contact("c", tried=("a",), avoid=("b",))
    assert chosen(Strategy.ROUND_ROBIN, *those, waits=waits) == "c"


def test_all_of_them_ring_but_those_it_must_avoid():
    those = [agent(name, since=n) for n, name in enumerate("abcd")]
    waits = contact("c", tried=("a",), avoid=("b",))
    choice = index_of(*those, waits, under=under(Strategy.RING_ALL)).agent_for(C)
    assert choice is not None
    assert [choice.agent.agent, *(other.agent for other in choice.others)] == ["c", "d", "a"]


# --- lots -------------------------------------------------------------------------------------


def draws(numbers, *those, waits=None):
    index = index_of(*those, waits or contact("c"), under=under(Strategy.WEIGHTED_RANDOM))
    drawn = []
    for number in numbers:
        choice = index.agent_for(C, lambda number=number: number)
        drawn.append(None if choice is None else choice.agent.agent)
    return drawn


def test_who_has_three_times_the_weight_is_drawn_three_times_as_often():
    random = Random(1)
    those = [agent("a", weight=1), agent("b", weight=3), agent("c", weight=1, skills={"x": 1})]
    drawn = Counter(draws([random.random() for _ in range(5_000)], *those))
    assert drawn["b"] / 5_000 == pytest.approx(0.6, abs=0.03)
    assert drawn["a"] / 5_000 == pytest.approx(0.2, abs=0.03)
    assert drawn["c"] / 5_000 == pytest.approx(0.2, abs=0.03)


def test_each_of_a_class_has_his_part_of_the_lot():
    those = [agent(name, since=n) for n, name in enumerate("abcd")]
    assert draws([0.0, 0.3, 0.6, 0.999], *those) == ["a", "b", "c", "d"]


def test_who_has_failed_it_is_drawn_only_if_nobody_else_can_be():
    those = [agent(name, since=n) for n, name in enumerate("abc")]
    waits = contact("c", tried=("a",), avoid=("b",))
    assert set(draws([0.0, 0.5, 0.999], *those, waits=waits)) == {"c"}
    assert draws([0.5], *those[:2], waits=waits) == ["a"]
    assert draws([0.5], those[1], waits=waits) == [None]


def test_who_was_passed_over_by_the_lot_is_counted():
    those = [agent(name, since=n) for n, name in enumerate("abcd")]
    waits = contact("c", tried=("a",), avoid=("b",))
    index = index_of(*those, waits, under=under(Strategy.WEIGHTED_RANDOM))
    choice = index.agent_for(C, lambda: 0.1)
    assert choice is not None
    over = choice.passed_over
    assert (over.tried, over.avoided, over.behind, over.skills) == (1, 1, 1, 0)
    assert choice.draw == 0.1


def test_a_lot_cannot_be_drawn_from_nothing():
    index = index_of(agent("a"), contact("c"), under=under(Strategy.WEIGHTED_RANDOM))
    with pytest.raises(NothingToDraw):
        index.agent_for(C)


def test_the_numbers_of_one_lot_follow_from_the_first():
    one, other = Lots(), Lots()
    one.begin(0.25)
    other.begin(0.25)
    drawn = [one.draw() for _ in range(100)]
    assert drawn == [other.draw() for _ in range(100)]
    assert drawn[0] == 0.25
    assert all(0.0 <= number < 1.0 for number in drawn)
    assert sum(drawn) / 100 == pytest.approx(0.5, abs=0.05)


def test_round_robin_goes_on_from_whom_the_queue_gave_a_contact_last_by_other_rules():
    """Where he stands is what the list of now says, not that of then."""
    agents = [agent(name, position=place, seq=place) for place, name in enumerate("abcd")]
    before = policy(rules("q", strategy=Strategy.LONGEST_AVAILABLE))
    index = index_of(*agents, contact("c"), under=before)
    index.take_turn(Q, agents[1])
    listed = (AgentId("d"), AgentId("b"), AgentId("a"))
    after = index.under(policy(rules("q", strategy=Strategy.ROUND_ROBIN, listed=listed)), 0.0)
    choice = after.agent_for(ContactId("c"))
    assert choice is not None
    assert choice.agent.agent == "a"
