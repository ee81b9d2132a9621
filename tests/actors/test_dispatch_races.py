"""Agents, their queue and the dispatcher together, in every order that scheduling can take."""

from __future__ import annotations

from random import Random

import pytest

from actors import messages as m
from actors.ids import DISPATCHER, AgentId, agent_actor, queue_actor
from tests.support.floor import QUEUE, WRAP_UP, Floor, all_talking, end_the_call_of, every_order


def test_the_last_candidate_is_unusable_and_the_next_contact_is_served_r05():
    """He goes idle as he comes; two wait, and two more agents come."""

    def play(choose):
        floor = Floor(3)
        callers = [floor.calls("x"), floor.calls("y")]
        floor.settles()
        unusable, *others = floor.agent_ids
        floor.arrives(unusable)
        idle = m.AgentCommandReceived(m.SetIdle("lunch"), "test")
        floor.tell(agent_actor(unusable), idle)
        floor.settles(choose)
        for agent in others:
            floor.arrives(agent)
            floor.settles(choose)
        assert [caller.state for caller in callers] == ["ringing", "ringing"]
        assert floor.queue.order() == []

    assert max(every_order(play)) > 1


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("comes", ["contact", "agent", "both"])
def test_a_dispatcher_that_starts_again_pairs_whoever_comes_meanwhile_r06(comes, seed):
    """In whatever order they hear of each other; and what was given away stays so."""
    floor = Floor(2)
    busy, free = floor.agent_ids
    floor.arrives(busy)
    talking = floor.calls("c0")
    floor.settles()
    floor.does(talking, talking.answers())
    floor.settles()
    if comes == "agent":
        floor.calls("x")
    elif comes == "contact":
        floor.arrives(free)
    floor.settles()
    floor.starts_again(DISPATCHER)
    if comes != "agent":
        floor.calls("x")
    if comes != "contact":
        floor.arrives(free)
    floor.settles(Random(seed).choice)
    (caller,) = [each for each in floor.callers.values() if each is not talking]
    assert (caller.state, caller.agent) == ("ringing", free)
    assert (talking.state, talking.agent) == ("talking", busy)
    assert assignments_of(floor, "x") == [(floor.now, free)]


def test_a_waiting_contact_goes_to_the_first_whose_wrap_up_ends_r07():
    """Ten agents end their calls at steps of a second; one contact waits."""
    floor = all_talking(10)
    floor.calls("last")
    began = floor.now
    for agent in reversed(floor.agent_ids):  # the order of nothing else
        end_the_call_of(floor, agent)
        floor.passes(1.0)
    floor.passes(10.0)
    assert assignments_of(floor, "last") == [(began + WRAP_UP, floor.agent_ids[-1])]


def test_a_contact_that_comes_at_the_tick_the_wrap_up_ends_is_offered_once_r09():
    """Whoever is heard first, the contact or the timer, and whoever hears it first."""

    def play(choose):
        floor = all_talking(1)
        end_the_call_of(floor, floor.agent_ids[0])
        floor.settles()
        floor.ticks(floor.now + WRAP_UP)  # the timer lies in the agent's mailbox
        late = floor.calls("late")
        floor.settles(choose)
        assert (late.state, late.agent) == ("ringing", floor.agent_ids[0])
        assert assignments_of(floor, "late") == [(floor.now, floor.agent_ids[0])]
        assert floor.queue.order() == []

    assert max(every_order(play)) > 1


def test_an_agent_whose_contact_left_is_given_the_next_at_once_r21():
    """X leaves while its reservation, its ringing or the news of them is under way."""

    def play(choose):
        floor = Floor(1)
        floor.arrives(floor.agent_ids[0])
        leaving = floor.calls("x")
        floor.settles()
        assert leaving.state == "ringing"
        waiting = floor.calls("y")
        floor.settles()
        floor.does(leaving, leaving.ends())
        floor.settles(choose)
        assert (waiting.state, waiting.agent) == ("ringing", floor.agent_ids[0])
        assert assignments_of(floor, "y") == [(floor.now, floor.agent_ids[0])]

    assert max(every_order(play)) > 10


