"""Agents freed, or lost, at the tick at which something else happens: R07, R08, R15, R22, R23.

Every step of the dispatcher is compared with the model's (``tests/support/floor.py``).
"""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from actors import messages as m
from actors.ids import DISPATCHER, AgentId, agent_actor, contact_actor, queue_actor
from tests.support.floor import (
    QUEUE,
    RONA,
    WRAP_UP,
    Caller,
    Floor,
    all_talking,
    end_the_call_of,
    every_order,
)

LONGEST_TALK = 3600.0
MISSES = 3


def commands(floor: Floor, agent: AgentId, command: m.AgentCommand) -> None:
    floor.tell(agent_actor(agent), m.AgentCommandReceived(command, "desktop"))


def agents_of(floor: Floor, contact: str) -> list[AgentId]:
    """Those who took it, in their order."""
    return [agent for _, name, agent in floor.assigned if name == contact]


# --- R07 ------------------------------------------------------------------------------------------


def test_of_two_whose_wrap_ups_end_at_one_tick_one_is_given_the_contact_r07():
    """Whoever is heard first has it at once, and the other waits for the next."""
    had_it = set()

    def play(choose):
        floor = all_talking(2)
        for agent in floor.agent_ids:
            end_the_call_of(floor, agent)
        floor.calls("late")
        floor.settles()
        floor.ticks(floor.now + WRAP_UP)
        floor.settles(choose)
        ((at, _, agent),) = floor.assigned[2:]
        assert at == floor.now
        had_it.add(agent)
        states = [floor.agent(each).state for each in floor.agent_ids]
        assert sorted(states) == ["available", "reserved"]

    assert max(every_order(play)) > 5
    assert had_it == {"1001", "1002"}


def test_a_contact_that_leaves_at_the_tick_a_wrap_up_ends_leaves_the_agent_free_r07():
    """He has it for a moment, or never heard of it; the next one is his at once."""

    def play(choose):
        floor = all_talking(1)
        (agent,) = floor.agent_ids
        end_the_call_of(floor, agent)
        leaving = floor.calls("leaving")
        floor.settles()
        floor.ticks(floor.now + WRAP_UP)
        floor.does(leaving, leaving.ends())
        floor.settles(choose)
        assert floor.agent(agent).state == "available"
        following = floor.calls("following")
        floor.settles()
        assert (following.state, following.agent) == ("ringing", agent)

    assert max(every_order(play)) > 5


# --- R08 ------------------------------------------------------------------------------------------


def is_silent(floor: Floor, talking: Caller) -> None:
    """The media process has not heard his phone for too long."""
    floor.does(talking, talking.loses_his_agent())


def hangs_up(floor: Floor, talking: Caller) -> None:
    floor.does(talking, talking.ends())


@pytest.mark.parametrize("first", ["the lease", "the end"])
@pytest.mark.parametrize("end", [hangs_up, is_silent])
def test_a_talk_whose_lease_runs_out_as_it_ends_frees_its_agent_once_r08(end, first):
    """His BYE was lost, and came after all; or his silence and the lease are told at one tick."""

    def play(choose):
        floor = all_talking(1)
        (agent,) = floor.agent_ids
        talking = floor.callers["c0"]
        if first == "the end":
            floor.now += LONGEST_TALK
            end(floor, talking)
        floor.ticks(1000.0 + LONGEST_TALK)
        if first == "the lease":
            end(floor, talking)
        floor.settles(choose)
        floor.tell(agent_actor(agent), m.AgentLegDown(talking.name))
        floor.passes(WRAP_UP)
        commands(floor, agent, m.SetAvailable())
        floor.calls("next")
        floor.settles()
        back = end is is_silent
        assert agents_of(floor, "c0") == [agent] * (1 + back)
        assert agents_of(floor, "next") == [agent] * (not back)
        assert len(floor.agent(agent).engagements) == 1

    assert max(every_order(play)) > 1


