"""Accounts and sessions in one SQLite file, ``web.sqlite`` in ``data.dir``.

The web process and the command line open it side by side.  Everything here waits for the disk.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Literal, TypeAlias
from urllib.parse import quote

import msgspec
from msgspec import Struct

FILE = "web.sqlite"
SCHEMA = 1
Role: TypeAlias = Literal["agent", "supervisor", "administrator", "read_only"]


class StoreError(Exception):
    """The text says what is wrong with the file, or with what was wanted."""


class Account(Struct, frozen=True):
    """``agent``: who takes calls as this user.  ``teams``: a supervisor's; none: all of them."""

    name: str
    role: Role
    agent: str | None = None
    teams: tuple[str, ...] = ()


class Session(Struct, frozen=True):
    """``token``: SHA-256 of what the user has.  ``expires``: seconds since 1970."""

    token: bytes
    account: str
    csrf: str
    expires: float


class Store:
    """May be used from several threads.  Raises StoreError."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / FILE
        self._lock = Lock()
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._path.touch(mode=0o600)
            self._db = sqlite3.connect(
                f"file:{quote(str(self._path))}?mode=rw",
                uri=True,
                check_same_thread=False,
                isolation_level=None,
                timeout=5,
            )
            self._prepare()
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"{self._path}: {error}") from error

    def _prepare(self) -> None:
        version = int(self._db.execute("PRAGMA user_version").fetchone()[0])
        if version not in (0, SCHEMA):
            raise StoreError(f"{self._path}: expected schema {SCHEMA}, found {version}")
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.executescript(
            """
            CREATE TABLE IF NOT EXISTS accounts (
                name TEXT PRIMARY KEY, role TEXT NOT NULL, agent TEXT, teams TEXT NOT NULL,
                password TEXT NOT NULL
            );
            CREATE TABLE IF NOT EXISTS sessions (
                token BLOB PRIMARY KEY, account TEXT NOT NULL, csrf TEXT NOT NULL,
                expires REAL NOT NULL
            );
            """
        )
        self._db.execute(f"PRAGMA user_version = {SCHEMA}")

    def close(self) -> None:
        self._db.close()

    def version(self) -> int:
        """Another one whenever another process has changed something."""
        with self._using() as db:
            return int(db.execute("PRAGMA data_version").fetchone()[0])

    # --- accounts -----------------------------------------------------------------------------

    def accounts(self) -> list[Account]:
        with self._using() as db:
            rows = db.execute("SELECT name, role, agent, teams FROM accounts ORDER BY name")
            return [_account(*row) for row in rows]

    def find(self, name: str) -> tuple[Account, str] | None:
        """The account, and the hash of its password."""
        with self._using() as db:
            row = db.execute(
                "SELECT name, role, agent, teams, password FROM accounts WHERE name = ?", (name,)
            ).fetchone()
        return None if row is None else (_account(*row[:4]), row[4])

    def add(self, account: Account, password: str) -> None:
        """``password``: its hash."""
        teams = msgspec.json.encode(account.teams).decode()
        row = (account.name, account.role, account.agent, teams, password)
        with self._using() as db:
            try:
                db.execute("INSERT INTO accounts VALUES (?, ?, ?, ?, ?)", row)
            except sqlite3.IntegrityError:
                raise StoreError(f"there is an account {account.name} already") from None

    def remove(self, name: str) -> None:
        """And all of its sessions."""
        with self._using() as db:
            if not db.execute("DELETE FROM accounts WHERE name = ?", (name,)).rowcount:
                raise StoreError(f"there is no account {name}")
            db.execute("DELETE FROM sessions WHERE account = ?", (name,))

    def set_password(self, name: str, password: str) -> None:
        """Ends its sessions."""
        with self._using() as db:
            changed = db.execute(
                "UPDATE accounts SET password = ? WHERE name = ?", (password, name)
            ).rowcount
            if not changed:
                raise StoreError(f"there is no account {name}")
            db.execute("DELETE FROM sessions WHERE account = ?", (name,))

    # --- sessions -----------------------------------------------------------------------------

    def sessions(self) -> list[Session]:
        """Those that have not expired; the others are forgotten."""
        with self._using() as db:
            db.execute("DELETE FROM sessions WHERE expires <= ?", (time.time(),))
            rows = db.execute("SELECT token, account, csrf, expires FROM sessions")
            return [Session(*row) for row in rows]

    def open_session(self, session: Session, *, alone: bool) -> None:
        """``alone``: it ends all others of its account."""
        row = (session.token, session.account, session.csrf, session.expires)
        with self._using() as db:
            if alone:
                db.execute("DELETE FROM sessions WHERE account = ?", (session.account,))
            db.execute("INSERT INTO sessions VALUES (?, ?, ?, ?)", row)

    def end_session(self, token: bytes) -> None:
        with self._using() as db:
            db.execute("DELETE FROM sessions WHERE token = ?", (token,))

    @contextmanager
    def _using(self) -> Iterator[sqlite3.Connection]:
        """One transaction."""
        with self._lock:
            try:
                self._db.execute("BEGIN")
                try:
                    yield self._db
                except BaseException:
                    self._db.execute("ROLLBACK")
                    raise
                self._db.execute("COMMIT")
            except sqlite3.Error as error:
                raise StoreError(f"{self._path}: {error}") from error


def _account(name: str, role: str, agent: str | None, teams: str) -> Account:
    found = {"name": name, "role": role, "agent": agent, "teams": msgspec.json.decode(teams)}
    return msgspec.convert(found, Account)
