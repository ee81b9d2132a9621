"""``ccserver history``: what became of contacts, from the store, whether a server runs or not."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import orjson
import typer

from actors.reasons import Outcome
from ccserver.cli.asking import DEFAULT_CONFIG, REFUSED, WRONG, Config, Json, Set, fail, loaded
from ccserver.cli.storing import errors_said
from ccserver.cli.tables import console, tables
from ccserver.reporting.question import BadQuestion, instant
from ccserver.settings import Settings
from ccserver.store.wanted import BadCursor, Page, Record, Wanted

if TYPE_CHECKING:
    from ccserver.store.history import Past

_BRIEF = ("arrived_at", "id", "direction", "ani", "queue", "agent", "outcome")
_SECONDS = ("waited_seconds", "talked_seconds")
_PARTS = {
    "segments": ("began_at", "ended_at", "kind", "queue", "agent"),
    "offers": ("began_at", "ended_at", "agent", "queue", "result"),
    "activities": ("began_at", "ended_at", "agent", "state", "code", "kind"),
}
"""What people are shown of each; ``--json`` has everything."""

_WHEN = "today, yesterday, a date (its midnight), or a date and time, by reports.time_zone."
From = Annotated[str | None, typer.Option("--from", metavar="WHEN", help=f"Arrived since: {_WHEN}")]
To = Annotated[
    str | None, typer.Option("--to", metavar="WHEN", help="Arrived before then.  As --from.")
]
Named = Annotated[str | None, typer.Option(metavar="NAME")]


def history(
    contact: Annotated[
        str | None, typer.Argument(metavar="CONTACT", help="This one, with all its parts.")
    ] = None,
    from_: From = None,
    to: To = None,
    number: Annotated[str | None, typer.Option(metavar="NUMBER", help="The customer's.")] = None,
    queue: Named = None,
    agent: Named = None,
    outcome: Annotated[Outcome | None, typer.Option()] = None,
    before: Annotated[
        str | None, typer.Option(metavar="NEXT", help="Go on where the page before ended.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 50,
    config: Config = DEFAULT_CONFIG,
    changes: Set = None,
    json: Json = False,
) -> None:
    """Show what became of contacts, the latest first: by time, number, queue, agent, outcome."""
    settings = loaded(config, changes).settings
    zone = ZoneInfo(settings.reports.time_zone)
    begins, ends = _instant("--from", from_, zone), _instant("--to", to, zone)
    state = None if outcome is None else outcome.value
    wanted = Wanted(begins, ends, number, queue, agent, state, before, limit)
    if contact is not None:
        _show_one(_story(settings, contact), zone, json)
    else:
        _show_page(_page(settings, wanted), zone, json)


def _page(settings: Settings, wanted: Wanted) -> Page:
    with _past(settings) as past:
        try:
            return past.find(wanted)
        except BadCursor:
            fail(WRONG, "--before: expected what the page before named as next")


def _story(settings: Settings, contact: str) -> Record:
    with _past(settings) as past:
        found = past.story(contact, Wanted())
    if found is None:
        fail(REFUSED, f"no contact {contact} in the store")
    return found


@contextmanager
def _past(settings: Settings) -> Iterator[Past]:
    with errors_said():
        from ccserver.store.database import database_of
        from ccserver.store.history import Past

        database = database_of(settings)
        try:
            yield Past(database)
        finally:
            database.close()


def _instant(option: str, text: str | None, zone: ZoneInfo) -> int | None:
    if text is None:
        return None
    try:
        return instant(option, text, zone, time.time_ns() // 1000)
    except BadQuestion as error:
        fail(WRONG, f"{error.field}: {error}")


def _show_page(page: Page, zone: tzinfo, json: bool) -> None:
    if json:
        shown = {"contacts": page.contacts, "next": page.next, "seq": page.seq}
        typer.echo(orjson.dumps(shown, option=orjson.OPT_INDENT_2).decode())
        return
    console().print(tables({"contacts": [_brief(one, zone) for one in page.contacts]}))
    if page.next is not None:
        typer.echo(f"more: --before {page.next}")


def _show_one(found: Record, zone: tzinfo, json: bool) -> None:
    if json:
        typer.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode())
        return
    parts: dict[str, Any] = {"contact": [_brief(found, zone)]}
    for name, columns in _PARTS.items():
        parts[name] = [_timed({c: row[c] for c in columns}, zone) for row in found[name]]
    console().print(tables(parts))


def _brief(contact: Record, zone: tzinfo) -> Record:
    row = _timed({column: contact[column] for column in _BRIEF}, zone)
    for column in _SECONDS:
        seconds = contact[column]
        row[column] = None if seconds is None else f"{seconds:.1f}"
    return row


def _timed(row: Record, zone: tzinfo) -> Record:
    """With times that people read."""
    return {
        column: _clock(value, zone) if column.endswith("_at") and value is not None else value
        for column, value in row.items()
    }


def _clock(at: int, zone: tzinfo) -> str:
    return f"{datetime.fromtimestamp(at / 1e6, zone):%Y-%m-%d %H:%M:%S}"
