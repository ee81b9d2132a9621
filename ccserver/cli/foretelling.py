"""``ccserver what-if``: a recorded day against another configuration, or other staffing."""

from __future__ import annotations

import csv
import os
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import msgspec
import typer
from msgspec.structs import replace
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ccserver.cli.asking import (
    DEFAULT_CONFIG,
    REFUSED,
    WRONG,
    Config,
    Json,
    Set,
    fail,
    loaded,
    several,
)
from ccserver.cli.reporting import Abandons, Give, Level
from ccserver.cli.tables import console
from ccserver.journal.reading import JOURNAL, JournalFile
from ccserver.journal.reports import Abandons as Abandonment
from ccserver.journal.reports import Intervals, Rules
from ccserver.journal.storage import JournalError
from ccserver.reporting.question import BadQuestion, Question, instant, question
from ccserver.settings.content import content_of, version_of
from ccserver.settings.model import Reports
from ccserver.whatif import telling
from ccserver.whatif.comparison import CannotBePlayed, Centre, Comparison, compare
from ccserver.whatif.courses import SECOND
from ccserver.whatif.figures import Count
from ccserver.whatif.page import clock, to_html
from ccserver.whatif.recorded import NothingRecorded, Recorded, read_recorded
from ccserver.whatif.schedule import ScheduleError, Shifts, read_schedule
from ccserver.whatif.staffing import Staffing, StaffingError, staffed

SHOWN = 15
"""Contacts on the terminal."""
A_PROCESS = 1000
"""Contacts."""

Day = Annotated[
    str,
    typer.Argument(
        metavar="DAY",
        help="2026-03-02, yesterday, or from and to: 2026-03-02T09:00/2026-03-02T12:00; by"
        " reports.time_zone.",
    ),
]
Data = Annotated[
    Path | None,
    typer.Option("--data", metavar="DIR", help="Where the journal is, if not in data.dir."),
]
Agents = Annotated[
    list[str] | None,
    typer.Option(
        "--agents",
        metavar="N:QUEUE",
        help="+2:sales, two more who may serve sales; -1:sales, one less; 12:sales, as many."
        "  Repeatable.",
    ),
]
Schedule = Annotated[
    Path | None,
    typer.Option(
        "--schedule",
        metavar="FILE",
        help="Who works when, in place of that day's hours: a CSV with agent,from,to.",
    ),
]
Runs = Annotated[
    int, typer.Option("--runs", min=1, max=100, help="So many times, each with other lots.")
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Of the lots of the first run.")]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out", metavar="DIR", help="Where report.html, contacts.csv and what-if.json are put."
    ),
]
Processes = Annotated[
    int | None, typer.Option("--processes", min=1, help="At once; else as many as processors.")
]


class Result(msgspec.Struct, frozen=True):
    """What ``--json`` shows.  ``begins`` and ``ends`` in microseconds since 1970."""

    begins: int
    ends: int
    old: str
    """The version of the configuration of that day."""
    new: str
    service_level_seconds: float
    abandons: Abandonment
    seed: int
    assumed: list[str]
    figures: dict[str, list[telling.Row]]
    """By queue; "": all."""
    comparison: Comparison


def what_if(
    day: Day,
    config: Config = DEFAULT_CONFIG,
    changes: Set = None,
    data: Data = None,
    agents: Agents = None,
    schedule: Schedule = None,
    runs: Runs = 1,
    seed: Seed = 0,
    service_level: Level = None,
    abandons: Give = None,
    out: Out = None,
    json: Json = False,
    processes: Processes = None,
) -> None:
    """Play a recorded day again by another configuration or staffing, and compare.

    Recorded callers, with their patience and how long they talk, against these rules and the old
    ones, by the machines of the server; what was assumed is said.
    """
    settings = loaded(config, changes).settings
    asked = _asked(day, settings.reports, service_level, abandons)
    count = Count(asked.rules, asked.begin, asked.end)
    shifts = None if schedule is None else _shifts(schedule, asked)
    progress = Console(stderr=True).status(f"reading {day}")
    try:
        with progress:
            journal = JournalFile((Path(settings.data.dir) if data is None else data) / JOURNAL)
            recorded = read_recorded(journal, asked.begin, asked.end, count.hear)
            staffing = staffed(settings, recorded, agents or (), shifts)
            progress.update(f"playing {day}: {len(recorded.courses)} contacts, {2 * runs} times")
            compared = compare(
                recorded,
                count.day(recorded.courses),
                Centre(staffing.settings, staffing.wishes),
                asked.rules,
                runs=runs,
                seed=seed,
                processes=processes or _worth_it(recorded),
            )
    except JournalError as error:
        fail(REFUSED, str(error))
    except NothingRecorded as error:
        fail(REFUSED, f"{day}: {error}")
    except (CannotBePlayed, StaffingError) as error:
        fail(WRONG, str(error))
    result = _result(recorded, staffing, compared, asked.rules, seed)
    if out is not None:
        _write(out, result, asked.zone)
    if json:
        typer.echo(msgspec.json.format(msgspec.json.encode(result)).decode())
    else:
        _tell(result, asked.zone)
        if out is not None:
            typer.echo(f"{out / 'report.html'}, contacts.csv, what-if.json")