def test_an_agent_assigned_to_a_contact_that_left_is_given_the_next_at_once_d03():
    """X leaves before it hears of its assignment: the reservation may not have been read."""

    def play(choose):
        floor = Floor(1)
        floor.arrives(floor.agent_ids[0])
        floor.settles()
        leaving = floor.calls("x")
        floor.handles(queue_actor(QUEUE))
        floor.handles(DISPATCHER)
        waiting = floor.calls("y")
        floor.handles(queue_actor(QUEUE))
        floor.handles(queue_actor(QUEUE))
        floor.handles(DISPATCHER)
        assert floor.busy() == [agent_actor(floor.agent_ids[0])]
        floor.does(leaving, leaving.ends())
        floor.settles(choose)
        assert (waiting.state, waiting.agent) == ("ringing", floor.agent_ids[0])
        assert floor.queue.statistics().being_offered == 1

    assert max(every_order(play)) > 1


def test_an_agent_who_goes_idle_as_he_is_given_a_contact_costs_it_nothing():
    """Sooner or later than the reservation; another agent takes it, or it keeps its place."""

    def play(choose):
        floor = Floor(2)
        floor.arrives(floor.agent_ids[0])
        floor.settles()
        caller = floor.calls("x")
        idle = m.AgentCommandReceived(m.SetIdle("lunch"), "test")
        floor.tell(agent_actor(floor.agent_ids[0]), idle)
        floor.settles(choose)
        assert caller.state in ("waiting", "ringing")
        offered = int(caller.state == "ringing")
        figures = floor.queue.statistics()
        assert (figures.waiting, figures.being_offered) == (1 - offered, offered)
        floor.arrives(floor.agent_ids[1])
        floor.settles(choose)
        assert caller.state == "ringing"

    assert max(every_order(play)) > 1


def test_a_wait_that_is_over_at_the_tick_an_agent_comes_has_one_outcome_r16():
    """Served, or let go; never both, and nobody is left in the queue or with the agent."""
    outcomes = set()

    def play(choose):
        floor = Floor(1, max_wait_seconds=30.0)
        caller = floor.calls("x")
        floor.settles()
        floor.ticks(floor.now + 30.0)  # the timer lies in the queue's mailbox
        (agent,) = floor.agent_ids
        floor.arrives(agent)
        floor.settles(choose)
        floor.passes(10.0)
        outcomes.add(caller.state)
        assert floor.queue.order() == []
        if caller.state == "ringing":
            assert assignments_of(floor, "x") == [(1030.0, agent)]
        else:
            assert caller.state == "ended"
            assert floor.agent(agent).state == "available"
            floor.calls("y")  # he is free for the next
            floor.settles()
            assert len(assignments_of(floor, "y")) == 1

    assert max(every_order(play)) > 5
    assert outcomes == {"ringing", "ended"}


def test_a_wait_that_is_over_at_the_tick_the_customer_hangs_up_ends_once_r16():
    def play(choose):
        floor = Floor(1, max_wait_seconds=30.0)
        caller = floor.calls("x")
        floor.settles()
        floor.ticks(floor.now + 30.0)
        floor.does(caller, caller.ends())
        floor.settles(choose)
        assert floor.queue.order() == []
        (agent,) = floor.agent_ids
        floor.arrives(agent)
        floor.settles()
        assert floor.agent(agent).state == "available"
        assert assignments_of(floor, "x") == []

    assert max(every_order(play)) > 1


def test_a_contact_given_away_as_its_wait_is_over_counts_in_the_limit_while_it_rings():
    """The queue lets it go, and it rings all the same: the queue's one agent has it in hand."""
    outcomes = set()

    def play(choose):
        floor = Floor(2, limit=1, max_wait_seconds=30.0)
        first, second = floor.agent_ids
        caller = floor.calls("x")
        floor.settles()
        floor.ticks(floor.now + 30.0)
        floor.arrives(first)
        floor.settles(choose)
        outcomes.add(caller.state)
        others = [floor.calls("y"), floor.calls("z")]
        floor.arrives(second)
        floor.settles()
        assert serving(floor) == {(c.agent, c.name) for c in floor.callers.values() if c.agent}
        assert len(serving(floor)) == 1
        if caller.state == "ringing":
            floor.does(caller, caller.answers())
            floor.settles()
            assert serving(floor) == {(first, "x")}
            floor.does(caller, caller.ends())
            floor.settles()
        assert [other.state for other in others] == ["ringing", "waiting"]

    assert max(every_order(play)) > 5
    assert outcomes == {"ringing", "ended"}


