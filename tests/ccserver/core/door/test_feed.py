"""The journal feed: from any number on, without a gap, and never without bound."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
import trio

from actors import events as ev
from actors.ids import AgentId
from ccserver.core.door import feed as feed_module
from ccserver.core.door.feed import Feed
from ccserver.journal.log import Journal, JournalError
from ccserver.journal.storage import MemoryStorage
from tests.support.centre import centre
from tests.support.door import Knocker


def something(number: int) -> ev.AnyEvent:
    return ev.PhoneGone(AgentId("1001"), f"sip:{number}", "test")


class Reader:
    """Takes what he is sent, or holds it up."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []
        self.listens = trio.Event()
        self.listens.set()

    async def send(self, data: bytes) -> None:
        await self.listens.wait()
        self.lines += [msgspec.json.decode(line) for line in data.splitlines()]

    @property
    def seqs(self) -> list[int]:
        return [line["seq"] for line in self.lines if "seq" in line]


class SlowStorage(MemoryStorage):
    """As a disk is: what was appended is there a little later."""

    immediate = False  # type: ignore[misc]


@pytest.mark.parametrize("after", [0, 3, 2499, 2500])
async def test_a_reader_gets_all_behind_his_number_and_then_what_comes(
    autojump_clock, monkeypatch, after
):
    monkeypatch.setattr(feed_module, "PATIENCE", 1e9)  # threads do not live in virtual time
    journal = Journal(SlowStorage(), lambda: 1.0)
    feed, reader = Feed(journal), Reader()
    for number in range(2500):
        journal.append(something(number))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(journal.run)
        nursery.start_soon(feed.follow, after, reader.send)
        for number in range(2500, 2600):
            journal.append(something(number))
            await trio.sleep(0.01)
        while not reader.seqs or reader.seqs[-1] < 2600:  # noqa: ASYNC110  (virtual time)
            await trio.sleep(0.01)
        nursery.cancel_scope.cancel()

    assert reader.seqs == list(range(after + 1, 2601))
    last = {"agent": "1001", "contact_uri": "sip:2599", "reason": "test"}
    entry = {"seq": 2600, "at": 1_000_000, "event": {"event": "phone.gone", **last}}
    assert reader.lines[-1] == entry


async def test_a_slow_reader_is_cut_with_a_mark_and_the_others_are_not(autojump_clock, monkeypatch):
    monkeypatch.setattr(feed_module, "MOST_BUFFERED", 50)
    journal = Journal.in_memory(lambda: 1.0)
    feed, slow, quick = Feed(journal), Reader(), Reader()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(feed.follow, 0, slow.send)
        nursery.start_soon(feed.follow, 0, quick.send)
        await trio.sleep(0.1)
        journal.append(something(1))
        await trio.sleep(0.1)
        slow.listens = trio.Event()
        for number in range(2, 500):
            journal.append(something(number))
            await trio.sleep(0.001)
        await trio.sleep(1)
        slow.listens.set()
        await trio.sleep(10)
        journal.append(something(500))
        await trio.sleep(1)
        nursery.cancel_scope.cancel()

    assert quick.seqs == list(range(1, 501))
    assert slow.lines[-1] == {"resync": {"after": slow.seqs[-1]}}
    assert slow.seqs == list(range(1, slow.seqs[-1] + 1))
    assert slow.seqs[-1] < 400


async def test_a_reader_who_takes_nothing_at_all_is_left(autojump_clock, monkeypatch):
    monkeypatch.setattr(feed_module, "MOST_BUFFERED", 50)
    journal = Journal.in_memory(lambda: 1.0)
    feed, deaf = Feed(journal), Reader()
    deaf.listens = trio.Event()
    async with trio.open_nursery() as nursery:

        async def flood() -> None:
            for number in range(500):
                journal.append(something(number))
                await trio.sleep(0.001)

        nursery.start_soon(flood)
        await feed.follow(0, deaf.send)

    assert deaf.lines == []


async def test_a_disk_that_fails_cuts_the_reader_with_a_mark(autojump_clock):
    class Broken(MemoryStorage):
        def read(self, *_: Any) -> list[Any]:
            raise JournalError("no disk")

    journal = Journal(Broken(), lambda: 1.0)
    feed, reader = Feed(journal), Reader()
    journal.append(something(1))

    await feed.follow(0, reader.send)

    assert reader.lines == [{"resync": {"after": 0}}]


async def test_the_feed_comes_over_the_door(autojump_clock):
    async with trio.open_nursery() as nursery, centre() as c:
        door = Knocker(c.core.door, nursery)
        last = c.core.journal.last_seq

        follows = await door.asks("feed.follow", after=0)
        first = [await door.hears() for _ in range(3)]
        await c.agent("1001")
        then = [await door.hears() for _ in range(2)]

        assert follows == {"id": 1, "ok": True, "last": last}
        assert [line["event"]["event"] for line in first] == [
            "server.started",
            "centre.configured",
            "dispatcher.policy_changed",
        ]
        assert [line["event"]["event"] for line in then] == [
            "phone.registered",
            "agent.state_changed",
        ]
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("after", ["x", -1, 10_000, 1.5])
async def test_a_number_that_is_none_of_ours_is_refused(autojump_clock, after):
    async with trio.open_nursery() as nursery, centre() as c:
        refused = await Knocker(c.core.door, nursery).asks("feed.follow", after=after)

        assert (refused["refused"], refused["field"]) == ("BAD_REQUEST", "after")
        nursery.cancel_scope.cancel()


async def test_one_connection_follows_once(autojump_clock):
    async with trio.open_nursery() as nursery, centre() as c:
        door = Knocker(c.core.door, nursery)
        await door.asks("feed.follow")

        assert (await door.asks("feed.follow"))["refused"] == "BAD_REQUEST"
        nursery.cancel_scope.cancel()
