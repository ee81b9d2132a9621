"""The dispatcher: pairs as something changes, and says why."""

from __future__ import annotations

import pytest

from actors import events as ev
from actors import messages as m
from actors.dispatcher import Dispatcher
from actors.effects import Record, TellAgent, TellQueue
from actors.ids import AgentId, ContactId, QueueName
from actors.place import Place
from actors.routing.policy import PolicyChanged
from actors.routing.strategies import Strategy
from sip.machine import StartTimer, TimerFired
from tests.support import routing

A, B = AgentId("a"), AgentId("b")
C, D = ContactId("c"), ContactId("d")


class Office:
    """A dispatcher whose pairs are kept."""

    def __init__(self, *rules, draw=None, version=""):
        self.now = 50.0
        under = routing.policy(*rules, version=version)
        self.dispatcher = Dispatcher(lambda: self.now, under, draw)
        self.effects = []

    def hears(self, message):
        self.effects = self.dispatcher.handle(message)
        return self

    def waits(self, contact=C, since=10.0, **more):
        return self.hears(waits(contact, since, **more))

    def frees(self, agent=A, since=20.0, skills=None, at=None):
        told = m.AgentAvailable(agent, skills or {}, since, int(since), since if at is None else at)
        return self.hears(told)

    @property
    def pairs(self):
        return [(e.agent, e.message.contact) for e in self.effects if isinstance(e, TellAgent)]

    @property
    def decision(self):
        (decided,) = [e.event for e in self.effects if isinstance(e, Record)]
        assert isinstance(decided, ev.ContactAssigned)
        return decided.decision


def waits(contact, since, *, priority=5, at=None, asks=None, tried=(), avoid=(), **more):
    return routing.contact(
        contact,
        priority=priority,
        since=since,
        at=since if at is None else at,
        asks=asks,
        tried=tried,
        avoid=avoid,
        **more,
    )


def test_a_freed_agent_gets_the_waiting_contact_in_the_same_step():
    office = Office().waits().frees()
    assert office.pairs == [(A, C)]
    assert TellQueue(QueueName("q"), m.ContactPaired(C, A)) in office.effects


def test_an_arriving_contact_gets_the_available_agent_in_the_same_step():
    assert Office().frees().waits().pairs == [(A, C)]


def test_the_pairing_became_possible_with_the_later_of_the_two():
    reserve = m.Reserve(C, QueueName("q"), 20.0, known_at=20.0)
    assert TellAgent(A, reserve) in Office().waits(since=10.0).frees(since=20.0).effects
    # Back after RONA: possible since it waits again, though it has waited in all for longer.
    again = Office().frees(since=20.0).waits(since=10.0, at=33.0)
    assert TellAgent(A, m.Reserve(C, QueueName("q"), 33.0, known_at=20.0)) in again.effects


def test_a_paired_agent_is_not_given_again():
    office = Office().frees().waits(C).waits(D, 11.0)
    assert office.effects == []


def test_who_has_left_is_given_to_nobody():
    assert Office().waits().hears(m.ContactLeft(C)).frees().effects == []
    assert Office().frees().hears(m.AgentUnavailable(A)).waits().effects == []
    assert Office().waits().hears(m.ContactConnected(C)).frees().effects == []


def test_a_refused_reservation_costs_the_contact_nothing():
    office = Office().frees().waits(C, 10.0).waits(D, 11.0)
    office.hears(m.ReservationRefused(A, C))
    assert office.effects == [TellQueue(QueueName("q"), m.PairingUndone(C, A))]
    assert office.frees(B, 30.0).pairs == [(B, C)]


def test_a_refused_reservation_goes_to_the_next_agent_at_once_r05():
    office = Office().frees(A, 20.0).frees(B, 21.0).waits()
    assert office.pairs == [(A, C)]
    assert office.hears(m.ReservationRefused(A, C)).pairs == [(B, C)]
    told = [e.message for e in office.effects if isinstance(e, TellQueue)]
    assert told == [m.PairingUndone(C, A), m.ContactPaired(C, B)]  # in this order


