"""Hold and consult: V-12 to V-30, and every outcome of table 2.2."""

from __future__ import annotations

from contextlib import asynccontextmanager

import pytest
import trio

from actors import commands as c
from actors import events as ev
from actors.ids import AgentId
from actors.reasons import Outcome, Refusal
from tests.support.centre import DEFAULT, centre

MUSIC, RINGBACK = "music.wav", "ringback.wav"
CONSULT = c.Consult(c.ToAgent(AgentId("1002")))


@asynccontextmanager
async def talking(*others: str, **changes):
    """Anna talks with 1001; the other agents have registered.  Gives (centre, phones, calls)."""
    async with centre(**changes) as floor:
        phones = {"1001": await floor.agent("1001"), "anna": floor.phone("anna")}
        calls = {"anna": await phones["anna"].calls_to("2001")}
        calls["1001"] = await phones["1001"].rings()
        phones["1001"].answers(calls["1001"])
        await calls["1001"].wait("talking")
        for name in others:
            phones[name] = await floor.agent(name)
        await trio.sleep(1)
        yield floor, phones, calls


async def consulted(floor, phones, calls, name="1002", *, answers=True):
    """1001 consults ``name``, who answers."""
    answer = await floor.does("1001", c.Consult(c.ToAgent(AgentId(name))))
    assert isinstance(answer, c.ContactDone), answer
    calls[name] = await phones[name].rings()
    await trio.sleep(0.1)
    if answers:
        phones[name].answers(calls[name])
        await calls[name].wait("talking")
        await trio.sleep(0.1)


async def test_hold_plays_music_and_resume_takes_it_off(autojump_clock) -> None:
    async with talking() as (floor, _, _):
        assert floor.ears() == {"customer": {"1001"}, "1001": {"customer"}}
        done = await floor.does("1001", c.Hold())
        assert done.state == "held"
        assert "resume" in done.allowed
        assert "end" not in done.allowed  # V-13, V-52
        assert floor.ears() == {"customer": {MUSIC}, "1001": set()}
        await trio.sleep(10)
        refused = await floor.does("1001", c.End())
        assert refused.code == Refusal.CALL_ON_HOLD
        done = await floor.does("1001", c.Resume())
        assert done.state == "connected"
        assert floor.ears() == {"customer": {"1001"}, "1001": {"customer"}}


async def test_hold_time_is_kept_apart_from_talk_time(autojump_clock) -> None:
    async with talking() as (floor, phones, calls):
        await floor.does("1001", c.Hold())
        await trio.sleep(20)
        await floor.does("1001", c.Resume())
        await trio.sleep(5)
        phones["anna"].hangs_up(calls["anna"])
        await trio.sleep(1)
        states = floor.of(ev.ContactStateChanged)
        held = sum(e.lasted for e in states if e.before == "held")
        talked = sum(e.lasted for e in states if e.before == "connected")
        assert 20 < held < 20.2
        (ended,) = floor.of(ev.ContactEnded)
        assert held + talked == pytest.approx(ended.talked)


async def test_a_consult_holds_the_customer_and_swaps_sides(autojump_clock) -> None:
    async with talking("1002") as (floor, phones, calls):
        done = await floor.does("1001", CONSULT)
        assert done.state == "consult_requested"
        assert floor.ears()["customer"] == {MUSIC}
        assert floor.ears()["1001"] == {RINGBACK}
        calls["1002"] = await phones["1002"].rings()
        await trio.sleep(0.1)
        assert {"transfer", "conference"} <= set(floor.allowed("1001"))  # V-30: as soon as it rings
        phones["1002"].answers(calls["1002"])
        await calls["1002"].wait("talking")
        await trio.sleep(0.1)
        assert floor.ears() == {"customer": {MUSIC}, "1001": {"1002"}, "1002": {"1001"}}
        assert floor.state("1002") == "engaged"

        assert (await floor.does("1001", c.Resume())).state == "consult_on_hold"  # V-16
        assert floor.ears() == {"customer": {"1001"}, "1001": {"customer"}, "1002": {MUSIC}}
        assert (await floor.does("1001", c.Hold())).state == "both_on_hold"  # V-17
        assert floor.ears() == {"customer": {MUSIC}, "1001": set(), "1002": {MUSIC}}
        assert (await floor.does("1001", c.Resume("consult"))).state == "consulting"
        assert floor.ears() == {"customer": {MUSIC}, "1001": {"1002"}, "1002": {"1001"}}


