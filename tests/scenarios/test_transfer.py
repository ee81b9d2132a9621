"""Transfers: V-50, V-51, complete and blind; D09, D10, R24."""

from __future__ import annotations

import pytest
import trio

from actors import commands as c
from actors import events as ev
from actors.ids import AgentId, QueueName
from actors.reasons import Outcome, Refusal
from tests.scenarios.test_consult import MUSIC, consulted, talking
from tests.support.centre import DEFAULT

TO_1002 = c.Transfer(c.ToAgent(AgentId("1002")))
GATEWAY = "10.0.1.200:5060"
PSTN = {
    "trunks": [
        *DEFAULT["trunks"],
        {"name": "pstn", "from": ["10.0.1.200/32"], "gateway": GATEWAY},
    ],
    "dial_plan": [{"prefix": "0", "trunk": "pstn"}, {"prefix": "0900"}],
    "directory": [{"name": "Bank", "number": "0123"}],
}


async def test_a_consulted_agent_takes_over(autojump_clock) -> None:
    async with talking("1002") as (floor, phones, calls):
        await consulted(floor, phones, calls)
        done = await floor.does("1001", c.Transfer())
        assert done.state == "left"
        await trio.sleep(1)
        assert calls["1001"].state == "ended"
        assert floor.state("1001") == "wrap_up"
        assert floor.ears() == {"customer": {"1002"}, "1002": {"customer"}}
        assert "hold" in floor.allowed("1002")
        phones["anna"].hangs_up(calls["anna"])
        await trio.sleep(1)
        assert floor.state("1002") == "wrap_up"
        (ended,) = floor.of(ev.ContactEnded)
        assert ended.agent == "1002"
        assert len([e for e in floor.of(ev.AgentStateChanged) if e.state == "wrap_up"]) == 2  # D10
        floor.check_nothing_is_left()


async def test_a_transfer_is_complete_as_soon_as_it_rings(autojump_clock) -> None:
    async with talking("1002") as (floor, phones, calls):
        await consulted(floor, phones, calls, answers=False)
        await floor.does("1001", c.Transfer())
        await trio.sleep(1)
        assert floor.state("1001") == "wrap_up"
        phones["1002"].answers(calls["1002"])
        await trio.sleep(1)
        assert floor.ears() == {"customer": {"1002"}, "1002": {"customer"}}


async def test_a_blind_transfer_to_a_free_agent(autojump_clock) -> None:
    async with talking("1002") as (floor, phones, calls):
        done = await floor.does("1001", TO_1002)
        assert isinstance(done, c.ContactDone)
        await trio.sleep(0.1)
        assert floor.state("1001") == "wrap_up"
        calls["1002"] = await phones["1002"].rings()
        phones["1002"].answers(calls["1002"])
        await trio.sleep(1)
        assert floor.ears() == {"customer": {"1002"}, "1002": {"customer"}}
        (moved,) = floor.of(ev.ContactTransferred)
        assert (moved.by, moved.to, moved.how) == ("1001", "agent:1002", "blind")


async def test_an_agent_who_is_not_free_leaves_the_customer_where_he_is(autojump_clock) -> None:
    """R24."""
    async with talking() as (floor, _, calls):
        refused = await floor.does("1001", TO_1002)
        assert refused.code == Refusal.DESTINATION_NOT_FREE
        assert floor.ears() == {"customer": {"1001"}, "1001": {"customer"}}
        assert calls["1001"].state == "talking"
        assert floor.talk.state() == "connected"
        (failed,) = floor.of(ev.ContactTransferFailed)
        assert failed.reason == "AGENT_SIGNED_OUT"


@pytest.mark.parametrize("how", ["declined", "unanswered"])
async def test_a_transfer_that_fails_leaves_nobody_alone(autojump_clock, how) -> None:
    """The customer stands in front of his queue again, with his old place."""
    async with talking("1002") as (floor, phones, calls):
        place = floor.of(ev.ContactQueued)[0].place
        await floor.does("1001", TO_1002)
        calls["1002"] = await phones["1002"].rings()
        if how == "declined":
            phones["1002"].rejects(calls["1002"], 603)
            await trio.sleep(1)
        else:
            await trio.sleep(19)
        customer = floor.contact.customer
        assert floor.media.at_the_ear(customer) == {MUSIC}
        again = floor.of(ev.ContactQueued)[-1]
        assert (again.place, again.again) == (place, True)
        back = await phones["1001"].rings()  # his wrap-up over, he is the one who is free
        phones["1001"].answers(back)
        await trio.sleep(1)
        assert floor.ears() == {"customer": {"1001"}, "1001": {"customer"}}


async def test_a_queue_takes_him_at_his_old_place_and_not_to_the_same_agent(
    autojump_clock,
) -> None:
    async with talking() as (floor, phones, calls):
        first = floor.of(ev.ContactQueued)[0].place
        await floor.does("1001", c.Transfer(c.ToQueue(QueueName("support"))))
        await trio.sleep(10)
        assert floor.state("1001") == "available"
        assert len(floor.queue("support")) == 1  # it is not given back to him (V-51)
        assert floor.of(ev.ContactQueued)[-1].place == first
        phones["1002"] = await floor.agent("1002")
        calls["1002"] = await phones["1002"].rings()
        phones["1002"].answers(calls["1002"])
        await trio.sleep(1)
        assert floor.ears() == {"customer": {"1002"}, "1002": {"customer"}}