def test_a_refusal_for_a_contact_that_has_left_is_dropped():
    office = Office().frees().waits().hears(m.ContactLeft(C))
    assert office.hears(m.ReservationRefused(A, C)).effects == []
    assert office.frees(B).effects == []


def test_a_late_refusal_does_not_take_the_contact_from_another_agent_i3():
    office = Office().frees(A).waits().waits()  # it waits again before the refusal is here
    assert office.frees(B, 21.0).pairs == [(B, C)]
    office.hears(m.ReservationRefused(A, C))
    assert office.frees(AgentId("third"), 22.0).pairs == []


def test_what_a_queue_said_before_it_started_again_is_forgotten():
    office = Office().waits().hears(m.Restarted("queue/q"))
    assert office.frees().effects == []
    office.waits(C, 10.0)  # and is heard anew from those who still wait
    assert office.pairs == [(A, C)]


def test_what_other_queues_said_stands():
    assert Office().waits().hears(m.Restarted("queue/other")).frees().pairs == [(A, C)]
    assert Office().waits().hears(m.Restarted("dispatcher")).frees().pairs == [(A, C)]


def test_a_refusal_after_the_queue_started_again_is_left_to_the_contact():
    """It does not ring, so it has joined again by itself, or it is dead."""
    office = Office().frees().waits().hears(m.Restarted("queue/q"))
    assert office.hears(m.ReservationRefused(A, C)).effects == []


def test_an_agent_who_has_started_again_is_not_available_before_he_says_so():
    office = Office().frees().hears(m.Restarted("agent/a")).waits()
    assert office.effects == []
    assert office.frees(A, 30.0).pairs == [(A, C)]


def test_whoever_comes_back_keeps_his_place():
    office = Office().frees().waits(C, 10.0)
    office.waits(D, 11.0)
    office.waits(C, 10.0, at=40.0, tried=(A,))
    assert office.frees(B, 41.0).pairs == [(B, C)]


def test_a_decision_says_what_was_compared_and_who_was_passed_over():
    office = Office()
    office.waits(ContactId("english"), 12.0, asks="english >= 5")
    office.waits(ContactId("billing"), 11.0, asks="billing")
    office.waits(ContactId("behind"), 13.0, asks="billing")
    office.waits(ContactId("urgent"), 14.0, priority=1, asks="english >= 5")
    office.waits(ContactId("chess"), 1.0, asks="chess")
    decision = office.frees(A, 20.0, {"english": 9, "billing": 3}).decision
    assert (decision.on, decision.agent_since, decision.agent_seq) == ("agent", 20.0, 20)
    assert decision.skills == {"english": 9, "billing": 3}
    assert decision.place == Place(1, 14.0, 14)
    assert decision.candidates == (
        ev.Candidate("urgent", "chosen", (1, -1, 1, 14.0, 14)),
        ev.Candidate("billing", "later", (1, -1, 5, 11.0, 11)),
    )
    assert decision.passed_over == {"skills": 1, "behind": 2}


def test_a_decision_says_that_an_agent_was_passed_over_because_he_had_failed():
    decision = Office().frees(A, 20.0).frees(B, 21.0).waits(tried=(A,)).decision
    assert [c.id for c in decision.candidates] == [B]
    assert decision.passed_over == {"tried": 1}


def test_a_transferred_contact_waits_rather_than_go_back_to_who_sent_it_v51():
    office = Office().frees(A, 20.0).waits(avoid=(A,))
    assert office.effects == []
    office.frees(B, 21.0)
    assert office.pairs == [(B, C)]
    assert office.hears(m.ReservationRefused(B, C)).pairs == []  # and not then either


def test_a_decision_says_that_an_agent_sent_the_contact_away_himself():
    decision = Office().frees(A, 20.0).frees(B, 21.0).waits(avoid=(A,)).decision
    assert decision.passed_over == {"avoided": 1}


