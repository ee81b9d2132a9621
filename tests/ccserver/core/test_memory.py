"""What a call leaves behind: nothing that only the collector would find."""

from __future__ import annotations

import gc
import weakref

import trio

from tests.scenarios.test_consult import talking


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
