"""``ccserver replay``: a day's runs of the server again, each event compared with the journal's."""

from __future__ import annotations

import logging
import re
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ccserver.cli.asking import DEFAULT_CONFIG, REFUSED, WRONG, Config, Set, data_of, fail
from ccserver.inputs.file import InputsError, file_of
from ccserver.journal.reading import JOURNAL, JournalFile, starts_between
from ccserver.journal.storage import JournalError
from ccserver.replay.comparison import Difference, Event

if TYPE_CHECKING:
    from ccserver.replay.player import Replayed

AROUND = 300
"""Characters shown on each side of where two events begin to differ."""


def replay(
    day: Annotated[
        str,
        typer.Argument(
            metavar="DAY",
            help="2026-03-02, by this machine's time zone; or the number of the event with which"
            " a run of the server began.",
        ),
    ],
    config: Config = DEFAULT_CONFIG,
    changes: Set = None,
) -> None:
    """Replay a day from what was recorded of it: the same inputs must lead to the same events.

    Each run of the server that the day has a part of, from its start to the end of the day.  Exit
    status 1: an event is another than then, or something could not be replayed.
    """
    logging.getLogger().addHandler(logging.NullHandler())  # what the core logged then, it logs now
    data = data_of(config, changes)
    try:
        journal = JournalFile(data / JOURNAL)
        runs, until = _runs(journal, day)
        if not runs:
            fail(REFUSED, f"the journal has no run of the server on {day}")
        same = [_replay(data, journal, run, until) for run in runs]
    except (InputsError, JournalError) as error:
        fail(WRONG, str(error))
    if not all(same):
        raise typer.Exit(REFUSED)


def _runs(journal: JournalFile, day: str) -> tuple[list[int], float | None]:
    """The events in front of the runs, and the end of the day; says what is wrong, and ends."""
    if re.fullmatch(r"[1-9]\d{0,14}", day):
        return [int(day) - 1], None
    try:
        begin = datetime.combine(datetime.fromisoformat(day).date(), time()).astimezone()
    except ValueError:
        fail(WRONG, f"DAY: expected 2026-03-02, or the number of an event, found {day!r}")
    end = (begin + timedelta(days=1)).timestamp()
    return starts_between(journal, int(begin.timestamp() * 1e6), int(end * 1e6)), end


def _replay(data: Path, journal: JournalFile, run: int, until: float | None) -> bool:
    """Whether all of it could be replayed, and is as it was."""
    path = file_of(data, run)
    if not path.exists():
        typer.echo(f"run of event {run + 1}: its inputs were not recorded, or are kept no more")
        return False
    from ccserver.replay.player import replay as replay_run  # the whole core: not for all commands

    found = replay_run(path, journal, until)
    typer.echo(f"run of event {run + 1}: {summary(found)}")
    if found.difference is not None:
        typer.echo(shown(found.difference))
    return found.is_same


def summary(found: Replayed) -> str:
    many = f"{found.events:,} events of {found.contacts:,} contacts"
    speed = found.seconds / max(found.took, 1e-9)
    pace = f"{found.seconds:,.0f} s in {found.took:.1f} s, {speed:,.0f} times real time"
    if found.difference is not None:
        return f"{many} are the same, and then one is not ({pace})"
    if found.left:
        why = "the recording ends there" if found.cut is None else f"the recording: {found.cut}"
        return f"{many} are the same, {found.left:,} could not be replayed: {why} ({pace})"
    return f"{many}, identical ({pace})"


def shown(difference: Difference) -> str:
    """For people: both sides, what led to them, and the events before."""
    recorded, replayed = difference.recorded, difference.replayed
    at = _first_difference(recorded, replayed)
    lines = [f"  {difference.text}", f"  input:    {difference.cause}"]
    for side, event in (("recorded", recorded), ("replayed", replayed)):
        lines.append(f"  {side}: {'nothing' if event is None else _line(event, at)}")
    lines.append("  before:")
    lines += [f"    {_line(event, 0)}" for event in difference.before]
    return "\n".join(lines)


def _first_difference(one: Event | None, other: Event | None) -> int:
    if one is None or other is None:
        return 0
    pairs = zip(one.payload, other.payload, strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), 0)


def _line(event: Event, around: int) -> str:
    text = event.payload.decode("utf-8", "replace")
    begin, end = max(0, around - AROUND), around + AROUND
    cut = ("…" if begin else "") + text[begin:end] + ("…" if end < len(text) else "")
    clock = datetime.fromtimestamp(event.at // 1_000_000)
    return f"{event.seq} {clock:%H:%M:%S}.{event.at % 1_000_000:06d} {cut}"
