"""What becomes of an offer: V-2 to V-9, RONA, and the reasons of features 2.5."""

from __future__ import annotations

import pytest
import trio

from actors import events as ev
from actors.reasons import During, OfferFailure, Outcome
from tests.support.centre import centre
from tests.support.network import Weather


async def test_unanswered_contact_returns_to_the_front_of_its_queue(autojump_clock) -> None:
    async with centre() as c:
        slow = await c.agent("1001")
        anna, bert = c.phone("anna"), c.phone("bert")
        await anna.calls_to("2001")
        await slow.rings()
        await bert.calls_to("2001")
        await trio.sleep(20)  # RONA is 18 s

        assert c.state("1001") == "idle:rona"
        first, second = [event.contact.id for event in c.of(ev.ContactArrived)]
        assert c.queue("support") == [first, second]
        assert c.story(first) == [
            "arrived",
            "queued",
            "assigned",
            "presented",
            "offer_failed",
            "queued",
        ]
        before, after = [e for e in c.of(ev.ContactQueued) if e.contact.id == first]
        assert before.place == after.place
        assert not before.again
        assert after.again


async def test_the_phone_that_rang_in_vain_stops_ringing(autojump_clock) -> None:
    async with centre() as c:
        slow = await c.agent("1001")
        await c.phone("anna").calls_to("2001")
        offered = await slow.rings()
        await offered.wait("ended")
        assert c.of(ev.ContactOfferFailed)[0].reason is OfferFailure.RONA
        assert sum(m.method == "CANCEL" for m in slow.heard if hasattr(m, "method")) == 1


async def test_after_rona_another_agent_is_asked_at_once(autojump_clock) -> None:
    async with centre() as c:
        slow = await c.agent("1001")
        await trio.sleep(1)
        quick = await c.agent("1002")
        call = await c.phone("anna").calls_to("2001")
        await slow.rings()
        offered = await quick.rings()
        quick.answers(offered)
        await offered.wait("talking")
        assert call.state == "talking"
        assert c.of(ev.ContactConnected)[0].agent == "1002"
        assert c.of(ev.ContactConnected)[0].waited > 18


@pytest.mark.parametrize(
    ("status", "reason", "state"),
    [
        (486, OfferFailure.BUSY, "idle:agent_busy"),
        (600, OfferFailure.BUSY, "idle:agent_busy"),
        (603, OfferFailure.DECLINED, "idle:agent_declined"),
        (480, OfferFailure.UNAVAILABLE, "idle:agent_unavailable"),
        (404, OfferFailure.INVALID_NUMBER, "idle:invalid_number"),
    ],
)
async def test_a_refusal_sets_the_agent_idle_for_its_reason(
    autojump_clock, status, reason, state
) -> None:
    async with centre() as c:
        agent = await c.agent("1001")
        agent.refuses = status
        await c.phone("anna").calls_to("2001")
        await trio.sleep(5)
        assert c.of(ev.ContactOfferFailed)[0].reason is reason
        assert c.state("1001") == state
        assert len(c.queue("support")) == 1


async def test_a_failing_channel_is_tried_three_more_times(autojump_clock) -> None:
    async with centre() as c:
        agent = await c.agent("1001")
        agent.refuses = 500
        await c.phone("anna").calls_to("2001")
        await trio.sleep(5)
        assert len(c.of(ev.ContactPresented)) == 4
        assert c.state("1001") == "idle:channel_failure"


async def test_nobody_available_is_offered_nothing(autojump_clock) -> None:
    async with centre() as c:
        wrong_skill = await c.agent("1003")
        await c.phone("anna").calls_to("2001")
        await trio.sleep(60)
        assert not wrong_skill.calls
        assert c.story() == ["arrived", "queued"]


async def test_an_agent_who_signs_in_gets_the_waiting_contact(autojump_clock) -> None:
    async with centre() as c:
        call = await c.phone("anna").calls_to("2001")
        await trio.sleep(30)
        agent = await c.agent("1001")
        offered = await agent.rings()
        agent.answers(offered)
        await offered.wait("talking")
        assert call.state == "talking"
        assert c.of(ev.ContactPresented)[0].dispatch < 0.001


@pytest.mark.parametrize("stage", ["flow", "queue", "ringing"])
async def test_abandon_at_every_stage(autojump_clock, stage) -> None:
    async with centre() as c:
        agent = await c.agent("1001") if stage == "ringing" else None
        anna = c.phone("anna")
        call = await anna.calls_to("2001")
        if stage == "queue":
            await trio.sleep(10)
        if agent is not None:
            offered = await agent.rings()
        anna.hangs_up(call)
        await trio.sleep(5)
        ended = c.of(ev.ContactEnded)[0]
        assert (ended.outcome, ended.during) == (Outcome.ABANDONED, During(stage))
        if agent is not None:
            assert offered.state == "ended"
            assert c.state("1001") == "available"  # no penalty
        c.check_nothing_is_left()


async def test_a_cancel_before_the_answer_ends_the_contact_t03(autojump_clock) -> None:
    async with centre() as c:
        c.media.opens_after = 1.0
        anna = c.phone("anna")
        call = anna.dials("2001")
        await trio.sleep(0.5)
        anna.cancels(call)
        await trio.sleep(40)
        assert call.status == 487
        assert [e.outcome for e in c.of(ev.ContactEnded)] == [Outcome.ABANDONED]
        c.check_nothing_is_left()