def test_a_decision_shows_when_it_was_taken_for_want_of_a_better_one():
    (candidate,) = Office().frees(A, 20.0).waits(tried=(A,)).decision.candidates
    assert (candidate.id, candidate.verdict, candidate.tried) == (A, "chosen", True)


# --- rings, limits, and several at once -------------------------------------------------------


def test_one_timer_stands_for_the_next_ring_of_all():
    wide = routing.rules("q", routing.ring(20.0), asks="english")
    office = Office(wide)
    office.now = 10.0
    office.waits(C, 10.0)
    assert StartTimer("ring", 20.0) in office.effects
    office.now = 15.0
    office.waits(D, 15.0)
    assert not any(isinstance(effect, StartTimer) for effect in office.effects)
    office.frees(A, 16.0, at=16.0)
    office.now = 30.0
    office.hears(TimerFired("ring"))
    assert office.pairs == [(A, C)]
    assert StartTimer("ring", 5.0) in office.effects
    assert office.decision.on == "time"


def test_two_whose_ring_begins_at_one_instant_are_served_in_their_order():
    office = Office(routing.rules("q", routing.ring(20.0), asks="english"))
    office.now = 10.0
    office.waits(D, 10.0, priority=5)
    office.waits(C, 10.0, priority=1)
    office.frees(A, 11.0)
    office.now = 30.0
    assert office.hears(TimerFired("ring")).pairs == [(A, C)]


def test_the_pairing_became_possible_when_the_ring_began():
    office = Office(routing.rules("q", routing.ring(20.0), asks="english"))
    office.now = 10.0
    office.waits(C, 10.0).frees(A, 11.0)
    office.now = 30.0
    office.hears(TimerFired("ring"))
    assert TellAgent(A, m.Reserve(C, QueueName("q"), 30.0, known_at=11.0)) in office.effects


def test_a_timer_that_it_does_not_know_is_an_error():
    with pytest.raises(ValueError, match="no timer of the dispatcher"):
        Office().hears(TimerFired("tea"))


def test_the_room_of_one_that_left_goes_to_the_first_who_waits_when_its_agent_has_let_it_go():
    office = Office(routing.rules("q", max_agents=1))
    office.frees(A, 1.0).frees(B, 2.0).waits(C, 10.0)
    assert office.pairs == [(A, C)]
    assert office.waits(D, 11.0).pairs == []
    assert office.hears(m.ContactLeft(C)).pairs == []
    office.hears(m.AgentServed(A, C))
    assert office.pairs == [(B, D)]
    assert office.decision.on == "room"


def test_a_refused_contact_has_its_place_again_before_its_room_is_given():
    office = Office(routing.rules("q", max_agents=1)).frees(A, 1.0).frees(B, 2.0).waits(C, 10.0)
    assert office.waits(D, 11.0).pairs == []
    assert office.hears(m.ReservationRefused(A, C)).pairs == []
    assert office.hears(m.AgentServed(A, C)).pairs == [(B, C)]


def test_the_room_of_one_that_left_before_its_agent_refused_it_is_given_on():
    office = Office(routing.rules("q", max_agents=1)).frees(A, 1.0).frees(B, 2.0).waits(C, 10.0)
    office.waits(D, 11.0).hears(m.ContactLeft(C)).hears(m.ReservationRefused(A, C))
    assert office.hears(m.AgentServed(A, C)).pairs == [(B, D)]


def test_the_end_of_a_talk_makes_room_before_the_agent_is_available_again():
    office = Office(routing.rules("q", max_agents=1)).frees(A, 1.0).frees(B, 2.0).waits(C, 10.0)
    office.hears(m.ContactConnected(C, A)).hears(m.AgentServes(A, C, QueueName("q")))
    assert office.waits(D, 11.0).pairs == []
    assert office.hears(m.AgentServed(A, C)).pairs == [(B, D)]


