"""``ccserver replay``: a day's runs of the server again, each event compared with the journal's."""

from __future__ import annotations

import logging
import math
import re
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from msgspec import Struct
from rich.console import Console
from rich.progress import Progress

from ccserver.cli.asking import DEFAULT_CONFIG, REFUSED, WRONG, Config, Set, data_of, fail, several
from ccserver.inputs.file import InputsError, file_of
from ccserver.journal.reading import JOURNAL, JournalFile, starts_between
from ccserver.journal.storage import JournalError
from ccserver.replay.comparison import Difference, Event
from ccserver.replay.said import Message, Unlike

if TYPE_CHECKING:
    from ccserver.replay.player import Replayed

AROUND = 300
"""Characters shown on each side of where two events begin to differ."""


Since = Annotated[
    str | None,
    typer.Option("--from", metavar="TIME", help="14:00 of that day, or 2026-03-02T14:00:30."),
]
Until = Annotated[str | None, typer.Option("--to", metavar="TIME", help="As --from.")]


class Asked(Struct, frozen=True):
    """``runs``: the events in front of those; ``since`` and ``until`` in seconds since 1970."""

    runs: list[int]
    since: float
    until: float


def replay(
    day: Annotated[
        str,
        typer.Argument(
            metavar="DAY",
            help="2026-03-02, today or yesterday, by this machine's time zone; or the number of the"
            " event with which a run of the server began.",
        ),
    ],
    since: Since = None,
    until: Until = None,
    config: Config = DEFAULT_CONFIG,
    changes: Set = None,
) -> None:
    """Replay a day, or a part of it, from what was recorded: the same must come of it.

    Each run of the server that has a part of it, from the start of that run on.  Exit status 1: an
    event, a message or an answer is another than then, or something could not be replayed.
    """
    logging.getLogger().addHandler(logging.NullHandler())  # what the core logged then, it logs now
    data = data_of(config, changes)
    try:
        journal = JournalFile(data / JOURNAL)
        asked = _asked(journal, day, since, until)
        if not asked.runs:
            fail(REFUSED, f"the journal has no run of the server on {day}")
        same = [_replay(data, journal, run, asked) for run in asked.runs]
    except (InputsError, JournalError) as error:
        fail(WRONG, str(error))
    if not all(same):
        raise typer.Exit(REFUSED)


def _asked(journal: JournalFile, day: str, since: str | None, until: str | None) -> Asked:
    """Says what is wrong, and ends."""
    if re.fullmatch(r"[1-9]\d{0,14}", day):
        run = int(day) - 1
        rows = journal.rows(run, 1)
        began = datetime.fromtimestamp(rows[0][1] / 1e6 if rows else 0.0).date()
        begin = 0.0 if since is None else _instant("--from", since, began)
        return Asked([run], begin, math.inf if until is None else _instant("--to", until, began))
    asked = _date(day)
    begin = _instant("--from", since or "00:00", asked)
    midnight = datetime.combine(asked + timedelta(days=1), time()).timestamp()
    end = midnight if until is None else _instant("--to", until, asked)
    if begin >= end:
        fail(WRONG, "--from: expected a time before --to")
    return Asked(starts_between(journal, int(begin * 1e6), int(end * 1e6)), begin, end)


def _date(text: str) -> date:
    """Says what is wrong with it, and ends."""
    today = date.today()
    if text in ("today", "yesterday"):
        return today - timedelta(days=text == "yesterday")
    try:
        return datetime.fromisoformat(text).date()
    except ValueError:
        expected = "2026-03-02, today, yesterday, or the number of an event"
        fail(WRONG, f"DAY: expected {expected}, found {text!r}")


def _instant(option: str, text: str, day: date) -> float:
    """Seconds since 1970.  Says what is wrong with it, and ends."""
    try:
        return datetime.combine(day, time.fromisoformat(text)).timestamp()
    except ValueError:
        try:
            return datetime.fromisoformat(text).timestamp()
        except ValueError:
            fail(WRONG, f"{option}: expected 14:00 or 2026-03-02T14:00:30, found {text!r}")


