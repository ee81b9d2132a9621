"""The centre as it was is the centre that desktops were shown then."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import msgspec
import trio
from typer.testing import CliRunner, Result

from ccserver.cli import app
from ccserver.journal import folds
from ccserver.journal.hindsight import centre_at
from ccserver.journal.live import Live
from ccserver.journal.log import Entry
from ccserver.journal.storage import MemoryStorage, Row, SqliteStorage
from tests.support.centre import EPOCH
from tests.support.restarting import MortalCentre, mortal_centre

BEFORE = int((EPOCH - 1) * 1e6)


class Kept:
    """A journal as those see it who read its rows."""

    def __init__(self, rows: list[Row]) -> None:
        self._storage = MemoryStorage()
        self._storage.write(rows)
        self.last_seq = self._storage.last_seq()
        self.rows = self._storage.read


def shown(live: Live) -> bytes:
    """But for the number of the last event: the core's is that of the last one that showed."""
    return msgspec.msgpack.encode((live.agents, live.contacts, live.queues))


class Watcher:
    """Remembers what desktops were shown behind each event."""

    def __init__(self, floor: MortalCentre) -> None:
        self._floor = floor
        self.states: dict[int, bytes] = {}
        self.follow()

    def follow(self) -> None:
        core = self._floor.core
        core.journal.listen(lambda entry: self._keep(entry, core.live))

    def _keep(self, entry: Entry, live: Live) -> None:
        self.states[entry.at] = shown(live)


async def a_morning(floor: MortalCentre) -> Watcher:
    """A call that is served, one that waits, and a server that is killed between them."""
    watcher = Watcher(floor)
    ada = await floor.agent("1001")
    for day in range(3):
        anna, ben = floor.phone(f"anna{day}"), floor.phone(f"ben{day}")
        call = anna.dials("2001")
        offered = await ada.rings()
        await trio.sleep(1)
        ada.answers(offered)
        waiting = ben.dials("2001")
        await trio.sleep(9)
        if day == 1:
            await floor.restarts()
            watcher.follow()
        ben.hangs_up(waiting)
        await trio.sleep(1)
        anna.hangs_up(call)
        await trio.sleep(20)
    return watcher


async def test_every_instant_of_a_day_is_what_was_shown_then(autojump_clock, monkeypatch) -> None:
    monkeypatch.setattr(folds, "EVERY", 9)
    async with mortal_centre() as floor:
        watcher = await a_morning(floor)
        journal, checkpoint = Kept(floor.disk.rows), floor.disk.checkpoint()
        ends = floor.disk.rows[-1][1]

    assert checkpoint is not None
    changes = sorted(watcher.states)
    random = Random(4)
    for instant in (*changes, *(random.randint(changes[0], ends) for _ in range(200))):
        then = centre_at(journal, instant, random.choice((None, checkpoint)))
        last = max(at for at in changes if at <= instant)
        assert then.at <= instant
        if last > changes[0] + 1e6:  # by then the run had said what is configured
            assert shown(then.live) == watcher.states[last], instant


async def test_between_two_runs_no_server_ran(autojump_clock) -> None:
    async with mortal_centre() as floor:
        await a_morning(floor)
        rows = floor.disk.rows
    starts = [at for _, at, tag, _ in rows if tag == "server.started"]
    journal = Kept(rows)

    assert len(starts) == 2
    assert not centre_at(journal, starts[1] - 1, None).ran
    assert centre_at(journal, starts[1], None).ran
    assert not centre_at(journal, BEFORE, None).ran
    assert centre_at(journal, BEFORE, None).at == 0


def ccserver(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


async def after_that_morning(data: Path) -> str:
    """``--set`` for a data directory that a server wrote, and that none uses."""
    async with mortal_centre() as floor:
        await a_morning(floor)
        storage = SqliteStorage(data / "journal.sqlite")
        storage.write(floor.disk.rows)
        storage.close()
    return f"--set=data.dir={data}"


def moment(seconds: float) -> str:
    return (datetime.fromtimestamp(EPOCH, UTC) + timedelta(seconds=seconds)).isoformat()


async def test_the_command_shows_who_talked_and_who_waited(autojump_clock, tmp_path: Path) -> None:
    there = await after_that_morning(tmp_path)

    told = ccserver("at", moment(10), there)

    assert told.exit_code == 0, told.stderr
    assert re.search(r"1001 .*engaged", told.stdout), told.stdout
    assert re.search(r"a0\S+ .*waiting", told.stdout), told.stdout
    said = msgspec.json.decode(ccserver("at", moment(10), there, "--json").stdout)
    assert said["queues"]["support"]["in_service"] == 1
    assert [one["state"] for one in said["contacts"].values()] == ["in_service", "waiting"]


async def test_an_instant_that_cannot_be_shown_is_said_to_be_so(
    autojump_clock, tmp_path: Path
) -> None:
    there = await after_that_morning(tmp_path)

    for when, status, says in (
        ("half past two", 2, "expected 14:03:27 or 2026-03-02T14:03:27, found 'half past two'"),
        ("2999-01-01T00:00:00", 2, "is yet to come"),
        ("2001-01-01T00:00:00+01:00", 1, "the journal begins later"),
    ):
        told = ccserver("at", when, there)
        assert (told.exit_code, says in told.stderr) == (status, True), told.stderr
