"""What a call leaves behind: nothing, and nothing that only the collector would find."""

from __future__ import annotations

import gc
import weakref

import trio

from actors import messages as m
from tests.scenarios.test_consult import talking
from tests.support.centre import Centre, centre
from tests.support.holdings import grown, held_by
from tests.support.phones import Phone


async def test_a_call_that_has_ended_is_gone_without_the_collector(autojump_clock) -> None:
    async with talking() as (floor, phones, calls):
        gc.collect()
        gc.disable()
        try:
            actors = [*floor.core.directory.contacts.values(), *floor.core.directory.legs.values()]
            held = [weakref.ref(actor.machine) for actor in actors]
            actors.clear()
            phones["anna"].hangs_up(calls["anna"])
            await trio.sleep(1)

            assert [ref() for ref in held] == [None] * 3
        finally:
            gc.enable()


async def _calls(c: Centre, customer: Phone, agent: Phone) -> None:
    """Either side hangs up; the customer gives up while it rings, and after it has in vain."""
    for ends in ("customer", "agent", "ringing", "waiting"):
        call = await customer.calls_to("2001")
        offered = await agent.rings()
        if ends in ("customer", "agent"):
            agent.answers(offered)
            await offered.wait("talking")
        elif ends == "waiting":
            await offered.wait("ended")
        if ends == "agent":
            agent.hangs_up(offered)
        else:
            customer.hangs_up(call)
        await call.wait("ended")
        await trio.sleep(6)  # the agent wraps up
    await c.commands("1001", m.SetAvailable())
    await trio.sleep(40)  # until nothing lingers


async def test_calls_leave_nothing_behind(autojump_clock) -> None:
    async with centre() as c:
        agent, customer = c.phone("1001"), c.phone("anna")
        await agent.registers("secret-1001", expires=3600)
        outside = (c, c.network, c.media, c.core.journal._storage)
        await _calls(c, customer, agent)
        before = held_by(c.core, *outside)
        for _ in range(2):
            await _calls(c, customer, agent)

        assert grown(before, held_by(c.core, *outside), 8) == {}
