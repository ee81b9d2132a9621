"""One structure for all timers of a process: a heap whose cancelled entries are skipped.

Arming and cancelling cost well under a microsecond; a cancelled entry stays in the heap until its
moment, or until such entries are the majority.  Then the living move to a new heap, a few with each
timer that is armed: in one go it would hold up the loop for 90 ms with 100,000 of them.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from heapq import heappop, heappush
from typing import Any, Generic, TypeAlias, TypeVar

Payload = TypeVar("Payload")
_Entry: TypeAlias = list[Any]
"""Deadline, number, key and payload; a cancelled one has lost the last two, and holds nothing."""
_FEW = 1024
_STEP = 8
"""Entries looked at with each timer armed: more than one, so that a sweep ends."""


class TimerQueue(Generic[Payload]):
    """Deadlines are instants of one monotonic clock, in seconds."""

    def __init__(self) -> None:
        self._heap: list[_Entry] = []
        self._old: list[_Entry] = []
        """A heap too: what a sweep has not looked at yet."""
        self._live: dict[Hashable, _Entry] = {}
        self._armed = 0
        self._sweep_at = _FEW

    def arm(self, key: Hashable, deadline: float, payload: Payload) -> None:
        """``payload`` is due at ``deadline``; what was armed under this key before is forgotten."""
        self._armed = number = self._armed + 1
        live = self._live
        if key in live:
            self.cancel(key)
        live[key] = entry = [deadline, number, key, payload]
        heap = self._heap
        heappush(heap, entry)
        if self._old:
            self._sweep()
        elif len(heap) > self._sweep_at:
            self._begin_sweep()

    def cancel(self, key: Hashable) -> None:
        """Nothing armed under this key is ever due.  An unknown key is no error."""
        entry = self._live.pop(key, None)
        if entry is not None:
            entry[2] = entry[3] = None

    def next_deadline(self) -> float | None:
        """The earliest instant at which something is due; None if nothing is armed."""
        while heap := self._first():
            deadline: float = heap[0][0]
            if heap[0][3] is not None:
                return deadline
            heappop(heap)
        return None

    def due(self, now: float) -> Iterator[Payload]:
        """What is due at ``now``, earliest first, armed-first among equals; it is forgotten.

        One is taken out at a time: what the handling of one cancels is not handed out after it,
        and what it arms has to wait for the next call, however early its deadline.
        """
        last = self._armed
        while heap := self._first():
            deadline, number, key, payload = heap[0]
            if deadline > now or number > last:
                return
            heappop(heap)
            if payload is not None:
                del self._live[key]
                yield payload

    def __len__(self) -> int:
        return len(self._live)

    def _first(self) -> list[_Entry]:
        """The heap with the earliest entry; an empty one if there is none."""
        heap, old = self._heap, self._old
        return old if old and (not heap or old[0] < heap[0]) else heap

    def _begin_sweep(self) -> None:
        """If the cancelled are the majority; else look again when the heap has doubled."""
        if len(self._heap) > 2 * len(self._live):
            self._old, self._heap = self._heap, []
        else:
            self._sweep_at = 2 * len(self._heap)

    def _sweep(self) -> None:
        """A heap that loses its last entries is a heap still."""
        heap, old = self._heap, self._old
        for _ in range(min(_STEP, len(old))):
            entry = old.pop()
            if entry[3] is not None:
                heappush(heap, entry)
        if not old:
            self._sweep_at = max(_FEW, 2 * len(heap))
