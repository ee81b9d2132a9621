"""One structure for all timers of a process: a heap whose cancelled entries are skipped.

Arming and cancelling cost well under a microsecond; a cancelled entry stays in the heap until its
moment, or until such entries are the majority.  Then the living move to a new heap, a few with each
timer that is armed: in one go it would hold up the loop for 90 ms with 100,000 of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappop, heappush
from typing import Any, Generic, TypeAlias, TypeVar

Payload = TypeVar("Payload")
Timer: TypeAlias = list[Any]
"""What ``cancel`` takes: deadline, number and payload; one that is over has lost its payload, and
holds nothing; one that has not been put into the queue has no number.  A list, for a heap compares
lists without a call."""
_FEW = 1024
_STEP = 8
"""Entries looked at with each timer armed: more than one, so that a sweep ends."""


class TimerQueue(Generic[Payload]):
    """Deadlines are instants of one monotonic clock, in seconds; a payload is never None."""

    def __init__(self) -> None:
        self._heap: list[Timer] = []
        self._old: list[Timer] = []
        """A heap too: what a sweep has not looked at yet."""
        self._armed = self._live = 0
        self._sweep_at = _FEW

    def arm(self, deadline: float, payload: Payload) -> Timer:
        """``payload`` is due at ``deadline``, unless what this gives is cancelled."""
        timer = [0.0, 0, payload]
        self.put(timer, deadline)
        return timer

    def put(self, timer: Timer, deadline: float) -> None:
        """Its payload is due at ``deadline``, unless it is cancelled; it has no number yet."""
        self._armed = timer[1] = self._armed + 1
        self._live += 1
        timer[0] = deadline
        heap = self._heap
        heappush(heap, timer)
        if self._old:
            self._sweep()
        elif len(heap) > self._sweep_at:
            self._begin_sweep()

    def cancel(self, timer: Timer) -> None:
        """It is never due.  One that was due, or was cancelled before, is no error."""
        if timer[2] is not None:
            timer[2] = None
            if timer[1]:
                self._live -= 1

    def next_deadline(self) -> float | None:
        """The earliest instant at which something is due; None if nothing is armed."""
        while heap := self._first():
            deadline: float = heap[0][0]
            if heap[0][2] is not None:
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
            timer = heap[0]
            deadline, number, payload = timer
            if deadline > now or number > last:
                return
            heappop(heap)
            if payload is not None:
                self.cancel(timer)
                yield payload

    def __len__(self) -> int:
        return self._live

    def _first(self) -> list[Timer]:
        """The heap with the earliest entry; an empty one if there is none."""
        heap, old = self._heap, self._old
        return old if old and (not heap or old[0] < heap[0]) else heap

    def _begin_sweep(self) -> None:
        """If the cancelled are the majority; else look again when the heap has doubled."""
        if len(self._heap) > 2 * self._live:
            self._old, self._heap = self._heap, []
        else:
            self._sweep_at = 2 * len(self._heap)

    def _sweep(self) -> None:
        """A heap that loses its last entries is a heap still."""
        heap, old = self._heap, self._old
        for _ in range(min(_STEP, len(old))):
            entry = old.pop()
            if entry[2] is not None:
                heappush(heap, entry)
        if not old:
            self._sweep_at = max(_FEW, 2 * len(heap))
