"""Why, and why not: each verdict, and that it agrees with what is decided."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from actors.ids import AgentId, ContactId
from actors.reasons import RoutingVerdict as Code
from actors.routing.explanation import explain
from actors.routing.strategies import Strategy
from tests.support.routing import Q, agent, contact, index_of, policy, ring, rules

A, B, C = AgentId("a"), AgentId("b"), ContactId("c")


def verdict(*those, under=None, of=A):
    return explain(index_of(*those, under=under), C, of)


def test_who_is_alone_and_fits_is_the_first_choice():
    told = verdict(agent("a"), contact("c"))
    assert (told.code, told.details["strategy"]) == (Code.FIRST_CHOICE, "longest_available")


def test_who_stands_behind_another_is_told_whom():
    told = verdict(agent("a", since=9.0, skills={"x": 1}), agent("b", since=1.0), contact("c"))
    assert told.code is Code.ANOTHER_FIRST
    assert told.details["first"] == "b"
    assert (told.details["rank"], told.details["own_rank"]) == ("0, 1, 1", "0, 9, 9")


def test_who_lacks_a_skill_is_told_which_and_when_it_will_not_matter():
    wide = policy(rules("q", ring(20.0, "english"), asks="english >= 5 and billing"))
    told = verdict(agent("a", skills={"english": 3, "billing": 2}), contact("c"), under=wide)
    assert told.code is Code.SKILLS_MISSING
    assert told.details == {
        "needs": "billing and english >= 5",
        "missing": "english >= 5",
        "has": "billing 2, english 3",
        "until": "20.000",
    }


def test_no_instant_is_promised_to_whom_no_ring_will_take():
    never = policy(rules("q", ring(20.0, "spanish"), asks="english"))
    told = verdict(agent("a"), contact("c"), under=never)
    assert "until" not in told.details


def test_a_contact_that_is_kept_for_another_says_for_whom_and_until_when():
    kept = contact("c", preferred=(B,), preferred_until=15.0)
    told = verdict(agent("a"), kept)
    assert told.code is Code.KEPT_FOR_ANOTHER
    assert told.details == {"preferred": "b", "until": "15.000"}
    assert verdict(agent("b"), kept, of=B).code is Code.FIRST_CHOICE


def test_a_queue_that_has_enough_agents_says_who_they_are():
    index = index_of(agent("a"), contact("c"), under=policy(rules("q", max_agents=1)))
    index.serve(Q, AgentId("z"), ContactId("x"))
    told = explain(index, C, A)
    assert (told.code, told.details) == (Code.QUEUE_FULL, {"max_agents": "1", "serving": "z"})


def test_what_is_not_there_or_must_not_be_is_said_first():
    assert verdict(agent("a")).code is Code.NOT_WAITING
    assert verdict(contact("c")).code is Code.NOT_AVAILABLE
    assert verdict(agent("a"), contact("c", avoid=("a",))).code is Code.AVOIDED


def test_who_has_failed_it_before_is_told_so():
    told = verdict(agent("a"), agent("b"), contact("c", tried=("a",)))
    assert told.code is Code.ANOTHER_FIRST
    assert "tried" in told.details
    told = verdict(agent("a"), contact("c", tried=("a",)))
    assert told.code is Code.FIRST_CHOICE
    assert "tried" in told.details


def test_where_lots_are_drawn_his_weight_is_told():
    lots = policy(rules("q", strategy=Strategy.WEIGHTED_RANDOM))
    told = verdict(agent("a", weight=3), contact("c"), under=lots)
    assert (told.code, told.details["weight"]) == (Code.BY_LOT, "3")


@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=6, unique=True),
    st.sampled_from([s for s in Strategy if s is not Strategy.WEIGHTED_RANDOM]),
    st.integers(0, 9),
)
def test_exactly_those_are_first_choices_who_would_be_chosen(since, strategy, level):
    agents = [agent(f"a{n}", since=n, position=n, skills={"x": n}) for n in since]
    under = policy(rules("q", asks=f"x >= {level}", strategy=strategy))
    index = index_of(*agents, contact("c"), under=under)
    choice = index.agent_for(C)
    chosen = set() if choice is None else {choice.agent.agent, *(o.agent for o in choice.others)}
    told = {one.agent: explain(index, C, one.agent).code for one in agents}
    assert {name for name, code in told.items() if code is Code.FIRST_CHOICE} == chosen
