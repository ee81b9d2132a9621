"""What happens at the door of a queue and in it, when nobody can serve: P-8, R16."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import trio

from actors import events as ev
from actors import messages as m
from actors.effects import TellAgent
from actors.ids import AgentId, owner_of
from actors.reasons import During, Outcome
from tests.support.centre import DEFAULT, EPOCH, Centre, centre

GATEWAY = {"name": "pstn", "from": ["10.0.9.9"], "gateway": "10.0.9.9:5060"}
ALWAYS = {"name": "always", "time_zone": "UTC", "weekly": ["mon-sun 00:00-24:00"]}


def queues(**support: Any) -> list[dict[str, Any]]:
    """Two of them; the first with rules."""
    first, second = DEFAULT["queues"]
    return [{**first, **support}, second]


def entries(**support: Any) -> list[dict[str, Any]]:
    first, second = DEFAULT["entry_points"]
    return [{**first, **support}, second]


def closed_until(seconds: float) -> dict[str, Any]:
    """Opening hours that begin so many seconds, in whole minutes, after a story's first."""
    opens = datetime.fromtimestamp(EPOCH + seconds, ZoneInfo("UTC"))
    return {
        "name": "office",
        "time_zone": "UTC",
        "weekly": [f"{opens:%a} {opens:%H:%M}-23:59".lower()],
    }


def open_until(seconds: float) -> dict[str, Any]:
    closes = datetime.fromtimestamp(EPOCH + seconds, ZoneInfo("UTC"))
    return {
        "name": "office",
        "time_zone": "UTC",
        "weekly": [f"{closes:%a} 00:00-{closes:%H:%M}".lower()],
    }


def playing(c: Centre) -> list[str]:
    """What the customer hears, in order of the sessions."""
    return [file for _, files in c.media.playing.values() for file in files]


# --- at the door --------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [486, 600])
async def test_a_closed_entry_point_is_busy_before_anybody_answers(autojump_clock, status) -> None:
    rule = {"when": "closed", "busy": status}
    async with centre(
        hours=[closed_until(3600)], entry_points=entries(hours="office", diversions=[rule])
    ) as c:
        await c.agent("1001")
        anna = c.phone("anna")
        call = anna.dials("2001")
        await trio.sleep(5)
        assert (call.state, call.status) == ("ended", status)
        assert c.story() == ["arrived", "diverted", "ended"]
        (ended,) = c.of(ev.ContactEnded)
        assert (ended.outcome, ended.reason, ended.queue) == (Outcome.REJECTED, "closed", None)
        c.check_nothing_is_left()


async def test_who_calls_a_closed_queue_hears_why_and_is_let_go(autojump_clock) -> None:
    rule = {"when": "closed", "message": "closed.wav"}
    async with centre(
        hours=[closed_until(3600)], queues=queues(hours="office", diversions=[rule])
    ) as c:
        c.media.lengths = {"closed.wav": 7.0}
        await c.agent("1001")
        call = await c.phone("anna").calls_to("2001")
        await trio.sleep(3)
        assert playing(c) == ["closed.wav"]
        await trio.sleep(10)
        assert call.state == "ended"
        assert c.story() == ["arrived", "diverted", "ended"]
        (ended,) = c.of(ev.ContactEnded)
        assert (ended.outcome, ended.reason) == (Outcome.OVERFLOWED, "closed")
        c.check_nothing_is_left()


async def test_the_same_queue_takes_calls_from_the_minute_it_opens(autojump_clock) -> None:
    rule = {"when": "closed", "busy": 486}
    async with centre(
        hours=[closed_until(120)],
        queues=queues(hours="office", diversions=[rule]),
        entry_points=entries(flow=[{"queue": "support"}]),
    ) as c:
        await c.agent("1001")
        opens = (closes_at := EPOCH + 120) - closes_at % 60 - EPOCH
        await trio.sleep_until(opens - 1)
        early = c.phone("anna").dials("2001")
        await trio.sleep(0.5)
        assert early.status == 486
        await trio.sleep_until(opens + 1)
        await c.phone("bert").calls_to("2001")


async def test_no_agent_signed_in_sends_the_caller_to_another_queue(autojump_clock) -> None:
    rule = {"when": "no_agents", "queue": "spanish"}
    async with centre(queues=queues(diversions=[rule])) as c:
        carmen = await c.agent("1003")
        call = await c.phone("anna").calls_to("2001")
        offered = await carmen.rings()
        carmen.answers(offered)
        await offered.wait("talking")
        assert call.state == "talking"
        (diverted,) = c.of(ev.ContactDiverted)
        assert (diverted.queue, diverted.when, diverted.to) == (
            "support",
            "no_agents",
            "queue:spanish",
        )
        assert (diverted.onward, diverted.waited, diverted.figures.signed_in) == (True, None, 0)
        assert [event.queue for event in c.of(ev.ContactQueued)] == ["spanish"]