async def test_a_cancel_that_crosses_the_answer_is_abandoned_once_t03(autojump_clock) -> None:
    async with centre(weather=Weather(delay=(0.1, 0.1))) as c:
        anna = c.phone("anna")
        call = anna.dials("2001")
        await trio.sleep(0.15)  # the 200 is under way
        anna.cancels(call)
        await trio.sleep(40)
        assert call.status == 200
        assert call.state == "ended"
        assert [e.outcome for e in c.of(ev.ContactEnded)] == [Outcome.ABANDONED]
        c.check_nothing_is_left()


async def test_no_zombie_call_r03_r21(autojump_clock) -> None:
    """X abandons while the agent is reserved for X: the phone stops, and Y gets the agent."""
    async with centre() as c:
        agent = await c.agent("1001")
        anna, bert = c.phone("anna"), c.phone("bert")
        x = await anna.calls_to("2001")
        offered = await agent.rings()
        await bert.calls_to("2001")
        await trio.sleep(5)
        left_at = trio.current_time()
        anna.hangs_up(x)
        again = await agent.rings()
        assert trio.current_time() - left_at < 0.1
        assert offered.state == "ended"
        agent.answers(again)
        await again.wait("talking")


async def test_no_call_meets_a_phone_that_has_not_stopped_ringing(autojump_clock) -> None:
    """X abandons, and the phone is slow to hear of it: Y's INVITE would be answered 486."""
    async with centre() as c:
        agent = await c.agent("1001")
        anna, bert = c.phone("anna"), c.phone("bert")
        x = await anna.calls_to("2001")
        offered = await agent.rings()
        await bert.calls_to("2001")
        agent.ignores = frozenset({"CANCEL"})
        anna.hangs_up(x)
        await trio.sleep(2)
        assert c.state("1001") == "reserved"
        assert agent.open_calls() == [offered]

        agent.ignores = frozenset()
        again = await agent.rings()
        assert offered.state == "ended"
        agent.answers(again)
        await again.wait("talking")


async def test_a_phone_that_never_stops_ringing_holds_its_agent_for_a_while(autojump_clock) -> None:
    async with centre() as c:
        agent = await c.agent("1001")
        call = await c.phone("anna").calls_to("2001")
        await agent.rings()
        agent.ignores = frozenset({"CANCEL"})
        c.phone("anna").hangs_up(call)
        await trio.sleep(4)
        assert c.state("1001") == "reserved"
        await trio.sleep(2)
        assert c.state("1001") == "available"


async def test_the_agent_hangs_up_and_the_customer_is_let_go(autojump_clock) -> None:
    async with centre() as c:
        agent = await c.agent("1001")
        call = await c.phone("anna").calls_to("2001")
        offered = await agent.rings()
        agent.answers(offered)
        await offered.wait("talking")
        await trio.sleep(3)
        agent.hangs_up(offered)
        await call.wait("ended")
        await trio.sleep(10)
        assert c.of(ev.ContactEnded)[0].outcome is Outcome.HANDLED
        assert c.state("1001") == "available"
        c.check_nothing_is_left()


async def test_wrap_up_belongs_to_the_first_who_is_free_r07(autojump_clock) -> None:
    async with centre() as c:
        first = await c.agent("1001")
        second = await c.agent("1002")
        calls = []
        for phone in (first, second):
            customer = c.phone("c" + phone.name)
            call = await customer.calls_to("2001")
            offered = await phone.rings()
            phone.answers(offered)
            await offered.wait("talking")
            calls.append((customer, call))
        await c.phone("bert").calls_to("2001")
        await trio.sleep(2)
        for customer, call in calls:
            customer.hangs_up(call)
            await trio.sleep(1)
        await first.rings()  # his wrap-up ends first
        assert not [call for call in second.calls if call.state == "ringing"]


@pytest.mark.parametrize("shift", range(-4, 5))
async def test_a_call_that_comes_at_the_tick_the_wrap_up_ends_rings_once_r09(
    autojump_clock, shift
) -> None:
    """Half a millisecond apart: from before the end of the wrap-up until after it."""
    async with centre(routing={"rona_seconds": 18, "wrap_up_seconds": 10}) as c:
        at: dict[type, float] = {}
        c.core.journal.listen(lambda e: at.__setitem__(type(e.event), trio.current_time()))
        agent, anna = await c.agent("1001"), c.phone("anna")
        lasts: list[float] = []
        for pause in (20, 1):
            dialled = trio.current_time()
            call = await anna.calls_to("2001")
            offered = await agent.rings()
            agent.answers(offered)
            await offered.wait("talking")
            arrives_in = at[ev.ContactQueued] - dialled
            await trio.sleep(1)
            hung_up = trio.current_time()
            anna.hangs_up(call)
            await trio.sleep(pause)
            lasts.append(at[ev.AgentStateChanged] - hung_up)
        assert c.state("1001") == "wrap_up"
        await trio.sleep_until(hung_up + lasts[0] - arrives_in + shift * 0.0005)
        await c.phone("bert").calls_to("2001")
        again = await agent.rings()
        await trio.sleep(1)
        assert again.state == "ringing"
        assert abs(at[ev.ContactQueued] - hung_up - lasts[0] - shift * 0.0005) < 0.0001
        assert len(c.of(ev.ContactPresented)) == 3
        assert not c.of(ev.ActorCrashed)
