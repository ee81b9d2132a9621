"""The index: who fits, who is first, and what is said of those who were not chosen."""

from __future__ import annotations

import pytest

from actors.ids import AgentId, ContactId
from actors.routing.choice import MOST_HEADS, PassedOver
from tests.support.routing import agent, contact, index_of, policy, ring, rules


def for_contact(index, name="c"):
    return index.agent_for(ContactId(name))


def heads(choice):
    return [head.id for head in choice.heads]


@pytest.mark.parametrize(
    ("skills", "fit"),
    [
        ({"english": 5}, True),
        ({"english": 9, "billing": 1}, True),
        ({"english": 4}, False),
        ({"billing": 9}, False),
        ({}, False),
    ],
)
def test_an_agent_fits_who_has_every_skill_at_the_proficiency_or_better(skills, fit):
    index = index_of(agent("a", skills=skills), contact("c", asks="english >= 5"))
    assert (for_contact(index) is not None) is fit


def test_priority_comes_before_the_longest_wait():
    index = index_of(
        contact("patient", since=1.0, seq=1), contact("urgent", priority=1, since=9.0, seq=2)
    )
    assert heads(index.contact_for(agent("a"))) == ["urgent"]


def test_among_equals_the_longest_wait_comes_first_whatever_the_order_of_arrival():
    index = index_of(contact("late", since=9.0, seq=1), contact("early", since=1.0, seq=2))
    assert index.contact_for(agent("a")).contact.contact == "early"


def test_the_sequence_number_decides_among_equal_instants():
    index = index_of(contact("z", since=1.0, seq=1), contact("a", since=1.0, seq=2))
    assert index.contact_for(agent("x")).contact.contact == "z"
    index = index_of(agent("z", since=1.0, seq=1), agent("a", since=1.0, seq=2), contact("c"))
    assert for_contact(index).agent.agent == "z"


def test_the_agent_who_has_been_available_longest_is_first():
    index = index_of(agent("late", since=9.0), agent("early", since=1.0), contact("c"))
    assert for_contact(index).agent.agent == "early"


def test_heads_of_different_lines_are_compared_with_each_other():
    index = index_of(
        contact("support", since=3.0, seq=1, asks="english"),
        contact("billing", since=2.0, seq=2, asks="billing"),
        contact("spanish", since=1.0, seq=3, asks="spanish"),
    )
    choice = index.contact_for(agent("a", skills={"english": 5, "billing": 5}))
    assert heads(choice) == ["billing", "support"]
    assert choice.passed_over == PassedOver(skills=1, tried=0, behind=0)


def test_a_contact_that_nobody_can_serve_holds_nobody_up():
    index = index_of(
        contact("chess", since=1.0, seq=1, asks="chess >= 10"), contact("c", since=2.0, seq=2)
    )
    assert index.contact_for(agent("a")).contact.contact == "c"


def test_an_agent_who_was_tried_is_passed_over_for_one_who_was_not():
    waits = contact("c", tried=("a1",))
    choice = for_contact(index_of(agent("a1", since=1.0), agent("a2", since=2.0), waits))
    assert choice.agent.agent == "a2"
    assert choice.passed_over == PassedOver(skills=0, tried=1, behind=0)


def test_an_agent_of_another_class_who_was_not_tried_is_taken_first():
    other = agent("a2", since=9.0, skills={"chess": 1})
    choice = for_contact(index_of(agent("a1", since=1.0), other, contact("c", tried=("a1",))))
    assert [(head.id, head.tried) for head in choice.heads] == [("a2", False), ("a1", True)]


def test_an_agent_who_was_tried_is_taken_when_nobody_else_fits():
    index = index_of(agent("a1"), agent("a2", skills={"chess": 1}))
    index.remove_agent(AgentId("a2"))
    index.add_contact(contact("c", tried=("a2", "a1")))
    choice = for_contact(index)
    assert (choice.agent.agent, choice.heads[0].tried) == ("a1", True)