async def test_an_idle_agent_is_signed_in_and_not_at_work(autojump_clock) -> None:
    rules = [
        {"when": "no_agents", "message": "nobody.wav"},
        {"when": "none_working", "message": "lunch.wav"},
    ]
    async with centre(queues=queues(diversions=rules)) as c:
        await c.supervisor("1001")  # he is idle
        await c.phone("anna").calls_to("2001")
        await trio.sleep(3)
        assert c.of(ev.ContactDiverted)[0].to == "message:lunch.wav"


async def test_a_queue_with_enough_waiting_sends_the_next_caller_to_an_entry_point(
    autojump_clock,
) -> None:
    rule = {"when": "waiting", "contacts": 2, "entry_point": "spanish"}
    async with centre(queues=queues(diversions=[rule])) as c:
        for name in ("anna", "bert", "carl"):
            await c.phone(name).calls_to("2001")
            await trio.sleep(5)
        queued = [event.queue for event in c.of(ev.ContactQueued)]
        assert queued == ["support", "support", "spanish"]
        assert c.of(ev.ContactDiverted)[0].figures.waiting == 2


async def test_a_caller_is_connected_with_a_number_of_the_dial_plan(autojump_clock) -> None:
    rule = {"when": "no_agents", "number": "0123"}
    async with centre(
        queues=queues(diversions=[rule]),
        trunks=[*DEFAULT["trunks"], GATEWAY],
        dial_plan=[{"prefix": "0", "trunk": "pstn", "roles": []}],
    ) as c:
        outside = c.phone("outside", host="10.0.9.9")
        anna = c.phone("anna")
        call = await anna.calls_to("2001")
        offered = await outside.rings()
        assert playing(c) == ["ringback.wav"]
        await trio.sleep(3)
        outside.answers(offered)
        await offered.wait("talking")
        await trio.sleep(10)
        assert len(c.media.bridges) == 2
        assert not playing(c)
        anna.hangs_up(call)
        await offered.wait("ended")
        await trio.sleep(1)
        (ended,) = c.of(ev.ContactEnded)
        assert (ended.outcome, ended.queue) == (Outcome.HANDLED, None)
        c.check_nothing_is_left()


# --- while he waits -----------------------------------------------------------------------------


async def test_who_has_waited_goes_on_to_another_queue_with_the_place_he_had(
    autojump_clock,
) -> None:
    rule = {"when": "waited", "seconds": 60, "queue": "spanish"}
    async with centre(queues=queues(overflows=[rule])) as c:
        await c.phone("anna").calls_to("2001")
        await trio.sleep(30)
        await c.phone("carla").calls_to("2003")
        await trio.sleep(40)
        first, third = [e.contact.id for e in c.of(ev.ContactArrived)]
        assert list(map(owner_of, c.queue("spanish"))) == [first, third], "first come, first served"
        before, _, after = c.of(ev.ContactQueued)
        assert (before.place.since, before.place.seq) == (after.place.since, after.place.seq)
        (diverted,) = c.of(ev.ContactDiverted)
        assert diverted.waited == pytest.approx(60)
        assert c.queue("support") == []
        figures = c.core.fold.figures().queues
        assert (figures["support"].overflowed, figures["support"].waiting) == (1, 0)
        assert (figures["spanish"].offered, figures["spanish"].waiting) == (2, 2)


async def test_who_has_waited_is_connected_with_a_number_and_his_queue_is_done_with_him(
    autojump_clock,
) -> None:
    rule = {"when": "waited", "seconds": 60, "number": "0123"}
    async with centre(
        queues=queues(overflows=[rule]),
        trunks=[*DEFAULT["trunks"], GATEWAY],
        dial_plan=[{"prefix": "0", "trunk": "pstn", "roles": []}],
    ) as c:
        outside, anna = c.phone("outside", host="10.0.9.9"), c.phone("anna")
        call = await anna.calls_to("2001")
        offered = await outside.rings()
        assert c.queue("support") == []
        outside.answers(offered)
        await offered.wait("talking")
        await trio.sleep(30)
        figures = c.core.fold.figures().queues["support"]
        assert (figures.overflowed, figures.waiting, figures.in_service) == (1, 0, 0)
        outside.hangs_up(offered)
        await call.wait("ended")
        await trio.sleep(1)
        assert c.story() == ["arrived", "queued", "diverted", "ended"]
        c.check_nothing_is_left()


