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
    IntervalFigures,
    QueueFigures,
    together,
)
from ccserver.reporting.question import Question

Row: TypeAlias = dict[str, Any]
_INSTANTS = ("arrived", "ended")
_NUMBER = re.compile(r"\+?[0-9]+")
_FORMULA = "=+-@\t\r\n"
"""What a spreadsheet takes for the beginning of a formula, or of another cell."""


def rows_of(asked: Question, interval: IntervalFigures) -> Iterator[Row]:
    """Of one interval: of queues, of agents, or of all queues together."""
    span = _span(asked, interval.start, interval.end)
    match asked.kind:
        case "agents":
            for name, agent in interval.agents.items():
                yield {**span, "agent": name, **_of_agent(asked, agent)}
        case "queues":
            for name, queue in interval.queues.items():
                yield {**span, "queue": name, **_of_queue(asked, queue)}
        case _:
            yield {**span, **_of_queue(asked, together(interval.queues))}


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


def _of_agent(asked: Question, figures: AgentFigures) -> Row:
    row = _flat(figures)
    row["idle_codes"] = {**dict.fromkeys(asked.idle_codes, 0.0), **row["idle_codes"]}
    return {
        **row,
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

    All rows have the names of the first, in its order.  A table within it becomes columns, of its
    keys in the first row, and one for the sum of any others: no row is waited for.
    """
    columns: dict[str, tuple[str, ...] | None] = {}
    for row in rows:
        if not columns:
            columns = {n: tuple(v) if isinstance(v, dict) else None for n, v in row.items()}
            yield _line(_names(columns))
        yield _line(_values(columns, row))


def _names(columns: dict[str, tuple[str, ...] | None]) -> Iterator[str]:
    for name, keys in columns.items():
        if keys is None:
            yield name
        else:
            yield from (f"{name}_{key}" for key in (*keys, "others"))


def _values(columns: dict[str, tuple[str, ...] | None], row: Row) -> Iterator[Any]:
    for name, keys in columns.items():
        if keys is None:
            yield row[name]
        else:
            table = row[name]
            yield from (table.get(key, 0) for key in keys)
            yield _rounded(sum(value for key, value in table.items() if key not in keys))


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
