"""A report out of the journal's file, which a server may be writing.

Reading begins a while before the report does: with who was in the centre then, for no contact lasts
longer than that, and with the last that was told of each agent.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from actors import events as ev
from actors.ids import AgentId
from ccserver.journal import codec
from ccserver.journal.history import last_before
from ccserver.journal.log import Entry
from ccserver.journal.reading import JOURNAL, JournalFile
from ccserver.journal.reports import ContactFigures, IntervalFigures, Report
from ccserver.journal.reports.intervals import MICRO
from ccserver.journal.storage import Rows
from ccserver.reporting.question import Question
from ccserver.reporting.rows import Row, as_csv, as_json, contact_row, rows_of

Form: TypeAlias = Literal["json", "csv"]
PAGE = 10_000
FORGOTTEN_DAYS = 7
"""An agent of whom so long nothing has been told is taken to be signed out."""
_AGENT = re.compile(rb'\{"event":"agent\.state_changed","agent":"([^"]*)"')
_CENTRE = b'{"event":"centre.configured"'


class TooManyRows(Exception):
    """More than were wanted."""


def lines(asked: Question, rows: Iterable[Row], form: Form) -> Iterator[str]:
    """The rows of what was asked, as text."""
    return as_csv(rows) if form == "csv" else as_json(asked, rows)


def read_rows(
    data: Path,
    asked: Question,
    now: int,
    longest_seconds: float,
    only: Collection[str] | None = None,
    most: int | None = None,
) -> Iterator[Row]:
    """What was asked, from the journal in this ``data.dir``: intervals in their order, contacts as
    they are done with and then those who are there still.

    No contact lasts longer than ``longest_seconds``.  ``only``: of agents, and of contacts that had
    one, no others than these.  It waits for the disk, for seconds where there are many events, and
    holds who is there and the rows of one interval.  Raises JournalError, and TooManyRows where
    there are more than ``most``.
    """
    found: list[Row] = []
    left = sys.maxsize if most is None else most

    def add(rows: Iterable[Row]) -> None:
        nonlocal left
        for row in rows:
            left -= 1
            if left < 0:
                raise TooManyRows
            found.append(row)

    def contact(figures: ContactFigures) -> None:
        if only is None or not figures.agents or not set(figures.agents).isdisjoint(only):
            add([contact_row(asked, figures)])

    def interval(figures: IntervalFigures) -> None:
        rows = rows_of(asked, figures)
        add(row for row in rows if only is None or row.get("agent") in (None, *only))

    if asked.kind == "contacts":
        report = Report(asked.rules, None, begin=asked.begin, end=asked.end, contacts=contact)
    else:
        report = Report(
            asked.rules, asked.minutes, begin=asked.begin, end=asked.end, intervals=interval
        )
    journal = JournalFile(data / JOURNAL)
    for entry in entries_for(journal, report, asked.begin, asked.end, longest_seconds):
        report.apply(entry)
        if found:
            yield from found
            found.clear()
    report.finish(max(min(asked.end, now), asked.begin))
    yield from found


def entries_for(
    journal: Rows, report: Report, begin: int, end: int, longest_seconds: float
) -> Iterator[Entry]:
    """What a report of this time must hear, in order."""
    wanted = tuple(b'{"event":"%b"' % codec.tag_of_kind(kind).encode() for kind in report.kinds)
    after = last_before(journal, begin - int(longest_seconds * MICRO))
    yield from who_was_there(journal, after, begin)
    while rows := journal.rows(after, PAGE):
        for seq, at, payload in rows:
            if at >= end:
                return
            if payload.startswith(wanted):
                entry = _read(seq, at, payload)
                if entry is not None:
                    yield entry
        after = rows[-1][0]


def who_was_there(journal: Rows, upto: int, begin: int) -> list[Entry]:
    """The configuration up to this number, and the last that was told of each agent in it."""
    centre: Entry | None = None
    told: dict[AgentId, Entry] = {}
    named: set[bytes] = set()
    missing: set[AgentId] | None = None
    oldest = begin - FORGOTTEN_DAYS * 86_400 * MICRO
    while upto > 0 and (missing is None or missing):
        after = max(0, upto - PAGE)
        rows = journal.rows(after, upto - after)
        for seq, at, payload in reversed(rows):
            if centre is None and payload.startswith(_CENTRE):
                centre = _read(seq, at, payload)
            found = _AGENT.match(payload)
            if found is None or found[1] in named:
                continue  # most are of agents of whom a later one has told: they are not decoded
            entry = _read(seq, at, payload)
            if entry is not None and isinstance(entry.event, ev.AgentStateChanged):
                named.add(found[1])
                told[entry.event.agent] = entry
        if centre is not None and isinstance(centre.event, ev.CentreConfigured):
            agents = {AgentId(each["id"]) for each in centre.event.content["agents"]}
            missing = agents - told.keys()
        if rows and rows[0][1] < oldest:
            break
        upto = after
    every = [*told.values(), *([] if centre is None else [centre])]
    return sorted(every, key=lambda entry: entry.seq)


def _read(seq: int, at: int, payload: bytes) -> Entry | None:
    """None: it is no event of this version."""
    try:
        return Entry(seq, at, codec.decode(payload))
    except msgspec.DecodeError:
        return None
