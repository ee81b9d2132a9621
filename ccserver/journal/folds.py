"""All folds of the journal together: how a run goes on from where the one before it stood.

A *checkpoint* is what they held behind one event.  It is written beside the journal now and then,
so that a start reads no more than the events behind the last one.  It is worth nothing by itself:
without it, or with one that cannot be read, all events are folded.

Of many phones, agents or contacts it is made in pieces, between which the loop turns
(docs/decisions/checkpoint-in-pieces.md): the past stands still meanwhile, and of the two that are
shown to somebody a copy is taken.  So is the digest that the auditor compares.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from typing import TypeVar

import msgspec
import trio
import trio.lowlevel
from msgspec import Struct

from actors import events as ev
from actors.ids import AgentId, QueueName
from actors.past import Past
from ccserver.journal.fold import Fold, SavedFold
from ccserver.journal.live import Live, Snapshot
from ccserver.journal.log import Journal
from ccserver.journal.past import PastFold
from ccserver.journal.pieces import digest, packed, shown, sums
from ccserver.journal.standstill import Standstill

log = logging.getLogger(__name__)

FORMAT = 7
"""Raised whenever what is folded changes: an older checkpoint is then passed over."""
EVERY = 20_000
"""Events between two checkpoints: some 800 calls, read again in a fifth of a second."""
EVENTS_AN_ENTRY = 1 / 8
"""Of a large state: as many events at least, so that checkpoints cost an event no more for it."""
AT_ONCE = 1_000
"""Entries, counted roughly: a state of no more is encoded as the event comes, in a millisecond."""
PAUSE = 0.01
"""Seconds between two pieces: they take the loop less than a fifth of its time."""
LOOKED_AT = (ev.ContactEnded, ev.PhoneRegistered, ev.PhoneRefreshed)
"""Events at which it is looked whether a checkpoint is due: one or the other comes all the time."""
PAGE = 5_000
Part = TypeVar("Part")


class Checkpoint(Struct, frozen=True):
    format: int
    past: Past
    live: Snapshot
    figures: SavedFold


class Folds:
    """``past``, ``live`` and ``figures``, all behind the same event: the last, whoever asks."""

    def __init__(
        self, queues: Iterable[QueueName], agents: Iterable[AgentId], now: Callable[[], float]
    ) -> None:
        queues, agents = list(queues), list(agents)
        self._past = PastFold()
        self._live = Live(queues, agents)
        self._figures = Fold(queues, agents, now)
        self._catch_up: Callable[[], None] = lambda: None
        self._saved_at = 0
        self._standstill: Standstill | None = None
        self._due = trio.Event()
        self._one_at_a_time = trio.Lock()

    @property
    def past(self) -> PastFold:
        """A checkpoint that is being made in pieces is given up for it."""
        self._catch_up()
        if self._standstill is not None:
            self._standstill.end()
        return self._past

    @property
    def live(self) -> Live:
        self._catch_up()
        return self._live

    @property
    def figures(self) -> Fold:
        self._catch_up()
        return self._figures

    def read(self, journal: Journal) -> None:
        """What the disk has, from the last checkpoint on.  Raises JournalError."""
        found = journal.checkpoint()
        if found is not None:
            self._go_on(found[1])
        past, unread = self._past, 0
        while True:
            page = journal.rows(past.past.seq, PAGE)
            for seq, at, payload in page:
                entry = journal.entry(seq, at, payload)
                if entry is None:
                    unread += 1
                    past.past.seq = seq
                else:
                    self._live.apply(entry)
                    self._figures.apply(entry.event)
                    past.hear(entry)
            if len(page) < PAGE:
                break
        if unread:
            log.error("%d events of the journal cannot be read, and are passed over", unread)

    def follow(self, journal: Journal) -> None:
        """From now on, with a checkpoint after ``EVERY`` events, or a few more; ``run`` must run
        if there may be many entries.
        """
        past, live = self._past.past, self._live

        def mark(seq: int, at: int) -> None:
            past.seq = live.seq = seq
            past.at = live.at = at

        def save(event: ev.AnyEvent) -> None:
            live.changed.clear()  # of no use here
            since = live.seq - self._saved_at
            if since < EVERY:
                return
            entries = self._entries()
            if since < entries * EVENTS_AN_ENTRY or standstill.stands:
                return
            if entries > AT_ONCE:
                self._due.set()
            else:
                self._saved_at = past.seq
                journal.save(past.seq, self.encode())

        self._journal, self._catch_up = journal, journal.tell_readers
        journal.listen_by_kind(self._past.handlers, mark)
        journal.listen_by_kind(live.handlers)
        journal.listen_by_kind(self._figures.handlers)
        journal.listen_by_kind(dict.fromkeys(LOOKED_AT, save))
        self._standstill = standstill = Standstill(journal, self._past, live, mark)

    async def run(self) -> None:
        """Until cancelled: the checkpoints that are made in pieces."""
        while True:
            await self._due.wait()
            async with self._one_at_a_time:
                await self._save_in_pieces()
            self._due = trio.Event()

    async def digest(self) -> tuple[int, str]:
        """The number of the last event, and the digest of the past behind it."""
        async with self._one_at_a_time:
            past = self._past.past
            while self._entries() > AT_ONCE:
                seq, parts = past.seq, list[int]()
                if await self._look(sums(past), parts.append):
                    return seq, shown(sum(parts))
            return past.seq, digest(past)

    async def _save_in_pieces(self) -> None:
        seq = self._saved_at = self._past.past.seq
        numbers = count()

        def save(piece: bytes) -> None:
            self._journal.save(seq, piece, next(numbers), last=False)

        try:
            whole = await self._look(packed(self._checkpoint(self.live.keep())), save)
        finally:
            self.live.let_go()
        if whole:
            self._journal.save(seq, b"", next(numbers))

    async def _look(self, parts: Iterator[Part], take: Callable[[Part], object]) -> bool:
        """``take`` hears what is seen of the past while it stands still.  False: it was needed
        meanwhile, and there is more to see.
        """
        standstill = self._standstill
        assert standstill is not None, "it does not follow the journal"
        standstill.begin()
        try:
            for part in parts:
                take(part)
                await trio.sleep(PAUSE)
                if not standstill.stands:
                    return False
            while not standstill.catch_up():
                await trio.lowlevel.checkpoint()
            return True
        finally:
            standstill.end()

    def _entries(self) -> int:
        past, live = self._past.past, self._live
        of_past = len(past.contacts) + len(past.legs) + len(past.agents) + len(past.bindings)
        left = sum(map(len, past.left.values()))
        return of_past + left + len(past.commands) + len(live.contacts) + len(live.agents)

    def copy(self) -> Past:
        """Of what the machines must know: it does not change with what follows."""
        return msgspec.msgpack.decode(msgspec.msgpack.encode(self.past.past), type=Past)

    def encode(self) -> bytes:
        """A checkpoint behind the last event, in one go."""
        return msgspec.msgpack.encode(self._checkpoint(self.live.snapshot()))

    def _checkpoint(self, live: Snapshot) -> Checkpoint:
        return Checkpoint(FORMAT, self.past.past, live, self.figures.saved())

    def _go_on(self, payload: bytes) -> None:
        checkpoint = restored(payload)
        if checkpoint is None:
            return
        self._past = PastFold(checkpoint.past)
        self.live.go_on(checkpoint.live)
        self.figures.go_on(checkpoint.figures)
        self._saved_at = checkpoint.past.seq


def restored(payload: bytes) -> Checkpoint | None:
    """None: it is of another version, or damaged."""
    try:
        checkpoint = msgspec.msgpack.decode(payload, type=Checkpoint)
    except msgspec.DecodeError as error:
        log.warning("the checkpoint is of another version, or damaged: %s", error)
        return None
    return checkpoint if checkpoint.format == FORMAT else None
