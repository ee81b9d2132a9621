"""One structure for all timers of a process: a heap whose cancelled entries are skipped.

Arming and cancelling cost well under a microsecond; a cancelled entry stays in the heap until its
moment, or until such entries are the majority.  Then the living move to a new heap, a few with each
timer that is armed: in one go it would hold up the loop for 90 ms with 100,000 of them.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from heapq import heappop, heappush
from typing import Generic, TypeVar

Payload = TypeVar("Payload")
_FEW = 1024
_STEP = 8
"""Entries looked at with each timer armed: more than one, so that a sweep ends."""


class TimerQueue(Generic[Payload]):
    """Deadlines are instants of one monotonic clock, in seconds."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Hashable, Payload]] = []
        self._old: list[tuple[float, int, Hashable, Payload]] = []
        """A heap too: what a sweep has not looked at yet."""
        self._live: dict[Hashable, int] = {}
        self._armed = 0
        self._sweep_at = _FEW

    def arm(self, key: Hashable, deadline: float, payload: Payload) -> None:
        """``payload`` is due at ``deadline``; what was armed under this key before is forgotten."""
        self._armed += 1
        self._live[key] = self._armed
        heap = self._heap
        heappush(heap, (deadline, self._armed, key, payload))
        if self._old:
            self._sweep()
        elif len(heap) > self._sweep_at:
            self._begin_sweep()

    def cancel(self, key: Hashable) -> None:
        """Nothing armed under this key is ever due.  An unknown key is no error."""
        self._live.pop(key, None)

    def next_deadline(self) -> float | None:
        """The earliest instant at which something is due; None if nothing is armed."""
        live = self._live
        while heap := self._first():
            deadline, armed, key, _ = heap[0]
            if live.get(key) == armed:
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
            deadline, armed, key, payload = heap[0]
            if deadline > now or armed > last:
                return
            heappop(heap)
            if self._live.get(key) == armed:
                del self._live[key]
                yield payload

    def __len__(self) -> int:
        return len(self._live)

    def _first(self) -> list[tuple[float, int, Hashable, Payload]]:
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
        heap, old, live = self._heap, self._old, self._live
        for _ in range(min(_STEP, len(old))):
            entry = old.pop()
            if live.get(entry[2]) == entry[1]:
                heappush(heap, entry)
        if not old:
            self._sweep_at = max(_FEW, 2 * len(heap))