async def test_a_number_that_does_not_answer_ends_the_contact_and_says_why(autojump_clock) -> None:
    rule = {"when": "no_agents", "number": "0123"}
    async with centre(
        queues=queues(diversions=[rule]),
        trunks=[*DEFAULT["trunks"], GATEWAY],
        dial_plan=[{"prefix": "0", "trunk": "pstn", "roles": []}],
    ) as c:
        outside = c.phone("outside", host="10.0.9.9")
        outside.refuses = 486
        call = await c.phone("anna").calls_to("2001")
        await trio.sleep(10)
        assert call.state == "ended"
        (ended,) = c.of(ev.ContactEnded)
        assert (ended.outcome, ended.reason) == (Outcome.FAILED, "USER_BUSY")
        c.check_nothing_is_left()


async def test_who_hangs_up_while_the_number_rings_stops_it(autojump_clock) -> None:
    rule = {"when": "no_agents", "number": "0123"}
    async with centre(
        queues=queues(diversions=[rule]),
        trunks=[*DEFAULT["trunks"], GATEWAY],
        dial_plan=[{"prefix": "0", "trunk": "pstn", "roles": []}],
    ) as c:
        outside, anna = c.phone("outside", host="10.0.9.9"), c.phone("anna")
        call = await anna.calls_to("2001")
        offered = await outside.rings()
        anna.hangs_up(call)
        await offered.wait("ended")
        await trio.sleep(1)
        (ended,) = c.of(ev.ContactEnded)
        assert (ended.outcome, ended.during) == (Outcome.ABANDONED, During.FLOW)
        c.check_nothing_is_left()


async def test_in_the_new_queue_the_bound_of_waiting_counts_anew(autojump_clock) -> None:
    rule = {"when": "waited", "seconds": 60, "queue": "spanish"}
    first, second = DEFAULT["queues"]
    both = [{**first, "overflows": [rule]}, {**second, "max_wait_seconds": 50}]
    async with centre(queues=both) as c:
        call = await c.phone("anna").calls_to("2001")
        await trio.sleep(100)
        assert len(c.queue("spanish")) == 1
        await trio.sleep(20)
        assert call.state == "ended"


async def test_a_queue_that_closes_lets_those_go_who_wait(autojump_clock) -> None:
    rule = {"when": "closed", "message": "closed.wav"}
    rules = queues(hours="office", overflows=[rule])
    async with centre(hours=[open_until(600)], queues=rules) as c:
        call = await c.phone("anna").calls_to("2001")
        closes = EPOCH + 600 - (EPOCH + 600) % 60 - EPOCH
        await trio.sleep_until(closes - 1)
        assert playing(c) == ["music.wav"]
        await trio.sleep_until(closes + 1)
        assert playing(c) == ["closed.wav"]
        await trio.sleep(5)
        assert call.state == "ended"
        (ended,) = c.of(ev.ContactEnded)
        assert (ended.outcome, ended.queue) == (Outcome.OVERFLOWED, "support")


async def test_when_the_last_agent_signs_out_those_who_wait_are_sent_on(autojump_clock) -> None:
    rule = {"when": "no_agents", "queue": "spanish"}
    async with centre(queues=queues(overflows=[rule])) as c:
        ada = await c.supervisor("1001")
        await c.phone("anna").calls_to("2001")
        await trio.sleep(60)
        assert len(c.queue("support")) == 1, "he is idle, and may come back"
        assert await ada.registers("secret-1001", expires=0) == 200
        await trio.sleep(15)
        assert c.queue("support") == []
        assert len(c.queue("spanish")) == 1


async def test_who_rings_is_not_sent_on_and_goes_when_he_waits_again(autojump_clock) -> None:
    rule = {"when": "waited", "seconds": 10, "queue": "spanish"}
    async with centre(queues=queues(overflows=[rule])) as c:
        slow = await c.agent("1001")
        await c.phone("anna").calls_to("2001")
        await slow.rings()
        await trio.sleep(15)
        assert not c.of(ev.ContactDiverted), "his phone may be answered at any moment"
        await trio.sleep(5)  # RONA is 18 s
        assert c.story() == [
            *("arrived", "queued", "assigned", "presented", "offer_failed", "queued"),
            *("diverted", "queued"),
        ]


async def queued_at(c: Centre) -> float:
    await trio.sleep(5)  # the greeting takes two seconds
    since: float = c.of(ev.ContactQueued)[0].place.since
    return since