@pytest.mark.parametrize("who", ["1001", "1002"])
async def test_the_consult_ends_and_the_customer_is_on_hold_until_resume(
    autojump_clock, who
) -> None:
    async with talking("1002") as (floor, phones, calls):
        await consulted(floor, phones, calls)
        await floor.does(who, c.EndConsult())
        await trio.sleep(1)
        assert floor.talk.state() == "held"
        assert calls["1002"].state == "ended"
        assert floor.state("1002") == "available"  # no wrap-up for who was consulted (V-54)
        assert floor.allowed("1001") == ("resume", "consult", "blind_transfer")
        await floor.does("1001", c.Resume())
        assert floor.ears() == {"customer": {"1001"}, "1001": {"customer"}}
        (over,) = floor.of(ev.ConsultEnded)
        assert over.outcome == ("ended" if who == "1001" else "left")


@pytest.mark.parametrize("before_the_answer", [True, False])
async def test_the_consulted_phone_hangs_up(autojump_clock, before_the_answer) -> None:
    async with talking("1002") as (floor, phones, calls):
        await consulted(floor, phones, calls, answers=not before_the_answer)
        if before_the_answer:
            phones["1002"].rejects(calls["1002"], 603)
        else:
            phones["1002"].hangs_up(calls["1002"])
        await trio.sleep(1)
        assert floor.talk.state() == "held"
        assert floor.ears() == {"customer": {MUSIC}, "1001": set()}
        expected = "idle:agent_declined" if before_the_answer else "available"
        assert floor.state("1002") == expected


async def test_a_consult_that_nobody_answers_is_over_when_rona_fires(autojump_clock) -> None:
    async with talking("1002") as (floor, phones, calls):
        await consulted(floor, phones, calls, answers=False)
        await trio.sleep(20)
        assert floor.talk.state() == "held"
        assert floor.state("1002") == "idle:rona"
        (over,) = floor.of(ev.ConsultEnded)
        assert over.outcome == "RONA_TIMER_EXPIRED"


async def test_ending_a_request_stops_the_ringing(autojump_clock) -> None:
    async with talking("1002") as (floor, phones, calls):
        await consulted(floor, phones, calls, answers=False)
        await floor.does("1001", c.EndConsult())
        await trio.sleep(1)
        assert calls["1002"].state == "ended"
        assert floor.state("1002") == "available"
        assert floor.talk.state() == "held"


async def test_the_customer_leaves_and_the_two_talk_on(autojump_clock) -> None:
    """V-42, V-45, V-46."""
    async with talking("1002") as (floor, phones, calls):
        await consulted(floor, phones, calls)
        phones["anna"].hangs_up(calls["anna"])
        await trio.sleep(7)
        assert floor.talk.state() == "post_call"
        assert floor.ears() == {"1001": {"1002"}, "1002": {"1001"}}
        assert floor.of(ev.ContactEnded) == []
        refused = await floor.does("1001", CONSULT)
        assert refused.code == Refusal.CUSTOMER_GONE
        phones["1002"].hangs_up(calls["1002"])
        await trio.sleep(1)
        (ended,) = floor.of(ev.ContactEnded)
        assert ended.outcome is Outcome.HANDLED
        (lasted,) = (e.lasted for e in floor.of(ev.ContactStateChanged) if e.before == "post_call")
        assert 7 < lasted < 7.2
        assert floor.state("1001") == "wrap_up"
        assert floor.state("1002") == "available"
        await trio.sleep(1)
        floor.check_nothing_is_left()


async def test_the_customer_leaves_before_the_consulted_agent_answers(autojump_clock) -> None:
    async with talking("1002") as (floor, phones, calls):
        await consulted(floor, phones, calls, answers=False)
        phones["anna"].hangs_up(calls["anna"])
        await trio.sleep(1)
        assert calls["1001"].state == calls["1002"].state == "ended"
        assert (floor.state("1001"), floor.state("1002")) == ("wrap_up", "available")
        floor.check_nothing_is_left()


