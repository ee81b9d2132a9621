"""The dispatcher: pairs as something changes, and says why."""

from __future__ import annotations

from actors import events as ev
from actors import messages as m
from actors.dispatcher import Dispatcher
from actors.effects import Record, TellAgent, TellQueue
from actors.ids import AgentId, ContactId, QueueName
from actors.place import Place
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
    reserve = m.Reserve(C, QueueName("q"), 20.0)
    assert TellAgent(A, reserve) in Office().waits(since=10.0).frees(since=20.0).effects
    # Back after RONA: possible since it waits again, though it has waited in all for longer.
    again = Office().frees(since=20.0).waits(since=10.0, at=33.0)
    assert TellAgent(A, m.Reserve(C, QueueName("q"), 33.0)) in again.effects


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
