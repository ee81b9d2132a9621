"""The index: who fits, who is first, and what is said of those who were not chosen."""

from __future__ import annotations

import pytest

from actors import messages as m
from actors.ids import AgentId, ContactId, QueueName
from actors.place import Place, requirements_of
from actors.routing.index import MOST_HEADS, Index, PassedOver, fits


def contact(name, *, priority=5, since=0.0, seq=1, needs=None, tried=(), avoid=()):
    return m.ContactWaits(
        ContactId(name),
        QueueName("q"),
        Place(priority, since, seq),
        requirements_of(needs or {}),
        since,
        tuple(AgentId(agent) for agent in tried),
        tuple(AgentId(agent) for agent in avoid),
    )


def agent(name, *, since=0.0, seq=1, skills=None):
    return m.AgentAvailable(AgentId(name), skills or {}, since, seq, since)


def index_of(*those):
    index = Index()
    for one in those:
        (index.add_contact if isinstance(one, m.ContactWaits) else index.add_agent)(one)
    return index


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
    needs = requirements_of({"english": 5})
    assert fits(skills, needs) is fit
    assert fits(skills, ())
    waits = contact("c", needs={"english": 5})
    assert (index_of(agent("a", skills=skills)).agent_for(waits) is not None) is fit


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
    index = index_of(agent("z", since=1.0, seq=1), agent("a", since=1.0, seq=2))
    assert index.agent_for(contact("x")).agent.agent == "z"


def test_the_agent_who_has_been_available_longest_is_first():
    index = index_of(agent("late", since=9.0), agent("early", since=1.0))
    assert index.agent_for(contact("c")).agent.agent == "early"


def test_heads_of_different_lines_are_compared_with_each_other():
    index = index_of(
        contact("support", since=3.0, seq=1, needs={"english": 1}),
        contact("billing", since=2.0, seq=2, needs={"billing": 1}),
        contact("spanish", since=1.0, seq=3, needs={"spanish": 1}),
    )
    choice = index.contact_for(agent("a", skills={"english": 5, "billing": 5}))
    assert heads(choice) == ["billing", "support"]
    assert choice.passed_over == PassedOver(skills=1, tried=0, behind=0)


def test_a_contact_that_nobody_can_serve_holds_nobody_up():
    index = index_of(
        contact("chess", since=1.0, seq=1, needs={"chess": 10}), contact("c", since=2.0, seq=2)
    )
    assert index.contact_for(agent("a")).contact.contact == "c"


def test_an_agent_who_was_tried_is_passed_over_for_one_who_was_not():
    index = index_of(agent("a1", since=1.0, seq=1), agent("a2", since=2.0, seq=2))
    choice = index.agent_for(contact("c", tried=("a1",)))
    assert choice.agent.agent == "a2"
    assert choice.passed_over == PassedOver(skills=0, tried=1, behind=0)


def test_an_agent_of_another_class_who_was_not_tried_is_taken_first():
    index = index_of(agent("a1", since=1.0, seq=1), agent("a2", since=9.0, skills={"chess": 1}))
    choice = index.agent_for(contact("c", tried=("a1",)))
    assert [(head.id, head.tried) for head in choice.heads] == [("a2", False), ("a1", True)]


def test_an_agent_who_was_tried_is_taken_when_nobody_else_fits():
    index = index_of(agent("a1"), agent("a2", skills={"chess": 1}))
    index.remove_agent(AgentId("a2"))
    choice = index.agent_for(contact("c", tried=("a2", "a1")))
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
    assert index_of(agent("a")).agent_for(waits) is None
    assert index_of(waits).contact_for(agent("a")) is None


def test_an_agent_who_is_avoided_holds_up_neither_side():
    waits = contact("c1", since=1.0, avoid=("a1",))
    choice = index_of(agent("a1", since=1.0), agent("a2", since=2.0, seq=2)).agent_for(waits)
    assert (choice.agent.agent, choice.passed_over) == ("a2", PassedOver(0, 0, 0, avoided=1))
    choice = index_of(waits, contact("c2", since=2.0, seq=2)).contact_for(agent("a1"))
    assert (choice.contact.contact, choice.passed_over) == ("c2", PassedOver(0, 0, 0, avoided=1))


def test_who_failed_it_is_taken_before_who_must_not_have_it():
    waits = contact("c", tried=("a1", "a2"), avoid=("a1",))
    those = [agent(f"a{n}", since=n, seq=n) for n in (1, 2)]
    choice = index_of(*those).agent_for(waits)
    assert [(head.id, head.tried) for head in choice.heads] == [("a2", True)]
    assert choice.passed_over == PassedOver(skills=0, tried=0, behind=0, avoided=1)


def test_those_behind_the_head_of_a_line_are_counted_not_listed():
    index = index_of(*(agent(f"a{n}", since=n, seq=n) for n in range(30)))
    choice = index.agent_for(contact("c"))
    assert heads(choice) == ["a0"]
    assert choice.passed_over == PassedOver(skills=0, tried=0, behind=29)


def test_the_chosen_one_is_listed_first_however_many_heads_there_are():
    many = [agent(f"a{n}", since=100.0 - n, seq=n, skills={f"s{n}": 1}) for n in range(40)]
    choice = index_of(*many).agent_for(contact("c"))
    assert len(choice.heads) == MOST_HEADS
    assert (choice.agent.agent, choice.heads[0].id) == ("a39", "a39")


def test_whoever_is_told_again_stands_where_the_last_word_puts_him():
    index = index_of(agent("a", since=1.0, skills={"english": 1}), agent("b", since=2.0))
    index.add_agent(agent("a", since=3.0))
    assert index.agent_for(contact("c")).agent.agent == "b"
    assert index.agent_for(contact("c", needs={"english": 1})) is None
    index.add_contact(contact("c", since=1.0))
    index.add_contact(contact("c", since=1.0, needs={"english": 1}))
    assert index.contact_for(agent("b")) is None


def test_who_has_left_is_no_longer_found():
    index = index_of(contact("c"), agent("a"))
    assert index.remove_contact(ContactId("c")) is not None
    assert index.remove_agent(AgentId("a")) is not None
    assert index.contact_for(agent("a")) is None
    assert index.agent_for(contact("c")) is None
    assert index.remove_contact(ContactId("c")) is None
    assert index.remove_agent(AgentId("a")) is None


def test_asking_changes_nothing():
    index = index_of(contact("c"), agent("a"))
    assert index.contact_for(agent("b")) == index.contact_for(agent("b"))
    assert index.agent_for(contact("d")) == index.agent_for(contact("d"))
    assert list(index.waiting) == ["c"]
    assert list(index.available) == ["a"]
