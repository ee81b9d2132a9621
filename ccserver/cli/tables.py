"""Answers of the door as tables and lines for people."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from ccserver.cli.asking import words

TIMES = frozenset(("since", "arrived", "queued", "at"))
"""Columns of microseconds since 1970."""

WIDE = 240
"""Columns of a page that no terminal limits."""


def console() -> Console:
    """As wide as the terminal; into a file or a pipe, wide enough that no id is cut off."""
    terminal = Console()
    return terminal if terminal.is_terminal else Console(width=WIDE)


def tables(shown: Mapping[str, Any]) -> Group:
    """Lists of like things as tables, the rest as lines."""
    parts: list[RenderableType] = []
    for key, value in shown.items():
        rows = _rows(value)
        if rows is None:
            parts.append(Text(f"{key}: {'none' if value in ([], {}) else words(value)}"))
            continue
        columns = list(dict.fromkeys(column for row in rows for column in row))
        table = Table(*(column.replace("_", " ") for column in columns), title=key)
        for row in rows:
            table.add_row(*(Text(_cell(column, row.get(column))) for column in columns))
        parts.append(table)
    return Group(*parts)


def ladder(timeline: list[dict[str, Any]]) -> Table:
    """A column for each leg, in the order they came; a row for each event."""
    legs: dict[str, str] = {}
    for entry in timeline:
        event = entry["event"]
        if "leg" in event:
            party = event.get("agent") or legs.get(event["leg"])
            legs[event["leg"]] = party or ("customer" if not legs else event["leg"])
    table = Table("time", "+ s", *(f"{party}" for party in legs.values()), "event", title="ladder")
    for entry in timeline:
        event = entry["event"]
        after = (entry["at"] - timeline[0]["at"]) / 1e6
        marks = [_mark(event) if event.get("leg") == leg else "│" for leg in legs]
        row = (_clock(entry["at"]), f"{after:.3f}", *marks, f"{event['event']} {_details(event)}")
        table.add_row(*(Text(cell) for cell in row))
    return table


def as_line(entry: Mapping[str, Any]) -> str:
    """``12:00:00.123   17 contact.queued contact=a0... queue=support``"""
    at = entry["at"]
    event = entry["event"]
    who = event.get("contact")
    who = who["id"] if isinstance(who, dict) else who
    named = f" contact={who}" if who else ""
    clock = f"{_clock(at)}.{at // 1000 % 1000:03d}"
    return f"{clock} {entry['seq']:>7} {event['event']}{named} {_details(event)}".rstrip()


def _details(event: Mapping[str, Any]) -> str:
    """Plain values; what is nested is for ``--json``."""
    return " ".join(
        f"{name}={value:.3f}" if isinstance(value, float) else f"{name}={value}"
        for name, value in event.items()
        if name not in ("event", "contact", "leg") and isinstance(value, str | int | float)
    )


def _mark(event: Mapping[str, Any]) -> str:
    names = {"contact.arrived": "calls", "contact.presented": "rings", "leg.ended": "ends"}
    names |= {"contact.connected": "talks", "leg.confirmed": "stands"}
    return f"● {names.get(event['event'], event['event'].partition('.')[2])}"


def _rows(value: Any) -> list[dict[str, Any]] | None:
    """``[{...}, ...]``, or ``{name: {...}, ...}`` with the name as first column."""
    if isinstance(value, dict) and value and all(isinstance(row, dict) for row in value.values()):
        return [{"name": name, **row} for name, row in value.items()]
    if isinstance(value, list) and value and all(isinstance(row, dict) for row in value):
        return value
    return None


def _cell(column: str, value: Any) -> str:
    if value is None or value == "":
        return ""
    if column in TIMES:
        return _clock(value) if value else ""
    if column == "waiting":
        return str(len(value))
    if column == "estimated_wait":
        return f"{value['p50']:.0f} to {value['p90']:.0f} s, at {_clock(value['at'])}"
    if isinstance(value, float):
        return f"{value:.1f} s"
    if isinstance(value, dict):
        return " ".join(f"{name}={item}" for name, item in value.items() if name != "participants")
    return words(value)


def _clock(at: int) -> str:
    return time.strftime("%H:%M:%S", time.localtime(at / 1e6))
