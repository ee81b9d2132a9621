"""The past, held behind one event while it is looked at piece by piece, and events go on.

What it would hear meanwhile is kept for it, in order.  When the last piece has been looked at it
hears that, some at a time, and then events themselves again.  So what was seen is the state behind
exactly one event, at no cost to any event that comes while nobody looks.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from actors import events as ev
from ccserver.journal.live import Live
from ccserver.journal.log import Journal
from ccserver.journal.past import PastFold

AT_ONCE = 500
"""Events caught up with in one go: a millisecond or two."""


class Standstill:
    """``past`` and ``live`` follow ``journal`` already; ``mark`` is told the number and the time of
    each event.
    """

    def __init__(
        self, journal: Journal, past: PastFold, live: Live, mark: Callable[[int, int], object]
    ) -> None:
        self._journal, self._past, self._live, self._mark = journal, past, live, mark
        self._kept: deque[tuple[int, int, ev.AnyEvent]] = deque()
        self.stands = False

    def begin(self) -> None:
        """Behind the last event; not while one is being told."""
        self.stands = True
        self._journal.divert(self._past.handlers.values(), self._keep, self._live.is_at)

    def end(self) -> None:
        """At once, whoever still looks."""
        while not self.catch_up():
            pass

    def catch_up(self) -> bool:
        """Some of what came meanwhile.  True: that was all, and it has ended."""
        if not self.stands:
            return True
        kept = self._kept
        for _ in range(min(AT_ONCE, len(kept))):
            self._apply(*kept.popleft())
        if kept:
            return False
        self.stands = False
        past, live = self._past.past, self._live
        past.seq, past.at = live.seq, live.at
        self._journal.divert((), self._keep, self._mark)
        return True

    def _keep(self, event: ev.AnyEvent) -> None:
        one = self._live.seq, self._live.at, event
        if self.stands:
            self._kept.append(one)
        else:  # it ended while this event was being told
            self._apply(*one)

    def _apply(self, seq: int, at: int, event: ev.AnyEvent) -> None:
        try:
            self._past.apply(seq, at, event)
        except Exception:
            self._journal.report(event)
