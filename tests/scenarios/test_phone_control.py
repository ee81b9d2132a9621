"""What a phone does by itself harms no contact: call control is the desktop's (V-11, D08)."""

from __future__ import annotations

import pytest
import trio

from actors import commands as c
from actors import events as ev
from actors.ids import AgentId
from sip.message import Request
from tests.scenarios.test_consult import consulted, talking
from tests.support.phones import SERVER, sdp

REFER_TO = {
    "itself": "sip:1001@ccserver",
    "where it comes from": f"sip:ccserver@{SERVER[0]}:{SERVER[1]}",
    "an agent": "sip:1002@ccserver",
    "a premium number": "sip:+900123@10.0.1.200",
    "an unknown dialog": "sip:1002@ccserver?Replaces=nobody%3Bto-tag%3Dx%3Bfrom-tag%3Dy",
    "an early dialog": "sip:1002@ccserver?Replaces=nobody%3Bto-tag%3Dx%3Bfrom-tag%3Dy%3Bearly-only",
}


async def connected(floor, phones, calls) -> None:
    pass


async def consulting(floor, phones, calls) -> None:
    await consulted(floor, phones, calls)


async def conference(floor, phones, calls) -> None:
    await consulted(floor, phones, calls)
    await floor.does("1001", c.Conference())


async def held(floor, phones, calls) -> None:
    await floor.does("1001", c.Hold())


@pytest.mark.parametrize("state", [connected, held, consulting, conference])
@pytest.mark.parametrize("who", ["1001", "anna"])
async def test_a_phones_own_hold_changes_only_what_is_sent_to_it(
    autojump_clock, state, who
) -> None:
    """V-11: the contact's state, who hears whom and who may do what are what they were."""
    async with talking("1002") as (floor, phones, calls):
        await state(floor, phones, calls)
        before = (floor.talk.state(), floor.ears(), floor.allowed("1001"))
        changes = len(floor.of(ev.ContactStateChanged))
        host = phones[who].address[0]

        for direction in ("sendonly", "inactive", "sendrecv"):
            body = sdp(host, 40000, direction)
            answer = await phones[who].asks(phones[who].request_in(calls[who], "INVITE", body))
            assert answer.status == 200
            await trio.sleep(1)
            assert (floor.talk.state(), floor.ears(), floor.allowed("1001")) == before

        assert len(floor.of(ev.ContactStateChanged)) == changes
        assert calls[who].state == "talking"


@pytest.mark.parametrize("state", [connected, held, consulting, conference])
@pytest.mark.parametrize("who", ["1001", "anna"])
@pytest.mark.parametrize("to", sorted(REFER_TO))
async def test_a_refer_is_not_allowed_and_changes_nothing_d08(
    autojump_clock, state, who, to
) -> None:
    """A transfer is the desktop's, where permissions, the dial plan and the limits hold."""
    async with talking("1002") as (floor, phones, calls):
        await state(floor, phones, calls)
        before = (floor.talk.state(), floor.ears(), floor.allowed("1001"))
        known = len(phones["1002"].calls)

        answer = await phones[who].asks(refer(phones[who], calls[who], REFER_TO[to]))
        await trio.sleep(1)

        assert answer.status == 405
        assert "REFER" not in (answer.header("Allow") or "")
        assert (floor.talk.state(), floor.ears(), floor.allowed("1001")) == before
        assert len(phones["1002"].calls) == known
        done = await floor.does("1001", c.End())
        assert isinstance(done, c.ContactDone) == (state in (connected, conference))


@pytest.mark.parametrize("dialog", ["none", "unknown"])
async def test_a_refer_without_a_dialog_of_ours_is_refused_d08(autojump_clock, dialog) -> None:
    """The method is looked at before the dialog (RFC 3261 §8.2.1): whoever sends it, in whatever
    dialog, is told the same.
    """
    async with talking("1002") as (floor, _, _):
        stranger = floor.phone("mallory")
        call = stranger.dials("2001")
        await call.wait("talking")
        stranger.hangs_up(call)
        await trio.sleep(1)
        if dialog == "none":
            call.remote = call.remote.partition(";tag=")[0]
        call.target = f"sip:1001@{SERVER[0]}:{SERVER[1]}"

        answer = await stranger.asks(refer(stranger, call, REFER_TO["a premium number"]))

        assert answer.status == 405
        assert floor.ears() == {"customer": {"1001"}, "1001": {"customer"}}


async def test_an_invite_that_would_take_a_leg_over_is_refused_d08(autojump_clock) -> None:
    """An INVITE with Replaces would take a leg over: there is no such thing here."""
    async with talking("1002") as (floor, phones, calls):
        replaced = calls["1001"]
        value = f"{replaced.call_id};to-tag=x;from-tag=y"
        call = phones["1002"].dials("2001", headers=[("Replaces", value), ("Require", "replaces")])
        await call.wait("ended")
        assert call.status == 420
        assert floor.ears() == {"customer": {"1001"}, "1001": {"customer"}}
        assert floor.talk.by_agent(AgentId("1001")) is not None


def refer(phone, call, to: str) -> Request:
    """In the dialog of this call."""
    headers = [("Refer-To", f"<{to}>"), ("Contact", f"<{phone.uri}>")]
    return phone.request_in(call, "REFER", headers=headers)