async def test_a_queue_that_closes_while_a_phone_rings_lets_it_ring_r20(autojump_clock) -> None:
    rule = {"when": "closed", "message": "closed.wav"}
    rules = queues(hours="office", overflows=[rule], diversions=[rule])
    async with centre(hours=[open_until(240)], queues=rules) as c:
        ada = await c.supervisor("1001")
        await c.phone("anna").calls_to("2001")
        await c.phone("bert").calls_to("2001")
        closes = 240 - (EPOCH + 240) % 60
        await trio.sleep_until(closes - 5)
        available = m.AgentCommandReceived(m.SetAvailable(), "nobody")
        c.core.effects.perform(TellAgent(AgentId("1001"), available))
        offered = await ada.rings()
        await trio.sleep_until(closes + 5)
        assert [e.contact.id for e in c.of(ev.ContactDiverted)] == [
            c.of(ev.ContactArrived)[1].contact.id
        ], "he waited, and nobody rang for him"
        ada.answers(offered)
        await offered.wait("talking")
        late = await c.phone("carl").calls_to("2001")
        await trio.sleep(10)
        assert late.state == "ended"
        assert offered.state == "talking"


async def test_rules_that_are_loaded_again_hold_for_those_who_wait_r20(autojump_clock) -> None:
    async with centre(queues=queues()) as c:
        await c.phone("anna").calls_to("2001")
        await trio.sleep(100)
        rule = {"when": "waited", "seconds": 120, "queue": "spanish"}
        await c.reloads(queues=queues(overflows=[rule]))
        await trio.sleep(15)
        assert len(c.queue("support")) == 1
        await trio.sleep(10)
        assert len(c.queue("spanish")) == 1, "it counts from when he began to wait"


async def test_hours_that_are_loaded_again_close_the_queue_at_once_r20(autojump_clock) -> None:
    rule = {"when": "closed", "message": "closed.wav"}
    rules = queues(hours="office", overflows=[rule])
    async with centre(hours=[open_until(3600)], queues=rules) as c:
        call = await c.phone("anna").calls_to("2001")
        await trio.sleep(100)
        await c.reloads(hours=[closed_until(7200)], queues=rules)
        await trio.sleep(5)
        assert call.state == "ended"
        assert c.of(ev.ContactEnded)[0].reason == "closed"


# --- races (R16), in both orders ------------------------------------------------------------------


@pytest.mark.parametrize("first", ["overflow", "agent"])
async def test_overflow_and_an_agent_at_one_instant_give_one_transition_r16(
    autojump_clock, first
) -> None:
    """An agent becomes available as the customer has waited for as long as one may."""
    rule = {"when": "waited", "seconds": 60, "queue": "spanish"}
    async with centre(queues=queues(overflows=[rule])) as c:
        ada = await c.supervisor("1001")
        await c.phone("anna").calls_to("2001")
        await trio.sleep_until(await queued_at(c) + 60 + (0.001 if first == "overflow" else -0.001))
        c.core.effects.perform(
            TellAgent(AgentId("1001"), m.AgentCommandReceived(m.SetAvailable(), "nobody"))
        )
        await trio.sleep(2)
        if first == "overflow":
            assert not ada.calls
            assert c.state("1001") == "available"
            assert len(c.queue("spanish")) == 1
        else:
            ada.answers(await ada.rings())
            await trio.sleep(30)
            assert c.story()[-1] == "connected"
            assert not c.of(ev.ContactDiverted)
        c.check_conservation()


@pytest.mark.parametrize("first", ["max_wait", "agent"])
async def test_the_longest_wait_and_an_agent_at_one_instant_give_one_transition_r16(
    autojump_clock, first
) -> None:
    async with centre(queues=queues(max_wait_seconds=60)) as c:
        ada = await c.supervisor("1001")
        call = await c.phone("anna").calls_to("2001")
        await trio.sleep_until(await queued_at(c) + 60 + (0.001 if first == "max_wait" else -0.001))
        c.core.effects.perform(
            TellAgent(AgentId("1001"), m.AgentCommandReceived(m.SetAvailable(), "nobody"))
        )
        await trio.sleep(10)
        if first == "max_wait":
            assert not ada.calls
            assert c.state("1001") == "available"
            assert call.state == "ended"
            assert c.story()[-1] == "ended"
        else:
            assert c.state("1001") == "reserved"
            assert c.story()[-1] == "presented"
        c.check_conservation()


@pytest.mark.parametrize("first", ["overflow", "hang-up"])
async def test_overflow_and_hang_up_at_one_instant_end_the_contact_once_r16(
    autojump_clock, first
) -> None:
    rule = {"when": "waited", "seconds": 60, "queue": "spanish"}
    async with centre(queues=queues(overflows=[rule])) as c:
        anna = c.phone("anna")
        call = await anna.calls_to("2001")
        since = await queued_at(c)
        await trio.sleep_until(since + 60 - (0.002 if first == "hang-up" else -0.002))
        anna.hangs_up(call)
        await trio.sleep(5)
        (ended,) = c.of(ev.ContactEnded)
        assert (ended.outcome, ended.during) == (Outcome.ABANDONED, During.QUEUE)
        assert ended.queue == ("support" if first == "hang-up" else "spanish")
        c.check_nothing_is_left()
