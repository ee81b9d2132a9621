"""Where the journal's entries are kept: one SQLite file, or memory."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from bisect import bisect_right
from collections.abc import Sequence
from contextlib import closing
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import ClassVar, Protocol, TypeAlias
from urllib.parse import quote

from msgspec import Struct

SCHEMA = 3
"""1 had no checkpoints, 2 had them whole."""
_COLUMNS = (("seq", "INTEGER"), ("at", "INTEGER"), ("event", "TEXT"), ("payload", "BLOB"))

Row: TypeAlias = tuple[int, int, str, bytes]
"""Sequence number, microseconds since 1970 UTC, the event's tag, its payload."""
_AT_ONCE = 32
_INSERT = "INSERT INTO journal VALUES (?, ?, ?, ?)"
_INSERT_SEVERAL = _INSERT + ", (?, ?, ?, ?)" * (_AT_ONCE - 1)
"""For each statement the interpreter's lock is let go and taken again, five times."""

# Else sqlite3 asks the type of each payload whether it adapts itself, by two exceptions.
sqlite3.register_adapter(bytes, bytes)


class Piece(Struct, frozen=True, gc=False):
    """Of the checkpoint that stands for all events up to ``seq``: the bytes behind those of the
    pieces with lower numbers, which begin with 0.  With the ``last`` it is whole.
    """

    seq: int
    number: int
    payload: bytes
    last: bool = True


class JournalError(Exception):
    """The journal cannot be used: the text names the file and says why."""


class Storage(Protocol):
    """``write`` is called from one thread at a time; ``read`` from any."""

    immediate: ClassVar[bool]
    """Writing costs no time: done at once, without a thread."""

    def last_seq(self) -> int: ...

    def write(self, rows: Sequence[Row]) -> None: ...

    def read(
        self, after: int, limit: int, containing: bytes | None = None
    ) -> list[tuple[int, int, bytes]]: ...

    def save(self, pieces: Sequence[Piece]) -> None:
        """Of the next checkpoint, in their order; whole, it takes the place of the one before."""

    def checkpoint(self) -> tuple[int, bytes] | None: ...

    def close(self) -> None: ...


class Rows(Protocol):
    """A journal, as far as it must be one to be read."""

    @property
    def last_seq(self) -> int: ...

    def rows(
        self, after: int, limit: int, containing: bytes | None = None
    ) -> list[tuple[int, int, bytes]]: ...


class SqliteStorage:
    """One table in one file; what ``write`` wrote is on the disk when it returns.

    One process writes (a lock file beside the journal says which), any number read.  Raises
    JournalError when the file is another's, damaged, locked, or cannot be written.
    """

    immediate: ClassVar[bool] = False

    def __init__(self, path: Path, *, busy_milliseconds: int = 2000) -> None:
        self.path = path
        self._busy = busy_milliseconds
        self._lock = -1
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = self._take_lock()
            make_private(path)
            self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        except (sqlite3.Error, OSError) as error:
            self._drop_lock()
            raise JournalError(f"{path}: {error}") from error
        try:
            self._prepare()
        except (sqlite3.Error, JournalError) as error:
            self.close()
            if isinstance(error, JournalError):
                raise
            raise JournalError(f"{path}: {error}") from error

    def _take_lock(self) -> int:
        # A file of its own: closing any descriptor of the journal drops SQLite's locks on it.
        lock = os.open(f"{self.path}.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise JournalError(f"{self.path}: another server writes this journal") from None
        return lock

    def _drop_lock(self) -> None:
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _prepare(self) -> None:
        db = self._db
        db.execute(f"PRAGMA busy_timeout = {self._busy}")
        version = int(db.execute("PRAGMA user_version").fetchone()[0])
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master")]
        if version == 0 and tables:
            raise JournalError(f"{self.path}: expected a journal, found another database")
        if version > SCHEMA:
            raise JournalError(
                f"{self.path}: expected journal schema {SCHEMA}, found {version}:"
                " written by another version of the server"
            )
        found = tuple((row[1], row[2]) for row in db.execute("PRAGMA table_info(journal)"))
        if version and found != _COLUMNS:
            raise JournalError(f"{self.path}: expected columns {_COLUMNS}, found {found}")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        if version < SCHEMA:
            self._migrate(version)
        # A write that changes nothing: a read-only file or a locked one shows now, not in a call.
        db.execute("BEGIN IMMEDIATE")
        db.execute(f"PRAGMA user_version = {SCHEMA}")
        db.execute("COMMIT")

    def _migrate(self, version: int) -> None:
        """All of it, or nothing: a journal is of one schema."""
        db = self._db
        db.execute("BEGIN IMMEDIATE")
        if version == 0:
            columns = ", ".join(f"{name} {kind} NOT NULL" for name, kind in _COLUMNS[1:])
            db.execute(f"CREATE TABLE journal (seq INTEGER PRIMARY KEY, {columns})")
        if version < 2:
            db.execute("CREATE TABLE checkpoint (seq INTEGER PRIMARY KEY, payload BLOB NOT NULL)")
        db.execute(_CREATE_PIECES)
        db.execute(f"PRAGMA user_version = {SCHEMA}")
        db.execute("COMMIT")

    def last_seq(self) -> int:
        """0 when nothing has been written."""
        try:
            row = self._db.execute("SELECT coalesce(max(seq), 0) FROM journal").fetchone()
        except sqlite3.Error as error:
            raise JournalError(f"{self.path}: {error}") from error
        return int(row[0])

    def write(self, rows: Sequence[Row]) -> None:
        """All of them or none.  Raises sqlite3.Error."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            alone = len(rows) % _AT_ONCE
            self._db.executemany(_INSERT, rows[:alone])
            for first in range(alone, len(rows), _AT_ONCE):
                several = chain.from_iterable(rows[first : first + _AT_ONCE])
                self._db.execute(_INSERT_SEVERAL, tuple(several))
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def save(self, pieces: Sequence[Piece]) -> None:
        """All of them or none.  Raises sqlite3.Error, also when one lacks pieces before it: then
        the checkpoint before it stays.
        """
        self._db.execute("BEGIN IMMEDIATE")
        try:
            for piece in pieces:
                self._save(piece)
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def _save(self, piece: Piece) -> None:
        """The last one lies beside the others, where it makes them valid."""
        db, seq = self._db, piece.seq
        if piece.number == 0:  # of one that was given up, or cut short by a crash
            db.execute("DELETE FROM piece WHERE seq NOT IN (SELECT seq FROM checkpoint)")
        if not piece.last:
            db.execute("INSERT INTO piece VALUES (?, ?, ?)", (seq, piece.number, piece.payload))
            return
        (before,) = db.execute("SELECT count(*) FROM piece WHERE seq = ?", (seq,)).fetchone()
        if before != piece.number:
            raise sqlite3.IntegrityError(f"{piece.number} pieces before the last, found {before}")
        db.execute("DELETE FROM checkpoint")
        db.execute("DELETE FROM piece WHERE seq != ?", (seq,))
        db.execute("INSERT INTO checkpoint VALUES (?, ?)", (seq, piece.payload))

    def checkpoint(self) -> tuple[int, bytes] | None:
        """The last one that is whole, if there is any."""
        return last_checkpoint(self.path)

    def read(
        self, after: int, limit: int, containing: bytes | None = None
    ) -> list[tuple[int, int, bytes]]:
        """Through a connection of its own: the writer's may be in the middle of a transaction."""
        return read_rows(self.path, after, limit, containing)

    def close(self) -> None:
        self._db.close()
        self._drop_lock()


_CREATE_PIECES = """
CREATE TABLE piece (seq INTEGER, number INTEGER, payload BLOB NOT NULL, PRIMARY KEY (seq, number))
"""
_PIECES = "SELECT payload FROM piece WHERE seq = ? ORDER BY number"
_ROWS = "SELECT seq, at, payload FROM journal WHERE seq > ? ORDER BY seq LIMIT ?"
_ROWS_HOLDING = """
SELECT * FROM (SELECT seq, at, payload FROM journal WHERE seq > ? ORDER BY seq LIMIT ?)
WHERE instr(payload, ?)
"""


def make_private(path: Path) -> None:
    """A new file is this user's alone, and so is what SQLite puts beside it; what is there already
    has the mode that somebody gave it.  Raises OSError.
    """
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))


