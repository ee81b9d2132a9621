"""The rules change as a contact is given away: in every order that the mailboxes could be read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from actors import events as ev
from actors import messages as m
from actors.agent import AgentConfigured, AgentRemoved
from actors.ids import AgentId, agent_actor, queue_actor
from actors.queue import QueueRemoved
from actors.reasons import NotFree, OfferFailure, Refusal
from tests.support.desk import AGENT, CONTACT, Desk
from tests.support.floor import QUEUE, WRAP_UP, Floor, every_order

Choose = Callable[[list[str]], str]


def configured(floor: Floor, agent: AgentId, **changes: Any) -> AgentConfigured:
    return AgentConfigured(replace(floor.agent(agent).settings, **changes))


def recorded(floor: Floor, kind: type) -> list[Any]:
    return [event for event in floor.events if isinstance(event, kind)]


# --- both orders ------------------------------------------------------------------------------


def test_a_skill_is_taken_away_as_a_contact_comes_r20():
    """Whoever is heard first: he has it, by the old rules, or it waits, by the new ones."""
    seen = set()

    def play(choose: Choose) -> None:
        floor = Floor(1)
        (agent,) = floor.agent_ids
        floor.arrives(agent)
        floor.settles()
        floor.tell(agent_actor(agent), configured(floor, agent, skills={}))
        caller = floor.calls("c")
        floor.settles(choose)
        assert caller.state in ("ringing", "waiting")
        assert floor.queue.order() == ([] if caller.state == "ringing" else [caller.name])
        assert floor.agent(agent).state == ("reserved" if caller.agent else "available")
        seen.add(caller.state)

    assert max(every_order(play)) > 1
    assert seen == {"ringing", "waiting"}


def test_a_skill_is_given_as_a_contact_comes_r20():
    """In whatever order, the two find each other."""

    def play(choose: Choose) -> None:
        floor = Floor(1)
        (agent,) = floor.agent_ids
        able = configured(floor, agent)
        floor.tell(agent_actor(agent), configured(floor, agent, skills={}))
        floor.arrives(agent)
        floor.settles()
        floor.tell(agent_actor(agent), able)
        caller = floor.calls("c")
        floor.settles(choose)
        assert (caller.state, caller.agent) == ("ringing", agent)

    assert max(every_order(play)) > 1


@pytest.mark.parametrize("moment", ["coming", "reserved", "ringing", "talking"])
def test_an_agent_is_removed_as_he_is_given_a_contact_r20(moment: str):
    """He ends what he has, and is given nothing more; what he has not, waits."""

    def play(choose: Choose) -> None:
        floor = Floor(1)
        (agent,) = floor.agent_ids
        floor.arrives(agent)
        floor.settles()
        caller = floor.calls("c")
        if moment != "coming":
            floor.settles()
        if moment == "talking":
            floor.does(caller, caller.answers())
        removed = agent_actor(agent)
        if moment == "ringing":
            floor.does(caller, caller.answers())  # as he is removed
        floor.tell(removed, AgentRemoved())
        floor.settles(choose)
        if caller.state == "waiting":
            assert floor.queue.order() == [caller.name]
            assert recorded(floor, ev.AgentLeft)
            return
        assert not recorded(floor, ev.AgentLeft)
        if caller.state == "ringing":
            floor.does(caller, caller.answers())
            floor.settles()
        assert floor.agent(agent).state == "engaged"
        floor.does(caller, caller.ends())
        floor.calls("next")
        floor.passes(WRAP_UP + 1)
        assert floor.agent(agent).state == "signed_out"
        assert recorded(floor, ev.AgentLeft) == [ev.AgentLeft(agent)]
        assert len(floor.queue.order()) == 1

    assert max(every_order(play)) >= 1


def test_a_removed_agent_whose_phone_fails_gives_the_contact_back_r20():
    floor = Floor(1)
    (agent,) = floor.agent_ids
    floor.arrives(agent)
    caller = floor.calls("c")
    floor.settles()
    floor.tell(agent_actor(agent), AgentRemoved())
    floor.does(caller, caller.fails(OfferFailure.RONA))
    floor.settles()
    assert floor.queue.order() == [caller.name]
    assert floor.agent(agent).state == "signed_out"
    assert recorded(floor, ev.AgentLeft) == [ev.AgentLeft(agent)]


@pytest.mark.parametrize("first", ["the call", "the removal"])
def test_a_queue_is_removed_as_a_contact_comes_r20(first: str):
    """Who was in it is served, whoever reads first; who is new is turned away."""

    def play(choose: Choose) -> None:
        floor = Floor(1)
        (agent,) = floor.agent_ids
        if first == "the removal":
            floor.tell(queue_actor(QUEUE), QueueRemoved())
        caller = floor.calls("c")
        if first == "the call":
            floor.tell(queue_actor(QUEUE), QueueRemoved())
        floor.arrives(agent)
        floor.settles(choose)
        assert caller.state == ("ringing" if first == "the call" else "ended")
        if first == "the call":
            assert not recorded(floor, ev.QueueDrained)
            floor.does(caller, caller.answers())
            floor.settles()
            floor.does(caller, caller.ends())
            floor.passes(WRAP_UP + 1)
        assert recorded(floor, ev.QueueDrained) == [ev.QueueDrained(QUEUE)]

    assert max(every_order(play)) > 1


def test_who_rang_unheard_comes_back_to_his_removed_queue_r20():
    floor = Floor(2)
    floor.arrives(floor.agent_ids[0])
    caller = floor.calls("c")
    floor.settles()
    floor.tell(queue_actor(QUEUE), QueueRemoved())
    floor.does(caller, caller.fails(OfferFailure.RONA))
    floor.settles()
    assert floor.queue.order() == [caller.name]
    floor.arrives(floor.agent_ids[1])
    floor.settles()
    assert caller.state == "ringing"


# --- the agent by himself ---------------------------------------------------------------------


def test_a_removed_agent_refuses_whatever_is_on_its_way_to_him():
    desk = Desk().registers()
    desk.hears(AgentRemoved())
    assert desk.recorded(ev.AgentLeft) == [ev.AgentLeft(AGENT)]
    assert desk.commands(m.SetAvailable()).code is Refusal.UNKNOWN_AGENT
    assert desk.agent.allowed() == ()
    desk.hears(m.Reserve(CONTACT, QUEUE, desk.now))
    assert desk.told_dispatcher() == [m.ReservationRefused(AGENT, CONTACT)]
    told = desk.hears(m.AskedFor(CONTACT, None, "consult", QUEUE))
    assert told[0].message == m.AgentNotFree(CONTACT, AGENT, NotFree.SIGNED_OUT)


def test_who_registered_as_he_was_removed_is_not_signed_in():
    desk = Desk()
    desk.hears(AgentRemoved())
    desk.registers()
    assert desk.agent.state == "signed_out"
    assert desk.told_dispatcher() == []


def test_an_agent_who_is_back_before_his_call_is_over_goes_on():
    desk = Desk().engaged()
    settings = desk.agent.settings
    desk.hears(AgentRemoved())
    desk.hears(AgentConfigured(settings))
    assert desk.agent.state == "engaged"
    assert "sign-out" in desk.agent.allowed()


def test_who_has_left_and_is_back_is_shown_again():
    desk = Desk().registers()
    settings = desk.agent.settings
    desk.hears(AgentRemoved())
    desk.hears(AgentConfigured(settings))
    (shown,) = desk.recorded(ev.AgentStateChanged)
    assert shown.state == "signed_out"
    assert desk.registers().agent.state == "available"


def test_an_available_agent_whose_skills_change_keeps_his_place_in_line():
    desk = Desk().registers()
    desk.now += 50
    desk.hears(AgentConfigured(replace(desk.agent.settings, skills={"spanish": 3})))
    (told,) = desk.told_dispatcher()
    assert (told.skills, told.since, told.at) == ({"spanish": 3}, 100.0, 150.0)


def test_rules_that_leave_his_skills_alone_tell_the_dispatcher_nothing():
    desk = Desk().registers()
    desk.hears(AgentConfigured(replace(desk.agent.settings, rona_seconds=5.0)))
    assert desk.told_dispatcher() == []
