"""One structure for all timers of a process: a heap whose cancelled entries are skipped.

Arming and cancelling cost well under a microsecond; a cancelled entry stays in the heap until its
moment, or until such entries are the majority and the heap is built anew.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from heapq import heapify, heappop, heappush
from typing import Generic, TypeVar

Payload = TypeVar("Payload")
_FEW = 1024


class TimerQueue(Generic[Payload]):
    """Deadlines are instants of one monotonic clock, in seconds."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Hashable, Payload]] = []
        self._live: dict[Hashable, int] = {}
        self._armed = 0
        self._sweep_at = _FEW

    def arm(self, key: Hashable, deadline: float, payload: Payload) -> None:
        """``payload`` is due at ``deadline``; what was armed under this key before is forgotten."""
        self._armed += 1
        self._live[key] = self._armed
        heap = self._heap
        heappush(heap, (deadline, self._armed, key, payload))
        if len(heap) > self._sweep_at:
            self._sweep()

    def cancel(self, key: Hashable) -> None:
        """Nothing armed under this key is ever due.  An unknown key is no error."""
        self._live.pop(key, None)

    def next_deadline(self) -> float | None:
        """The earliest instant at which something is due; None if nothing is armed."""
        heap, live = self._heap, self._live
        while heap and live.get(heap[0][2]) != heap[0][1]:
            heappop(heap)
        return heap[0][0] if heap else None

    def due(self, now: float) -> Iterator[Payload]:
        """What is due at ``now``, earliest first, armed-first among equals; it is forgotten.

        One is taken out at a time: what the handling of one cancels is not handed out after it,
        and what it arms has to wait for the next call, however early its deadline.
        """
        last = self._armed
        while self._heap:
            deadline, armed, key, payload = self._heap[0]
            if deadline > now or armed > last:
                return
            heappop(self._heap)
            if self._live.get(key) == armed:
                del self._live[key]
                yield payload

    def __len__(self) -> int:
        return len(self._live)

    def _sweep(self) -> None:
        """Build the heap anew if the cancelled are the majority; look again when it has doubled."""
        live = self._live
        if len(self._heap) > 2 * len(live):
            self._heap = [entry for entry in self._heap if live.get(entry[2]) == entry[1]]
            heapify(self._heap)
        self._sweep_at = max(_FEW, 2 * len(self._heap))
