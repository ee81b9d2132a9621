"""The disk is full, stuck or slow (S05, S06): calls go on, what must be kept is refused or waits,
and when the disk is back nothing is missing."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import pytest
import trio

from ccserver.door import Request
from ccserver.journal import codec
from ccserver.journal.storage import MemoryStorage, Row
from tests.support import centre as support
from tests.support.centre import centre


class Disk(MemoryStorage):
    """``fails``: every commit; ``takes``: seconds for one."""

    immediate: ClassVar[bool] = False

    def __init__(self) -> None:
        super().__init__()
        self.fails = False
        self.takes = 0.001

    def write(self, rows: Sequence[Row]) -> None:
        if self.fails:
            raise sqlite3.OperationalError("database or disk is full")
        super().write(rows)


@pytest.fixture
def disk(monkeypatch) -> Disk:
    """Its thread is this one: the clock must not jump while it works."""
    found = Disk()

    async def inline(work: Callable[..., Any], *arguments: Any) -> Any:
        await trio.sleep(found.takes)
        return work(*arguments)

    monkeypatch.setattr(trio.to_thread, "run_sync", inline)
    return found


@asynccontextmanager
async def wrapping_up(disk: Disk):
    """1001 has talked with Anna, and wraps up for long."""
    routing = {"rona_seconds": 18, "wrap_up_seconds": 3000}
    async with centre(storage=disk, routing=routing) as floor:
        agent, anna = await floor.agent("1001"), floor.phone("anna")
        call = await anna.calls_to("2001")
        offered = await agent.rings()
        agent.answers(offered)
        await offered.wait("talking")
        anna.hangs_up(call)
        await trio.sleep(1)
        assert floor.state("1001") == "wrap_up"
        yield floor, agent


async def disposes(floor: support.Centre, code: str | None = "resolved") -> dict[str, Any]:
    args = {"agent": "1001"} if code is None else {"agent": "1001", "code": code}
    return await floor.core.door.answer(Request(op="agent.end_wrap_up", args=args, deadline=5.0))


def written(disk: Disk) -> list[int]:
    return [row[0] for row in disk.rows]


async def test_calls_go_on_while_the_disk_is_full_and_nothing_is_missing_later(
    autojump_clock, disk
) -> None:
    async with centre(storage=disk) as floor:
        agent = await floor.agent("1001")
        await trio.sleep(1)
        disk.fails = True
        before = len(disk.rows)
        anna = floor.phone("anna")
        call = await anna.calls_to("2001")
        offered = await agent.rings()
        agent.answers(offered)
        await offered.wait("talking")
        await trio.sleep(30)
        anna.hangs_up(call)
        await offered.wait("ended")
        await trio.sleep(10)
        assert floor.state("1001") == "available"
        assert len(disk.rows) == before
        disk.fails = False
        await trio.sleep(2)
        assert written(disk) == list(range(1, floor.core.journal.last_seq + 1))
        assert [codec.tag_of(e) for e in floor.events].count("contact.ended") == 1
        assert floor.core.journal.ready


async def test_a_disposition_is_refused_while_the_disk_takes_nothing_and_changes_nothing(
    autojump_clock, disk
) -> None:
    async with wrapping_up(disk) as (floor, _):
        disk.fails = True
        floor.core.journal.append(floor.events[-1])  # something to be written
        await trio.sleep(3)
        refused = await disposes(floor)
        assert refused["refused"] == "STORAGE_UNAVAILABLE"
        assert floor.state("1001") == "wrap_up"
        assert (await disposes(floor, None))["ok"]  # nothing is to be kept of that one
        disk.fails = False


async def test_a_disposition_is_acknowledged_when_the_disk_has_it(autojump_clock, disk) -> None:
    async with wrapping_up(disk) as (floor, _):
        disk.takes = 1.5
        began = trio.current_time()
        assert (await disposes(floor))["ok"]
        assert trio.current_time() - began >= 1.5
        assert any(b'"code":"resolved"' in row[3] for row in disk.rows)


async def test_one_that_could_not_be_kept_in_time_is_not_called_done(autojump_clock, disk) -> None:
    async with wrapping_up(disk) as (floor, _):
        disk.takes = 60.0
        answer = await disposes(floor)
        assert (answer["refused"], answer["detail"]) == (
            "NO_ANSWER",
            "done, but not on the disk yet",
        )
        assert not floor.core.journal.ready
        assert (await disposes(floor))["refused"] == "STORAGE_UNAVAILABLE"
        await trio.sleep(120)
        assert any(b'"code":"resolved"' in row[3] for row in disk.rows)
        assert floor.core.journal.ready


async def test_a_server_that_ends_while_the_disk_is_full_ends_and_the_next_one_closes_its_books_s06(
    autojump_clock, disk, caplog
) -> None:
    async with centre(storage=disk) as floor:
        agent, anna = await floor.agent("1001"), floor.phone("anna")
        call = await anna.calls_to("2001")
        offered = await agent.rings()
        agent.answers(offered)
        await offered.wait("talking")
        await trio.sleep(1)
        disk.fails = True
        anna.hangs_up(call)
        await offered.wait("ended")
    assert "events were not written" in caplog.text
    disk.fails = False
    async with centre(storage=disk) as floor:
        await trio.sleep(60)
        floor.check_nothing_is_left()
        assert floor.state("1001") == "available"
    events = [codec.decode(row[3]) for row in disk.rows]
    assert [codec.tag_of(event) for event in events].count("contact.ended") == 1
    assert written(disk) == list(range(1, len(events) + 1))