# --- R15 ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wish", "first", "outcome"),
    [
        (m.SetAvailable(), "wish", "idle:rona"),
        (m.SetAvailable(), "miss", "reserved"),
        (m.SetIdle("lunch"), "wish", "idle:lunch"),
        (m.SetIdle("lunch"), "miss", "idle:lunch"),
        (m.SignOut(), "wish", "idle:rona"),
        (m.SignOut(), "miss", "signed_out"),
    ],
)
def test_a_wish_at_the_tick_of_the_third_miss_has_one_outcome_r15(wish, first, outcome):
    """Idle by what he missed, or by his wish; and he may come back, and has the contact then."""

    def play(choose):
        floor = Floor(1, misses=MISSES)
        (agent,) = floor.agent_ids
        floor.arrives(agent)
        caller = floor.calls("x")
        floor.passes((MISSES - 1) * RONA)
        assert (caller.state, len(agents_of(floor, "x"))) == ("ringing", MISSES)
        floor.ticks(floor.now + RONA)
        if first == "miss":
            floor.handles(contact_actor(caller.name))
        commands(floor, agent, wish)
        floor.settles(choose)
        machine = floor.agent(agent)
        code = getattr(machine.availability.state, "code", None)
        shown = machine.state if code is None else f"idle:{code}"
        assert shown == outcome
        commands(floor, agent, m.SetAvailable())
        floor.settles()
        assert (caller.state, caller.agent) == ("ringing", agent)
        assert len(agents_of(floor, "x")) == MISSES + 1

    assert max(every_order(play)) > 1


# --- R22 ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(20))
def test_all_who_are_freed_at_one_tick_serve_the_first_in_the_line_r22(seed):
    """Eight, of twelve who wait, two of whom leave at that tick."""
    random = Random(seed)
    floor = all_talking(8)
    for agent in random.sample(floor.agent_ids, 8):
        end_the_call_of(floor, agent)
    line = [floor.calls(f"w{n}") for n in range(12)]
    floor.settles()
    floor.ticks(floor.now + WRAP_UP)
    for leaving in random.sample(line, 2):
        floor.does(leaving, leaving.ends())
    floor.settles(random.choice)
    left = [caller for caller in line if caller.state != "ended"]
    assert [caller.state for caller in left] == ["ringing"] * 8 + ["waiting"] * 2
    assert {caller.agent for caller in left[:8]} == set(floor.agent_ids)


# --- R23 ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("read", "given"),
    [([], 0), ([queue_actor(QUEUE)], 0), ([queue_actor(QUEUE), DISPATCHER], 1)],
    ids=["before it comes", "before it is given", "after it is given"],
)
def test_who_is_cut_off_as_a_contact_comes_costs_it_nothing_r23(read, given):
    """He refuses it, or his phone rings in vain: it keeps its place, and has him back."""

    def play(choose):
        floor = Floor(1)
        (agent,) = floor.agent_ids
        floor.arrives(agent)
        floor.settles()
        caller = floor.calls("x")
        place = caller.place
        for name in read:
            floor.handles(name)
        floor.is_cut_off(agent)
        floor.settles(choose)
        assert len(floor.assigned) == given
        floor.passes(30.0)
        assert (caller.state, caller.place, len(floor.assigned)) == ("waiting", place, given)
        assert floor.agent(agent).state == "signed_out"
        floor.arrives(agent)
        floor.settles()
        assert (caller.state, caller.agent) == ("ringing", agent)

    for _ in every_order(play):
        pass


@pytest.mark.parametrize("seed", range(20))
def test_a_storm_of_agents_who_are_cut_off_and_come_back_keeps_the_line_r23(seed):
    """Contacts come at the tick of the cut, and more at the tick of the return."""
    random = Random(seed)
    floor = Floor(8)
    for agent in floor.agent_ids:
        floor.arrives(agent)
    floor.settles()
    line = [floor.calls(f"w{n}") for n in range(3)]
    for agent in random.sample(floor.agent_ids, 8):
        floor.is_cut_off(agent)
    line += [floor.calls(f"w{n}") for n in range(3, 6)]
    floor.settles(random.choice)
    floor.passes(30.0)
    rang = Counter((contact, agent) for _, contact, agent in floor.assigned)
    assert set(rang.values()) <= {1}
    assert floor.queue.order() == [caller.name for caller in line]
    given = len(floor.assigned)
    line += [floor.calls(f"w{n}") for n in range(6, 12)]
    for agent in random.sample(floor.agent_ids, 8):
        floor.arrives(agent)
    floor.settles(random.choice)
    assert [caller.state for caller in line] == ["ringing"] * 8 + ["waiting"] * 4
    assert len({agent for _, _, agent in floor.assigned[given:]}) == 8
