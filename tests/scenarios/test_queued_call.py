"""A customer's call reaches the right agent's phone, and everyone is free again."""

from __future__ import annotations

import trio

from actors import events as ev
from actors.reasons import EndedBy, Outcome
from tests.support.centre import centre


async def test_a_call_reaches_the_agent_and_the_customer_hangs_up(autojump_clock) -> None:
    async with centre() as c:
        agent = await c.agent("1001")
        anna = c.phone("anna")

        call = await anna.calls_to("2001")
        offered = await agent.rings()
        agent.answers(offered)
        await offered.wait("talking")

        assert c.state("1001") == "engaged"
        customer, other = c.media.bridges.items().__iter__().__next__()
        assert c.media.bridges == {customer: other, other: customer}

        await trio.sleep(30)
        anna.hangs_up(call)
        await offered.wait("ended")
        await trio.sleep(1)
        assert c.state("1001") == "wrap_up"
        await trio.sleep(6)
        assert c.state("1001") == "available"
        assert c.story() == ["arrived", "queued", "assigned", "presented", "connected", "ended"]
        ended = c.of(ev.ContactEnded)[0]
        assert (ended.outcome, ended.ended_by) == (Outcome.HANDLED, EndedBy.CUSTOMER)
        assert 29 < ended.talked < 31
        c.check_nothing_is_left()


async def test_an_idle_agents_phone_is_called_before_the_customer_is_answered(
    autojump_clock,
) -> None:
    flow = [{"answer": True}, {"queue": "support"}]
    entry_point = {"name": "support", "numbers": ["2001"], "flow": flow}
    async with centre(entry_points=[entry_point]) as c:
        await c.agent("1001")
        before = len(c.network.trace)
        call = c.phone("anna").dials("2001")
        await call.wait("talking")
        said = [datagram.data.split(b" ", 2)[:2] for datagram in c.network.trace[before:]]
        assert [one[0] for one in said[:2]] == [b"INVITE", b"INVITE"]
        assert said[2] == [b"SIP/2.0", b"200"]
