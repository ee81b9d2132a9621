"""``ccserver report``: what happened, by queue, agent, interval or contact, from the journal."""

from __future__ import annotations

import time
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from ccserver.cli.asking import DEFAULT_CONFIG, REFUSED, WRONG, Config, Set, fail, loaded
from ccserver.cli.tables import console
from ccserver.journal.reading import JOURNAL, JournalFile
from ccserver.journal.storage import JournalError, Rows
from ccserver.reporting.question import BadQuestion, Kind, Question, question
from ccserver.reporting.reading import lines, read_rows
from ccserver.reporting.rows import Row, described

app = typer.Typer(help="Say what happened, by queue, agent, interval or contact.")


class _Form(StrEnum):
    TABLE = "table"
    CSV = "csv"
    JSON = "json"


class _Interval(StrEnum):
    QUARTERS = "15"
    HALVES = "30"
    HOURS = "60"
    DAYS = "day"
    ALL = "all"


class Abandons(StrEnum):
    IGNORED = "ignored"
    NEGATIVE = "negative"
    POSITIVE = "positive"


_SHOWN: dict[Kind, tuple[str, ...]] = {
    "queues": (
        *("begin", "queue", "offered", "handled", "abandoned", "overflowed", "failed"),
        *("waiting", "in_service", "asa_seconds", "aht_seconds", "service_level"),
    ),
    "intervals": (
        *("begin", "carried_in", "offered", "handled", "abandoned", "overflowed", "failed"),
        *("in_service", "asa_seconds", "service_level"),
    ),
    "agents": (
        *("begin", "agent", "answered", "missed", "placed", "conversations", "aht_seconds"),
        *("signed_in_seconds", "available_seconds", "idle_seconds", "occupancy", "utilisation"),
    ),
    "contacts": (
        *("arrived", "contact", "ani", "queues", "agents", "outcome", "waiting_seconds"),
        *("ringing_seconds", "talk_seconds", "hold_seconds", "wrap_up_seconds", "termination"),
    ),
}
"""What people are shown; the other forms have everything."""
_SHARES = ("service_level", "occupancy", "utilisation")

From = Annotated[
    str,
    typer.Option(
        "--from",
        metavar="WHEN",
        help="today, yesterday, a date (its midnight), or a date and time, by reports.time_zone.",
    ),
]
To = Annotated[
    str | None,
    typer.Option("--to", metavar="WHEN", help="Up to then; without it, until now.  As --from."),
]
Every = Annotated[
    _Interval | None,
    typer.Option("--interval", help="Minutes, or day, or all.  Of intervals 30, of others all."),
]
Form = Annotated[_Form, typer.Option("--format", help="For people, or with every figure.")]
Level = Annotated[
    float | None,
    typer.Option(
        "--service-level", metavar="SECONDS", help="In place of reports.service_level_seconds."
    ),
]
Give = Annotated[
    Abandons | None,
    typer.Option("--abandons", help="How who gives up in time counts in the service level."),
]


@app.command()
def queues(
    since: From = "today",
    until: To = None,
    interval: Every = None,
    form: Form = _Form.TABLE,
    service_level: Level = None,
    abandons: Give = None,
    config: Config = DEFAULT_CONFIG,
    changes: Set = None,
) -> None:
    """Each queue; without a name: contacts that reached none."""
    _report("queues", since, until, interval, form, service_level, abandons, config, changes)


@app.command()
def agents(
    since: From = "today",
    until: To = None,
    interval: Every = None,
    form: Form = _Form.TABLE,
    config: Config = DEFAULT_CONFIG,
    changes: Set = None,
) -> None:
    """Each agent."""
    _report("agents", since, until, interval, form, None, None, config, changes)


@app.command()
def intervals(
    since: From = "today",
    until: To = None,
    interval: Every = None,
    form: Form = _Form.TABLE,
    service_level: Level = None,
    abandons: Give = None,
    config: Config = DEFAULT_CONFIG,
    changes: Set = None,
) -> None:
    """All queues together, interval by interval."""
    _report("intervals", since, until, interval, form, service_level, abandons, config, changes)


@app.command()
def contacts(
    since: From = "today",
    until: To = None,
    form: Form = _Form.TABLE,
    config: Config = DEFAULT_CONFIG,
    changes: Set = None,
) -> None:
    """Each contact that was there, in the order in which they were done with."""
    _report("contacts", since, until, None, form, None, None, config, changes)


def _report(
    kind: Kind,
    since: str,
    until: str | None,
    interval: _Interval | None,
    form: _Form,
    service_level: float | None,
    abandons: Abandons | None,
    config: Path,
    changes: list[str] | None,
) -> None:
    settings = loaded(config, changes).settings
    data = Path(settings.data.dir)
    now = int(time.time() * 1e6)
    try:
        asked = question(
            settings.reports,
            kind,
            now,
            since=since,
            until=until,
            interval=None if interval is None else interval.value,
            service_level=service_level,
            abandons=None if abandons is None else abandons.value,
            idle_codes=settings.idle_codes,
        )
    except BadQuestion as error:
        fail(WRONG, f"--{error.field.replace('_', '-')}: {error}")
    rows = read_rows(data, asked, now, settings.routing.max_contact_seconds)
    try:
        unknown = _unknown(JournalFile(data / JOURNAL), asked)
        if unknown is not None:
            typer.echo(unknown, err=True)
        if form is _Form.TABLE:
            _show(asked, rows, "" if unknown else "nothing happened in that time")
            return
        for line in lines(asked, rows, "csv" if form is _Form.CSV else "json"):
            typer.echo(line, nl=False)
    except JournalError as error:
        fail(REFUSED, str(error))


def _unknown(journal: Rows, asked: Question) -> str | None:
    """That the journal has nothing of that time: no figure says anything then, not even 0."""
    first = journal.rows(0, 1)
    if not first:
        return "nothing is known of that time: the journal has no events yet"
    began = first[0][1]
    if began < asked.end:
        return None
    return f"nothing is known of that time: the journal begins at {asked.shown(began)}"


def _show(asked: Question, rows: Iterable[Row], nothing: str) -> None:
    """``nothing``: what is said where there are no rows."""
    out, about = console(), described(asked)
    level = about["service_level_seconds"]
    out.print(
        f"{asked.kind} from {about['begin']} to {about['end']} ({about['time_zone']}),"
        f" service level within {level:g} s, abandons {about['abandons']}",
        highlight=False,
    )
    columns = _SHOWN[asked.kind]
    table = Table(*(column.replace("_", " ") for column in columns), box=SIMPLE_HEAD)
    for row in rows:
        table.add_row(*(Text(_cell(column, row[column])) for column in columns))
    out.print(table if table.row_count else nothing)


def _cell(column: str, value: object) -> str:
    match value:
        case None:
            return ""
        case float() if column in _SHARES:
            return f"{value:.1%}"
        case float():
            return f"{value:.1f}"
        case list():
            return " ".join(map(str, value))
        case _:
            return str(value)
