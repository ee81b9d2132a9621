"""The dispatcher and who gives contacts away from outside: a router, or a supervisor by hand."""

from __future__ import annotations

from actors import events as ev
from actors import messages as m
from actors.dispatcher import Dispatcher
from actors.effects import Record, ReplyTo, TellAgent, TellQueue
from actors.ids import AgentId, ContactId, QueueName
from actors.reasons import Refusal
from actors.routing.outside import (
    AssignContact,
    Given,
    NotGiven,
    RouterHeard,
    RouterKept,
    RouterLeft,
)
from actors.routing.policy import Outside, PolicyChanged
from sip.machine import StartTimer, TimerFired
from tests.support import routing

A, B = AgentId("a"), AgentId("b")
C = ContactId("c")
Q = QueueName("q")
ROUTED = Outside(30.0, 10.0)


class Office:
    """A dispatcher, told its rules at the instant 0."""

    def __init__(self, **rules):
        self.now = 0.0
        self.dispatcher = Dispatcher(lambda: self.now)
        self.hears(PolicyChanged(routing.policy(routing.rules("q", **rules))))

    def hears(self, message, at=None):
        self.now = self.now if at is None else at
        self.effects = self.dispatcher.handle(message)
        return self

    def assigns(self, agent=A, at=None, **more):
        return self.hears(AssignContact(C, agent, "ada", "r", **more), at)

    def all(self, kind):
        return [effect for effect in self.effects if isinstance(effect, kind)]

    @property
    def pairs(self):
        return [(e.agent, e.message.contact) for e in self.all(TellAgent)]

    @property
    def events(self):
        return [effect.event for effect in self.all(Record)]

    @property
    def answer(self):
        (reply,) = self.all(ReplyTo)
        return reply.answer


def waiting(**rules):
    """``c`` and an agent, whom the rules would pair."""
    office = Office(outside=ROUTED, **rules)
    office.hears(routing.agent("a", since=0.0))
    return office.hears(routing.contact("c", since=0.0))


def test_a_contact_of_a_queue_with_a_router_waits_for_it():
    office = waiting()
    assert office.pairs == []
    assert office.assigns(at=4.0).pairs == [(A, C)]
    assert TellQueue(Q, m.ContactPaired(C, A)) in office.effects
    assert office.answer == Given(C, Q, A)
    (assigned,) = office.events
    assert (assigned.decision.on, assigned.decision.by) == ("assignment", "ada")
    assert (assigned.possible_at, assigned.decided_at) == (4.0, 4.0)


def test_a_contact_of_an_ordinary_queue_is_given_by_hand_as_well():
    office = Office(asks="english")
    office.hears(routing.contact("c"))
    office.hears(routing.agent("a"))
    assert office.pairs == []
    assert office.assigns().answer == NotGiven(
        Refusal.NOT_FITTING,
        {"verdict": "SKILLS_MISSING", "needs": "english", "missing": "english", "has": ""},
    )
    assert office.assigns(forced=True).answer == Given(C, Q, A)
    assert office.events[0].decision.forced


def test_a_refused_assignment_changes_nothing_and_is_written_down():
    office = waiting().assigns(B)
    refused = ev.AssignmentRefused(C, Q, B, "ada", Refusal.AGENT_NOT_AVAILABLE)
    assert office.events == [refused]
    assert office.pairs == []
    assert office.assigns(A).pairs == [(A, C)]


def test_of_a_contact_that_is_not_there_no_queue_is_known():
    office = Office(outside=ROUTED).assigns()
    assert office.events == [
        ev.AssignmentRefused(C, "", A, "ada", Refusal.CONTACT_NOT_WAITING),
    ]


