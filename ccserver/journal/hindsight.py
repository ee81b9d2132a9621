"""The centre as it was at an instant: who was what, who waited where, who talked with whom.

The live state (`ccserver.journal.live`) is folded from the journal up to that instant, by nothing
but what desktops are shown; so it is what they showed.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

import msgspec
from msgspec import Struct

from ccserver.journal import codec
from ccserver.journal.folds import restored
from ccserver.journal.history import last_before
from ccserver.journal.live import Live
from ccserver.journal.log import Entry
from ccserver.journal.storage import Rows

log = logging.getLogger(__name__)

PAGE = 20_000
_STARTED, _STOPPED = b'{"event":"server.started"', b'{"event":"server.stopped"'


class CentreThen(Struct):
    """``live``: behind the journal's event ``live.seq``, which was written at ``at``."""

    live: Live
    at: int
    """Microseconds since 1970; 0: nothing had been written."""
    ran: bool
    """False: between two runs of the server, or before the first; what is shown is how it ended.
    How long a run that was killed went on after its last event, no journal tells.
    """


def centre_at(journal: Rows, instant: int, checkpoint: tuple[int, bytes] | None) -> CentreThen:
    """``instant`` in microseconds since 1970; ``checkpoint``: where reading may begin, if it is
    of before.  It waits for the disk.  Raises JournalError.
    """
    upto = last_before(journal, instant + 1)
    live = Live((), ())
    if checkpoint is not None and checkpoint[0] <= upto:
        found = restored(checkpoint[1])
        if found is not None:
            live = Live.restore(found.live)
    wanted = tuple(b'{"event":"%b"' % tag.encode() for tag in _tags(live))
    unread = 0
    while live.seq < upto and (rows := journal.rows(live.seq, min(PAGE, upto - live.seq))):
        for seq, at, payload in rows:
            live.seq = seq
            if payload.startswith(wanted):
                try:
                    live.apply(Entry(seq, at, codec.decode(payload)))
                except msgspec.DecodeError:
                    unread += 1
    if unread:
        log.error("%d events of the journal cannot be read, and are passed over", unread)
    around = journal.rows(max(0, upto - 1), 2)
    last = next((row for row in around if row[0] <= upto), None)
    after = next((row for row in around if row[0] > upto), None)
    ran = last is not None and not last[2].startswith(_STOPPED)
    if after is not None and after[2].startswith(_STARTED):
        ran = False
    return CentreThen(live, 0 if last is None else last[1], ran)


def _tags(live: Live) -> Iterable[str]:
    return (codec.tag_of_kind(kind) for kind in live.kinds)
