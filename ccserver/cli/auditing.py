"""``ccserver audit``: whether the journal tells what can be, and the server knows what it tells."""

from __future__ import annotations

import time
from pathlib import Path

import typer

from ccserver.cli.asking import DEFAULT_CONFIG, REFUSED, WRONG, Config, Set, data_of, fail, several
from ccserver.door import PATIENCE_WITH_A_DIGEST, NobodyThere, ask
from ccserver.journal.audit import Audit
from ccserver.journal.storage import JournalError, read_rows

PAGE = 10_000
PATIENCE = 5.0
"""Seconds for the disk to have what the server has."""


def audit(config: Config = DEFAULT_CONFIG, changes: Set = None) -> None:
    """Check the whole journal, and the running server's state against it."""
    data = data_of(config, changes)
    seq, digest = _server(data)
    found = Audit()
    try:
        same = _read(data / "journal.sqlite", found, seq)
    except JournalError as error:
        fail(WRONG, str(error))
    found.look()
    for each in found.findings:
        typer.echo(f"event {each.seq}: {each.text}", err=True)
    if found.unread:
        what = several(found.unread, "event")
        typer.echo(f"{what} of a shape that is not known", err=True)
    runs, contacts = several(found.runs, "run"), several(found.contacts, "contact")
    what = f"{several(found.events, 'event')}, {runs} of the server, {contacts}"
    typer.echo(f"{what}: {found.found or 'nothing'} wrong")
    if digest is None:
        agrees = True
    elif found.seq < seq:
        agrees = False
        typer.echo(
            f"the server's state cannot be compared: it is at event {seq}, and the disk has none"
            f" behind {found.seq}",
            err=True,
        )
    else:
        agrees = same == digest
        says = "is" if agrees else "IS NOT"
        typer.echo(f"the server's state {says} what the journal comes to at event {seq}")
    if found.found or not agrees:
        raise typer.Exit(REFUSED)


def _server(data: Path) -> tuple[int, str | None]:
    """Where the running server stands; None: there is none."""
    try:
        answer = ask(data, "digest", patience=PATIENCE_WITH_A_DIGEST)
    except NobodyThere:
        return 0, None
    return answer["seq"], answer["digest"]


def _read(path: Path, found: Audit, upto: int) -> str | None:
    """All there is, and what it comes to at event ``upto``; None: the disk has not got so far."""
    same = None
    until = time.monotonic() + PATIENCE
    while True:
        page = read_rows(path, found.seq, PAGE)
        for row in page:
            found.apply(*row)
            if row[0] == upto:
                same = found.digest
        if not page and (found.seq >= upto or time.monotonic() > until):
            return same
        if not page:
            time.sleep(0.1)
