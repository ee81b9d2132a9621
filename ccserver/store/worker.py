"""The worker: reads the journal's file, folds what is new, writes it; and tries again.

It may be killed at any instant: rows and position are written in one transaction, and what goes on
is read back.  Whatever is wrong with the database, the journal has everything until it is well.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event as Flag
from typing import Any

import msgspec
from msgspec import Struct

from ccserver.journal import codec
from ccserver.journal.storage import JournalError, last_number, read_rows
from ccserver.store.database import Database, StoreError, StoreUnusable, newest
from ccserver.store.fold import StoreFold
from ccserver.store.store import BEGINNING, Position, Store

log = logging.getLogger(__name__)

BATCH = 2_000
"""Entries of one transaction, at most."""
LOOK_SECONDS = 0.5
"""Between two looks whether the journal has more."""
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
"""Seconds after a failure; each further one doubles it."""
LAST_SECONDS = 3.0
"""For what was journalled last, when the server ends."""
FORGET_EVERY = 3_600.0
"""Seconds of the journal's time between two looks at what is too old."""
FORGOTTEN_AT_ONCE = 500
"""Contacts of one transaction: who reads does not wait, nor does what comes from the journal."""
_DAY = 86_400_000_000
UNFOLDED = (b'{"event":"dispatcher.', b'{"event":"centre.configured"', b'{"event":"phone.')
"""Not even decoded."""
_ZERO = rb"\u0000"


class OtherJournal(StoreError):
    """The store was folded from a journal that is not this one."""


class Progress(Struct, frozen=True):
    """Where the store stands; None: it has not been reached.  ``failures``: since the start."""

    position: Position | None
    failures: int


class Worker:
    """Folds the journal at ``path`` into ``database``.  ``tell`` hears how it goes; ``keep_days``
    after its end a row is forgotten, by the time of the journal; None: never.

    One thread at a time; nothing is shared with another process but the database.
    """

    def __init__(
        self,
        path: Path,
        database: Database,
        tell: Callable[[Progress], None],
        *,
        keep_days: float | None = None,
    ) -> None:
        self._path, self._database, self._tell = path, database, tell
        self._keep = None if keep_days is None else int(keep_days * _DAY)
        self._looked = self._forgotten = 0
        """When for what is too old, in microseconds since 1970; how much that was, up to now."""
        self._store = Store(database)
        self._fold: StoreFold | None = None
        """None: read what goes on before the next event is folded."""
        self._position = BEGINNING
        self._told: Position | None = None
        self.failures = 0

    def run(self, end: Flag) -> None:
        """Until ``end`` is set; then once more, for what was journalled last.

        Raises StoreUnusable, where only somebody's hand can help.
        """
        pause = FIRST_PAUSE
        while not end.is_set():
            try:
                while self.step() and not end.is_set():
                    pass
                while self.forget() and not end.is_set():
                    self.step()
                if pause > FIRST_PAUSE:
                    log.info("the store has caught up, with event %d", self._position.seq)
                pause = FIRST_PAUSE
                end.wait(LOOK_SECONDS)
            except StoreUnusable:
                raise
            except (StoreError, JournalError) as error:
                self._failed(error, pause)
                end.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
        self._finish()

    def step(self) -> bool:
        """One batch; whether there may be more.  Raises StoreError and JournalError."""
        fold = self._fold
        if fold is None:
            fold = self._begin()
        rows = read_rows(self._path, self._position.seq, BATCH) if self._path.exists() else []
        if rows:
            for seq, at, payload in rows:
                if not payload.startswith(UNFOLDED):
                    self._apply(fold, seq, at, payload)
            after = Position(*rows[-1][:2])
            # Where writing fails, nobody knows whether it was done: the database will say.
            self._fold = None
            self._store.write(self._position, after, fold.take())
            self._fold, self._position = fold, after
        self._report()
        return len(rows) == BATCH

    def forget(self) -> bool:
        """A part of what is too old, once an hour; whether there may be more.  Raises StoreError.

        By the journal's time: a clock that is wrong now forgets nothing.
        """
        now = self._position.at
        if self._keep is None or now < self._looked + 1_000_000 * FORGET_EVERY:
            return False
        gone = self._store.forget(now - self._keep, FORGOTTEN_AT_ONCE)
        self._forgotten += gone
        if gone:
            return True
        if self._forgotten:
            log.info("%d contacts, activities and legs were too old to be kept", self._forgotten)
        self._looked, self._forgotten = now, 0
        return False

    def _begin(self) -> StoreFold:
        before = self._database.upgrade()
        if before != newest():
            log.info("the store's schema is %s now, was %s", newest(), before or "none")
        self._position, going_on = self._store.going_on()
        self._require_this_journal()
        self._fold = StoreFold(going_on)
        return self._fold

    def _require_this_journal(self) -> None:
        """A journal may have been moved away, or an older one put in its place."""
        seq, at = self._position.seq, self._position.at
        if not seq:
            return
        if not self._path.exists() or last_number(self._path) < seq:
            what = "which is not in the journal"
        elif (found := read_rows(self._path, seq - 1, 1)) and found[0][:2] == (seq, at):
            return
        else:
            what = "and the journal has another one there"
        raise OtherJournal(
            f"{self._database.name} was folded up to event {seq}, {what}: put back the journal it"
            " came from, or have it folded anew from this one with ccserver store rebuild"
        )

    def _apply(self, fold: StoreFold, seq: int, at: int, payload: bytes) -> None:
        try:
            if _ZERO in payload:
                payload = msgspec.json.encode(_storable(msgspec.json.decode(payload)))
            fold.apply(seq, at, codec.decode(payload))
        except msgspec.DecodeError as error:
            log.error("event %d cannot be read, and is passed over: %s", seq, error)
        except Exception:  # ours: it would stand in the way of all that come behind it
            log.exception("event %d cannot be folded, and is passed over", seq)

    def _failed(self, error: Exception, pause: float) -> None:
        self._fold = None
        self.failures += 1
        self._database.close()
        log.error("the store falls behind: %s; next try in %.0f s", error, pause)
        self._tell(Progress(self._told, self.failures))

    def _report(self) -> None:
        if self._told != self._position:
            self._told = self._position
            self._tell(Progress(self._position, self.failures))

    def _finish(self) -> None:
        until = time.monotonic() + LAST_SECONDS
        try:
            while self.step() and time.monotonic() < until:
                pass
        except (StoreError, JournalError) as error:
            log.error("the store lacks the last events, until the next start: %s", error)
        self._database.close()


def _storable(value: Any) -> Any:
    """PostgreSQL's text cannot hold the character 0, which anyone may send us."""
    match value:
        case str():
            return value.replace("\0", "\ufffd")
        case dict():
            return {_storable(name): _storable(item) for name, item in value.items()}
        case list():
            return [_storable(item) for item in value]
        case _:
            return value
