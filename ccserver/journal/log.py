"""The journal: append-only, one writer, gap-free sequence numbers, group commit.

It is the only way out of the actors.  Readers in this process hear each event at once; the disk
has it within 50 ms.  A slow disk never holds up a call: what does not fit in memory any more is
counted as lost, loudly.
"""

from __future__ import annotations

import logging
import sqlite3
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import trio
from msgspec import Struct
from pyee.base import EventEmitter

from actors.events import AnyEvent
from ccserver.journal import codec

log = logging.getLogger(__name__)

BATCH_SECONDS = 0.05
MOST_UNWRITTEN = 200_000
SCHEMA = 1
_APPENDED = "appended"


class Entry(Struct, frozen=True):
    seq: int
    at: int
    """Microseconds since 1970, UTC."""
    event: AnyEvent


class JournalError(Exception):
    """The file cannot be used; the text names it and says why."""


class JournalStatistics(Struct, frozen=True, gc=False):
    appended: int
    written: int
    lost: int
    reader_errors: int
    last_commit_seconds: float


class Storage(Protocol):
    """Where entries are kept.  Called from one thread at a time."""

    def last_seq(self) -> int: ...

    def write(self, rows: list[tuple[int, int, str, bytes]]) -> None: ...

    def read(self, after: int, limit: int) -> list[tuple[int, int, bytes]]: ...

    def close(self) -> None: ...


class SqliteStorage:
    """One table in one file.  Every commit is on the disk when it returns (FULL)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.execute("PRAGMA busy_timeout = 2000")
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
            if version not in (0, SCHEMA):
                raise JournalError(f"{path}: schema {version}; this version reads {SCHEMA}")
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS journal (seq INTEGER PRIMARY KEY, at INTEGER NOT NULL,"
                " event TEXT NOT NULL, payload BLOB NOT NULL)"
            )
            self._db.execute(f"PRAGMA user_version = {SCHEMA}")
        except (sqlite3.Error, OSError) as error:
            raise JournalError(f"{path}: {error}") from error

    def last_seq(self) -> int:
        row = self._db.execute("SELECT coalesce(max(seq), 0) FROM journal").fetchone()
        return int(row[0])

    def write(self, rows: list[tuple[int, int, str, bytes]]) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            self._db.executemany("INSERT INTO journal VALUES (?, ?, ?, ?)", rows)
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def read(self, after: int, limit: int) -> list[tuple[int, int, bytes]]:
        return self._db.execute(
            "SELECT seq, at, payload FROM journal WHERE seq > ? ORDER BY seq LIMIT ?",
            (after, limit),
        ).fetchall()

    def close(self) -> None:
        self._db.close()


class MemoryStorage:
    """For tests in virtual time: no thread, no disk."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, int, str, bytes]] = []

    def last_seq(self) -> int:
        return self.rows[-1][0] if self.rows else 0

    def write(self, rows: list[tuple[int, int, str, bytes]]) -> None:
        self.rows.extend(rows)

    def read(self, after: int, limit: int) -> list[tuple[int, int, bytes]]:
        return [(seq, at, data) for seq, at, _, data in self.rows if seq > after][:limit]

    def close(self) -> None:
        """Nothing is held."""


class Journal:
    """``wall`` gives seconds since 1970."""

    def __init__(self, storage: Storage, wall: Callable[[], float]) -> None:
        self._storage, self._wall = storage, wall
        self._seq = self._written = storage.last_seq()
        self._unwritten: deque[tuple[int, int, AnyEvent]] = deque()
        self._emitter = EventEmitter()
        self._in_memory = isinstance(storage, MemoryStorage)
        self._appended = self._lost = self._reader_errors = 0
        self._last_commit = 0.0
        self._wake = trio.Event()

    @classmethod
    def in_memory(cls, wall: Callable[[], float]) -> Journal:
        return cls(MemoryStorage(), wall)

    def listen(self, reader: Callable[[Entry], None]) -> None:
        """``reader`` hears every entry from now on.  One that raises disturbs no other."""

        def heard(entry: Entry) -> None:
            try:
                reader(entry)
            except Exception:
                self._reader_errors += 1
                log.exception("a reader of the journal raised on %s", codec.tag_of(entry.event))

        self._emitter.on(_APPENDED, heard)

    def append(self, event: AnyEvent) -> int:
        """Its sequence number.  Never waits."""
        self._seq += 1
        self._appended += 1
        at = int(self._wall() * 1_000_000)
        if len(self._unwritten) >= MOST_UNWRITTEN:
            self._lost += 1
            if self._lost == 1:
                log.error("the journal's disk is too slow: events are being lost")
        else:
            self._unwritten.append((self._seq, at, event))
        if self._in_memory:
            self._write(self._take())
        elif not self._wake.is_set():
            self._wake.set()
        self._emitter.emit(_APPENDED, Entry(self._seq, at, event))
        return self._seq

    def read(self, after: int = 0, limit: int = 1000) -> Iterator[Entry]:
        """What has been written, in order.  For tools and tests: reads the disk at once."""
        for seq, at, payload in self._storage.read(after, limit):
            yield Entry(seq, at, codec.decode(payload))

    async def run(self) -> None:
        """The writer, until cancelled; then everything that is left is written."""
        try:
            while True:
                await self._wake.wait()
                await trio.sleep(BATCH_SECONDS)
                self._wake = trio.Event()
                await self._commit()
        finally:
            with trio.CancelScope(shield=True):
                await self._commit()
                self._storage.close()

    async def _commit(self) -> None:
        """A failed write is tried again with the next batch; calls go on meanwhile."""
        rows = self._take()
        if not rows:
            return
        started = trio.current_time()
        try:
            await trio.to_thread.run_sync(self._write, rows)
        except sqlite3.Error as error:
            log.error("the journal cannot be written: %s", error)
            self._unwritten.extendleft(reversed(rows))
            self._wake.set()
            await trio.sleep(1.0)
        self._last_commit = trio.current_time() - started

    def _take(self) -> list[tuple[int, int, AnyEvent]]:
        rows = list(self._unwritten)
        self._unwritten.clear()
        return rows

    def _write(self, rows: list[tuple[int, int, AnyEvent]]) -> None:
        encoded = [(seq, at, codec.tag_of(e), codec.encode(e)) for seq, at, e in rows]
        self._storage.write(encoded)
        self._written = rows[-1][0]

    def statistics(self) -> JournalStatistics:
        return JournalStatistics(
            self._appended, self._written, self._lost, self._reader_errors, self._last_commit
        )
