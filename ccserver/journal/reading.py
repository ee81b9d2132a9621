"""The entries that explain a contact, out of a journal that a server may be writing.

They begin with the start of the run in which it arrived, for what the dispatcher knew began there.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from actors.ids import AgentId, ContactId, made_at
from ccserver.journal import codec
from ccserver.journal.history import SLACK, last_before
from ccserver.journal.log import Entry
from ccserver.journal.storage import Rows, last_checkpoint, last_number, read_rows
from ccserver.journal.why import Why, why

JOURNAL = "journal.sqlite"
PAGE = 50_000
_STARTED = b'"event":"server.started"'
_WANTED = tuple(
    f'{{"event":"{tag}'.encode()
    for tag in (
        "dispatcher.",
        "contact.assigned",
        "agent.state_changed",
        "actor.crashed",
        "server.started",
        "centre.configured",
    )
)
"""Of whomever they tell; of the contact, everything."""


class JournalFile:
    """A journal's file, that a server may be writing.  Raises JournalError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.last_seq = last_number(path)

    def rows(
        self, after: int, limit: int, containing: bytes | None = None
    ) -> list[tuple[int, int, bytes]]:
        return read_rows(self._path, after, limit, containing)

    def checkpoint(self) -> tuple[int, bytes] | None:
        return last_checkpoint(self._path)


def read_why(data: Path, contact: str, at: int, agent: str | None = None) -> Why | None:
    """What ``why`` says of the journal in this ``data.dir``; None: it knows no such contact.

    Seconds for a long run of the server: it is no work for the core.  Raises JournalError.
    """
    asked = None if agent is None else AgentId(agent)
    entries = entries_about(JournalFile(data / JOURNAL), contact)
    found = why(entries, ContactId(contact), at, asked)
    return found if found.story else None


def entries_about(journal: Rows, contact: str) -> Iterator[Entry]:
    """Up to the contact's end, or to the last there is; none, if there is no such contact.

    It waits for the disk: call it in a thread.  Raises JournalError.
    """
    began = made_at(contact)
    if began is None:
        return
    name = contact.encode()
    ended = b'"event":"contact.ended","contact":{"id":"%b"' % name
    after = _start_before(journal, last_before(journal, int(began * 1_000_000) - SLACK))
    while rows := journal.rows(after, PAGE):
        for seq, at, payload in rows:
            if payload.startswith(_WANTED) or name in payload:
                entry = _read(seq, at, payload)
                if entry is not None:
                    yield entry
            if ended in payload:
                return
        after = rows[-1][0]


def heard_before(journal: Rows, upto: int) -> Iterator[Entry]:
    """What explains the dispatcher behind the entry ``upto``: from the start of that run on."""
    after = _start_before(journal, upto)
    while after < upto and (rows := journal.rows(after, min(PAGE, upto - after))):
        for seq, at, payload in rows:
            if payload.startswith(_WANTED):
                entry = _read(seq, at, payload)
                if entry is not None:
                    yield entry
        after = rows[-1][0]


def starts_between(journal: Rows, begin: int, end: int) -> list[int]:
    """The numbers in front of the runs that wrote something from ``begin`` to before ``end``, in
    microseconds since 1970.
    """
    after, upto = last_before(journal, begin), last_before(journal, end)
    goes_on = journal.rows(after, 1)
    runs = []
    if after and after < upto and goes_on and not goes_on[0][2].startswith(b"{" + _STARTED):
        runs.append(_start_before(journal, after))
    while after < upto:
        many = min(PAGE, upto - after)
        runs += [seq - 1 for seq, _, _ in journal.rows(after, many, b"{" + _STARTED)]
        after += many
    return runs


def _read(seq: int, at: int, payload: bytes) -> Entry | None:
    """None: it is no event of this version."""
    try:
        return Entry(seq, at, codec.decode(payload))
    except msgspec.DecodeError:
        return None


def _start_before(journal: Rows, seq: int) -> int:
    """The number in front of the last ``server.started`` up to a little behind ``seq``."""
    upto = seq + 1
    while upto > 0:
        after = max(0, upto - PAGE)
        starts = journal.rows(after, upto - after, _STARTED)
        if starts:
            return starts[-1][0] - 1
        upto = after
    return 0
