"""The journal: append-only, one writer, numbered without gaps, committed in groups.

It is the only way out of the actors.  An event lies at once in the ``Tail``, which outlives this
process, and the disk has it within `BATCH_SECONDS` and the time of a commit.  Readers in this
process are told of it at the end of the turn in which it was written, behind what the turn decides
and what others wait for; whoever asks one of them before has them told first (``tell_readers``).
A slow disk never holds up a call: events wait in memory, and those that find it full are lost from
the disk, counted and reported.  Only such a loss leaves a gap in the numbers on the disk.
"""

from __future__ import annotations

import logging
import math
import sqlite3
from collections import deque
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import msgspec
import trio
from msgspec import Struct
from pyee.base import EventEmitter

from actors.events import AnyEvent
from ccserver.journal.codec import decode, encode, tag_in, tag_of, tag_of_kind
from ccserver.journal.histogram import Histogram, HistogramFigures
from ccserver.journal.storage import (
    JournalError,
    MemoryStorage,
    Piece,
    Row,
    SqliteStorage,
    Storage,
)
from ccserver.journal.tail import Tail

__all__ = ["Entry", "EventLost", "Journal", "JournalError", "JournalStatistics"]

log = logging.getLogger(__name__)

BATCH_SECONDS = 0.05
MOST_UNWRITTEN = 200_000
"""Events; some 100 MB."""
RETRY_SECONDS = 1.0
SLOW_SECONDS = 2.0
"""A commit that takes longer: what must be kept is not accepted meanwhile."""
COMMIT_BOUNDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_APPENDED, _WRITTEN = "appended", "written"


class Entry(Struct, frozen=True, gc=False):
    seq: int
    at: int
    """Microseconds since 1970, UTC."""
    event: AnyEvent


_Readers: TypeAlias = tuple[
    str, tuple[Callable[[Any], object], ...], tuple[Callable[[Entry], object], ...]
]
"""Of one type of event: its tag, who hears the events themselves, and who their entries."""


class _ByType(dict[type, _Readers]):
    """Who hears an event, found out when the first of its type comes."""

    def __init__(self, found: Callable[[type], _Readers]) -> None:
        self._found = found

    def __missing__(self, kind: type) -> _Readers:
        self[kind] = readers = self._found(kind)
        return readers


class EventLost(JournalError):
    """The event never reached the disk, and never will."""


class JournalStatistics(Struct, frozen=True, gc=False):
    """Events since the start of the process, if nothing else is said."""

    appended: int
    written: int
    unwritten: int
    """Those in memory now that the disk does not have."""
    lost: int
    reader_errors: int
    write_failures: int
    """Commits that failed, and were tried again."""
    commit_seconds: HistogramFigures


class Turning(Protocol):
    """By whose turns events are written: ``actors.base.Post``."""

    turning: bool

    def wall(self) -> float:
        """Seconds since 1970."""


class _NoTurns:
    """Before it is said whose: readers are told of each event as it is written."""

    turning = False

    def __init__(self, wall: Callable[[], float]) -> None:
        self.wall = wall


class Inputs(Protocol):
    """What the events follow from, written in front of them."""

    full: Callable[[], None]

    def take(self, seq: int) -> Any:
        """What has come since the last time, or None; ``seq``: the event appended last."""

    def write(self, taken: Any) -> None:
        """From one thread at a time; never raises."""

    def close(self) -> None: ...


