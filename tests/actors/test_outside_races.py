"""Assignments from outside against everything else, in every order that the messages can be read.

Whatever happens, the contact has one agent at most, the agent one contact, somebody is told why
not, and nobody waits in vain.
"""

from __future__ import annotations

from actors import events as ev
from actors import messages as m
from actors.ids import DISPATCHER, agent_actor, queue_actor
from actors.queue import QueueStatistics
from actors.reasons import OfferFailure, Refusal
from actors.routing.outside import Given, NotGiven, RouterHeard, RouterLeft
from actors.routing.policy import Outside
from tests.support.floor import QUEUE, Floor, every_order

KEPT = Outside(30.0, 10.0)


def ready(agents=1, **bounds):
    """Agents who are available, a router that is there, and a contact that is kept for it."""
    floor = Floor(agents, outside=KEPT, **bounds)
    for agent in floor.agent_ids:
        floor.arrives(agent)
    floor.tell(DISPATCHER, RouterHeard(QUEUE, "router", "heard"))
    floor.settles()
    caller = floor.calls("x")
    floor.settles()
    assert caller.state == "waiting"
    return floor, caller


def whom_it_rang(floor):
    return [agent for _, contact, agent in floor.assigned if contact == "x"]


def codes(floor, *names):
    return [getattr(floor.answers[name], "code", "given") for name in names]


def test_race_an_assignment_meets_the_customer_who_hangs_up():
    """He is gone: refused, or the agent is free again at once; nobody keeps the other."""
    found = set()

    def play(choose):
        floor, caller = ready()
        if choose(["assigned", "hung up"]) == "hung up":
            floor.does(caller, caller.ends())
            floor.handles(queue_actor(QUEUE))  # the dispatcher hears of it first
            floor.assigns("x", floor.agent_ids[0])
        else:
            floor.assigns("x", floor.agent_ids[0])
            floor.does(caller, caller.ends())
        floor.settles(choose)
        found.add(*codes(floor, "router x"))
        assert floor.agent(floor.agent_ids[0]).state == "available"
        assert floor.queue.statistics() == QueueStatistics(0, 0)
        following = floor.calls("y")
        floor.passes(12.0)
        assert following.state == "ringing"

    assert max(every_order(play)) > 5
    assert found == {"given", Refusal.CONTACT_NOT_WAITING}


def test_race_an_assignment_meets_the_rules_at_the_end_of_the_routers_time():
    """Whoever is read first gives it away; the second finds that it was."""
    found = set()

    def play(choose):
        floor, caller = ready(2)
        one, other = floor.agent_ids
        for _ in range(4):
            floor.passes(7.0)
            floor.tell(DISPATCHER, RouterHeard(QUEUE, "router", "heard"))
        floor.settles()
        floor.ticks(1030.0)  # the timer lies in the dispatcher's mailbox
        floor.assigns("x", other)
        if choose(["assignment", "timer"]) == "assignment":
            floor.mailboxes[DISPATCHER].reverse()
        floor.settles(choose)
        (rung,) = whom_it_rang(floor)
        assert (caller.state, caller.agent) == ("ringing", rung)
        found.add((*codes(floor, "router x"), rung == one))
        if rung == one:
            assert floor.answers["router x"].details == {"agents": one}

    assert max(every_order(play)) > 1
    assert found == {("given", False), (Refusal.ALREADY_ASSIGNED, True)}


def test_race_an_assignment_meets_the_rules_as_the_router_is_taken_for_silent():
    found = set()

    def play(choose):
        floor, caller = ready(2)
        one, other = floor.agent_ids
        floor.ticks(floor.now + 10.0)
        floor.assigns("x", other)
        if choose(["assignment", "timer"]) == "assignment":
            floor.mailboxes[DISPATCHER].reverse()
        floor.settles(choose)
        (rung,) = whom_it_rang(floor)
        assert (caller.state, caller.agent) == ("ringing", rung)
        found.add((*codes(floor, "router x"), rung == one))
        silent = [e.state for e in floor.events if isinstance(e, ev.RouterChanged)]
        assert silent[-1] == ("silent" if rung == one else "present")

    assert max(every_order(play)) > 1
    assert found == {("given", False), (Refusal.ALREADY_ASSIGNED, True)}


