"""The journal of a replayed run: each event is compared with what was written then."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import ClassVar

import msgspec
from msgspec import Struct

from actors.server_events import ServerStarted
from ccserver.journal.storage import JournalError, Piece, Row, Rows
from ccserver.replay.said import Unlike

PAGE = 5_000
SHOWN = 8
"""Events in front of a difference."""
_STARTED = b'{"event":"server.started"'
_started = msgspec.json.Decoder(ServerStarted)


class Event(Struct, frozen=True):
    """As it lies in the journal: its number, microseconds since 1970, and JSON."""

    seq: int
    at: int
    payload: bytes


class Difference(Struct, frozen=True):
    """``recorded`` and ``replayed``: the event that one side has and the other has not, or has
    otherwise; None: there is none.  ``said``: if it is no event that differs, but what was said to
    others.
    """

    text: str
    cause: str
    """The input from which it followed."""
    recorded: Event | None = None
    replayed: Event | None = None
    before: tuple[Event, ...] = ()
    """On which both agree."""
    said: Unlike | None = None


class Comparison:
    """The ``Storage`` of a replay.  ``first``: the event in front of the run; ``state``: what the
    journal came to there; ``cause`` says what follows from what now.
    """

    immediate: ClassVar[bool] = True

    def __init__(
        self, journal: Rows, first: int, state: bytes | None, cause: Callable[[], str]
    ) -> None:
        self._first, self._state, self._cause = first, state, cause
        self._rescued = 0
        """Events at the run's end that were not on the disk as it was killed, nor their inputs."""
        self._recorded = self._run(journal)
        self._next = next(self._recorded, None)
        self._before: deque[Event] = deque(maxlen=SHOWN)
        self.compared = self.contacts = 0
        self.error: Exception | None = None
        """Why the journal could not be read on."""
        self._is_over = False
        self.last = first
        """The number of the last event of which both sides tell the same."""
        self.different: Difference | None = None
        """The first two that are not the same."""

    @property
    def before(self) -> tuple[Event, ...]:
        return tuple(self._before)

    @property
    def is_over(self) -> bool:
        """The journal tells nothing more of this run, or no input does."""
        return self._is_over or self._next is None

    def close_now(self) -> None:
        """No input is left: what follows follows from none."""
        self._is_over = True

    def left(self) -> int:
        """Events that were recorded, and have not been replayed, though their inputs should be
        there; nothing can be compared then.
        """
        count = 0 if self._next is None else 1
        count += sum(1 for _ in self._recorded)
        return max(0, count - self._rescued)

    @property
    def has_run(self) -> bool:
        """Whether the journal has the start of a run there, asked before anything was compared."""
        return self._next is not None and self._next.payload.startswith(_STARTED)

    @property
    def awaited(self) -> Event | None:
        return self._next

    # --- as the journal sees it ---------------------------------------------------------------

    def write(self, rows: Sequence[Row]) -> None:
        try:
            for seq, at, tag, payload in rows:
                self._compare(Event(seq, at, payload), tag)
        except JournalError as error:  # no fault of the actor's that writes
            self.error = error
            self.close_now()

    def _compare(self, replayed: Event, tag: str) -> None:
        recorded = self._next
        if self._is_over or self.different is not None or recorded is None:
            return
        if recorded.seq > replayed.seq:
            return  # it was lost: the disk was too slow, and said so
        if recorded != replayed:
            self.different = Difference(
                "an event is another than then", self._cause(), recorded, replayed, self.before
            )
            return
        self.compared += 1
        self.contacts += tag in ("contact.arrived", "contact.placed")
        self.last = replayed.seq
        self._before.append(replayed)
        self._next = next(self._recorded, None)

    def last_seq(self) -> int:
        return self._first

    def read(
        self, after: int, limit: int, containing: bytes | None = None
    ) -> list[tuple[int, int, bytes]]:
        return []  # all that was before is in the checkpoint

    def save(self, pieces: Sequence[Piece]) -> None:
        """It goes on from nowhere."""

    def checkpoint(self) -> tuple[int, bytes] | None:
        return None if self._state is None else (self._first, self._state)

    def close(self) -> None:
        """Nothing is held."""

    def _run(self, journal: Rows) -> Iterator[Event]:
        """What was written behind ``first``, up to the start of the next run, or to what was the
        last as this began: the inputs of what is written now may be read before they are written.
        """
        after, begun, last = self._first, False, journal.last_seq
        while rows := journal.rows(after, PAGE):
            for seq, at, payload in rows:
                if seq > last:
                    return
                if payload.startswith(_STARTED):
                    if begun:
                        self._rescued = _started.decode(payload).rescued
                        return
                    begun = True
                yield Event(seq, at, payload)
            after = rows[-1][0]