def test_who_comes_back_has_given_his_room_back_and_may_have_it_again():
    office = Office(routing.rules("q", max_agents=1)).frees(A, 1.0).frees(B, 2.0).waits(C, 10.0)
    office.waits(D, 11.0)
    assert office.waits(C, 10.0, at=40.0, tried=(A,)).pairs == []
    assert office.hears(m.AgentServed(A, C)).pairs == [(B, C)]


def test_an_agent_who_starts_again_serves_nobody_until_he_says_so():
    office = Office(routing.rules("q", max_agents=1)).frees(A, 1.0).frees(B, 2.0).waits(C, 10.0)
    office.hears(m.ContactConnected(C, A)).waits(D, 11.0)
    assert office.hears(m.Restarted("agent/a")).pairs == [(B, D)]


def test_a_dispatcher_that_starts_again_hears_who_serves():
    office = Office(routing.rules("q", max_agents=1))
    office.hears(m.AgentServes(A, C, QueueName("q"))).frees(B, 2.0)
    assert office.waits(D, 11.0).pairs == []


def test_all_are_reserved_for_one_and_the_queue_hears_it_once():
    office = Office(routing.rules("q", strategy=Strategy.RING_ALL)).frees(A, 1.0).frees(B, 2.0)
    office.waits(C, 10.0)
    assert office.pairs == [(A, C), (B, C)]
    assert TellQueue(QueueName("q"), m.ContactPaired(C, A, (B,))) in office.effects
    reserved = [e.message for e in office.effects if isinstance(e, TellAgent)]
    assert all(message.shared for message in reserved)
    assert office.decision.others == (B,)


def test_one_of_several_refuses_and_the_contact_still_rings_r05():
    office = Office(routing.rules("q", strategy=Strategy.RING_ALL)).frees(A, 1.0).frees(B, 2.0)
    office.waits(C, 10.0)
    assert office.hears(m.ReservationRefused(A, C)).effects == []
    office.hears(m.ReservationRefused(B, C))
    assert TellQueue(QueueName("q"), m.PairingUndone(C, B)) in office.effects
    assert office.frees(AgentId("third"), 30.0).pairs == [(AgentId("third"), C)]


def test_two_queues_want_one_agent_and_the_heavier_has_him_r11():
    office = Office(routing.rules("q"), routing.rules("vip", weight=5))
    office.waits(C, 10.0).waits(D, 11.0, queue="vip")
    assert office.frees(A, 20.0).pairs == [(A, D)]
    assert office.frees(A, 21.0).pairs == [(A, C)]


def test_other_rules_pair_whom_the_old_ones_kept_apart_r20():
    office = Office(routing.rules("q", asks="english"), version="one").waits(C, 10.0).frees(A, 11.0)
    assert office.pairs == []
    eased = routing.policy(routing.rules("q"), version="two")
    office.hears(PolicyChanged(eased))
    assert office.pairs == [(A, C)]
    assert (office.decision.on, office.decision.rule) == ("policy", "two")


def test_who_is_being_offered_is_left_alone_by_other_rules_and_judged_by_them_if_he_comes_back():
    office = Office(routing.rules("q")).frees(A, 1.0).waits(C, 10.0)
    raised = routing.policy(routing.rules("q", asks="english"))
    assert office.hears(PolicyChanged(raised)).effects == []
    assert office.frees(B, 2.0).waits(C, 10.0, at=30.0, tried=(A,)).pairs == []


def test_a_reservation_that_its_agent_has_not_read_yet_keeps_its_room():
    """He went idle and came back as he was reserved: the contact is in his hands all the same."""
    office = Office(routing.rules("q", max_agents=1)).frees(A, 1.0).waits(C, 10.0)
    office.hears(m.AgentUnavailable(A)).frees(A, 20.0)
    assert office.waits(D, 11.0).pairs == []
    assert office.hears(m.AgentServed(A, C)).pairs == [(A, D)]
