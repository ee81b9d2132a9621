"""How a program at the door asks a server that may die at any moment."""

from __future__ import annotations

import trio

from ccserver.door import Answer, Request
from tests.support.restarting import Life, MortalCentre


async def answered(floor: MortalCentre, request: Request, patience: float) -> tuple[Life, Answer]:
    """Which run of the server answered, and what; nothing, if it died, or took more seconds."""
    life, heard = floor.life, Answer()
    if not life.serves:
        return life, heard
    with trio.move_on_after(patience):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_hangs_up_with, life, nursery)
            answer = await floor.core.door.answer(request)
            if not life.over:
                heard = answer
            nursery.cancel_scope.cancel()
    return life, heard


async def _hangs_up_with(life: Life, nursery: trio.Nursery) -> None:
    await life.ended.wait()
    nursery.cancel_scope.cancel()
