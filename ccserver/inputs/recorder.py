"""Writes down each turn as it begins; the journal's writer takes it to the disk.

In front of the events that follow from it: whatever the journal tells has its causes written down.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import trio
from msgspec import Struct

from ccserver.inputs.file import InputFile, forget
from ccserver.inputs.words import (
    MARK,
    Answered,
    Record,
    Said,
    Start,
    Turn,
    mark_of_message,
    mark_of_word,
)

log = logging.getLogger(__name__)

T = TypeVar("T")
MANY = 2000
"""So many turns do not wait for an event to be written with."""


class Taken(Struct, frozen=True):
    """What came between two commits of the journal, behind event ``seq``."""

    seq: int
    records: list[Record]


class Recorder:
    """The post's ``Turns`` (``actors.base``), and the journal's ``Inputs``.

    ``wall`` gives seconds since 1970, ``now`` those of Trio's clock.  Nothing is written before
    ``open``.
    """

    by_itself = True

    def __init__(
        self, wall: Callable[[], float], now: Callable[[], float] = trio.current_time
    ) -> None:
        self.wall, self._now = wall, now
        self.full: Callable[[], None] = lambda: None
        """Called when much is waiting to be written."""
        self._records: list[Record] = []
        self._said: Said | None = None
        """By the last turn; None: nothing yet."""
        self._sent_mark = self._told_mark = 0
        self._seq = 0
        self._file: InputFile | None = None

    def open(self, data: Path, start: Start, days: float) -> None:
        """In a file of its own; those of runs that ended so many days ago are removed.

        A disk that refuses costs the recording, and nothing else.
        """
        self._seq = start.seq
        try:
            forget(data, days)
            self._file = InputFile(data, start)
        except OSError as error:
            log.error("this run cannot be replayed: its inputs cannot be written: %s", error)

    # --- on the loop --------------------------------------------------------------------------

    def begin(self, what: str, words: tuple[object, ...]) -> tuple[float, float]:
        now, at = self._now(), self.wall()
        records = self._records
        self._said = None
        records.append(Turn(what, now, at, words))
        if len(records) >= MANY:
            self.full()
        return now, at

    def ask(self, what: str, question: Callable[[], T]) -> T:
        answer = question()
        self._records.append(Answered(what, answer))
        return answer

    def sent(self, data: bytes, remote: tuple[str, int]) -> None:
        self._sent_mark = found = mark_of_message(self._sent_mark, data, remote)
        (self._said or self._begin_to_say()).sent.append(found & MARK)

    def told(self, word: Struct) -> None:
        self._told_mark = found = mark_of_word(self._told_mark, word)
        (self._said or self._begin_to_say()).told.append(found & MARK)

    def _begin_to_say(self) -> Said:
        """Written down with the turn; what is said to its end is put into it."""
        self._said = said = Said([], [])
        self._records.append(said)
        return said

    async def wait_for(self, what: str, name: str) -> None:
        """Whatever happens is written down as it happens."""

    def take(self, seq: int) -> Taken | None:
        """What has come since the last time; ``seq``: the journal's last event."""
        self._said = None
        records, self._records = self._records, []
        before, self._seq = self._seq, seq
        return Taken(before, records) if records and self._file is not None else None

    # --- in the writer's thread ---------------------------------------------------------------

    def write(self, taken: Taken) -> None:
        """A failure ends the recording: what is missing cannot be replayed, nor what follows."""
        if self._file is None:
            return
        try:
            self._file.write(taken.seq, taken.records)
        except OSError as error:
            log.error("from event %d on nothing can be replayed: %s", taken.seq, error)
            self.close()

    def close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()
