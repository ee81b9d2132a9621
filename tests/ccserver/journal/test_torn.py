"""Power fails as the journal is written: the end of its write-ahead log is cut, or is rubbish (S03,
S07), or it is copied (S16).  What had been committed is there, nothing of what had not, and it goes
on behind that.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from ccserver.journal.storage import Row, SqliteStorage, read_rows

COMMITS, ROWS = 12, 3
SPOILT = 512
"""Bytes: a sector."""


def rows(first: int) -> list[Row]:
    return [(seq, 0, "leg.ended", b"{%d}" % seq * 100) for seq in range(first, first + ROWS)]


def cut(data: bytes, at: int) -> bytes:
    return data[:at]


def zeroed(data: bytes, at: int) -> bytes:
    """The file had its new length, and the disk not its content."""
    return data[:at] + bytes(len(data) - at)


def spoilt(data: bytes, at: int) -> bytes:
    """What follows had come to the disk, and this had not."""
    rubbish = bytes(255 - byte for byte in data[at : at + SPOILT])
    return data[:at] + rubbish + data[at + SPOILT :]


@pytest.mark.parametrize("damage", [cut, zeroed, spoilt])
def test_what_was_committed_before_the_log_was_torn_is_there(
    tmp_path: Path, damage: Callable[[bytes, int], bytes]
) -> None:
    alive = SqliteStorage(tmp_path / "alive" / "journal.sqlite")
    log = tmp_path / "alive" / "journal.sqlite-wal"
    ends = []
    for number in range(COMMITS):
        alive.write(rows(1 + number * ROWS))
        ends.append(log.stat().st_size)
    whole = log.read_bytes()
    seen = set()
    for at in range(0, len(whole), 2000):
        there = tmp_path / f"at{at}" / "journal.sqlite"
        there.parent.mkdir()
        shutil.copy(alive.path, there)
        there.with_name("journal.sqlite-wal").write_bytes(damage(whole, at))

        again = SqliteStorage(there)

        kept = again.last_seq()
        assert kept == ROWS * sum(end <= at for end in ends)
        again.write(rows(kept + 1))
        again.close()
        assert [row[0] for row in read_rows(there, 0, 1000)] == list(range(1, kept + ROWS + 1))
        seen.add(kept)
    alive.close()
    assert len(seen) > COMMITS // 2


def test_a_copy_that_was_made_while_it_is_written_goes_on_from_there(tmp_path: Path) -> None:
    """As docs/store.md says that it be made."""
    alive = SqliteStorage(tmp_path / "journal.sqlite")
    alive.write(rows(1))
    alive.write(rows(4))
    with closing(sqlite3.connect(alive.path)) as program:
        program.execute("VACUUM INTO ?", (str(tmp_path / "copy.sqlite"),))
    alive.write(rows(7))
    alive.close()

    copy = SqliteStorage(tmp_path / "copy.sqlite")

    assert copy.last_seq() == 6
    copy.write(rows(7))
    copy.close()
    assert read_rows(tmp_path / "copy.sqlite", 0, 100) == read_rows(alive.path, 0, 100)