@pytest.mark.parametrize("ends", [False, True])
def test_a_refused_reservation_leaves_nobody_counted_in_the_limit(ends):
    """He goes idle as he is given the contact, and as the customer hangs up."""

    def play(choose):
        floor = Floor(2, limit=1)
        first, second = floor.agent_ids
        caller = floor.calls("x")
        floor.settles()
        floor.arrives(first)
        floor.tell(agent_actor(first), m.AgentCommandReceived(m.SetIdle("lunch"), "test"))
        if ends:
            floor.does(caller, caller.ends())
        floor.settles(choose)
        another = floor.calls("y")
        floor.arrives(second)
        floor.settles()
        served = another if ends else caller
        assert serving(floor) == {(served.agent, served.name)}
        assert served.agent is not None

    assert max(every_order(play)) > 5


@pytest.mark.parametrize("seed", range(30))
def test_a_dispatcher_that_starts_again_counts_who_is_being_rung_in_the_limit(seed):
    """Whether he had read that he is reserved or not."""
    floor = Floor(2, limit=1)
    rung, free = floor.agent_ids
    floor.arrives(rung)
    floor.settles()
    caller = floor.calls("x")
    floor.handles(queue_actor(QUEUE))
    floor.handles(DISPATCHER)
    for _ in range(seed % 3):
        floor.handles(Random(seed).choice(floor.busy()))
    floor.starts_again(DISPATCHER)
    floor.settles(Random(seed).choice)
    floor.arrives(free)
    waiting = floor.calls("y")
    floor.settles()
    assert (caller.state, waiting.state) == ("ringing", "waiting")
    assert serving(floor) == {(rung, "x")}


def test_of_two_contacts_at_one_tick_an_agent_is_given_one_r11():
    """Whoever comes first to whomever, he has one call, and the other keeps its place."""

    def play(choose):
        floor = Floor(1)
        (agent,) = floor.agent_ids
        first, second = floor.calls("x"), floor.calls("y")
        floor.arrives(agent)
        floor.settles(choose)
        assert sorted((first.state, second.state)) == ["ringing", "waiting"]
        assert len(floor.agent(agent).engagements) == 1
        assert len(floor.queue.order()) == 1

    assert max(every_order(play)) > 5


def test_an_agent_asked_for_by_name_and_by_the_dispatcher_takes_one():
    def play(choose):
        floor = all_talking(1)
        talking = floor.callers["c0"]
        free = AgentId("1002")
        floor.arrives(free)
        floor.settles()
        waiting = floor.calls("x")
        floor.does(talking, talking.consults(free))
        floor.settles(choose)
        taken = (talking.consult_state == "ringing", waiting.state == "ringing")
        assert sorted(taken) == [False, True]
        assert len(floor.agent(free).engagements) == 1

    assert max(every_order(play)) > 1


def test_an_agent_that_crashes_with_an_unread_reservation_gives_the_contact_back():
    floor = Floor(1)
    (agent,) = floor.agent_ids
    floor.arrives(agent)
    floor.settles()
    caller = floor.calls("x")
    since = caller.place
    floor.handles(queue_actor(QUEUE))
    floor.handles(DISPATCHER)
    floor.starts_again(agent_actor(agent))  # it has not read that it is reserved
    floor.settles()
    floor.passes(1.0)
    assert (caller.state, caller.agent, caller.place) == ("ringing", agent, since)


@pytest.mark.parametrize("seed", range(100))
def test_an_agent_that_starts_again_in_a_talk_is_not_given_a_second_contact(seed):
    """In whatever order he hears of his talk and of a reservation for the next."""
    floor = all_talking(1)
    (agent,) = floor.agent_ids
    waiting = floor.calls("x")
    floor.settles()
    floor.starts_again(agent_actor(agent))
    floor.settles(Random(seed).choice)
    assert list(floor.agent(agent).engagements) == ["c0"]
    assert waiting.state == "waiting"
    assert floor.queue.order() == ["x"]


def assignments_of(floor, contact):
    return [(at, agent) for at, name, agent in floor.assigned if name == contact]


def serving(floor):
    """Who counts in the queue's limit, and with whom."""
    return floor.dispatcher.index.serving.get(QUEUE, set())