def test_a_freed_agent_gets_a_contact_he_has_not_failed_even_from_behind():
    index = index_of(contact("c1", seq=1, tried=("a",)), contact("c2", since=5.0, seq=2))
    choice = index.contact_for(agent("a"))
    assert choice.contact.contact == "c2"
    assert choice.passed_over == PassedOver(skills=0, tried=1, behind=0)
    index.remove_contact(ContactId("c2"))
    assert index.contact_for(agent("a")).contact.contact == "c1"


def test_a_contact_never_goes_back_to_the_agent_who_sent_it_away_v51():
    waits = contact("c", avoid=("a",))
    assert for_contact(index_of(agent("a"), waits)) is None
    assert index_of(waits).contact_for(agent("a")) is None


def test_an_agent_who_is_avoided_holds_up_neither_side():
    waits = contact("c1", since=1.0, avoid=("a1",))
    choice = for_contact(index_of(agent("a1", since=1.0), agent("a2", since=2.0), waits), "c1")
    assert (choice.agent.agent, choice.passed_over) == ("a2", PassedOver(0, 0, 0, avoided=1))
    choice = index_of(waits, contact("c2", since=2.0, seq=2)).contact_for(agent("a1"))
    assert (choice.contact.contact, choice.passed_over) == ("c2", PassedOver(0, 0, 0, avoided=1))


def test_who_failed_it_is_taken_before_who_must_not_have_it():
    waits = contact("c", tried=("a1", "a2"), avoid=("a1",))
    those = [agent(f"a{n}", since=n, seq=n) for n in (1, 2)]
    choice = for_contact(index_of(*those, waits))
    assert [(head.id, head.tried) for head in choice.heads] == [("a2", True)]
    assert choice.passed_over == PassedOver(skills=0, tried=0, behind=0, avoided=1)


def test_those_behind_the_head_of_a_line_are_counted_not_listed():
    index = index_of(contact("c"), *(agent(f"a{n}", since=n, seq=n) for n in range(30)))
    choice = for_contact(index)
    assert heads(choice) == ["a0"]
    assert choice.passed_over == PassedOver(skills=0, tried=0, behind=29)


def test_the_chosen_one_is_listed_first_however_many_heads_there_are():
    many = [agent(f"a{n}", since=100.0 - n, seq=n, skills={f"s{n}": 1}) for n in range(40)]
    choice = for_contact(index_of(contact("c"), *many))
    assert len(choice.heads) == MOST_HEADS
    assert (choice.agent.agent, choice.heads[0].id) == ("a39", "a39")


def test_whoever_is_told_again_stands_where_the_last_word_puts_him():
    index = index_of(agent("a", since=1.0, skills={"english": 1}), agent("b", since=2.0))
    index.add_agent(agent("a", since=3.0))
    index.add_contact(contact("c"))
    assert for_contact(index).agent.agent == "b"
    index.add_contact(contact("c", asks="english"))
    assert for_contact(index) is None
    assert index.contact_for(agent("b")) is None


def test_who_has_left_is_no_longer_found():
    index = index_of(contact("c"), contact("d"), agent("a"))
    assert index.remove_contact(ContactId("c")) is not None
    assert index.remove_agent(AgentId("a")) is not None
    assert index.contact_for(agent("a")).contact.contact == "d"
    assert for_contact(index, "d") is None
    assert index.remove_contact(ContactId("c")) is None
    assert index.remove_agent(AgentId("a")) is None


def test_asking_changes_nothing():
    index = index_of(contact("c"), agent("a"))
    assert index.contact_for(agent("b")) == index.contact_for(agent("b"))
    assert for_contact(index) == for_contact(index)
    assert list(index.waiting) == ["c"]
    assert list(index.available) == ["a"]


# --- rings, weights, scores, caps -----------------------------------------------------------------


def test_a_ring_that_names_agents_adds_them_whatever_they_can():
    wide = policy(rules("q", ring(20.0, "english or agent:b"), asks="english"))
    index = index_of(agent("b"), agent("a"), contact("c"), under=wide)
    assert for_contact(index) is None
    assert index.next_change == 20.0
    assert index.pass_time(20.0) == {"c"}
    assert for_contact(index).agent.agent == "b"
    assert index.next_change is None


