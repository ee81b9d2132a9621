"""Calls go where the queue's rules say, over a network in memory."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import trio

from actors import commands
from actors import events as ev
from actors import messages as m
from actors.ids import QueueName
from actors.reasons import OfferFailure
from tests.support.centre import DEFAULT, centre
from tests.support.network import Weather


def support(**rules: Any) -> dict[str, Any]:
    """The default centre, whose queue has these rules."""
    spanish = next(queue for queue in DEFAULT["queues"] if queue["name"] == "spanish")
    return {"queues": [{"name": "support", **rules}, spanish]}


# --- rings ------------------------------------------------------------------------------------


async def test_a_ring_brings_the_call_to_whom_the_queue_did_not_want_at_first(autojump_clock):
    rings = [{"after_seconds": 20.0, "agents": ["1002"]}]
    async with centre(**support(needs="spanish >= 5", rings=rings)) as c:
        ben = await c.agent("1002")
        await c.phone("anna").calls_to("2001")
        await trio.sleep(10)
        assert c.state("1002") == "available"
        offered = await ben.rings()
        ben.answers(offered)
        await offered.wait("talking")
        (assigned,) = c.of(ev.ContactAssigned)
        assert (assigned.decision.on, assigned.decision.ring) == ("time", 1)
        queued = c.of(ev.ContactQueued)[0]
        assert assigned.decided_at - queued.place.since == 20.0
        assert c.of(ev.ContactPresented)[0].dispatch < 1.0  # counted from the ring, not the call


async def test_a_call_that_comes_back_goes_on_in_its_ring(autojump_clock):
    """RONA does not begin the rings anew."""
    rings = [{"after_seconds": 20.0, "agents": ["1002"]}]
    async with centre(**support(needs="spanish >= 5", rings=rings)) as c:
        await c.agent("1003")
        await c.phone("anna").calls_to("2001")
        await trio.sleep(25)  # RONA is 18 s
        ben = await c.agent("1002")
        await ben.rings()
        assert [a.decision.ring for a in c.of(ev.ContactAssigned)] == [0, 1]


# --- ring-all ---------------------------------------------------------------------------------


async def test_all_ring_and_the_first_to_answer_has_the_call_r01(autojump_clock):
    async with centre(**support(strategy="ring_all", needs="english")) as c:
        ada, ben = await c.agent("1001"), await c.agent("1002")
        await c.phone("anna").calls_to("2001")
        at_ada, at_ben = await ada.rings(), await ben.rings()
        await trio.sleep(3)
        ben.answers(at_ben)
        await at_ben.wait("talking")
        await at_ada.wait("ended")
        await trio.sleep(1)
        assert (c.state("1001"), c.state("1002")) == ("available", "engaged")
        cancelled = next(each for each in ada.heard if getattr(each, "method", "") == "CANCEL")
        assert b"Call completed elsewhere" in cancelled.encode()
        assert [e.agent for e in c.of(ev.ContactConnected)] == ["1002"]
        (assigned,) = c.of(ev.ContactAssigned)
        assert {assigned.agent, *assigned.decision.others} >= {"1001", "1002"}


async def test_two_answer_at_one_instant_and_one_has_the_call_r01(autojump_clock):
    for first, second in ((0, 1), (1, 0)):
        async with centre(**support(strategy="ring_all", needs="english")) as c:
            phones = [await c.agent("1001"), await c.agent("1002")]
            await c.phone("anna").calls_to("2001")
            offers = [await phone.rings() for phone in phones]
            for one in (first, second):
                phones[one].answers(offers[one])
            await trio.sleep(2)
            states = sorted(c.state(agent) for agent in ("1001", "1002"))
            assert states == ["available", "engaged"]
            assert len(c.of(ev.ContactConnected)) == 1
            assert sorted(offer.state for offer in offers) == ["ended", "talking"]


async def test_in_bad_weather_all_who_rang_are_released_r02(autojump_clock):
    for seed in range(5):
        weather = Weather(loss=0.1, delay=(0.01, 0.2))
        rules = support(strategy="ring_all", needs="english")
        async with centre(seed=seed, weather=weather, **rules) as c:
            phones = [await c.agent(name) for name in ("1001", "1002")]
            await c.phone("anna").calls_to("2001")
            offered = await phones[0].rings()
            phones[0].answers(offered)
            await trio.sleep(2)
            assert c.state("1002") in ("available", "idle:rona")
            assert len(c.of(ev.ContactConnected)) <= 1


async def test_nobody_answers_and_the_call_waits_at_its_place(autojump_clock):
    async with centre(**support(strategy="ring_all", needs="english")) as c:
        for name in ("1001", "1002"):
            await c.agent(name)
        await c.phone("anna").calls_to("2001")
        await trio.sleep(25)
        assert len(c.queue("support")) == 1
        assert {c.state("1001"), c.state("1002")} == {"idle:rona"}
        failed = c.of(ev.ContactOfferFailed)
        assert [e.reason for e in failed] == [OfferFailure.RONA] * 2
        assert [e.others_ring for e in failed] == [True, False]


async def test_one_refuses_and_the_other_rings_on(autojump_clock):
    async with centre(**support(strategy="ring_all", needs="english")) as c:
        ada, ben = await c.agent("1001"), await c.agent("1002")
        ada.refuses = 486
        await c.phone("anna").calls_to("2001")
        offered = await ben.rings()
        await trio.sleep(1)
        assert c.state("1001") == "idle:agent_busy"
        ben.answers(offered)
        await offered.wait("talking")
        assert len(c.of(ev.ContactQueued)) == 1


async def test_the_caller_hangs_up_and_all_stop_ringing(autojump_clock):
    async with centre(**support(strategy="ring_all", needs="english")) as c:
        phones = [await c.agent(name) for name in ("1001", "1002")]
        anna = c.phone("anna")
        call = await anna.calls_to("2001")
        offers = [await phone.rings() for phone in phones]
        anna.hangs_up(call)
        for offer in offers:
            await offer.wait("ended")
        await trio.sleep(1)
        assert {c.state("1001"), c.state("1002")} == {"available"}


# --- the agent who served him last, and how many may serve ------------------------------------


async def test_a_caller_who_comes_again_is_kept_for_his_last_agent(autojump_clock):
    rules = support(needs="english", last_agent_seconds=15.0)
    async with centre(**rules) as c:
        ada, ben = await c.agent("1001"), await c.agent("1002")
        anna = c.phone("anna")
        await anna.calls_to("2001")
        offered = await ada.rings()
        ada.answers(offered)
        await offered.wait("talking")
        ada.hangs_up(offered)
        await trio.sleep(30)  # Ben has been available for longer
        await anna.calls_to("2001")
        ada.answers(await ada.rings())
        await trio.sleep(1)
        assert (c.state("1001"), c.state("1002")) == ("engaged", "available")
        assert c.of(ev.ContactAssigned)[-1].decision.ring == -1
        assert ben.name == "1002"


async def test_a_caller_whose_last_agent_is_busy_goes_to_another_in_time(autojump_clock):
    async with centre(**support(needs="english", last_agent_seconds=15.0)) as c:
        ada, ben = await c.agent("1001"), await c.agent("1002")
        anna, bert = c.phone("anna"), c.phone("bert")
        call = await anna.calls_to("2001")
        offered = await ada.rings()
        ada.answers(offered)
        await offered.wait("talking")
        anna.hangs_up(call)
        await trio.sleep(10)
        await c.commands("1002", m.SetIdle("break"))
        await bert.calls_to("2001")
        ada.answers(await ada.rings())
        await c.commands("1002", m.SetAvailable())
        await anna.calls_to("2001")
        await ben.rings()
        last = c.of(ev.ContactAssigned)[-1]
        assert (last.agent, last.decision.on) == ("1002", "time")


async def test_a_queue_with_a_limit_has_no_more_agents_at_work(autojump_clock):
    async with centre(**support(needs="english", max_agents=1)) as c:
        ada, ben = await c.agent("1001"), await c.agent("1002")
        await c.phone("anna").calls_to("2001")
        offered = await ada.rings()
        ada.answers(offered)
        await offered.wait("talking")
        await c.phone("bert").calls_to("2001")
        await trio.sleep(5)
        assert c.state("1002") == "available"
        assert len(c.queue("support")) == 1
        ada.hangs_up(offered)
        await ben.rings()  # at once, before the wrap-up is over
        last = c.of(ev.ContactAssigned)[-1]
        assert (last.agent, last.decision.on) == ("1002", "room")
        assert c.state("1001") == "wrap_up"


# --- the rules change -------------------------------------------------------------------------


async def test_a_reload_gives_the_waiting_a_ring_that_has_begun_for_them_r20(autojump_clock):
    """His wait counts from his coming, not from the reload."""
    async with centre(**support(needs="spanish >= 5")) as c:
        ben = await c.agent("1002")
        await c.phone("anna").calls_to("2001")
        await trio.sleep(30)
        rings = [{"after_seconds": 20.0, "agents": ["1002"]}]
        await c.reloads(**support(needs="spanish >= 5", rings=rings))
        await ben.rings()
        (assigned,) = c.of(ev.ContactAssigned)
        assert (assigned.decision.on, assigned.decision.ring) == ("policy", 1)
        configured = c.of(ev.CentreConfigured)[-1]
        assert assigned.decision.rule == configured.version


async def test_an_offer_goes_on_by_the_rules_it_was_made_by_r20(autojump_clock):
    async with centre(**support(needs="english")) as c:
        ada = await c.agent("1001")
        await c.phone("anna").calls_to("2001")
        offered = await ada.rings()
        await c.reloads(**support(needs="spanish >= 5", max_agents=0))
        ada.answers(offered)
        await offered.wait("talking")
        assert c.state("1001") == "engaged"


async def test_a_queue_is_paused_and_goes_on(autojump_clock):
    async with centre(**support(needs="english", max_agents=0)) as c:
        ada = await c.agent("1001")
        await c.phone("anna").calls_to("2001")
        await trio.sleep(60)
        assert c.state("1001") == "available"
        await c.reloads(**support(needs="english"))
        await ada.rings()


async def test_the_dispatcher_starts_again_and_keeps_to_the_rules_r06(autojump_clock):
    rings = [{"after_seconds": 20.0, "agents": ["1002"]}]
    async with centre(**support(needs="spanish >= 5", rings=rings)) as c:
        ben = await c.agent("1002")
        await c.phone("anna").calls_to("2001")
        await trio.sleep(10)
        c.core.directory.dispatcher.tell("what no dispatcher understands")
        await trio.sleep(5)
        assert c.state("1002") == "available"
        await ben.rings()
        (assigned,) = c.of(ev.ContactAssigned)
        assert assigned.decided_at - c.of(ev.ContactQueued)[0].place.since == 20.0


# --- offers that are missed -------------------------------------------------------------------


async def test_an_agent_misses_three_offers_and_is_idle_then_r15(autojump_clock):
    routing = {"rona_seconds": 10, "misses": 3, "no_answer_delay_seconds": 5}
    async with centre(routing=routing, **support(needs="english")) as c:
        ada = await c.agent("1001")
        await c.phone("anna").calls_to("2001")
        for missed in range(3):
            offered = await ada.rings()
            await offered.wait("ended")
            await trio.sleep(1)
            assert c.state("1001") == ("available" if missed < 2 else "idle:rona")
        instants = [e.decided_at for e in c.of(ev.ContactAssigned)]
        pauses = [later - one for one, later in pairwise(instants)]
        assert pauses == pytest.approx([15.0, 15.0])
        await c.commands("1001", m.SetAvailable())
        await ada.rings()


async def test_an_agent_whose_phone_was_busy_is_left_alone_for_a_while(autojump_clock):
    routing = {"misses": 2, "busy_delay_seconds": 30}
    async with centre(routing=routing, **support(needs="english")) as c:
        ada = await c.agent("1001")
        ada.refuses = 486
        await c.phone("anna").calls_to("2001")
        await trio.sleep(10)
        ada.refuses = None
        assert len(c.of(ev.ContactOfferFailed)) == 1
        offered = await ada.rings()
        ada.answers(offered)
        await offered.wait("talking")
        first, second = c.of(ev.ContactAssigned)
        assert 30.0 <= second.decided_at - first.decided_at < 30.1


# --- what a caller asks for himself -----------------------------------------------------------


def spanish_line(**rules: Any) -> dict[str, Any]:
    step = {"queue": "support", "needs": "spanish"}
    entry = {"name": "main", "numbers": ["2009"], "flow": [{"answer": True}, step]}
    return {**support(**rules), "entry_points": [*DEFAULT["entry_points"], entry]}


async def test_a_caller_who_asks_for_spanish_waits_for_it_in_every_ring(autojump_clock):
    rings = [{"after_seconds": 20.0, "or_needs": "everybody"}]
    async with centre(**spanish_line(needs="english", rings=rings)) as c:
        await c.agent("1001")
        await c.phone("anna").calls_to("2009")
        await trio.sleep(30)
        assert c.state("1001") == "available"
        carmen = await c.agent("1003")
        offered = await carmen.rings()
        assert c.of(ev.ContactQueued)[0].needs == "spanish"
        await offered.wait("ended")  # unheard: he is still asked for Spanish
        await trio.sleep(5)
        assert c.state("1001") == "available"


async def test_what_a_caller_asks_for_goes_with_him_where_he_is_transferred(autojump_clock):
    async with centre(**spanish_line(needs="spanish or english")) as c:
        carmen = await c.agent("1003")
        await c.phone("anna").calls_to("2009")
        offered = await carmen.rings()
        carmen.answers(offered)
        await offered.wait("talking")
        await c.agent("1001")
        await c.does("1003", commands.Transfer(commands.ToQueue(QueueName("support"))))
        await trio.sleep(5)
        assert c.state("1001") == "available"
        assert len(c.queue("support")) == 1
