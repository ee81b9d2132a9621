"""The journal keeps every event, in order, and never holds a call up."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
import trio

from actors.base import Post
from actors.events import ServerDraining, ServerStarted, ServerStopped
from ccserver.journal.log import Entry, EventLost, Journal
from ccserver.journal.storage import (
    JournalError,
    MemoryStorage,
    Piece,
    Row,
    SqliteStorage,
    last_checkpoint,
    read_rows,
)

STOPPED = b'{"event":"server.stopped"}'
NOON = 1_800_000_000.5


def journal_at(path: Path) -> Journal:
    return Journal.open(path, lambda: NOON)


async def write(path: Path, count: int) -> None:
    journal = journal_at(path)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(journal.run)
        for talking in range(count):
            journal.append(ServerDraining(talking))
        await journal.wait_durable(journal.last_seq)
        nursery.cancel_scope.cancel()


class SlowStorage(MemoryStorage):
    """A disk that stands still until told to go on, and fails as often as told."""

    immediate = False

    def __init__(self) -> None:
        super().__init__()
        self.go_on = threading.Event()
        self.failures = 0
        self.closed = False

    def write(self, rows: list[Row]) -> None:
        self.go_on.wait(10)
        if self.failures:
            self.failures -= 1
            raise sqlite3.OperationalError("database or disk is full")
        super().write(rows)

    def close(self) -> None:
        self.closed = True


async def test_numbers_have_no_gaps_and_times_are_microseconds():
    journal = Journal.in_memory(lambda: NOON)
    assert [journal.append(ServerStopped()) for _ in range(3)] == [1, 2, 3]
    assert next(journal.read()) == Entry(1, 1_800_000_000_500_000, ServerStopped())
    assert [entry.seq for entry in journal.read(after=1)] == [2, 3]
    assert [entry.seq for entry in journal.read(limit=2)] == [1, 2]


async def test_a_file_goes_on_where_it_ended(tmp_path):
    path = tmp_path / "journal.db"
    await write(path, 3)
    await write(path, 2)
    journal = journal_at(path)
    assert [entry.seq for entry in journal.read()] == [1, 2, 3, 4, 5]
    assert [entry.event.talking for entry in journal.read()] == [0, 1, 2, 0, 1]
    assert journal.append(ServerStopped()) == 6


async def test_what_was_appended_last_is_written_when_the_server_stops(tmp_path):
    path = tmp_path / "journal.db"
    journal = journal_at(path)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(journal.run)
        await trio.lowlevel.checkpoint()
        journal.append(ServerStopped())
        nursery.cancel_scope.cancel()
    assert len(read_rows(path, 0, 10)) == 1


async def test_the_writer_needs_no_asking():
    storage = SlowStorage()
    storage.go_on.set()
    journal = Journal(storage, lambda: NOON, batch_seconds=0.0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(journal.run)
        journal.append(ServerStopped())
        with trio.fail_after(60):
            while not storage.rows:
                await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()
    assert storage.closed


async def test_a_reader_that_raises_does_not_stop_the_others(caplog):
    journal = Journal.in_memory(lambda: NOON)
    heard: list[int] = []

    def faulty(entry: Entry) -> None:
        raise RuntimeError("no")

    journal.listen(faulty)
    journal.listen(lambda entry: heard.append(entry.seq))
    journal.append(ServerStopped())
    journal.append(ServerStopped())
    assert heard == [1, 2]
    assert journal.statistics().reader_errors == 2
    assert "server.stopped" in caplog.text


async def test_who_listens_by_kind_hears_those_events_before_the_readers_of_entries(caplog):
    journal = Journal.in_memory(lambda: NOON)
    heard: list[str] = []

    def faulty(event: ServerStopped) -> None:
        raise RuntimeError("no")

    journal.append(ServerStopped())
    journal.listen_by_kind({ServerStopped: faulty})
    said = {ServerStopped: lambda event: heard.append("stopped")}
    journal.listen_by_kind(said, lambda seq, at: heard.append(f"{seq} at {at}"))
    journal.listen(lambda entry: heard.append(f"entry {entry.seq}"))
    journal.append(ServerDraining(3))
    journal.append(ServerStopped())
    at = int(NOON * 1_000_000)
    assert heard == [f"2 at {at}", "entry 2", f"3 at {at}", "stopped", "entry 3"]
    assert journal.statistics().reader_errors == 1
    assert "server.stopped" in caplog.text


async def test_readers_are_told_at_the_end_of_the_turn_and_before_when_one_is_asked() -> None:
    journal, post, heard = Journal.in_memory(lambda: NOON), Post(), list[str]()
    said = {ServerStopped: lambda event: heard.append("stopped")}
    journal.listen_by_kind(said, lambda seq, at: heard.append(f"{seq}"))
    journal.listen_to_rows(lambda row: heard.append(f"row {row[0]}"))
    journal.listen(lambda entry: heard.append(f"witness of {entry.seq}"))
    journal.go_by(post)
    post.last = (journal.tell_readers,)

    def turn() -> None:
        journal.append(ServerStopped())
        journal.append(ServerDraining(3))
        assert heard == ["witness of 1", "witness of 2"]
        heard.clear()
        journal.tell_readers({ServerStarted})
        assert heard == []
        journal.tell_readers({ServerDraining})
        assert heard == ["1", "stopped", "row 1", "2", "row 2"]
        heard.clear()
        journal.append(ServerStopped())

    post.turn("test", turn)
    assert heard == ["witness of 3", "3", "stopped", "row 3"]
    heard.clear()
    journal.append(ServerStopped())
    assert heard == ["4", "stopped", "row 4", "witness of 4"], "outside a turn at once"


async def test_a_slow_disk_costs_memory_up_to_a_bound_and_then_events_but_no_call(caplog):
    storage = SlowStorage()
    journal = Journal(storage, lambda: NOON, batch_seconds=0.0, most_unwritten=5)
    heard: list[int] = []
    journal.listen(lambda entry: heard.append(entry.seq))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(journal.run)
        for _ in range(8):
            journal.append(ServerStopped())
        assert heard == list(range(1, 9))
        assert journal.statistics().unwritten == 5
        assert journal.statistics().lost == 3
        assert "events from 6 on are lost" in caplog.text
        storage.go_on.set()
        await journal.wait_durable(5)
        with pytest.raises(EventLost):
            await journal.wait_durable(7)
        assert await _durable(journal, journal.append(ServerStopped()))
        nursery.cancel_scope.cancel()
    assert [row[0] for row in storage.rows] == [1, 2, 3, 4, 5, 9]


async def _durable(journal: Journal, seq: int) -> bool:
    with trio.fail_after(60):
        await journal.wait_durable(seq)
    return True


async def test_a_failing_disk_is_tried_again_and_nothing_is_lost(autojump_clock, caplog):
    storage = SlowStorage()
    storage.go_on.set()
    storage.failures = 2
    journal = Journal(storage, lambda: NOON)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(journal.run)
        journal.append(ServerStopped())
        await journal.wait_durable(1)
        journal.append(ServerStopped())
        await journal.wait_durable(2)
        nursery.cancel_scope.cancel()
    assert [row[0] for row in storage.rows] == [1, 2]
    assert journal.statistics().write_failures == 2
    assert "disk is full" in caplog.text


async def test_waiting_for_the_disk_does_not_wait_for_the_batch(tmp_path, mock_clock):
    """The clock stands still: only the request itself can have caused the commit."""
    journal = journal_at(tmp_path / "journal.db")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(journal.run)
        await journal.wait_durable(journal.append(ServerStopped()))
        nursery.cancel_scope.cancel()


async def test_text_from_the_wire_that_is_no_unicode_is_written_all_the_same():
    journal = Journal.in_memory(lambda: NOON)
    journal.append(ServerStarted(version="caf\udce9", epoch="1"))
    assert next(journal.read()).event == ServerStarted(version="caf\ufffd", epoch="1")


def test_two_servers_do_not_write_one_journal(tmp_path):
    first = SqliteStorage(tmp_path / "journal.db")
    with pytest.raises(JournalError, match=r"journal\.db: another server writes this journal"):
        SqliteStorage(tmp_path / "journal.db")
    first.close()
    SqliteStorage(tmp_path / "journal.db").close()


@pytest.mark.parametrize(
    ("statements", "says"),
    [
        (["PRAGMA user_version = 7"], "expected journal schema 3, found 7"),
        (["CREATE TABLE books (title TEXT)"], "expected a journal, found another database"),
        (
            ["CREATE TABLE journal (n INTEGER)", "PRAGMA user_version = 1"],
            "expected columns",
        ),
    ],
)
def test_a_file_of_another_kind_is_refused_and_left_alone(tmp_path, statements, says):
    path = tmp_path / "journal.db"
    with sqlite3.connect(path) as db:
        for statement in statements:
            db.execute(statement)
    db.close()
    before = path.read_bytes()
    with pytest.raises(JournalError, match=says) as caught:
        SqliteStorage(path)
    assert str(path) in str(caught.value)
    assert path.read_bytes() == before


def test_a_damaged_file_is_named(tmp_path):
    path = tmp_path / "journal.db"
    path.write_bytes(b"this is no database" * 100)
    with pytest.raises(JournalError, match=r"journal\.db: file is not a database"):
        SqliteStorage(path)


def test_a_place_that_is_no_directory_is_named(tmp_path):
    (tmp_path / "var").write_text("a file")
    with pytest.raises(JournalError, match=r"var/journal\.db"):
        SqliteStorage(tmp_path / "var" / "journal.db")


def test_a_journal_that_cannot_be_written_is_refused_at_once(tmp_path):
    path = tmp_path / "journal.db"
    SqliteStorage(path).close()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        with pytest.raises(JournalError, match=r"journal\.db: database is locked"):
            SqliteStorage(path, busy_milliseconds=1)
    finally:
        other.close()


def test_reading_a_journal_that_is_not_there_names_it(tmp_path):
    with pytest.raises(JournalError, match=r"nothing\.db"):
        read_rows(tmp_path / "nothing.db", 0, 10)


# --- checkpoints ----------------------------------------------------------------------------------


def test_a_journal_of_the_schema_before_is_taken_over_with_its_entries(tmp_path):
    path = tmp_path / "journal.db"
    columns = "seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, event TEXT NOT NULL, payload BLOB"
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"CREATE TABLE journal ({columns} NOT NULL)")
        db.execute("INSERT INTO journal VALUES (1, 2, 'server.stopped', ?)", (STOPPED,))
        db.execute("PRAGMA user_version = 1")
        db.commit()
    storage = SqliteStorage(path)
    storage.save([Piece(1, 0, b"all")])
    assert storage.checkpoint() == (1, b"all")
    storage.close()
    assert read_rows(path, 0, 10) == [(1, 2, STOPPED)]


def test_a_checkpoint_of_the_schema_before_is_read_and_then_replaced_by_one_in_pieces(tmp_path):
    path = tmp_path / "journal.db"
    SqliteStorage(path).close()
    with closing(sqlite3.connect(path)) as db:
        db.execute("DROP TABLE piece")
        db.execute("INSERT INTO checkpoint VALUES (5, ?)", (b"whole",))
        db.execute("PRAGMA user_version = 2")
        db.commit()
    assert last_checkpoint(path) == (5, b"whole"), "by whoever only reads"
    storage = SqliteStorage(path)
    assert storage.checkpoint() == (5, b"whole")
    storage.save([Piece(9, 0, b"in ", last=False), Piece(9, 1, b"two", last=True)])
    assert storage.checkpoint() == (9, b"in two")
    storage.close()


@pytest.mark.parametrize("make", [SqliteStorage, lambda path: MemoryStorage()])
def test_a_checkpoint_of_which_pieces_are_missing_is_none(tmp_path, make):
    storage = make(tmp_path / "journal.db")
    storage.save([Piece(3, 0, b"th", last=False), Piece(3, 1, b"ree")])
    storage.save([Piece(6, 0, b"cut ", last=False), Piece(6, 1, b"short", last=False)])
    assert storage.checkpoint() == (3, b"three")
    storage.save([Piece(6, 0, b"s", last=False)])
    storage.save([Piece(6, 1, b"ix")])
    assert storage.checkpoint() == (6, b"six")
    storage.save([Piece(8, 0, b"whole")])
    assert storage.checkpoint() == (8, b"whole")
    storage.close()


def test_the_last_piece_alone_makes_no_checkpoint(tmp_path):
    storage = SqliteStorage(tmp_path / "journal.db")
    storage.save([Piece(3, 0, b"three")])
    storage.save([Piece(6, 0, b"s", last=False)])
    with pytest.raises(sqlite3.IntegrityError, match="2 pieces before the last, found 1"):
        storage.save([Piece(6, 2, b"x")])
    assert storage.checkpoint() == (3, b"three")
    storage.close()


async def test_the_pieces_of_a_checkpoint_are_written_though_no_event_comes(tmp_path):
    path = tmp_path / "journal.db"
    journal = Journal.open(path, lambda: NOON)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(journal.run)
        await journal.wait_durable(journal.append(ServerStopped()))
        for number in range(3):
            journal.save(1, b"%d" % number, number, last=number == 2)
            await trio.sleep(0.1)
        assert journal.checkpoint() == (1, b"012")
        nursery.cancel_scope.cancel()


async def test_of_checkpoints_that_the_disk_does_not_take_the_last_alone_is_kept(monkeypatch):
    monkeypatch.setattr("ccserver.journal.log.RETRY_SECONDS", 0.01)
    asked: list[tuple[int, int]] = []

    class Watched(SlowStorage):
        def save(self, pieces: Sequence[Piece]) -> None:
            asked.extend((piece.seq, piece.number) for piece in pieces)

    storage = Watched()
    storage.failures = 1
    journal = Journal(storage, lambda: NOON)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(journal.run)
        journal.append(ServerStopped())
        await trio.sleep(0.1)  # the writer stands still
        for seq in (1, 2, 3):
            journal.append(ServerStopped())
            journal.save(seq, b"some", 0, last=False)
            journal.save(seq, b"more", 1)
        storage.go_on.set()
        await journal.wait_durable(4)
        nursery.cancel_scope.cancel()
    assert asked == [(3, 0), (3, 1)]


async def test_a_checkpoint_is_never_ahead_of_the_events_it_stands_for(monkeypatch):
    monkeypatch.setattr("ccserver.journal.log.RETRY_SECONDS", 0.01)
    written: list[str] = []

    class Watched(SlowStorage):
        def write(self, rows: list[Row]) -> None:
            super().write(rows)
            written.extend(str(row[0]) for row in rows)

        def save(self, pieces: Sequence[Piece]) -> None:
            written.extend(f"checkpoint {piece.seq}" for piece in pieces)

    storage = Watched()
    storage.failures = 1
    journal = Journal(storage, lambda: NOON)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(journal.run)
        journal.append(ServerStopped())
        await trio.sleep(0.1)  # the writer stands still, with the first in its hands
        journal.append(ServerStopped())
        journal.save(2, b"both")
        storage.go_on.set()
        await journal.wait_durable(2)
        nursery.cancel_scope.cancel()
    assert written == ["1", "2", "checkpoint 2"]


async def test_events_are_kept_though_no_checkpoint_can_be_written(caplog):
    class NoCheckpoints(SlowStorage):
        def save(self, pieces: Sequence[Piece]) -> None:
            raise sqlite3.OperationalError("disk I/O error")

    storage = NoCheckpoints()
    storage.go_on.set()
    journal = Journal(storage, lambda: NOON)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(journal.run)
        for seq in (1, 2):
            journal.append(ServerStopped())
            journal.save(seq, b"one")
            await journal.wait_durable(seq)
        nursery.cancel_scope.cancel()
    assert storage.last_seq() == 2
    assert "no checkpoint could be written: disk I/O error" in caplog.text


# --- a disk that fails ----------------------------------------------------------------------------


def limit(storage: SqliteStorage, pages: int) -> None:
    """As if the disk had no room beyond."""
    storage._db.execute(f"PRAGMA max_page_count = {pages}")


async def test_a_full_disk_holds_events_back_until_there_is_room(tmp_path, monkeypatch, caplog):
    caplog.set_level(logging.INFO, "ccserver.journal.log")
    monkeypatch.setattr("ccserver.journal.log.RETRY_SECONDS", 0.01)
    path = tmp_path / "journal.db"
    storage = SqliteStorage(path)
    journal = Journal(storage, lambda: NOON)
    limit(storage, 12)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(journal.run)
        for _ in range(200):
            journal.append(ServerStarted("1" * 400, "e"))
        while journal.statistics().write_failures < 2:  # noqa: ASYNC110
            await trio.sleep(0.01)
        assert not journal.ready
        limit(storage, 2**30)
        await journal.wait_durable(200)
        assert journal.ready
        nursery.cancel_scope.cancel()
    assert caplog.messages == [
        "the journal cannot be written, and is tried again: database or disk is full",
        "the journal is written again, up to event 200",
    ]
    assert [row[0] for row in read_rows(path, 0, 1000)] == list(range(1, 201))


async def test_a_journal_that_another_program_locks_waits_for_it(tmp_path, monkeypatch):
    monkeypatch.setattr("ccserver.journal.log.RETRY_SECONDS", 0.01)
    path = tmp_path / "journal.db"
    journal = Journal(SqliteStorage(path, busy_milliseconds=20), lambda: NOON)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(journal.run)
            journal.append(ServerStopped())
            await trio.sleep(0.3)
            assert not journal.ready
            other.execute("COMMIT")
            await journal.wait_durable(1)
            assert journal.ready
            nursery.cancel_scope.cancel()
    assert len(read_rows(path, 0, 10)) == 1


def test_a_new_journal_is_the_servers_alone(tmp_path):
    path = tmp_path / "journal.sqlite"
    storage = SqliteStorage(path)
    storage.write([(1, 2, "x", b"x")])
    made = {each.name: each.stat().st_mode & 0o777 for each in tmp_path.iterdir()}
    assert set(made) >= {"journal.sqlite", "journal.sqlite-wal"}
    assert set(made.values()) == {0o600}
    storage.close()


def test_a_journal_that_is_being_made_is_empty(tmp_path):
    path = tmp_path / "journal.sqlite"
    path.touch()
    assert read_rows(path, 0, 10) == []


def test_of_many_rows_all_are_on_the_disk_in_their_order_or_none(tmp_path):
    with closing(SqliteStorage(tmp_path / "journal.sqlite")) as storage:
        storage.write([(seq, seq * 7, "x", b"%d" % seq) for seq in range(1, 101)])
        expected = [(seq, seq * 7, b"%d" % seq) for seq in range(1, 101)]
        assert storage.read(0, 1_000) == expected
        with pytest.raises(sqlite3.IntegrityError):
            storage.write([(seq, 0, "x", b"x") for seq in (*range(101, 180), 100)])
        assert storage.read(0, 1_000) == expected
