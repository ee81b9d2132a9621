"""The guardian: what is called when the server ends."""

from __future__ import annotations

import trio
import trio.testing

from actors.base import Post
from actors.guardian import Guardian


async def test_who_was_dropped_is_not_dropped_again_when_the_server_ends(autojump_clock) -> None:
    ended: list[str] = []
    async with trio.open_nursery() as nursery:
        guardian = Guardian(nursery, lambda name, error: None, Post())
        for name in ("one", "other"):
            guardian.start(name, trio.sleep_forever, lambda name=name: ended.append(name))
        await trio.testing.wait_all_tasks_blocked()
        guardian.drop("one")
        nursery.cancel_scope.cancel()
    assert ended == ["one", "other"]
    assert guardian.living == 0
