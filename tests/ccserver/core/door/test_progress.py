"""The store's process says how far it is, and the metrics show how far it is behind."""

from __future__ import annotations

import pytest
import trio

from ccserver.journal.metrics import StoreFigures
from tests.support.centre import EPOCH, centre
from tests.support.door import Knocker, agent


async def test_how_far_the_store_is_behind_grows_by_itself_when_nothing_is_heard(autojump_clock):
    async with trio.open_nursery() as nursery, centre() as c:
        door = Knocker(c.core.door, nursery)

        def figures() -> StoreFigures:
            return c.core.metrics.snapshot().store

        assert figures() == StoreFigures(None, 0.0, 0), "nothing was heard of it"
        seq, at = c.core.journal.last_seq, int((EPOCH + trio.current_time()) * 1e6)
        told = await door.asks("store.progress", seq=seq, at=at, failures=0)
        assert told["ok"]
        assert figures() == StoreFigures(0, 0.0, 0)

        await trio.sleep(5)
        assert figures() == StoreFigures(0, 0.0, 0), "an idle centre is behind in nothing"
        await c.agent("1001")
        behind = figures()
        assert behind.events == c.core.journal.last_seq - seq > 0
        assert behind.seconds == pytest.approx(5, abs=0.1)

        await door.asks("store.progress", failures=3)
        assert figures().events == behind.events, "where it is, it did not say"
        assert figures().failures == 3
        nursery.cancel_scope.cancel()


async def test_only_the_server_itself_may_say_so_and_only_numbers(autojump_clock):
    async with trio.open_nursery() as nursery, centre() as c:
        door = Knocker(c.core.door, nursery)
        refused = await door.asks("store.progress", by=agent("1001"), failures=0)
        assert refused["refused"] == "NOT_PERMITTED"
        for wrong in ({}, {"failures": -1}, {"failures": 0, "seq": True, "at": 1}):
            assert (await door.asks("store.progress", **wrong))["refused"] == "BAD_REQUEST"
        nursery.cancel_scope.cancel()