def last_number(path: Path) -> int:
    """Of the last row that is committed; 0: there is none.  Raises JournalError."""
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)) as db:
            return int(db.execute("SELECT coalesce(max(seq), 0) FROM journal").fetchone()[0])
    except sqlite3.Error as error:
        raise _unreadable(path, error) from error


def last_checkpoint(path: Path) -> tuple[int, bytes] | None:
    """As ``Storage.checkpoint`` has it; the file may be in use.  Raises JournalError."""
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)) as db:
            db.execute("BEGIN")  # all of one checkpoint, though the next is written meanwhile
            version = int(db.execute("PRAGMA user_version").fetchone()[0])
            row = db.execute("SELECT seq, payload FROM checkpoint").fetchone()
            if row is None:
                return None
            pieces = [] if version < SCHEMA else db.execute(_PIECES, (row[0],)).fetchall()
    except sqlite3.Error as error:
        raise _unreadable(path, error) from error
    return int(row[0]), b"".join([*(piece for (piece,) in pieces), row[1]])


def read_rows(
    path: Path, after: int, limit: int, containing: bytes | None = None
) -> list[tuple[int, int, bytes]]:
    """Committed rows behind ``after``, in order; the file may be in use.  Raises JournalError.

    ``containing``: of those ``limit`` rows only the ones whose payload holds these bytes.
    """
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)) as db:
            if not int(db.execute("PRAGMA user_version").fetchone()[0]):
                return []  # it is being made
            if containing is None:
                return db.execute(_ROWS, (after, limit)).fetchall()
            return db.execute(_ROWS_HOLDING, (after, limit, containing)).fetchall()
    except sqlite3.Error as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: sqlite3.Error) -> JournalError:
    if not path.exists():
        return JournalError(f"{path}: no such file: expected a server's journal in data.dir")
    return JournalError(f"{path}: {error}")


class MemoryStorage:
    """For tests in virtual time: no thread, no disk."""

    immediate: ClassVar[bool] = True

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self._checkpoint: tuple[int, bytes] | None = None
        self._pieces: list[bytes] = []
        """Of the next checkpoint."""

    def last_seq(self) -> int:
        return self.rows[-1][0] if self.rows else 0

    def write(self, rows: Sequence[Row]) -> None:
        self.rows.extend(rows)

    def read(
        self, after: int, limit: int, containing: bytes | None = None
    ) -> list[tuple[int, int, bytes]]:
        first = bisect_right(self.rows, after, key=itemgetter(0))
        rows = [(seq, at, data) for seq, at, _, data in self.rows[first : first + limit]]
        return [row for row in rows if containing is None or containing in row[2]]

    def save(self, pieces: Sequence[Piece]) -> None:
        for piece in pieces:
            del self._pieces[piece.number :]
            self._pieces.append(piece.payload)
            if piece.last:
                self._checkpoint = piece.seq, b"".join(self._pieces)

    def checkpoint(self) -> tuple[int, bytes] | None:
        return self._checkpoint

    def close(self) -> None:
        """Nothing is held."""
