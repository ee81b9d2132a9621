"""The audit of a journal that goes on: each look reads what has been written since the last one.

A fault that it finds ends nothing: it is a line in the log, with the event's number, and a figure.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol

from msgspec import Struct

from ccserver.journal.audit import Audit, Finding
from ccserver.journal.folds import restored
from ccserver.journal.reading import heard_before
from ccserver.journal.storage import Rows

log = logging.getLogger(__name__)

PAGE = 5_000


class Kept(Rows, Protocol):
    """A journal with its checkpoint."""

    def checkpoint(self) -> tuple[int, bytes] | None: ...


class Standing(Struct, frozen=True):
    """Behind the entry ``seq``, written at ``at``: ``found`` faults since the auditor began."""

    seq: int
    at: int
    found: int


class Auditor:
    """``journal`` may be written meanwhile; ``state`` says which digest the server's own state has
    behind which entry, or None when nobody answers.  All of it waits for the disk.
    """

    def __init__(self, journal: Kept, state: Callable[[], tuple[int, str] | None]) -> None:
        self._journal, self._state = journal, state
        self._audit = Audit()
        self._told = 0
        self._asked: tuple[int, str] | None = None
        checkpoint = journal.checkpoint()
        found = None if checkpoint is None else restored(checkpoint[1])
        if found is not None:
            self._audit.go_on(found, heard_before(journal, found.past.seq))

    @property
    def findings(self) -> list[Finding]:
        return self._audit.findings

    def look(self, compare: bool = False) -> Standing:
        """``compare``: ask the server for the digest of its state, and hold ours against it (I14),
        in this look or, if the disk is slow, in one that follows.

        Raises JournalError.
        """
        audit = self._audit
        if compare:
            self._asked = self._state()
        while rows := self._journal.rows(audit.seq, PAGE):
            for row in rows:
                audit.apply(*row)
                if self._asked is not None and self._asked[0] == row[0]:
                    if self._asked[1] != audit.digest:
                        audit.find(row[0], "the server's state is not what the journal comes to")
                    self._asked = None
        audit.look()
        for each in audit.findings[self._told :]:
            log.error("audit: event %d: %s", each.seq, each.text)
        self._told = len(audit.findings)
        return Standing(audit.seq, audit.at, audit.found)
