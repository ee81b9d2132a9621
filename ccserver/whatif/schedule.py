"""Who works when: a table, in place of the hours that agents had on the recorded day.

    agent,from,to
    1001,09:00,12:30
    1001,13:00,17:00
    1002,2026-03-02T22:00,2026-03-03T06:00

A time without a date is one of each day of the stretch, by one zone's clock; up to ``24:00``, and
where ``to`` is no later than ``from``, up to the next day's.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import TypeAlias
from zoneinfo import ZoneInfo

from actors.ids import AgentId
from ccserver.whatif.courses import SECOND
from ccserver.whatif.presence import AVAILABLE, SIGNED_OUT, Wish, errands

Shifts: TypeAlias = Mapping[AgentId, Sequence[tuple[int, int]]]
"""From and to, in microseconds since 1970: in order, each behind the one before."""
COLUMNS = ["agent", "from", "to"]


class ScheduleError(ValueError):
    """The file is wrong: the text says each line with what was expected and what was found."""


def read_schedule(path: Path, zone: ZoneInfo, begins: int, ends: int) -> Shifts:
    """What of it is within the stretch, in microseconds since 1970.  Raises ScheduleError."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.reader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ScheduleError(f"{path}: {error}") from None
    if not rows or [cell.strip() for cell in rows[0]] != COLUMNS:
        found = ",".join(rows[0]) if rows else "nothing"
        raise ScheduleError(f"{path}:1: expected {','.join(COLUMNS)}, found {found}")
    days = list(_days(zone, begins, ends))
    found_shifts: dict[AgentId, list[tuple[int, int]]] = {}
    wrong: list[str] = []
    for number, row in enumerate(rows[1:], start=2):
        if not any(cell.strip() for cell in row):
            continue
        try:
            agent, begin, end = _row(row)
            shifts = [_shift(begin, end, day, zone) for day in days]
        except ValueError as error:
            wrong.append(f"{path}:{number}: {error}")
            continue
        found_shifts.setdefault(AgentId(agent), []).extend(shifts)
    if wrong:
        raise ScheduleError("\n".join(wrong))
    return {agent: _joined(shifts, begins, ends) for agent, shifts in found_shifts.items()}


def hours(shifts: Sequence[tuple[int, int]], then: Sequence[Wish], ends: int) -> list[Wish]:
    """Of one agent: available in his shifts, but for what he had in hand beside the queues on the
    recorded day (``then``), and signed out else.
    """
    found: list[Wish] = []
    had = list(errands(then, ends))
    for begin, end in shifts:
        found.append(Wish(begin, AVAILABLE))
        for since, until, state in had:
            if since < end and until > begin:
                found.append(Wish(max(since, begin), state))
                found.append(Wish(min(until, end), AVAILABLE))
        found.append(Wish(end, SIGNED_OUT))
    # Of several at one instant the last one holds: nobody is available for no time at all.
    return [
        wish
        for wish, behind in zip(found, [*found[1:], None], strict=True)
        if behind is None or wish.at < behind.at
    ]


def _row(row: Sequence[str]) -> tuple[str, str, str]:
    match [cell.strip() for cell in row]:
        case [agent, begin, end] if agent and begin and end:
            return agent, begin, end
    raise ValueError(f"expected {','.join(COLUMNS)}, found {','.join(row)}")


def _days(zone: ZoneInfo, begins: int, ends: int) -> Iterator[date]:
    """Of the stretch, and the one before: a shift may go on from there."""
    day = datetime.fromtimestamp(begins // SECOND, zone).date() - timedelta(days=1)
    while datetime.combine(day, time(), zone).timestamp() * SECOND < ends:
        yield day
        day += timedelta(days=1)


def _shift(begin: str, end: str, day: date, zone: ZoneInfo) -> tuple[int, int]:
    since, until = _instant("from", begin, day, zone), _instant("to", end, day, zone)
    if until <= since and "T" not in end:
        until = _instant("to", end, day + timedelta(days=1), zone)
    if until <= since:
        raise ValueError(f"to: expected a time behind {begin}, found {end}")
    return since, until


def _instant(field: str, text: str, day: date, zone: ZoneInfo) -> int:
    if text == "24:00":
        text, day = "00:00", day + timedelta(days=1)
    try:
        if "T" in text:
            at = datetime.fromisoformat(text)
            at = at if at.tzinfo is not None else at.replace(tzinfo=zone)
        else:
            at = datetime.combine(day, time.fromisoformat(text), zone)
    except ValueError:
        raise ValueError(f"{field}: expected 09:00 or 2026-03-02T09:00, found {text}") from None
    return int(at.timestamp()) * SECOND


def _joined(shifts: list[tuple[int, int]], begins: int, ends: int) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for begin, end in sorted(shifts):
        begin, end = max(begin, begins), min(end, ends)
        if begin >= end:
            continue
        if found and begin <= found[-1][1]:
            found[-1] = found[-1][0], max(end, found[-1][1])
        else:
            found.append((begin, end))
    return found
