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
