"""What an assignment from outside is held to, and what the rules leave to an outside router."""

from __future__ import annotations

import pytest

from actors.ids import AgentId, ContactId
from actors.reasons import Refusal
from actors.reasons import RoutingVerdict as Code
from actors.routing.explanation import explain, suits
from actors.routing.outside import AssignContact, choice_of, refusal_of, version_of
from actors.routing.policy import Outside
from tests.support.routing import Q, agent, contact, index_of, policy, ring, rules

A, B, C = AgentId("a"), AgentId("b"), ContactId("c")
ROUTED = Outside(30.0, 10.0)


def index(*those, now=0.0, **queue):
    """Under rules of one queue, whose outside router was heard at 0."""
    under = policy(rules("q", *queue.pop("rings", ()), outside=ROUTED, **queue))
    made = index_of(under=under)
    made.hear_router(Q, 10.0, 0.0)
    for one in those:
        if hasattr(one, "contact"):
            made.add_contact(one, now)
        else:
            made.add_agent(one)
    return made


def refused(made, now=5.0, ringing=(), **wish):
    found = refusal_of(AssignContact(C, A, "router", "r", **wish), made, ringing, now)
    return None if found is None else (found.code, dict(found.details))


def test_the_rules_give_nobody_a_contact_that_is_kept_for_the_router():
    made = index(agent("a"), contact("c"))
    assert made.agent_for(C) is None
    assert made.contact_for(agent("a")) is None
    assert explain(made, C, A).code is Code.KEPT_FOR_ROUTER
    assert explain(made, C, A).details == {"until": "30.000"}


def test_it_is_kept_so_long_and_no_longer_even_if_the_router_is_there():
    made = index(agent("a"), contact("c"))
    assert made.next_change == 10.0  # the router must be heard again
    made.hear_router(Q, 99.0, 9.0)
    assert made.next_change == 30.0
    assert made.pass_time(29.0) == set()
    assert made.pass_time(30.0) == {C}
    assert made.agent_for(C).agent.agent == A


def test_who_came_when_the_router_was_silent_is_kept_for_it_as_it_comes_back():
    made = index(agent("a"), contact("c"))
    assert made.silent_routers(9.9) == []
    assert made.silent_routers(10.0) == [Q]
    assert made.lose_router(Q, 10.0) == {C}
    assert made.agent_for(C).agent.agent == A
    made.hear_router(Q, 30.0, 20.0)
    assert made.agent_for(C) is None


def test_who_waited_too_long_meanwhile_is_not_kept_again():
    made = index(agent("a"), contact("c"))
    made.lose_router(Q, 10.0)
    made.hear_router(Q, 50.0, 40.0)
    assert made.agent_for(C).agent.agent == A


def test_another_queues_contacts_are_the_rules_and_those_kept_are_counted():
    made = index(contact("c"), contact("d", queue="other", since=1.0))
    choice = made.contact_for(agent("a"))
    assert choice.contact.contact == "d"
    assert choice.passed_over.routed == 1


def test_behind_the_routers_time_come_the_rings_that_have_begun_and_their_priority():
    late = (ring(20.0, "spanish", priority=1), ring(60.0))
    made = index(agent("a", skills={"spanish": 3}), contact("c"), rings=late, asks="english")
    made.hear_router(Q, 99.0, 9.0)
    assert made.pass_time(30.0) == {C}
    assert made.agent_for(C).stage.ring == 1
    assert made.look_up(C).key[2] == 1


def test_the_last_agent_is_preferred_when_the_routers_time_is_over():
    kept = contact("c", preferred=(B,), preferred_until=45.0)
    made = index(agent("a"), agent("b", since=9.0), kept)
    assert suits(made, C, A, 5.0).code is Code.SUITS  # the router is not bound by it
    made.hear_router(Q, 99.0, 9.0)
    made.pass_time(30.0)
    assert made.agent_for(C).agent.agent == B
    assert suits(made, C, A, 31.0).code is Code.KEPT_FOR_ANOTHER


def test_other_rules_keep_a_router_that_is_there_and_give_a_new_one_time():
    made = index(contact("c"))
    made.lose_router(Q, 10.0)
    same = policy(rules("q", outside=ROUTED), rules("new", outside=ROUTED))
    under = made.under(same, 20.0)
    assert under.routed_until == {"new": 30.0}
    assert under.under(policy(rules("q")), 21.0).routed_until == {}


@pytest.mark.parametrize(
    ("those", "code", "details"),
    [
        ([agent("a")], Refusal.CONTACT_NOT_WAITING, {}),
        ([contact("c")], Refusal.AGENT_NOT_AVAILABLE, {}),
        ([contact("c", avoid=("a",)), agent("a")], Refusal.NOT_FITTING, {"verdict": "AVOIDED"}),
    ],
)
def test_what_is_not_there_or_must_not_be_is_refused(those, code, details):
    assert refused(index(*those)) == (code, details)


def test_who_lacks_a_skill_is_refused_unless_it_is_forced():
    made = index(agent("a", skills={"english": 2}), contact("c"), asks="english >= 5")
    assert refused(made) == (
        Refusal.NOT_FITTING,
        {
            "verdict": "SKILLS_MISSING",
            "needs": "english >= 5",
            "missing": "english >= 5",
            "has": "english 2",
        },
    )
    assert refused(made, forced=True) is None


def test_what_is_asked_is_what_the_ring_that_would_be_asks():
    later = (ring(4.0, "english"),)
    made = index(agent("a", skills={"english": 2}), contact("c"), asks="english >= 5", rings=later)
    assert refused(made, now=3.9)[0] is Refusal.NOT_FITTING
    assert refused(made, now=4.0) is None


def test_a_full_queue_takes_no_assignment_unless_it_is_forced():
    made = index(agent("a"), contact("c"), max_agents=1)
    made.serve(Q, AgentId("z"), ContactId("x"))
    verdict = {"verdict": "QUEUE_FULL", "max_agents": "1", "serving": "z"}
    assert refused(made) == (Refusal.NOT_FITTING, verdict)
    assert refused(made, forced=True) is None


def test_one_that_is_being_offered_says_to_whom():
    found = refused(index(agent("a")), ringing=("b", "z"))
    assert found == (Refusal.ALREADY_ASSIGNED, {"agents": "b, z"})


def test_a_contact_that_came_back_since_its_author_looked_is_another():
    made = index(agent("a"), contact("c", since=1.0, at=4.5))
    seen = version_of(contact("c", since=1.0))
    assert refused(made, expect=seen) == (Refusal.STALE, {"version": "4500000"})
    assert refused(made, expect=4_500_000) is None


def test_a_choice_from_outside_says_who_made_it_and_whether_the_rules_are_against_it():
    made = index(agent("a", since=3.0, seq=7), contact("c", tried=("a",)), asks="english")
    choice = choice_of(AssignContact(C, A, "ada", "r", forced=True), made, 5.0)
    assert (choice.by, choice.forced, choice.needs) == ("ada", True, "english")
    assert choice.heads[0].rank == (0.0, 3.0, 7)
    assert choice.heads[0].tried
    made = index(agent("a", skills={"english": 1}), contact("c"), asks="english")
    assert not choice_of(AssignContact(C, A, "ada", "r", forced=True), made, 5.0).forced
