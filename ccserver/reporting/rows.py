"""A report as rows: names and plain values, the same for JSON, for CSV and for people.

Durations are in seconds and shares from 0 to 1; instants are ISO 8601 with the distance from UTC.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

import msgspec
from msgspec import Struct

from ccserver.journal.reports import (
    AgentFigures,
    ContactFigures,
    QueueFigures,
    Report,
    together,
)
from ccserver.reporting.question import Question

Row: TypeAlias = dict[str, Any]
_INSTANTS = ("arrived", "ended")
_NUMBER = re.compile(r"\+?[0-9]+")
_FORMULA = "=+-@\t\r\n"
"""What a spreadsheet takes for the beginning of a formula, or of another cell."""


def rows_of(asked: Question, report: Report) -> list[Row]:
    """Of queues, agents or intervals; those of contacts come one by one (``contact_row``)."""
    if asked.kind == "agents":
        return _agent_rows(asked, report)
    return _queue_rows(asked, report)


def _queue_rows(asked: Question, report: Report) -> list[Row]:
    rows = []
    for interval in report.intervals():
        span = _span(asked, interval.start, interval.end)
        if asked.kind == "intervals":
            rows.append({**span, **_of_queue(asked, together(interval.queues))})
            continue
        for name, figures in interval.queues.items():
            rows.append({**span, "queue": name, **_of_queue(asked, figures)})
    return rows


def _agent_rows(asked: Question, report: Report) -> list[Row]:
    return [
        {**_span(asked, interval.start, interval.end), "agent": name, **_of_agent(figures)}
        for interval in report.intervals()
        for name, figures in interval.agents.items()
    ]


def contact_row(asked: Question, figures: ContactFigures) -> Row:
    row = _flat(figures)
    for name in _INSTANTS:
        row[name] = None if row[name] is None else asked.shown(row[name])
    return row


def described(asked: Question) -> Row:
    """What the rows are of, and by which rules they were counted."""
    return {
        "report": asked.kind,
        **_span(asked, asked.begin, asked.end),
        "time_zone": asked.zone.key,
        "interval": asked.interval,
        **_rules(asked),
    }


def _span(asked: Question, begin: int, end: int) -> Row:
    return {"begin": asked.shown(begin), "end": asked.shown(end)}


def _rules(asked: Question) -> Row:
    rules = asked.rules
    return {
        "service_level_seconds": rules.service_level_seconds,
        "abandons": rules.abandons,
        "short_call_seconds": rules.short_call_seconds,
        "sudden_disconnect_seconds": rules.sudden_disconnect_seconds,
    }


def _of_queue(asked: Question, figures: QueueFigures) -> Row:
    level = figures.service_level(asked.rules.abandons)
    return {
        **_flat(figures),
        "abandoned": figures.abandoned,
        "abandonment": _rounded(figures.abandonment),
        "asa_seconds": _rounded(figures.asa),
        "aht_seconds": _rounded(figures.aht),
        "service_level": _rounded(level),
        "service_level_within_seconds": asked.rules.service_level_seconds,
        "service_level_abandons": asked.rules.abandons,
    }


def _of_agent(figures: AgentFigures) -> Row:
    return {
        **_flat(figures),
        "aht_seconds": _rounded(figures.aht),
        "occupancy": _rounded(figures.occupancy),
        "utilisation": _rounded(figures.utilisation),
    }


def _flat(figures: Struct) -> Row:
    """Its fields; what is a duration says so in its name."""
    row: Row = {}
    for name in figures.__struct_fields__:
        value = getattr(figures, name)
        if isinstance(value, float):
            row[f"{name}_seconds"] = _rounded(value)
        elif isinstance(value, dict):
            row[name] = {key: _rounded(each) for key, each in value.items()}
        else:
            row[name] = value
    return row


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


# --- CSV ------------------------------------------------------------------------------------------


def as_csv(rows: Iterable[Row]) -> Iterator[str]:
    """Its lines, the first with the names.  What would be a formula in a spreadsheet is none here:
    names come from outside (W08).

    All rows have the same names, in the order of the first.  A table within a row becomes columns,
    of every key that any row has; so such rows must be a list.
    """
    columns: list[tuple[str, str | None]] = []
    for row in rows:
        if not columns:
            columns = _columns(rows if isinstance(rows, list) else [row])
            yield _line(name if key is None else f"{name}_{key}" for name, key in columns)
        yield _line(row[name] if key is None else row[name].get(key) for name, key in columns)


def _columns(rows: list[Row]) -> list[tuple[str, str | None]]:
    """By name, and by key where there is a table within."""
    columns: list[tuple[str, str | None]] = []
    for name, value in rows[0].items():
        if isinstance(value, dict):
            keys = dict.fromkeys(key for row in rows for key in row[name])
            columns += [(name, key) for key in keys]
        else:
            columns.append((name, None))
    return columns


def _line(cells: Iterable[Any]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow([_cell(cell) for cell in cells])
    return text.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, list | tuple):
        value = " ".join(map(str, value))
    if isinstance(value, str) and value[:1] in _FORMULA and not _NUMBER.fullmatch(value):
        return f"'{value}" if value else value
    return value


# --- JSON -----------------------------------------------------------------------------------------


def as_json(asked: Question, rows: Iterable[Row]) -> Iterator[str]:
    """One object: what the rows are of, and ``rows``, each on a line of its own."""
    about = msgspec.json.encode(described(asked)).decode()
    yield f'{about[:-1]},"rows":['
    comma = "\n"
    for row in rows:
        yield comma + msgspec.json.encode(row).decode()
        comma = ",\n"
    yield "\n]}\n"