def test_a_silent_router_leaves_its_contacts_to_the_rules():
    office = Office(outside=ROUTED)
    assert office.events == [ev.RouterChanged(Q, "awaited")]
    assert office.all(StartTimer) == [StartTimer("ring", 10.0)]
    office.hears(routing.agent("a"))
    office.hears(routing.contact("c", since=2.0), 2.0)
    office.hears(TimerFired("ring"), 10.0)
    silent, assigned = office.events
    assert silent == ev.RouterChanged(Q, "silent")
    assert (office.pairs, assigned.decision.on) == ([(A, C)], "time")


def test_a_router_that_is_heard_in_time_keeps_its_contacts():
    office = waiting()
    office.hears(RouterHeard(Q, "ada", "r"), 9.0)
    assert office.answer == RouterKept(Q, 10.0)
    assert office.events == [ev.RouterChanged(Q, "present", "ada")]
    assert office.hears(TimerFired("ring"), 10.0).pairs == []
    assert office.all(StartTimer) == [StartTimer("ring", 9.0)]
    assert office.hears(RouterHeard(Q, "ada", "r"), 18.0).events == []
    assert office.hears(TimerFired("ring"), 19.0).pairs == []
    assert office.hears(TimerFired("ring"), 28.0).pairs == [(A, C)]


def test_who_assigns_is_there():
    office = waiting()
    office.hears(RouterHeard(Q, "ada", "r"), 1.0)
    office.assigns(B, at=9.0)
    assert office.hears(TimerFired("ring"), 11.0).events == []
    assert office.hears(TimerFired("ring"), 19.0).events[0].state == "silent"


def test_a_supervisor_who_assigns_by_hand_is_not_taken_for_the_router():
    office = waiting()
    office.hears(RouterHeard(Q, "machine", "r"), 1.0)
    office.assigns(B, at=9.0)
    assert office.hears(TimerFired("ring"), 11.0).events[0] == ev.RouterChanged(
        Q, "silent", "machine"
    )


def test_a_router_that_goes_leaves_its_contacts_to_the_rules_at_once():
    office = waiting()
    office.hears(RouterHeard(Q, "ada", "r"))
    office.hears(RouterLeft(Q, "ada", "r"), 3.0)
    left, assigned = office.events
    assert left == ev.RouterChanged(Q, "left", "ada")
    assert (office.pairs, assigned.decision.on) == ([(A, C)], "router")
    assert office.answer == RouterKept(Q, 0.0)


def test_a_queue_without_outside_routing_knows_no_router():
    office = Office()
    none = NotGiven(Refusal.NO_OUTSIDE_ROUTING)
    assert office.hears(RouterHeard(Q, "ada", "r")).answer == none
    assert office.hears(RouterLeft(Q, "ada", "r")).answer == none


def test_rules_that_end_outside_routing_take_what_was_kept():
    office = waiting()
    office.hears(PolicyChanged(routing.policy(routing.rules("q"))), 3.0)
    assert office.events[0] == ev.RouterChanged(Q, "none")
    assert office.pairs == [(A, C)]


def test_one_that_comes_back_is_the_routers_again_while_its_time_lasts():
    office = waiting().assigns(at=2.0)
    office.hears(RouterHeard(Q, "ada", "r"), 9.0)
    back = routing.contact("c", since=0.0, at=12.0, tried=("a",), entered=0.0)
    assert office.hears(back, 12.0).pairs == []
    assert office.assigns(A, 12.0, expect=0).answer.code is Refusal.STALE
    office.hears(m.AgentAvailable(A, {}, 13.0, 13, 13.0), 13.0)
    assert office.pairs == []
    assert office.assigns(A, 13.0, expect=12_000_000).pairs == [(A, C)]


def test_a_limited_queue_counts_what_is_assigned():
    office = waiting(max_agents=1).assigns()
    office.hears(routing.contact("d", since=1.0), 1.0)
    office.hears(routing.agent("b", since=1.0), 1.0)
    wish = AssignContact(ContactId("d"), B, "ada", "r")
    assert office.hears(wish).answer.details["verdict"] == "QUEUE_FULL"
