"""Conferences: V-34 to V-49 and table 2.3."""

from __future__ import annotations

from contextlib import asynccontextmanager

import pytest
import trio

from actors import commands as c
from actors import events as ev
from actors.ids import AgentId
from actors.reasons import EndedBy, Outcome, Refusal
from tests.scenarios.test_consult import MUSIC, consulted, talking

EIGHT = [str(1001 + n) for n in range(8)]
MANY = {
    "agents": [{"id": name, "secret": f"secret-{name}", "skills": {"english": 5}} for name in EIGHT]
}


@asynccontextmanager
async def in_conference(parties: int, **changes):
    """The customer, 1001 who controls it, and others up to ``parties`` in all."""
    others = EIGHT[1 : parties - 1]
    async with talking(*others, **{**MANY, **changes}) as (floor, phones, calls):
        for name in others:
            await joined(floor, phones, calls, name)
        yield floor, phones, calls


async def joined(floor, phones, calls, name):
    await consulted(floor, phones, calls, name)
    assert (await floor.does("1001", c.Conference())).state == "conference"


def everyone_hears_everyone(floor) -> bool:
    ears = floor.ears()
    return all(heard == set(ears) - {name} for name, heard in ears.items())


@pytest.mark.parametrize("parties", range(3, 9))
async def test_all_speak_with_each_other_and_the_customer_is_off_hold(
    autojump_clock, parties
) -> None:
    async with in_conference(parties) as (floor, _, _):
        assert len(floor.ears()) == parties
        assert everyone_hears_everyone(floor)


async def test_the_ninth_is_refused(autojump_clock) -> None:
    async with in_conference(8) as (floor, _, _):
        refused = await floor.does("1001", c.Consult(c.ToQueue("spanish")))
        assert refused.code == Refusal.CONFERENCE_FULL
        refused = await floor.does("1003", c.Consult(c.ToQueue("spanish")))
        assert refused.code == Refusal.CONFERENCE_FULL
        assert everyone_hears_everyone(floor)


async def test_a_party_who_left_is_not_counted(autojump_clock) -> None:
    async with in_conference(8) as (floor, phones, calls):
        phones["1005"].hangs_up(calls["1005"])
        await trio.sleep(1)
        done = await floor.does("1003", c.Consult(c.ToQueue("spanish")))
        assert isinstance(done, c.ContactDone)


async def test_nobody_can_be_held_in_a_conference(autojump_clock) -> None:
    async with in_conference(3) as (floor, _, _):
        for agent in ("1001", "1002"):
            assert (await floor.does(agent, c.Hold())).code == Refusal.IN_CONFERENCE
        refused = await floor.does("1001", c.Transfer(c.ToQueue("spanish")))
        assert refused.code == Refusal.IN_CONFERENCE  # V-38: one leaves it instead
        assert "exit_conference" in floor.allowed("1001")


async def test_while_one_consults_from_it_the_others_talk_on(autojump_clock) -> None:
    async with in_conference(3, **MANY) as (floor, phones, calls):
        phones["1003"] = await floor.agent("1003")
        await consulted(floor, phones, calls, "1003")
        assert floor.ears() == {
            "customer": {"1002"},
            "1002": {"customer"},
            "1001": {"1003"},
            "1003": {"1001"},
        }
        refused = await floor.does("1001", c.ExitConference())
        assert refused.code == Refusal.CONSULT_IN_PROGRESS
        await floor.does("1001", c.Resume())
        assert floor.ears()["1003"] == {MUSIC}
        assert floor.ears()["customer"] == {"1001", "1002"}
        await floor.does("1001", c.EndConsult())
        assert floor.talk.state() == "conference"