def _shifts(schedule: Path, asked: Question) -> Shifts:
    """Says what is wrong with it, and ends."""
    try:
        return read_schedule(schedule, asked.zone, asked.begin, asked.end)
    except ScheduleError as error:
        fail(WRONG, str(error))


def _worth_it(recorded: Recorded) -> int:
    """So many processes: to start one takes as long as to play this many contacts."""
    return (os.cpu_count() or 1) if len(recorded.courses) > A_PROCESS else 1


def _asked(text: str, reports: Reports, level: float | None, abandons: Abandons | None) -> Question:
    """What is yet to come is left out.  Says what is wrong with it, and ends."""
    now = int(time.time()) * SECOND
    begin, slash, end = text.partition("/")
    try:
        if instant("from", begin, ZoneInfo(reports.time_zone), now) >= now:
            fail(WRONG, f"DAY: {text} is yet to come")
        asked = question(
            reports,
            "queues",
            now,
            since=begin,
            until=end if slash else "tomorrow",
            service_level=level,
            abandons=None if abandons is None else abandons.value,
        )
    except BadQuestion as error:
        where = {"from": "DAY", "to": "DAY"}.get(error.field, f"--{error.field}".replace("_", "-"))
        fail(WRONG, f"{where}: {error}")
    if not slash:
        midnight = Intervals(asked.zone, 1440).around(asked.begin)[1]
        asked = replace(asked, end=midnight or asked.end)
    return replace(asked, end=min(asked.end, now))


def _result(
    recorded: Recorded, staffing: Staffing, compared: Comparison, rules: Rules, seed: int
) -> Result:
    return Result(
        recorded.begins,
        recorded.ends,
        recorded.version,
        version_of(content_of(staffing.settings)),
        rules.service_level_seconds,
        rules.abandons,
        seed,
        list(telling.assumed(recorded, compared, staffing.notes)),
        {queue: telling.rows(compared, queue) for queue in telling.queues_of(compared)},
        compared,
    )


def _period(result: Result, zone: ZoneInfo) -> str:
    begins, ends = (
        datetime.fromtimestamp(at / SECOND, zone) for at in (result.begins, result.ends)
    )
    return f"{begins:%Y-%m-%d %H:%M} to {ends:%Y-%m-%d %H:%M} {zone}"


def _terms(result: Result) -> str:
    """What was compared, and how it was counted."""
    runs, contacts = len(result.comparison.runs), result.comparison.contacts
    return (
        f"{several(contacts, 'contact')}; old rules {result.old}, new {result.new};"
        f" service level within {result.service_level_seconds:g} s, abandons {result.abandons};"
        f" {several(runs, 'run')}, lots {result.seed}"
    )


def _tell(result: Result, zone: ZoneInfo) -> None:
    out = console()
    out.print(f"{_period(result, zone)}: {_terms(result)}", highlight=False, markup=False)
    for queue, rows in result.figures.items():
        out.print()
        out.print(Text(queue or "all queues"))
        out.print(_table(telling.COLUMNS, [row.cells() for row in rows]))
    out.print()
    out.print(telling.summary(result.comparison), highlight=False, markup=False)
    found = result.comparison.differences[:SHOWN]
    cells = [telling.difference_cells(one, lambda at: clock(at, zone)) for one in found]
    if cells:
        out.print(_table(telling.DIFFERENCE_COLUMNS, cells))
    out.print("\nWhat was assumed", highlight=False)
    for text in result.assumed:
        out.print(f"* {text}", highlight=False, markup=False)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(*columns)
    for row in rows:
        table.add_row(*map(Text, row))
    return table


def _write(out: Path, result: Result, zone: ZoneInfo) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        period, terms = _period(result, zone), _terms(result)
        html = to_html(period, terms, result.comparison, result.assumed, zone)
        (out / "report.html").write_text(html, encoding="utf-8")
        (out / "what-if.json").write_bytes(msgspec.json.encode(result))
        with (out / "contacts.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(_contacts(result.comparison))
    except OSError as error:
        fail(REFUSED, f"{out}: {error.strerror}")


def _contacts(comparison: Comparison) -> Iterator[list[str]]:
    fates = ("recorded", "old", "new")
    fields = ("outcome", "agent", "waited", "queue", "diverted")
    head = [f"{fate}_{field}" for fate in fates for field in fields]
    yield ["contact", "arrived", "dialled", "longer", *head]
    for one in comparison.differences:
        row = [one.contact, str(one.arrived), one.dialled, f"{one.longer:.3f}"]
        for fate in (one.recorded, one.old, one.new):
            row += [fate.outcome or "", fate.agent or "", f"{fate.waited:.3f}", fate.queue or ""]
            row.append(" ".join(fate.diverted))
        yield row
