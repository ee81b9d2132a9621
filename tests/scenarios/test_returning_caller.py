"""A caller who hangs up in the queue, and calls again (P-9)."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from actors import events as ev
from actors.ids import owner_of
from tests.support.centre import DEFAULT, Centre, centre
from tests.support.phones import Phone
from tests.support.restarting import mortal_centre


def queues(seconds: float, **rest: Any) -> list[dict[str, Any]]:
    first, second = DEFAULT["queues"]
    return [{**first, "resume_seconds": seconds, **rest}, second]


async def hangs_up_after(c: Centre, phone: Phone, seconds: float) -> None:
    call = await phone.calls_to("2001")
    await trio.sleep(seconds)
    phone.hangs_up(call)
    await trio.sleep(1)


async def test_a_caller_who_comes_back_in_time_stands_where_he_stood(autojump_clock) -> None:
    async with centre(queues=queues(120)) as c:
        anna, bert = c.phone("anna"), c.phone("bert")
        await hangs_up_after(c, anna, 30)
        await bert.calls_to("2001")
        await trio.sleep(60)
        again = await anna.calls_to("2001")
        await trio.sleep(3)
        first, second, third = [e.contact.id for e in c.of(ev.ContactArrived)]
        assert c.queue("support") == [third, second], "before whoever came while he was away"
        before, _, after = c.of(ev.ContactQueued)
        assert (before.place, after.regained, after.position) == (after.place, first, 1)
        ada = await c.agent("1001")
        ada.answers(await ada.rings())
        await trio.sleep(1)
        assert c.of(ev.ContactConnected)[0].contact.id == third
        assert again.state == "talking"
        assert c.core.fold.figures().waiting.regained["support"] == 1
        c.check_conservation()


async def test_a_caller_who_comes_back_too_late_stands_behind(autojump_clock) -> None:
    async with centre(queues=queues(50)) as c:
        anna, bert = c.phone("anna"), c.phone("bert")
        await hangs_up_after(c, anna, 30)
        await bert.calls_to("2001")
        await trio.sleep(60)
        await anna.calls_to("2001")
        await trio.sleep(3)
        _, second, third = [e.contact.id for e in c.of(ev.ContactArrived)]
        assert c.queue("support") == [second, third]


async def test_one_abandoned_call_gives_one_place_to_two_that_come_at_once(autojump_clock) -> None:
    async with centre(queues=queues(120)) as c:
        anna, other = c.phone("anna"), c.phone("anna")
        await hangs_up_after(c, anna, 30)
        calls = [anna.dials("2001"), other.dials("2001")]
        for call in calls:
            await call.wait("talking")
        await trio.sleep(3)
        regained = [e.regained for e in c.of(ev.ContactQueued)[1:]]
        assert sorted(map(bool, regained)) == [False, True]
        assert len({e.place.seq for e in c.of(ev.ContactQueued)[1:]}) == 2


async def test_he_has_it_until_he_is_served_and_then_no_more(autojump_clock) -> None:
    async with centre(queues=queues(600)) as c:
        anna = c.phone("anna")
        for _ in range(3):
            await hangs_up_after(c, anna, 30)
        places = [e.place.seq for e in c.of(ev.ContactQueued)]
        assert len(set(places)) == 1
        ada = await c.agent("1001")
        call = await anna.calls_to("2001")
        offered = await ada.rings()
        ada.answers(offered)
        await offered.wait("talking")
        anna.hangs_up(call)
        await trio.sleep(10)
        await anna.calls_to("2001")
        await trio.sleep(3)
        assert c.of(ev.ContactQueued)[-1].regained is None


async def test_the_bound_of_waiting_counts_from_the_new_call(autojump_clock) -> None:
    async with centre(queues=queues(120, max_wait_seconds=60)) as c:
        anna = c.phone("anna")
        await hangs_up_after(c, anna, 50)
        call = await anna.calls_to("2001")
        await trio.sleep(55)
        assert call.state == "talking"
        assert len(c.queue("support")) == 1
        await trio.sleep(20)
        assert call.state == "ended"


@pytest.mark.parametrize("hangs_up", ["before", "after"])
async def test_a_place_is_kept_over_a_restart_of_the_server(autojump_clock, hangs_up) -> None:
    """Given once, and for no longer than without it."""
    async with mortal_centre(queues=queues(120)) as c:
        anna, bert = c.phone("anna"), c.phone("bert")
        call = await anna.calls_to("2001")
        await trio.sleep(30)
        if hangs_up == "after":
            await c.restarts()
        anna.hangs_up(call)
        await trio.sleep(1)
        await bert.calls_to("2001")
        await trio.sleep(10)
        await c.restarts()
        await trio.sleep(50)
        again = await anna.calls_to("2001")
        await trio.sleep(3)
        first, second, third = [e.contact.id for e in c.of(ev.ContactArrived)]
        assert list(map(owner_of, c.queue("support"))) == [third, second]
        assert c.of(ev.ContactQueued)[-1].regained == first
        anna.hangs_up(again)
        await trio.sleep(1)
        await c.restarts()
        await trio.sleep(125)
        await anna.calls_to("2001")
        await trio.sleep(3)
        assert c.of(ev.ContactQueued)[-1].regained is None


async def test_a_place_that_was_given_is_not_given_again_after_a_restart(autojump_clock) -> None:
    async with mortal_centre(queues=queues(600)) as c:
        anna = c.phone("anna")
        await hangs_up_after(c, anna, 10)
        call = await anna.calls_to("2001")
        await trio.sleep(5)
        ada = await c.agent("1001")
        ada.answers(await ada.rings())
        await call.wait("talking")
        await trio.sleep(30)
        assert c.of(ev.ContactQueued)[-1].regained is not None
        anna.hangs_up(call)
        await trio.sleep(10)
        await c.restarts()
        await anna.calls_to("2001")
        await trio.sleep(3)
        assert c.of(ev.ContactQueued)[-1].regained is None
