"""All folds of the journal together: how a run goes on from where the one before it stood.

A *checkpoint* is what they held behind one event.  It is written beside the journal now and then,
so that a start reads no more than the events behind the last one.  It is worth nothing by itself:
without it, or with one that cannot be read, all events are folded.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

import msgspec
from msgspec import Struct

from actors import events as ev
from actors.ids import AgentId, QueueName
from actors.past import Past
from ccserver.journal.fold import Fold, SavedFold
from ccserver.journal.live import Live, Snapshot
from ccserver.journal.log import Journal
from ccserver.journal.past import PastFold

log = logging.getLogger(__name__)

FORMAT = 7
"""Raised whenever what is folded changes: an older checkpoint is then passed over."""
EVERY = 20_000
"""Events between two checkpoints: some 800 calls, read again in a fifth of a second."""
LOOKED_AT = (ev.ContactEnded, ev.PhoneRegistered, ev.PhoneRefreshed)
"""Events at which it is looked whether a checkpoint is due: one or the other comes all the time."""
PAGE = 5_000


class Checkpoint(Struct, frozen=True):
    format: int
    past: Past
    live: Snapshot
    figures: SavedFold


class Folds:
    """``past``, ``live`` and ``figures``, all behind the same event."""

    def __init__(
        self, queues: Iterable[QueueName], agents: Iterable[AgentId], now: Callable[[], float]
    ) -> None:
        queues, agents = list(queues), list(agents)
        self.past = PastFold()
        self.live = Live(queues, agents)
        self.figures = Fold(queues, agents, now)
        self._saved_at = 0

    def read(self, journal: Journal) -> None:
        """What the disk has, from the last checkpoint on.  Raises JournalError."""
        found = journal.checkpoint()
        if found is not None:
            self._go_on(found[1])
        unread = 0
        while True:
            page = journal.rows(self.past.past.seq, PAGE)
            for seq, at, payload in page:
                entry = journal.entry(seq, at, payload)
                if entry is None:
                    unread += 1
                    self.past.past.seq = seq
                else:
                    self.live.apply(entry)
                    self.figures.apply(entry.event)
                    self.past.hear(entry)
            if len(page) < PAGE:
                break
        if unread:
            log.error("%d events of the journal cannot be read, and are passed over", unread)

    def follow(self, journal: Journal) -> None:
        """From now on, with a checkpoint after ``EVERY`` events, or a few more."""
        past, live = self.past.past, self.live

        def mark(seq: int, at: int) -> None:
            past.seq = live.seq = seq
            past.at = live.at = at

        def save(event: ev.AnyEvent) -> None:
            live.changed.clear()  # of no use here
            if past.seq - self._saved_at >= EVERY:
                self._saved_at = past.seq
                journal.save(past.seq, self.encode())

        journal.listen_by_kind(self.past.handlers, mark)
        journal.listen_by_kind(live.handlers)
        journal.listen_by_kind(self.figures.handlers)
        journal.listen_by_kind(dict.fromkeys(LOOKED_AT, save))

    def copy(self) -> Past:
        """Of what the machines must know: it does not change with what follows."""
        return msgspec.msgpack.decode(msgspec.msgpack.encode(self.past.past), type=Past)

    def encode(self) -> bytes:
        """25 ms of the loop's time with 5,000 phones and 700 calls, on a machine that is busy."""
        checkpoint = Checkpoint(FORMAT, self.past.past, self.live.snapshot(), self.figures.saved())
        return msgspec.msgpack.encode(checkpoint)

    def _go_on(self, payload: bytes) -> None:
        checkpoint = restored(payload)
        if checkpoint is None:
            return
        self.past = PastFold(checkpoint.past)
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
