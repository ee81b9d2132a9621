"""The entries that explain a contact, out of a journal that a server may be writing.

They begin with the start of the run in which it arrived, for what the dispatcher knew began there.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from actors.ids import made_at
from ccserver.journal import codec
from ccserver.journal.history import SLACK, last_before
from ccserver.journal.log import Entry
from ccserver.journal.storage import Rows, last_number, read_rows

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
