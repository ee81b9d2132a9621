"""The database behind ``store.url``: SQLite or PostgreSQL, and its schema.

What is said of it, in logs and errors, never holds its password, nor what is in its rows.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, DisconnectionError, SQLAlchemyError

from ccserver.journal.storage import make_private
from ccserver.settings import Settings

FILE = "store.sqlite"
CONNECT_SECONDS = 5
STATEMENT_SECONDS = 30
"""No statement of ours takes so long, unless the database is sick: then it is tried again."""
ANSWER_SECONDS = 40.0
"""Nor a transaction.  A server that stands still does not even say that it is too late."""
PING_SECONDS = 5.0
_MIGRATING = 0x63637374
"""PostgreSQL's advisory lock that is held while the schema is changed: "ccst"."""
_POSTGRESQL = {
    "connect_timeout": CONNECT_SECONDS,
    "options": f"-c statement_timeout={STATEMENT_SECONDS}s -c lock_timeout={CONNECT_SECONDS}s",
    "application_name": "ccserver",
    "tcp_user_timeout": 1000 * CONNECT_SECONDS,
}


class StoreError(Exception):
    """The database cannot be used, now: the text says which one, and why."""


class StoreUnusable(StoreError):
    """Nor will it be, until somebody does something."""


class Database:
    """Connects when it is first asked.  ``waits``: seconds for a lock on SQLite's file.

    Raises StoreUnusable for a URL that is none.
    """

    def __init__(self, url: str | URL, *, waits: float = CONNECT_SECONDS) -> None:
        try:
            parsed = make_url(url)
            self.name = _shown(parsed)
            self._engine = _engine(parsed, waits)
        except (ArgumentError, SQLAlchemyError, ImportError, ValueError):
            raise StoreUnusable("store.url is no database that we know") from None

    def close(self) -> None:
        """Connections that are idle; a later use opens others."""
        self._engine.dispose()

    @contextmanager
    def transaction(self, *, takes_long: bool = False) -> Iterator[Connection]:
        """To write in: all of it, or nothing.  Raises StoreError.

        ``takes_long``: it is about whole tables.
        """
        with (
            self._errors(),
            self._engine.connect() as connection,
            self._watched(connection, None if takes_long else ANSWER_SECONDS),
            connection.begin(),
        ):
            if takes_long and connection.dialect.name == "postgresql":
                connection.execute(text("SET LOCAL statement_timeout = 0"))
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Everything as it was at one moment.  Raises StoreError."""
        with self._errors(), self._engine.connect() as connection:
            if connection.dialect.name == "postgresql":
                connection = connection.execution_options(
                    isolation_level="REPEATABLE READ", postgresql_readonly=True
                )
            else:
                connection.info["reads"] = True
            try:
                with self._watched(connection, ANSWER_SECONDS), connection.begin():
                    yield connection
            finally:
                connection.info.pop("reads", None)

    @contextmanager
    def _watched(self, connection: Connection, seconds: float | None) -> Iterator[None]:
        if seconds is None:
            yield
            return
        with _answered_within(seconds, connection.connection.dbapi_connection):
            yield

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            raise StoreError(f"{self.name}: {_reason(error)}") from None
        except OSError as error:  # no file can be made there
            raise StoreError(f"{self.name}: {error.strerror}") from None

    # --- the schema ---------------------------------------------------------------------------

    def revision(self) -> str | None:
        """Of the schema that is there; None: there is none.  Raises StoreError."""
        with self.reading() as connection:
            return MigrationContext.configure(connection).get_current_revision()

    def upgrade(self) -> str | None:
        """To the schema of this version, all of it or nothing; the revision that was there before.

        Raises StoreUnusable where it is a newer version's, and StoreError.
        """
        with self.transaction(takes_long=True) as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text(f"SELECT pg_advisory_xact_lock({_MIGRATING})"))
            before = MigrationContext.configure(connection).get_current_revision()
            if before == newest():
                return before
            if before is not None and before not in _revisions():
                raise StoreUnusable(
                    f"{self.name}: expected schema {newest()} or older, found {before}: a newer"
                    " ccserver has written it.  Run that one, or give store.url another database"
                )
            config = _alembic()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            return before


@contextmanager
def _answered_within(seconds: float, connection: Any) -> Iterator[None]:
    """``connection``, the driver's, is cut off if this takes longer, if it is PostgreSQL's.

    The system closes a connection whose other side has gone; one that stands still keeps it, and
    psycopg waits for ever.
    """
    if not hasattr(connection, "pgconn"):
        yield
        return
    timer = threading.Timer(seconds, _cut_off, (connection,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _cut_off(connection: Any) -> None:
    with (
        suppress(Exception),  # it has been closed meanwhile
        socket.socket(fileno=os.dup(connection.fileno())) as wire,
    ):
        wire.shutdown(socket.SHUT_RDWR)


def database_of(settings: Settings, *, waits: float = CONNECT_SECONDS) -> Database:
    """What ``store.url`` names; without it a file in ``data.dir``.  Raises StoreUnusable."""
    if settings.store.url is None:
        url = URL.create("sqlite", database=str(Path(settings.data.dir) / FILE))
        return Database(url, waits=waits)
    return Database(settings.store.url.get_secret_value(), waits=waits)


def newest() -> str:
    """The revision that this version of the server works with."""
    return str(ScriptDirectory.from_config(_alembic()).get_current_head())


def _revisions() -> set[str]:
    return {script.revision for script in ScriptDirectory.from_config(_alembic()).walk_revisions()}


def _alembic() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    return config


def _engine(url: URL, waits: float) -> Engine:
    common: dict[str, Any] = {
        "hide_parameters": True,
        "json_serializer": lambda value: msgspec.json.encode(value).decode(),
    }
    if url.get_backend_name() == "postgresql":
        engine = create_engine(url, connect_args=_POSTGRESQL, **common)

        def ping(connection: Any, record: Any, borrowed: Any) -> None:
            """As SQLAlchemy's ``pool_pre_ping``, which would wait for ever."""
            try:
                with _answered_within(PING_SECONDS, connection):
                    engine.dialect.do_ping(connection)
            except engine.dialect.loaded_dbapi.Error as error:
                raise DisconnectionError(str(error)) from error

        event.listen(engine, "checkout", ping)
        return engine
    engine = create_engine(url, connect_args={"timeout": waits}, **common)
    if url.database and url.database != ":memory:":
        path = Path(url.database)
        event.listen(engine, "do_connect", lambda *_: make_private(path))
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, record: Any) -> None:
    # Python's module would begin a transaction before some statements and not before others.
    connection.isolation_level = None
    connection.execute("PRAGMA cache_size = -16000")  # KB: an index of a day's rows fits
    connection.execute("PRAGMA journal_mode = WAL")
    # After a power failure the last transactions may be gone, whole: they are folded again.
    connection.execute("PRAGMA synchronous = NORMAL")


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN" if connection.info.get("reads") else "BEGIN IMMEDIATE")


def _shown(url: URL) -> str:
    if url.get_backend_name() == "postgresql":
        return f"PostgreSQL at {url.host or 'its socket'}, database {url.database}"
    return f"{url.database}"


def _reason(error: SQLAlchemyError) -> str:
    """What the database said, on one line; no statement, and none of its values."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return next(iter(str(cause).splitlines()), type(cause).__name__)