def test_a_ring_may_take_back_what_the_one_before_allowed():
    narrow = policy(rules("q", ring(10.0, "english >= 5")))
    index = index_of(agent("a", skills={"english": 1}), contact("c"), under=narrow)
    assert for_contact(index) is not None
    index.pass_time(10.0)
    assert for_contact(index) is None


def test_who_comes_back_is_in_the_ring_that_his_time_has_reached():
    wide = policy(rules("q", ring(20.0), asks="english"))
    back = contact("c", since=0.0, at=30.0, entered=0.0)
    index = index_of(agent("a"), back, under=wide, now=30.0)
    assert for_contact(index).stage.ring == 1


def test_a_ring_may_raise_the_priority_but_never_lower_it():
    pressing = policy(rules("q", ring(10.0, priority=2), ring(20.0, priority=8)))
    index = index_of(contact("old"), contact("new", since=15.0, priority=3), under=pressing)
    assert index.contact_for(agent("a")).contact.contact == "new"
    index.pass_time(10.0)
    assert index.contact_for(agent("a")).contact.contact == "old"
    index.pass_time(40.0)
    assert index.contact_for(agent("a")).contact.contact == "old"


def test_a_heavier_queue_comes_before_priority_and_waiting():
    two = policy(rules("light"), rules("heavy", weight=2))
    index = index_of(
        contact("first", queue="light", priority=1),
        contact("second", queue="heavy", priority=9, since=50.0),
        under=two,
    )
    assert index.contact_for(agent("a")).contact.contact == "second"


def test_seconds_waited_may_outweigh_priority():
    ageing = policy(rules("q", priority_seconds=60.0))
    waits = [contact("urgent", priority=4, since=59.0), contact("patient", since=0.0)]
    assert index_of(*waits, under=ageing).contact_for(agent("a")).contact.contact == "urgent"
    waits = [contact("urgent", priority=4, since=61.0), contact("patient", since=0.0)]
    assert index_of(*waits, under=ageing).contact_for(agent("a")).contact.contact == "patient"


def test_nobody_who_came_later_overtakes_who_is_overdue():
    bound = policy(rules("light", overtaking_seconds=30.0), rules("heavy", weight=9))
    index = index_of(
        contact("patient", queue="light", priority=10),
        contact("urgent", queue="heavy", priority=1, since=20.0),
        under=bound,
    )
    assert index.contact_for(agent("a")).contact.contact == "urgent"
    index.pass_time(30.0)
    choice = index.contact_for(agent("a"))
    assert (choice.contact.contact, choice.stage.overdue) == ("patient", True)


def test_a_queue_that_has_as_many_agents_as_it_may_gets_no_more():
    one = policy(rules("q", max_agents=1), rules("other"))
    index = index_of(agent("a"), contact("c"), contact("d", queue="other", since=9.0), under=one)
    index.serve(contact("c").queue, AgentId("b"), ContactId("x"))
    choice = index.contact_for(agent("a"))
    assert (choice.contact.contact, choice.passed_over.full) == ("d", 1)
    assert for_contact(index) is None
    assert index.serve_no_more(lambda agent, _: agent == "b") == ["q"]
    assert for_contact(index).agent.agent == "a"


def test_a_queue_with_no_agents_at_all_is_paused():
    index = index_of(agent("a"), contact("c"), under=policy(rules("q", max_agents=0)))
    assert for_contact(index) is None
    assert index.contact_for(agent("a")) is None


def test_a_caller_is_kept_for_the_agent_he_prefers_and_then_for_everybody():
    kept = contact("c", preferred=(AgentId("b"),), preferred_until=15.0)
    index = index_of(agent("a"), kept, contact("d", since=9.0, asks="chess"))
    assert for_contact(index) is None
    choice = index.contact_for(agent("a", skills={"chess": 1}))
    assert (choice.contact.contact, choice.passed_over.kept) == ("d", 1)
    assert index.contact_for(agent("b")).contact.contact == "c"
    index.pass_time(15.0)
    assert for_contact(index).agent.agent == "a"


def test_under_other_rules_the_same_facts_give_another_answer():
    index = index_of(agent("a"), contact("c"), under=policy(rules("q", asks="english")))
    assert for_contact(index) is None
    assert for_contact(index.under(policy(rules("q")), 5.0)).agent.agent == "a"
