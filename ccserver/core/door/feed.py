"""The journal feed: every entry behind a sequence number, and then each as it is written.

What lies behind comes from the disk, at the reader's own pace; what is new is kept for him in
memory, up to a bound.  Who is slower than that is told from where to go on, and let go.
"""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeAlias

import msgspec
import trio
from msgspec import Raw, Struct

from ccserver.journal.log import BATCH_SECONDS, EventLost, Journal, JournalError
from ccserver.journal.storage import Row

log = logging.getLogger(__name__)

Send: TypeAlias = Callable[[bytes], Awaitable[None]]

PAGE = 1000
"""Entries read from the disk at once."""
MOST_BUFFERED = 10_000
"""Entries for one reader; some 4 MB."""
CHUNK = 200
"""Entries that are sent at once; some 64 kB."""
GATHER = 0.02
"""Seconds in which entries are put together: a thousand small writes cost the loop more.

Nobody sees them on a desktop; with 0.005 the feed and its timer were a sixteenth of a call's cost.
The first that comes behind them has them sent, for the loop is awake then.
"""
LATEST = BATCH_SECONDS
"""Seconds in which none comes: then the loop is woken to send what there is, and as the journal
hands over its batch: at few calls a second each time it wakes costs more than what it does."""
STUCK = 30.0
"""Seconds for a reader to take what is on its way: he may be slow, but not stand still."""
PATIENCE = 5.0
"""Seconds for one that is cut to take the mark of it; and for the disk to catch up."""


class _Line(Struct, gc=False):
    """An entry, as a reader has it."""

    seq: int
    at: int
    event: Raw


_encode_lines = msgspec.json.Encoder().encode_lines


class _Follower:
    """One reader's entries that he has not taken yet.  ``put`` hears each, and costs next to
    nothing: how many there are is looked at when some are taken.
    """

    def __init__(self, journal: Journal) -> None:
        self.cut = False
        self._journal = journal
        self._rows: deque[Row] = deque(maxlen=MOST_BUFFERED + 1)
        self.put = self._rows.append

    async def wait(self) -> None:
        """Until there are some, and it is time to send them."""
        with trio.move_on_after(LATEST):
            await self._wait_for_one(GATHER)
        if not self._rows:
            await self._wait_for_one(0.0)

    async def _wait_for_one(self, after: float) -> None:
        come = trio.Event()
        self._journal.wake(come, after)
        await come.wait()

    def take(self) -> tuple[int, bytes] | None:
        """Some lines, and the number of the last; None: there are none."""
        rows = self._rows
        if len(rows) > MOST_BUFFERED:
            self.cut = True
            rows.clear()
        if self.cut:
            return None  # what has come since lies behind a gap
        if len(rows) > CHUNK:
            taken = [rows.popleft() for _ in range(CHUNK)]
        else:
            taken = list(rows)
            rows.clear()
        lines = _encode_lines([_Line(seq, at, Raw(payload)) for seq, at, _, payload in taken])
        return (taken[-1][0], lines) if taken else None


class Feed:
    """``follow`` is for each reader."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    async def follow(self, after: int, send: Send) -> None:
        """Until cancelled, or until the reader was too slow."""
        follower = _Follower(self._journal)
        scope = trio.CancelScope()
        try:
            with scope:
                after = await self._catch_up(after, send)
                self._journal.listen_to_rows(follower.put)
                after = await self._join(after, self._journal.last_seq, send)
                after = await self._live(follower, after, send, scope)
            if scope.cancelled_caught:
                return  # it does not even take what is on its way
        except JournalError as error:
            log.error("a reader of the feed is cut: %s", error)
        finally:
            self._journal.unlisten_to_rows(follower.put)
        with trio.move_on_after(PATIENCE):
            await send(b'{"resync":{"after":%d}}\n' % after)

    async def _catch_up(self, after: int, send: Send) -> int:
        """Far behind: page by page, and nothing is kept in memory meanwhile."""
        while self._journal.last_seq - after > PAGE:
            page = await trio.to_thread.run_sync(self._journal.rows, after, PAGE)
            if not page:
                break
            await send(as_lines(page))
            after = page[-1][0]
        return after

    async def _join(self, after: int, upto: int, send: Send) -> int:
        """What the disk has or will soon have, up to where the buffer begins.

        Raises JournalError when the disk fails.
        """
        while after < upto:
            with trio.move_on_after(PATIENCE) as patience:
                try:
                    await self._journal.wait_durable(upto)
                except EventLost:
                    log.warning("the feed lacks what the journal has lost")
            if patience.cancelled_caught:
                raise JournalError(f"event {upto} is not on the disk after {PATIENCE:g} s")
            page = await trio.to_thread.run_sync(self._journal.rows, after, PAGE)
            page = [row for row in page if row[0] <= upto]
            if not page:
                return upto
            await send(as_lines(page))
            after = page[-1][0]
        return after

    async def _live(
        self, follower: _Follower, after: int, send: Send, scope: trio.CancelScope
    ) -> int:
        """Until it is cut.  Returns the number of the last entry that was sent."""
        while not follower.cut:
            await follower.wait()
            while (taken := follower.take()) is not None:
                last, lines = taken
                scope.deadline = trio.current_time() + STUCK
                await send(lines)
                after = last
            scope.deadline = math.inf
        return after


def as_lines(page: Iterable[tuple[int, int, bytes]]) -> bytes:
    """What ``Journal.rows`` gave."""
    return _encode_lines([_Line(seq, at, Raw(payload)) for seq, at, payload in page])