def test_race_an_assignment_meets_an_agent_who_becomes_idle():
    """He refuses, or is not available any more: the contact keeps its place, for another."""
    found = set()

    def play(choose):
        floor, caller = ready(2)
        one, other = floor.agent_ids
        place = caller.place
        goes = m.AgentCommandReceived(m.SetIdle("lunch"), "idle")
        first = choose(["assigned", "idle", "reserved"])
        if first == "idle":
            floor.tell(agent_actor(one), goes)
            floor.handles(agent_actor(one))
        floor.assigns("x", one)
        if first == "reserved":
            floor.handles(DISPATCHER)
        if first != "idle":
            floor.tell(agent_actor(one), goes)
        floor.settles(choose)
        found.add((*codes(floor, "router x"), caller.state))
        assert floor.agent(one).state in ("idle", "reserved")
        if caller.state == "waiting":
            assert floor.queue.order() == ["x"]
            floor.assigns("x", other)
            floor.settles(choose)
        assert (caller.state, caller.place) == ("ringing", place)
        assert floor.agent(caller.agent).state == "reserved"

    assert max(every_order(play)) > 2
    assert found == {
        ("given", "ringing"),
        ("given", "waiting"),
        (Refusal.AGENT_NOT_AVAILABLE, "waiting"),
    }


def test_race_two_assign_one_contact_to_two_agents():
    """The first who is heard has it, and the second is told whom."""
    firsts = set()

    def play(choose):
        floor, caller = ready(2)
        one, other = floor.agent_ids
        floor.assigns("x", one, "ada")
        floor.assigns("x", other, "ben")
        if choose(["ada", "ben"]) == "ben":
            floor.mailboxes[DISPATCHER].reverse()
        floor.settles(choose)
        answers = [floor.answers["ada x"], floor.answers["ben x"]]
        (rung,) = whom_it_rang(floor)
        assert (caller.state, caller.agent) == ("ringing", rung)
        refused = NotGiven(Refusal.ALREADY_ASSIGNED, {"agents": rung})
        given = Given("x", QUEUE, rung)
        assert answers == ([given, refused] if rung == one else [refused, given])
        firsts.add(rung)

    assert max(every_order(play)) > 1
    assert len(firsts) == 2


def test_race_two_contacts_are_assigned_to_one_agent():
    firsts = set()

    def play(choose):
        floor, _ = ready()
        (agent,) = floor.agent_ids
        floor.calls("y")
        floor.settles()
        floor.assigns("x", agent, "ada")
        floor.assigns("y", agent, "ben")
        if choose(["ada", "ben"]) == "ben":
            floor.mailboxes[DISPATCHER].reverse()
        floor.settles(choose)
        rung = [name for name, caller in floor.callers.items() if caller.state == "ringing"]
        assert len(rung) == 1
        assert len(floor.agent(agent).engagements) == 1
        refused = {"x": "ben y", "y": "ada x"}[rung[0]]
        assert codes(floor, refused) == [Refusal.AGENT_NOT_AVAILABLE]
        firsts.update(rung)

    assert max(every_order(play)) > 1
    assert firsts == {"x", "y"}


def test_race_an_assignment_meets_the_contact_that_comes():
    """Read before the contact waits it is refused; after, it is given."""
    found = set()

    def play(choose):
        floor, _ = ready(2)
        floor.calls("y")
        if choose(["assigned", "waits"]) == "waits":
            floor.handles(queue_actor(QUEUE))
        floor.assigns("y", floor.agent_ids[1])
        floor.settles(choose)
        found.add(*codes(floor, "router y"))
        floor.passes(12.0)
        assert floor.callers["y"].state == "ringing"

    assert max(every_order(play)) > 1
    assert found == {"given", Refusal.CONTACT_NOT_WAITING}


def test_race_a_router_goes_as_its_agent_comes():
    """The contact that was kept for it rings him, whichever is read first."""

    def play(choose):
        floor = Floor(1, outside=KEPT)
        floor.calls("x")
        floor.settles()
        floor.arrives(floor.agent_ids[0])
        floor.tell(DISPATCHER, RouterLeft(QUEUE, "router", "left"))
        floor.settles(choose)
        assert whom_it_rang(floor) == [floor.agent_ids[0]]

    assert max(every_order(play)) > 1


def test_a_dispatcher_that_starts_again_gives_the_router_time_and_then_acts_by_the_rules():
    floor, caller = ready()
    floor.passes(5.0)
    floor.starts_again(DISPATCHER)
    floor.settles()
    floor.passes(9.0)
    assert caller.state == "waiting"
    floor.passes(2.0)
    assert caller.state == "ringing"


def test_an_assignment_that_rings_in_vain_leaves_the_contact_at_its_place():
    """He is idle, and the contact is the router's again while its time lasts."""
    floor, caller = ready(2, rona_seconds=3.0)
    one, other = floor.agent_ids
    place = caller.place
    floor.assigns("x", one)
    floor.settles()
    floor.does(caller, caller.fails(OfferFailure.RONA))
    floor.settles()
    assert (caller.state, caller.place) == ("waiting", place)
    assert floor.agent(one).state == "idle"
    floor.assigns("x", other)
    floor.settles()
    assert (caller.state, caller.agent) == ("ringing", other)
