"""What the journal says of one contact, without an index: its id tells when it began."""

from __future__ import annotations

from actors.ids import made_at
from ccserver.journal.storage import Rows

WINDOW = 50_000
"""Entries looked through at once; the last one is the first behind the contact's end, so that the
agent's wrap-up is in it.
"""
MOST_WINDOWS = 40
MOST_ENTRIES = 2000
SLACK = 2_000_000
"""Microseconds: the clock on the wall may have been set back."""
_ENDED = b'"event":"contact.ended"'
_HEARD = b'{"event":"dispatcher.'
"""What the dispatcher was told: to compute its decisions again, and no part of the story."""


def read_history(journal: Rows, contact: str) -> list[tuple[int, int, bytes]]:
    """Entries that name the contact or one of its legs, in order.

    It waits for the disk: call it in a thread.  Raises JournalError.
    """
    began = made_at(contact)
    if began is None:
        return []
    after = last_before(journal, int(began * 1_000_000) - SLACK)
    found: list[tuple[int, int, bytes]] = []
    for _ in range(MOST_WINDOWS):
        ended = any(_ENDED in payload for _, _, payload in found)
        rows = journal.rows(after, WINDOW, contact.encode())
        found += [row for row in rows if not row[2].startswith(_HEARD)]
        after = max(after + WINDOW, rows[-1][0] if rows else 0)
        if ended or after >= journal.last_seq or len(found) >= MOST_ENTRIES:
            break
    return found[:MOST_ENTRIES]


def last_before(journal: Rows, at: int) -> int:
    """A number all entries up to which were written before ``at``; sequence follows time."""
    low, high = 0, journal.last_seq
    while low < high:
        middle = (low + high) // 2
        rows = journal.rows(middle, 1)
        if rows and rows[0][1] < at:
            low = middle + 1
        else:
            high = middle
    return low