async def test_three_times_through_queues_it_is_one_contact_with_three_segments(
    autojump_clock,
) -> None:
    """D09."""
    async with talking("1002", "1003") as (floor, phones, calls):
        contact = floor.contact.id
        for agent, queue, following in (
            ("1001", "spanish", "1003"),
            ("1003", "support", "1002"),
            ("1002", "spanish", "1003"),
        ):
            await floor.does(agent, c.Transfer(c.ToQueue(QueueName(queue))))
            offered = await phones[following].rings()
            phones[following].answers(offered)
            await offered.wait("talking")
            await trio.sleep(8)
        assert floor.contact.id == contact
        phones["anna"].hangs_up(calls["anna"])
        await trio.sleep(10)
        connected = [event.agent for event in floor.of(ev.ContactConnected)]
        assert connected == ["1001", "1003", "1002", "1003"]
        figures = floor.core.fold.figures().queues
        assert (figures["support"].offered, figures["support"].handled) == (2, 2)
        assert (figures["spanish"].offered, figures["spanish"].handled) == (2, 2)
        assert [floor.state(name) for name in ("1001", "1002", "1003")] == ["available"] * 3
        floor.check_nothing_is_left()


async def test_an_entry_point_is_walked_as_if_he_had_called_it(autojump_clock) -> None:
    async with talking("1003") as (floor, phones, _):
        await floor.does("1001", c.Transfer(c.ToEntryPoint("spanish")))
        assert floor.media.at_the_ear(floor.contact.customer) == {"greeting.wav"}
        offered = await phones["1003"].rings()
        phones["1003"].answers(offered)
        await trio.sleep(1)
        assert floor.ears() == {"customer": {"1003"}, "1003": {"customer"}}


async def test_a_number_outside_is_called_through_its_trunk(autojump_clock) -> None:
    async with talking(**PSTN) as (floor, _, calls):
        gateway = floor.phone("gateway", "10.0.1.200")
        await floor.does("1001", c.Transfer(c.ToDirectory("Bank")))
        outside = await gateway.rings()
        assert outside.invite.uri.user == "0123"
        assert floor.state("1001") == "wrap_up"
        gateway.answers(outside)
        await trio.sleep(1)
        assert floor.ears() == {"customer": {"0123"}, "0123": {"customer"}}
        assert floor.allowed("0123") == ()  # V-32
        gateway.hangs_up(outside)
        await trio.sleep(1)
        assert calls["anna"].state == "ended"
        (ended,) = floor.of(ev.ContactEnded)
        assert ended.outcome is Outcome.HANDLED
        floor.check_nothing_is_left()


async def test_the_dial_plan_says_who_may_dial_what(autojump_clock) -> None:
    async with talking(**PSTN) as (floor, _, _):
        refused = await floor.does("1001", c.Transfer(c.ToNumber("0900123")))
        assert refused.code == Refusal.NOT_IN_DIAL_PLAN


@pytest.mark.parametrize("limit", ["TRUNK_LIMIT", "TENANT_LIMIT"])
async def test_when_no_line_is_free_the_reason_is_said(autojump_clock, limit) -> None:
    """V-82."""
    changes = {**PSTN}
    if limit == "TRUNK_LIMIT":
        pstn = {**PSTN["trunks"][1], "from": ["10.0.1.0/24"], "max_calls": 1}
        changes["trunks"] = [pstn]
    else:
        changes["admission"] = {"max_contacts": 1}
    async with talking(**changes) as (floor, _, _):
        await floor.does("1001", c.Consult(c.ToNumber("0123")))
        await trio.sleep(1)
        assert floor.talk.state() == "held"
        (over,) = floor.of(ev.ConsultEnded)
        assert over.outcome == limit


async def test_a_line_is_given_back_with_the_call(autojump_clock) -> None:
    trunks = [{"name": "lan", "from": ["10.0.1.0/24"], "max_calls": 1}]
    async with talking(trunks=trunks) as (floor, phones, calls):
        bill = floor.phone("bill")
        bill.dials("2001")
        await trio.sleep(1)
        (refusal,) = [heard for heard in bill.heard if heard.status == 503]
        assert "TRUNK_LIMIT" in refusal.header("Reason")
        phones["anna"].hangs_up(calls["anna"])
        await trio.sleep(10)
        third = await floor.phone("carl").calls_to("2001")
        assert third.state == "talking"


@pytest.mark.parametrize("stage", ["ringing", "waiting"])
async def test_the_customer_hangs_up_while_he_is_transferred(autojump_clock, stage) -> None:
    async with talking("1002") as (floor, phones, calls):
        if stage == "ringing":
            await floor.does("1001", TO_1002)
            calls["1002"] = await phones["1002"].rings()
        else:
            await floor.does("1001", c.Transfer(c.ToQueue(QueueName("spanish"))))
        await trio.sleep(0.5)
        phones["anna"].hangs_up(calls["anna"])
        await trio.sleep(1)
        assert floor.state("1002") == "available"
        (ended,) = floor.of(ev.ContactEnded)
        expected = Outcome.HANDLED if stage == "ringing" else Outcome.ABANDONED
        assert ended.outcome is expected
        floor.check_nothing_is_left()
