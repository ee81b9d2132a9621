"""``ccserver store``: how the store is, and what one may do to it by hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from ccserver.cli.asking import DEFAULT_CONFIG, REFUSED, Config, Set, fail, loaded
from ccserver.journal.reading import JOURNAL
from ccserver.journal.storage import JournalError, last_number
from ccserver.settings import Settings

app = typer.Typer(no_args_is_help=True, help="The store: the journal in tables (docs/store.md).")


@app.command()
def status(config: Config = DEFAULT_CONFIG, changes: Set = None) -> None:
    """Show which database it is, its schema, and how far it has come."""
    settings = _settings(config, changes)
    with errors_said():
        from ccserver.store.database import database_of, newest
        from ccserver.store.store import Store

        database = database_of(settings)
        found = database.revision()
        typer.echo(f"{database.name}: schema {found or 'none'}, this version has {newest()}")
        if found == newest():
            seq, last = Store(database).position().seq, _last(settings)
            typer.echo(f"folded up to event {seq}; the journal has {last}")


@app.command()
def upgrade(config: Config = DEFAULT_CONFIG, changes: Set = None) -> None:
    """Bring its schema up to date, as the server does when it starts: all of it, or nothing."""
    settings = _settings(config, changes)
    with errors_said():
        from ccserver.store.database import database_of, newest

        before = database_of(settings).upgrade()
        done = "nothing to do" if before == newest() else f"from {before or 'nothing'}"
        typer.echo(f"schema {newest()}: {done}")


@app.command()
def rebuild(config: Config = DEFAULT_CONFIG, changes: Set = None) -> None:
    """Empty it, and fold the whole journal anew; a server may be running."""
    settings = _settings(config, changes)
    with errors_said():
        from ccserver.store.database import database_of
        from ccserver.store.store import Moved, Store
        from ccserver.store.worker import Worker

        database = database_of(settings)
        database.upgrade()
        Store(database).empty()
        worker = Worker(Path(settings.data.dir) / JOURNAL, database, lambda progress: None)
        more = True
        while more:
            try:
                more = worker.step()
            except Moved:
                continue  # the running server folds too; whoever is first
        typer.echo(f"{database.name}: folded up to event {Store(database).position().seq}")


def _settings(config: Path, changes: list[str] | None) -> Settings:
    return loaded(config, changes).settings


def _last(settings: Settings) -> int:
    path = Path(settings.data.dir) / JOURNAL
    return last_number(path) if path.exists() else 0


@contextmanager
def errors_said() -> Iterator[None]:
    """Says what the store, or the journal, has against it, and ends."""
    # Inside: SQLAlchemy takes 0.2 s to import, which no other command should wait for.
    from ccserver.store.database import StoreError

    try:
        yield
    except (StoreError, JournalError) as error:
        fail(REFUSED, str(error))
