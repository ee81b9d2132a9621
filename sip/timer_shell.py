"""The task that makes timers fire."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Hashable

import trio

from sip.timers import TimerQueue

log = logging.getLogger(__name__)


class TimerShell:
    """All timers of the process.  A callback is called once, from one task, and must not wait.

    ``now`` gives Trio's time; it may stand while several timers are armed at once.
    ``turn(fire)`` is called when some are due, and calls ``fire``.
    """

    def __init__(
        self,
        now: Callable[[], float] = trio.current_time,
        turn: Callable[[Callable[[], None]], None] = lambda fire: fire(),
    ) -> None:
        self._now, self._turn = now, turn
        self._queue: TimerQueue[Callable[[], None]] = TimerQueue()
        self._sleep_until = -math.inf
        self._sleep = trio.CancelScope()

    def arm(
        self, key: Hashable, seconds: float, callback: Callable[[], None], slack: float = 0.0
    ) -> None:
        """Call ``callback`` in so many seconds, unless the key is cancelled or armed again.

        It may come up to ``slack`` seconds later: at a multiple of it, with all others that may.
        """
        deadline = self._now() + seconds
        if slack:
            deadline = math.ceil(deadline / slack) * slack
        self._queue.arm(key, deadline, callback)
        if deadline < self._sleep_until:
            self._sleep_until = self._sleep.deadline = deadline

    def cancel(self, key: Hashable) -> None:
        self._queue.cancel(key)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            deadline = self._queue.next_deadline()
            if deadline is not None and deadline <= trio.current_time():
                self._turn(self.fire)
                deadline = self._queue.next_deadline()
            self._sleep_until = math.inf if deadline is None else deadline
            with trio.CancelScope(deadline=self._sleep_until) as self._sleep:
                await trio.sleep_forever()
            self._sleep_until = -math.inf

    def fire(self) -> None:
        """Whatever is due.  A callback that raises is logged; the others still fire."""
        for callback in self._queue.due(self._now()):
            try:
                callback()
            except Exception:
                log.exception("a timer's callback raised")

    def __len__(self) -> int:
        return len(self._queue)