@pytest.mark.parametrize("answered", [True, False])
async def test_who_consults_hangs_up_and_nobody_is_left_on_hold(autojump_clock, answered) -> None:
    async with talking("1002") as (floor, phones, calls):
        await consulted(floor, phones, calls, answers=answered)
        phones["1001"].hangs_up(calls["1001"])
        await trio.sleep(1)
        if answered:
            assert floor.ears() == {"customer": {"1002"}, "1002": {"customer"}}
            assert floor.talk.primary.name == "1002"
        else:  # he waits again, in front
            assert floor.queue("support") == [] or floor.of(ev.ContactReturned)
            assert len(floor.of(ev.ContactReturned)) == 1
        assert floor.state("1001") == "wrap_up"


@pytest.mark.parametrize(
    ("to", "why"),
    [
        (c.ToAgent(AgentId("1001")), Refusal.OWN_SELF),
        (c.ToAgent(AgentId("9999")), Refusal.UNKNOWN_DESTINATION),
        (c.ToQueue("nowhere"), Refusal.UNKNOWN_DESTINATION),
        (c.ToQueue("seats"), Refusal.UNSUPPORTED_DESTINATION),
        (c.ToEntryPoint("seats"), Refusal.UNSUPPORTED_DESTINATION),
        (c.ToNumber("2009"), Refusal.UNSUPPORTED_DESTINATION),
        (c.ToNumber("00359888"), Refusal.NOT_IN_DIAL_PLAN),
        (c.ToNumber("1;x@evil"), Refusal.NOT_IN_DIAL_PLAN),
        (c.ToDirectory("nobody"), Refusal.UNKNOWN_DESTINATION),
    ],
)
async def test_an_unsupported_destination_is_refused_and_changes_nothing(
    autojump_clock, to, why
) -> None:
    queues = [*DEFAULT["queues"], {"name": "seats", "capacity_based": True}]
    entries = [*DEFAULT["entry_points"], {"name": "seats", "numbers": ["2009"]}]
    async with talking(queues=queues, entry_points=entries) as (floor, _, _):
        for command in (c.Consult(to), c.Transfer(to)):
            refused = await floor.does("1001", command)
            assert refused.code == why
            assert floor.ears() == {"customer": {"1001"}, "1001": {"customer"}}


async def test_a_consult_to_a_queue_finds_whoever_fits(autojump_clock) -> None:
    async with talking() as (floor, phones, calls):
        await floor.does("1001", c.Consult(c.ToQueue("spanish")))
        await trio.sleep(3)
        assert floor.queue("spanish") != []
        phones["1003"] = await floor.agent("1003")
        calls["1003"] = await phones["1003"].rings()
        phones["1003"].answers(calls["1003"])
        await trio.sleep(1)
        assert floor.ears() == {"customer": {MUSIC}, "1001": {"1003"}, "1003": {"1001"}}
        assert floor.queue("spanish") == []
        queued = [event.queue for event in floor.of(ev.ContactQueued)]
        assert queued == ["support"]  # a consult is no contact of that queue


async def test_who_is_consulted_is_told_who_asks(autojump_clock) -> None:
    """V-24: name, number and team of who began it."""
    agents = [{**DEFAULT["agents"][0], "name": "Ada", "team": "gold"}, *DEFAULT["agents"][1:]]
    async with talking("1002", agents=agents) as (floor, _, _):
        await floor.does("1001", CONSULT)
        (asked,) = floor.of(ev.ConsultRequested)
        assert (asked.by, asked.by_name, asked.by_team) == ("1001", "Ada", "gold")
        (shown,) = floor.core.live.contacts.values()
        assert shown.asked == "1002"  # his desktop has the contact while his phone rings
        assert shown.consult is not None
        assert (shown.consult.by_name, shown.consult.state) == ("Ada", "requested")


async def test_a_second_consult_is_refused_for_everybody(autojump_clock) -> None:
    async with talking("1002", "1003") as (floor, phones, calls):
        await consulted(floor, phones, calls)
        refused = await floor.does("1001", c.Consult(c.ToAgent(AgentId("1003"))))
        assert refused.code == Refusal.CONSULT_IN_PROGRESS
        refused = await floor.does("1002", c.Consult(c.ToAgent(AgentId("1003"))))
        assert refused.code == Refusal.NOT_IN_CALL


async def test_a_stranger_to_the_call_may_nothing(autojump_clock) -> None:
    async with talking("1002") as (floor, _, _):
        for command in (c.Hold(), c.End(), c.Transfer(c.ToQueue("spanish"))):
            assert (await floor.does("1002", command)).code == Refusal.NOT_IN_CALL
