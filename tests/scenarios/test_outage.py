"""The network of the server is away for a while (T15): timers send again what was lost."""

from __future__ import annotations

import pytest
import trio

from actors import events as ev
from actors.reasons import Outcome
from tests.support.centre import Centre, centre


async def is_away(c: Centre, seconds: float) -> None:
    """Nothing comes in and nothing goes out."""
    c.network.drop = lambda datagram: True
    await trio.sleep(seconds)
    c.network.drop = lambda datagram: False


@pytest.mark.parametrize("moment", ["INVITE", "answer", "agent's answer", "BYE"])
async def test_a_second_without_a_network_costs_no_call_t15(autojump_clock, moment) -> None:
    async with centre() as c:
        agent = await c.agent("1001")
        anna = c.phone("anna")
        call = anna.dials("2001")
        if moment == "INVITE":
            await is_away(c, 1.0)
        elif moment == "answer":
            await trio.sleep(0.0015)  # the INVITE is there, its answer is not yet
            await is_away(c, 1.0)
        offered = await agent.rings()
        agent.answers(offered)
        if moment == "agent's answer":
            await is_away(c, 1.0)
        await offered.wait("talking")
        await trio.sleep(1)
        anna.hangs_up(call)
        if moment == "BYE":
            await is_away(c, 1.0)
        await trio.sleep(64)
        assert [event.outcome for event in c.of(ev.ContactEnded)] == [Outcome.HANDLED]
        assert c.state("1001") == "available"
        c.check_nothing_is_left()
