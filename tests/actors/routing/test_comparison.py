"""Everybody in the order in which he would have been chosen, and why the others would not."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from actors.ids import AgentId, ContactId
from actors.reasons import RoutingVerdict as Code
from actors.routing.comparison import agents_for, contacts_for, were_they_available
from actors.routing.strategies import Strategy
from tests.support.routing import agent, contact, index_of, policy, rules

C = ContactId("c")


def shown(standings) -> list[tuple[str, int | None, str]]:
    return [(one.id, one.place, one.code) for one in standings]


def test_the_available_stand_in_the_order_of_the_rules_and_the_others_behind_them():
    able = {"english": 5}
    index = index_of(
        agent("a", since=3.0, skills=able),
        agent("b", since=1.0, skills=able),
        agent("x", since=0.0, skills={}),
        contact("c"),
        under=policy(rules("q", asks="english")),
    )
    assert shown(agents_for(index, C)) == [
        ("b", 1, Code.FIRST_CHOICE),
        ("a", 2, Code.ANOTHER_FIRST),
        ("x", None, Code.SKILLS_MISSING),
    ]
    assert set(index.available) == {"a", "b", "x"}  # it was only asked


def test_who_rings_beside_the_first_stands_beside_him():
    under = policy(rules("q", strategy=Strategy.RING_ALL))
    index = index_of(agent("a"), agent("b", since=5.0), contact("c"), under=under)
    choice = index.agent_for(C)
    assert [one.place for one in agents_for(index, C, choice)] == [1, 1]


def test_where_lots_are_drawn_nobody_is_next():
    under = policy(rules("q", strategy=Strategy.WEIGHTED_RANDOM))
    index = index_of(agent("a"), agent("b", since=5.0), contact("c"), under=under)
    choice = index.agent_for(C, lambda: 0.9)
    drawn, other = agents_for(index, C, choice)
    assert (drawn.id, drawn.place) == (choice.agent.agent, 1)
    assert (other.place, other.code) == (None, Code.BY_LOT)


def test_the_waiting_stand_in_the_order_in_which_an_agent_would_have_them():
    under = policy(rules("q"), rules("p", asks="spanish"))
    free = agent("a", skills={"english": 1})
    index = index_of(
        free,
        contact("c", since=4.0),
        contact("d", since=2.0),
        contact("e", since=0.0, queue="p"),
        under=under,
    )
    assert [(one.id, one.place) for one in contacts_for(index, free)] == [
        ("d", 1),
        ("c", 2),
        ("e", None),
    ]


def test_what_would_be_said_of_who_is_not_available_if_he_were():
    index = index_of(contact("c", avoid=("b",)), under=policy(rules("q", asks="english")))
    absent = [
        agent("a", skills={}),
        agent("b", skills={"english": 5}),
        agent("d", skills={"english": 5}),
    ]
    found = were_they_available(index, C, absent)
    assert {name: verdict.code for name, verdict in found.items()} == {
        "a": Code.SKILLS_MISSING,
        "b": Code.AVOIDED,
        "d": Code.FIRST_CHOICE,
    }
    assert not index.available


@given(st.lists(st.integers(0, 9), min_size=1, max_size=6))
def test_the_first_in_the_line_is_whom_the_index_chooses(since):
    agents = [agent(f"a{n}", since=float(when)) for n, when in enumerate(since)]
    index = index_of(*agents, contact("c"))
    line = agents_for(index, C)
    assert AgentId(line[0].id) == index.agent_for(C).agent.agent
    assert [one.place for one in line] == list(range(1, len(since) + 1))