class Journal:
    """``wall`` gives seconds since 1970.  ``tail``: what an earlier run left there is written
    first.
    """

    def __init__(
        self,
        storage: Storage,
        wall: Callable[[], float],
        inputs: Inputs | None = None,
        *,
        tail: Tail | None = None,
        batch_seconds: float = BATCH_SECONDS,
        most_unwritten: int = MOST_UNWRITTEN,
    ) -> None:
        self._storage, self._wall, self._inputs, self._tail = storage, wall, inputs, tail
        self._turns: Turning = _NoTurns(wall)
        self._untold: list[tuple[Row, AnyEvent, tuple[Callable[[Any], object], ...]]] = []
        """Of this turn: who hears of each by its kind, and does not know of it yet."""
        self.rescued = 0 if tail is None else _rescue(tail, storage)
        """Events of the run before that were in its tail alone."""
        self._batch_seconds, self._most_unwritten = batch_seconds, most_unwritten
        self._immediate = storage.immediate
        self._room = 0 if self._immediate else most_unwritten
        """Events that may wait to be written, beside those of the commit that runs."""
        self._seq = self._durable = self._first = storage.last_seq()
        self._unwritten: deque[Row] = deque()
        self._in_commit = 0
        self._pieces: list[Piece] = []
        """Of checkpoints, that the disk does not have."""
        self._commit_began: float | None = None
        self._failing: str | None = None
        self._emitter = EventEmitter()
        self._kinds: dict[Callable[[Entry], object], Collection[type] | None] = {}
        self._mark: Callable[[int, int], object] = lambda seq, at: None
        self._diverted: dict[Callable[[Any], object], Callable[[Any], object]] = {}
        """Who hears an event in somebody's place."""
        self._readers = _ByType(self._readers_of)
        self._written = self._reader_errors = self._write_failures = 0
        self._lost: list[tuple[int, int]] = []
        self._commits = Histogram(COMMIT_BOUNDS)
        self._row_readers: tuple[Callable[[Row], object], ...] = ()
        self._sleepers: list[trio.Event] = []
        self._wakes_at: float = math.inf
        """The first event of that time, or a later one, wakes them; microseconds since 1970."""
        self._wake, self._hurry, self._committed = trio.Event(), trio.Event(), trio.Event()
        if inputs is not None:
            inputs.full = lambda: self._wake.set()

    @classmethod
    def open(
        cls,
        path: Path,
        wall: Callable[[], float],
        inputs: Inputs | None = None,
        tail: Tail | None = None,
    ) -> Journal:
        """The journal in this file, which goes on where it ended.  Raises JournalError."""
        return cls(SqliteStorage(path), wall, inputs, tail=tail)

    @classmethod
    def in_memory(cls, wall: Callable[[], float]) -> Journal:
        """Every event is durable at once."""
        return cls(MemoryStorage(), wall)

    def go_by(self, turns: Turning) -> None:
        """The time of the events from now on, and when their readers are told: whoever takes the
        turns calls ``tell_readers`` at the end of each.
        """
        self._turns, self._wall = turns, turns.wall

    @property
    def last_seq(self) -> int:
        """The number of the event appended last; 0: none ever."""
        return self._seq

    def listen(
        self, reader: Callable[[Entry], object], kinds: Collection[type] | None = None
    ) -> None:
        """``reader`` hears every entry from now on, in order, as it is written: for witnesses, who
        may not be told behind what follows from it.  It must not wait.

        ``kinds``: only events of these types.  One that raises disturbs no other.
        """
        self._emitter.on(_APPENDED, reader)
        self._kinds[reader] = kinds
        self._readers.clear()

    def listen_to_rows(self, reader: Callable[[Row], object]) -> None:
        """``reader`` hears every row from now on, in order; it must not raise."""
        self._emitter.on(_WRITTEN, reader)
        self._row_readers = tuple(self._emitter.listeners(_WRITTEN))

    def unlisten_to_rows(self, reader: Callable[[Row], object]) -> None:
        """It hears nothing more; whoever did not listen may say so, too."""
        if reader in self._row_readers:
            self._emitter.remove_listener(_WRITTEN, reader)
            self._row_readers = tuple(self._emitter.listeners(_WRITTEN))

    def listen_by_kind(
        self,
        handlers: Mapping[type, Callable[[Any], object]],
        mark: Callable[[int, int], object] | None = None,
    ) -> None:
        """Each of them hears the events of its type from now on.

        ``mark`` is called before, with the number and the time of every event; there is one.
        """
        for kind, handler in handlers.items():
            self._emitter.on(tag_of_kind(kind), handler)
        self._mark = mark or self._mark
        self._readers.clear()

    def divert(
        self,
        handlers: Iterable[Callable[[Any], object]],
        to: Callable[[Any], object],
        mark: Callable[[int, int], object],
    ) -> None:
        """From the next event on ``to`` hears what each of these would hear, in its place; those of
        an earlier call hear for themselves again.  ``mark``: as in ``listen_by_kind``.
        """
        self._diverted = dict.fromkeys(handlers, to)
        self._mark = mark
        self._readers.clear()

    def _readers_of(self, kind: type) -> _Readers:
        """In the order in which they came."""
        found = []
        for reader in self._emitter.listeners(_APPENDED):
            kinds = self._kinds[reader]
            if kinds is None or kind in kinds:
                found.append(reader)
        tag = tag_of_kind(kind)
        diverted = self._diverted
        handlers = tuple(diverted.get(each, each) for each in self._emitter.listeners(tag))
        return tag, handlers, tuple(found)

    def append(self, event: AnyEvent) -> int:
        """Its sequence number.  Never waits."""
        self._seq = seq = self._seq + 1
        at = math.floor(self._wall() * 1e6)
        payload = encode(event)
        tag, handlers, readers = self._readers[type(event)]
        row = seq, at, tag, payload
        unwritten = self._unwritten
        if len(unwritten) < self._room:
            if self._tail is not None:
                self._tail.keep(seq, at, payload)
            if not unwritten:
                self._wake.set()
            unwritten.append(row)
        elif self._immediate:
            self._write([row])
            self._durable = seq
        else:
            self._lose(seq)
        self._untold.append((row, event, handlers))
        if not self._turns.turning:
            self.tell_readers()
        for reader in readers:
            try:
                reader(Entry(seq, at, event))
            except Exception:
                self.report(event)
        return seq

    def tell_readers(self, of: Container[type] | None = None) -> None:
        """Of all that they do not know yet: at the end of a turn, and whenever one of them is asked
        within it.  ``of``: if one of the events is of these types, which change what is asked for.
        """
        untold = self._untold
        if not untold or (of is not None and not any(type(one[1]) in of for one in untold)):
            return
        self._untold = []
        mark, followers = self._mark, self._row_readers
        # As pyee's ``emit`` would, without the lock and the wrappers that it puts around each call.
        for row, event, handlers in untold:
            mark(row[0], row[1])
            for handler in handlers:
                try:
                    handler(event)
                except Exception:
                    self.report(event)
            for follower in followers:
                follower(row)
        if row[1] >= self._wakes_at:
            self._wake_sleepers()

    def report(self, event: AnyEvent) -> None:
        """In an ``except``: a reader has raised on this event."""
        self._reader_errors += 1
        log.exception("a reader of the journal raised on %s", tag_of(event))

    def _lose(self, seq: int) -> None:
        if self._lost and self._lost[-1][1] == seq - 1:
            self._lost[-1] = (self._lost[-1][0], seq)
        else:
            log.error("the journal's disk is too slow: events from %d on are lost", seq)
            self._lost.append((seq, seq))

    def wake(self, sleeper: trio.Event, after: float = 0.0) -> None:
        """With the first event that comes so many seconds from now, or later; or sooner, with
        another who sleeps.  Once, and at no cost to the events behind it.
        """
        self._sleepers.append(sleeper)
        at = (self._wall() + after) * 1_000_000 if after else 0
        self._wakes_at = min(self._wakes_at, at)

    def _wake_sleepers(self) -> None:
        self._wakes_at = math.inf
        while self._sleepers:
            self._sleepers.pop().set()

    def read(self, after: int = 0, limit: int = 1000) -> Iterator[Entry]:
        """Entries that are on the disk, in order, with numbers above ``after``.

        It waits for the disk: call it in a thread.  Raises JournalError.
        """
        for seq, at, payload in self._storage.read(after, limit):
            yield Entry(seq, at, decode(payload))

    def rows(
        self, after: int, limit: int, containing: bytes | None = None
    ) -> list[tuple[int, int, bytes]]:
        """As ``read``, with the events as they lie there.

        ``containing``: of those ``limit`` only the ones that hold these bytes.
        """
        return self._storage.read(after, limit, containing)

    def entry(self, seq: int, at: int, payload: bytes) -> Entry | None:
        """What ``rows`` gave; None: it is no event of this version."""
        try:
            return Entry(seq, at, decode(payload))
        except msgspec.DecodeError:
            return None

    # --- checkpoints --------------------------------------------------------------------------

    def save(self, seq: int, payload: bytes, number: int = 0, *, last: bool = True) -> None:
        """What all events up to ``seq`` come to, or a piece of it: written when the disk has them.

        ``number``: of the piece, from 0 on; the ``last`` makes it the journal's checkpoint.  With
        the first, what the disk has not taken of the one before is forgotten.
        """
        piece = Piece(seq, number, payload, last)
        if not number:
            self._pieces.clear()
        if self._immediate:
            self._storage.save([piece])
        else:
            self._pieces.append(piece)
            self._wake.set()

    def checkpoint(self) -> tuple[int, bytes] | None:
        """The last that was written.  It waits for the disk.  Raises JournalError."""
        return self._storage.checkpoint()

    @property
    def ready(self) -> bool:
        """Whether the disk takes what is written: the last commit was good, and none is stuck."""
        began = self._commit_began
        if self._failing:
            return False
        return began is None or trio.current_time() - began < SLOW_SECONDS

    async def wait_durable(self, seq: int) -> None:
        """Until the disk has this event and all before it.  Raises EventLost.

        While the disk fails this does not return: wait with a deadline.
        """
        while self._durable < seq:
            self._hurry.set()
            await self._committed.wait()
        if any(first <= seq <= last for first, last in self._lost):
            raise EventLost(f"event {seq} was lost: the disk was too slow")

    async def run(self) -> None:
        """The writer, until cancelled; then what is left is written, and the file closed."""
        try:
            while True:
                await self._wake.wait()
                with trio.move_on_after(self._batch_seconds):
                    await self._hurry.wait()
                self._wake, self._hurry = trio.Event(), trio.Event()
                if not await self._commit():
                    self._wake.set()
                    await trio.sleep(RETRY_SECONDS)
        finally:
            with trio.CancelScope(shield=True):
                if not await self._commit():
                    log.error("%d events were not written", len(self._unwritten))
                await trio.to_thread.run_sync(self._storage.close)
                if self._inputs is not None:
                    self._inputs.close()

    async def _commit(self) -> bool:
        """Write what there is.  What could not be written stays, for the next try."""
        batch = list(self._unwritten)
        upto = self._seq
        pieces, self._pieces = self._pieces, []
        inputs = None if self._inputs is None else self._inputs.take(upto)
        self._unwritten.clear()
        if self._tail is not None:
            self._tail.commit_begins()
        if batch or pieces or inputs is not None:
            self._in_commit = len(batch)
            self._room = self._most_unwritten - len(batch)
            self._commit_began = started = trio.current_time()
            try:
                await trio.to_thread.run_sync(self._write, batch, pieces, inputs)
            except sqlite3.Error as error:
                self._write_failures += 1
                self._unwritten.extendleft(reversed(batch))
                self._pieces[:0] = pieces
                self._say_it_fails(str(error))
                return False
            finally:
                self._in_commit, self._commit_began = 0, None
                self._room = 0 if self._immediate else self._most_unwritten
            if self._failing is not None:
                log.info("the journal is written again, up to event %d", upto)
                self._failing = None
            self._commits.observe(trio.current_time() - started)
        if self._tail is not None:
            self._tail.commit_succeeded()
        self._durable = upto
        self._committed.set()
        self._committed = trio.Event()
        return True

    def _say_it_fails(self, why: str) -> None:
        """Once: it is tried every second, and the log may lie on the same disk."""
        if why != self._failing:
            log.error("the journal cannot be written, and is tried again: %s", why)
        self._failing = why

    def _write(
        self,
        batch: Sequence[Row],
        pieces: Sequence[Piece] = (),
        inputs: Any = None,
    ) -> None:
        if inputs is not None and self._inputs is not None:
            self._inputs.write(inputs)
        if batch:
            self._storage.write(batch)
            self._written += len(batch)
        if pieces:
            try:
                self._storage.save(pieces)
            except sqlite3.Error as error:  # the next start reads further back, and no more
                log.error("no checkpoint could be written: %s", error)

    def statistics(self) -> JournalStatistics:
        return JournalStatistics(
            self._seq - self._first,
            self._written,
            len(self._unwritten) + self._in_commit,
            sum(last - first + 1 for first, last in self._lost),
            self._reader_errors,
            self._write_failures,
            self._commits.figures(),
        )


def _rescue(tail: Tail, storage: Storage) -> int:
    """Write what the run before could not write any more.  Returns how many events that are."""
    found = tail.found(storage.last_seq())
    if found:
        rows = [(seq, at, tag_in(payload), payload) for seq, at, payload in found]
        try:
            storage.write(rows)
        except sqlite3.Error as error:  # they stay there for the next start
            raise JournalError(f"the journal's last events cannot be written: {error}") from error
    tail.forget()
    return len(found)