def _replay(data: Path, journal: JournalFile, run: int, asked: Asked) -> bool:
    """Whether all of it could be replayed, and is as it was."""
    path = file_of(data, run)
    if not path.exists():
        typer.echo(f"run of event {run + 1}: its inputs were not recorded, or are kept no more")
        return False
    from ccserver.replay.player import replay as replay_run  # the whole core: not for all commands

    with _Progress(f"run of event {run + 1}", min(asked.until, path.stat().st_mtime)) as progress:
        found = replay_run(path, journal, asked.since, asked.until, tick=progress.tick)
    typer.echo(f"run of event {run + 1}: {summary(found)}")
    if found.difference is not None:
        typer.echo(shown(found.difference))
    return found.is_same


class _Progress:
    """On a terminal: how far a replay has come, of the time up to ``end``."""

    def __init__(self, title: str, end: float) -> None:
        console = Console(stderr=True)
        self._bar = Progress(console=console, transient=True, disable=not console.is_terminal)
        self._task = self._bar.add_task(title, total=None)
        self._end, self._begin = end, math.inf

    def __enter__(self) -> _Progress:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def tick(self, at: float) -> None:
        self._begin = min(self._begin, at)
        total = max(self._end - self._begin, 1.0)
        self._bar.update(self._task, completed=at - self._begin, total=total)


def summary(found: Replayed) -> str:
    part, before = found.part, found.before
    many = (
        f"{several(part.events, 'event')} of {several(part.contacts, 'contact')},"
        f" {several(part.messages, 'message')}, {part.told:,} commands and answers"
    )
    seconds = part.seconds + before.seconds
    speed = seconds / max(found.took, 1e-9)
    pace = f"{seconds:,.0f} s in {found.took:.1f} s, {speed:,.0f} times real time"
    if before.events:
        pace = f"after the first {several(before.events, 'event')} of the run; {pace}"
    if found.difference is not None:
        return f"{many} are the same, and then one is not ({pace})"
    if found.left:
        why = "the recording ends there" if found.cut is None else f"the recording: {found.cut}"
        return f"{many} are the same, {found.left:,} events could not be replayed: {why} ({pace})"
    return f"{many}, identical ({pace})"


def shown(difference: Difference) -> str:
    """For people: both sides, what led to them, and the events before."""
    if difference.said is not None:
        return _said(difference, difference.said)
    recorded, replayed = difference.recorded, difference.replayed
    at = _first_difference(recorded, replayed)
    lines = [f"  {difference.text}", f"  input:    {difference.cause}"]
    for side, event in (("recorded", recorded), ("replayed", replayed)):
        lines.append(f"  {side}: {'nothing' if event is None else _line(event, at)}")
    return "\n".join([*lines, *_before(difference)])


def _said(difference: Difference, unlike: Unlike) -> str:
    """Of what was said then, there is only a checksum; of what is said now, the word."""
    lines = [f"  {difference.text}", f"  input:    {difference.cause}"]
    what = "message" if unlike.kind == "sent" else "command or answer"
    then = f"{what} {unlike.number} of {unlike.recorded} of this turn, of which a checksum was kept"
    lines.append(f"  recorded: {then if unlike.number <= unlike.recorded else 'nothing'}")
    match unlike.replayed:
        case None:
            lines.append("  replayed: nothing")
        case Message(data, (host, port)):
            text = data.decode("utf-8", "replace").splitlines()
            lines += [f"  replayed: to {host}:{port}:", *(f"    {line}" for line in text)]
        case word:
            lines.append(f"  replayed: {word}")
    return "\n".join([*lines, *_before(difference)])


def _before(difference: Difference) -> list[str]:
    return ["  before:", *(f"    {_line(event, 0)}" for event in difference.before)]


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
