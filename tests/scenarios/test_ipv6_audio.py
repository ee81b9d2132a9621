"""Audio over IPv6: a session has the family that the phone awaits its audio at."""

from __future__ import annotations

import trio

from tests.support.centre import centre
from tests.support.media import ADDRESS, ADDRESS_IPV6
from tests.support.phones import sdp


async def test_a_caller_with_ipv6_audio_talks_to_an_agent_without(autojump_clock) -> None:
    async with centre() as c:
        agent = await c.agent("1001")
        anna = c.phone("anna")

        call = await anna.dials("2001", body=sdp("2001:db8::7", 40000)).wait("talking")
        offered = await agent.rings()
        agent.answers(offered)
        await offered.wait("talking")
        await trio.sleep(1)

        remotes = {remote.address for remote in c.media.remotes.values()}
        assert remotes == {"2001:db8::7", agent.address[0]}
        answers = [heard for heard in anna.heard if heard.body]
        assert f"c=IN IP6 {ADDRESS_IPV6}".encode() in answers[0].body
        assert f"c=IN IP4 {ADDRESS}".encode() in offered.invite.body
        anna.hangs_up(call)
        await trio.sleep(10)
        c.check_nothing_is_left()


async def test_a_phone_that_moves_its_audio_to_the_other_family_is_refused(autojump_clock) -> None:
    async with centre() as c:
        agent = await c.agent("1001")
        anna = c.phone("anna")
        call = await anna.calls_to("2001")
        offered = await agent.rings()
        agent.answers(offered)
        await offered.wait("talking")

        again = anna.request_in(call, "INVITE", sdp("2001:db8::7", 40000))
        assert (await anna.asks(again)).status == 488

        assert call.state == "talking"
        assert "2001:db8::7" not in {remote.address for remote in c.media.remotes.values()}
