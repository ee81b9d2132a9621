"""What comes for a dialog that is ending, or has ended (D02, D14), and the end of all (S13)."""

from __future__ import annotations

import logging

import pytest
import trio

from actors import events as ev
from sip.message import Request
from tests.support.centre import Centre, centre
from tests.support.phones import Call, Phone, sdp

HOP = 0.001
"""Seconds that a datagram takes."""
HANGS_UP, OVER = 40, 80
"""Numbers of messages, ten of which are sent while one travels."""
OFFERS = pytest.mark.parametrize("offer", [sdp("10.0.1.99", 40000, "sendonly"), b""])


async def talking(c: Centre) -> tuple[Phone, Call, Phone, Call]:
    """A customer and an agent, and each one's call."""
    desk = await c.agent("1001")
    anna = c.phone("anna")
    call = await anna.calls_to("2001")
    offered = await desk.rings()
    desk.answers(offered)
    await offered.wait("talking")
    await trio.sleep(1)
    return anna, call, desk, offered


async def all_is_over(c: Centre) -> None:
    """Once, and for everybody."""
    await trio.sleep(64)
    assert len(c.of(ev.ContactEnded)) == 1
    assert len({leg.leg for leg in c.of(ev.LegDown)}) == len(c.of(ev.LegDown)) == 2
    assert c.state("1001") == "available"
    c.check_nothing_is_left()


@OFFERS
async def test_a_reinvite_that_crosses_our_bye_finds_no_dialog_d02(autojump_clock, offer) -> None:
    async with centre() as c:
        anna, call, desk, offered = await talking(c)
        reinvite = anna.request_in(call, "INVITE", offer)
        desk.hangs_up(offered)
        await trio.sleep(1.5 * HOP)  # our BYE is under way to her
        assert call.state == "talking"
        assert (await anna.asks(reinvite)).status == 481
        assert call.state == "ended"
        await all_is_over(c)


@OFFERS
@pytest.mark.parametrize("first", ["INVITE", "BYE"])
async def test_a_reinvite_and_a_bye_of_one_phone_arrive_in_either_order_d02(
    autojump_clock, offer, first
) -> None:
    async with centre() as c:
        anna, call, _, _ = await talking(c)
        reinvite, bye = anna.request_in(call, "INVITE", offer), anna.request_in(call, "BYE")
        order = [reinvite, bye] if first == "INVITE" else [bye, reinvite]
        statuses = {}

        async def ask(request: Request) -> None:
            statuses[request.method] = (await anna.asks(request)).status

        async with trio.open_nursery() as nursery:
            for request in order:
                nursery.start_soon(ask, request)
                await trio.sleep(HOP / 10)
        assert statuses == {"INVITE": 200 if first == "INVITE" else 481, "BYE": 200}
        await all_is_over(c)


async def test_bye_crosses_bye_d02(autojump_clock) -> None:
    async with centre() as c:
        anna, call, desk, offered = await talking(c)
        bye = anna.request_in(call, "BYE")
        desk.hangs_up(offered)
        await trio.sleep(1.5 * HOP)
        assert (await anna.asks(bye)).status == 200
        await all_is_over(c)


async def test_whatever_comes_for_a_dialog_while_it_is_torn_down_is_answered_d14(
    autojump_clock, caplog
) -> None:
    """200 messages, all different, from before the hang-up until after the end."""
    async with centre() as c:
        anna, call, desk, offered = await talking(c)
        methods = ("INVITE", "INFO", "OPTIONS", "UPDATE", "ACK", "MESSAGE", "REFER", "BYE")
        answers: dict[int, tuple[str, int]] = {}
        sent = 0

        async def ask(number: int, request: Request) -> None:
            answers[number] = request.method, (await anna.asks(request)).status

        async with trio.open_nursery() as nursery:
            for number in range(200):
                method = methods[number % 8]
                if number == HANGS_UP:
                    desk.hangs_up(offered)
                if method == "BYE" and number < HANGS_UP:
                    continue
                body = sdp("10.0.1.99", 40000) if method == "INVITE" and number % 16 else b""
                request = anna.request_in(call, method, body)
                if method == "ACK":
                    anna.send_raw(request.encode())
                else:
                    sent += 1
                    nursery.start_soon(ask, number, request)
                await trio.sleep(HOP / 10)
        assert len(answers) == sent
        assert {status for _, status in answers.values()} == {200, 405, 481, 500}
        for number, (method, status) in answers.items():
            if number >= OVER:
                assert status == (405 if method in ("MESSAGE", "REFER") else 481)
        await all_is_over(c)
    assert [r for r in caplog.records if r.levelno >= logging.WARNING] == []


# A quarter of a hop apart: from the INVITE to the greeting, from the agent's ringing to the talk,
# and the hang-up.
INSTANTS = [
    *(step * HOP / 4 for step in range(20)),
    *(2.0 + step * HOP / 4 for step in range(15)),
    *(2.5 + step * HOP / 4 for step in range(15)),
]


@pytest.mark.parametrize("instant", INSTANTS, ids=lambda instant: f"{instant:.5f}")
async def test_the_whole_core_may_be_cancelled_at_any_instant_s13(
    autojump_clock, instant, caplog
) -> None:
    async with centre() as c:
        desk = await c.agent("1001")
        anna = c.phone("anna")

        async def live() -> None:
            call = await anna.calls_to("2001")
            offered = await desk.rings()
            desk.answers(offered)
            await offered.wait("talking")
            await trio.sleep_until(begun + 2.5)
            anna.hangs_up(call)

        begun = trio.current_time()
        c.network.nursery.start_soon(live)
        await trio.sleep_until(begun + instant)
    assert trio.current_time() == begun + instant  # nothing hung
    assert not c.core.directory.contacts
    assert not c.core.directory.legs
    assert not c.media.sessions
    assert [r for r in caplog.records if r.levelno >= logging.WARNING] == []