async def test_who_controls_it_leaves_and_the_longest_present_agent_takes_over(
    autojump_clock,
) -> None:
    async with in_conference(4) as (floor, phones, calls):
        done = await floor.does("1001", c.ExitConference())
        assert done.state == "left"
        await trio.sleep(1)
        assert calls["1001"].state == "ended"
        assert floor.talk.primary.name == "1002"
        assert floor.state("1001") == "wrap_up"
        assert everyone_hears_everyone(floor)
        await floor.does("1002", c.ExitConference())
        await trio.sleep(1)
        assert floor.talk.state() == "connected"  # one agent and the customer
        assert floor.talk.primary.name == "1003"
        assert floor.state("1002") == "wrap_up"  # the control was handed to him: he wraps up
        phones["anna"].hangs_up(calls["anna"])
        await trio.sleep(1)
        (ended,) = floor.of(ev.ContactEnded)
        assert (ended.outcome, ended.agent) == (Outcome.HANDLED, "1003")
        floor.check_nothing_is_left()


async def test_a_conferenced_agent_leaves_without_wrap_up(autojump_clock) -> None:
    async with in_conference(4) as (floor, phones, calls):
        await floor.does("1002", c.ExitConference())
        phones["1003"].hangs_up(calls["1003"])
        await trio.sleep(1)
        assert floor.state("1002") == floor.state("1003") == "available"
        assert floor.talk.state() == "connected"
        assert floor.ears() == {"customer": {"1001"}, "1001": {"customer"}}


async def test_end_of_a_conferenced_agent_is_his_own_and_of_the_primary_everyones(
    autojump_clock,
) -> None:
    async with in_conference(4) as (floor, _, calls):
        await floor.does("1003", c.End())
        await trio.sleep(1)
        assert calls["1003"].state == "ended"
        assert everyone_hears_everyone(floor)
        await floor.does("1001", c.End())
        await trio.sleep(1)
        assert {call.state for call in calls.values()} == {"ended"}
        (ended,) = floor.of(ev.ContactEnded)
        assert ended.ended_by is EndedBy.AGENT
        assert [floor.state(name) for name in ("1001", "1002")] == ["wrap_up", "available"]
        floor.check_nothing_is_left()


async def test_the_customer_leaves_a_conference_and_it_ends_with_the_last_but_one(
    autojump_clock,
) -> None:
    """V-42 to V-45."""
    async with in_conference(4) as (floor, phones, calls):
        phones["anna"].hangs_up(calls["anna"])
        await trio.sleep(1)
        assert floor.talk.state() == "post_call"
        assert everyone_hears_everyone(floor)
        assert floor.allowed("1001") == ("exit_conference", "end")
        phones["1001"].hangs_up(calls["1001"])
        await trio.sleep(1)
        assert floor.talk.state() == "post_call"
        phones["1003"].hangs_up(calls["1003"])
        await trio.sleep(1)
        assert calls["1002"].state == "ended"
        assert floor.state("1002") == "wrap_up"  # the control had come to him
        floor.check_nothing_is_left()


async def test_two_are_joined_before_the_third_answers(autojump_clock) -> None:
    """V-30: the agent need not wait; whoever was called joins when he answers."""
    async with talking("1002", **MANY) as (floor, phones, calls):
        await consulted(floor, phones, calls, answers=False)
        done = await floor.does("1001", c.Conference())
        assert done.state == "connected"
        assert floor.ears() == {"customer": {"1001"}, "1001": {"customer"}}
        phones["1002"].answers(calls["1002"])
        await trio.sleep(1)
        assert floor.talk.state() == "conference"
        assert everyone_hears_everyone(floor)


async def test_who_was_to_join_does_not_answer(autojump_clock) -> None:
    async with talking("1002", **MANY) as (floor, phones, calls):
        await consulted(floor, phones, calls, answers=False)
        await floor.does("1001", c.Conference())
        phones["1002"].rejects(calls["1002"], 486)
        await trio.sleep(1)
        assert floor.talk.state() == "connected"
        assert "consult" in floor.allowed("1001")


async def test_a_phone_falls_silent_in_a_conference_and_only_it_is_lost(autojump_clock) -> None:
    async with in_conference(4) as (floor, _, _):
        leg = floor.talk.by_agent(AgentId("1002")).leg
        floor.media.falls_silent(leg)
        await trio.sleep(1)
        assert floor.state("1002") == "idle:phone_lost"
        assert everyone_hears_everyone(floor)
        assert set(floor.ears()) == {"customer", "1001", "1003"}
