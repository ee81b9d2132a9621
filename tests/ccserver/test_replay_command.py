"""``ccserver replay``: the part of a day that is asked for, and what is said of it."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock
from typer.testing import CliRunner, Result

from ccserver.cli import app
from ccserver.journal.reading import JOURNAL
from ccserver.journal.storage import SqliteStorage
from tests.support.centre import EPOCH, centre

BEGAN = datetime.fromtimestamp(EPOCH)


async def calls(data: Path) -> list[tuple[int, int, str, bytes]]:
    """The journal of a centre to which somebody comes each minute; nobody is there for them."""
    async with centre(recorded=data) as floor:
        for number in range(5):
            phone = floor.phone(f"caller{number}")
            call = phone.dials("2001")
            await trio.sleep(30)
            phone.hangs_up(call)
            await trio.sleep(30)
        return [(seq, at, "", payload) for seq, at, payload in floor.core.journal.rows(0, 10_000)]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("data")
    rows = trio.run(calls, directory, clock=MockClock(autojump_threshold=0))
    storage = SqliteStorage(directory / JOURNAL)
    storage.write(rows)
    storage.close()
    return directory


def replay(data: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["replay", *arguments, "--set", f"data.dir={data}"])


def clock(seconds: float) -> str:
    return f"{BEGAN + timedelta(seconds=seconds):%H:%M:%S}"


def test_a_whole_day_and_a_whole_run_are_replayed_from_their_start(data: Path):
    for asked in (f"{BEGAN:%Y-%m-%d}", "1"):
        result = replay(data, asked)
        assert result.exit_code == 0, result.output
        assert result.stdout.startswith("run of event 1: ")
        assert " of 5 contacts, " in result.stdout
        assert " commands and answers, identical (270 s in " in result.stdout


@pytest.mark.parametrize("asked", [f"{BEGAN:%Y-%m-%d}", "1"])
def test_a_part_is_counted_apart_from_what_led_to_it(data: Path, asked: str):
    result = replay(data, asked, "--from", clock(100), "--to", clock(200))

    assert result.exit_code == 0, result.output
    assert " of 2 contacts, " in result.stdout  # of the third and the fourth minute
    assert re.search(r"identical \(after the first \d+ events of the run; ", result.stdout)


def test_a_part_may_be_said_with_its_date(data: Path):
    at = BEGAN + timedelta(seconds=200)

    result = replay(data, "1", "--to", f"{at:%Y-%m-%dT%H:%M:%S}")

    assert " of 4 contacts, " in result.stdout
    assert "after the first" not in result.stdout


@pytest.mark.parametrize("asked", ["today", "yesterday"])
def test_a_day_may_be_said_in_a_word(data: Path, asked: str):
    assert replay(data, asked).exit_code != 2


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("tomorrow",), 2, "DAY: expected 2026-03-02, today, yesterday, or the number of an event"),
        (("1", "--from", "noon"), 2, "--from: expected 14:00 or 2026-03-02T14:00:30, found 'noon'"),
        (("2026-03-02", "--from", "15:00", "--to", "14:00"), 2, "expected a time before --to"),
        (("2026-03-02",), 1, "the journal has no run of the server on 2026-03-02"),
        (("2",), 1, "run of event 2: its inputs were not recorded, or are kept no more"),
    ],
)
def test_what_cannot_be_replayed_is_said(
    data: Path, arguments: tuple[str, ...], status: int, said: str
):
    result = replay(data, *arguments)

    assert result.exit_code == status
    assert said in result.output
