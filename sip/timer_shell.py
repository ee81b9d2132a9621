"""The task that makes timers fire."""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Callable, Hashable
from functools import partial
from typing import Generic, TypeVar

import trio

from sip.timers import Timer, TimerQueue

log = logging.getLogger(__name__)

Thing = TypeVar("Thing")
_SLACK = 0.1
"""Seconds.  To forget what is over is not urgent: a wake-up serves many."""


class TimerShell:
    """All timers of the process.  A callback is called once, from one task, and must not wait.

    ``now`` gives Trio's time; it may stand while several timers are armed at once.
    ``turn(fire)`` is called when some are due, and calls ``fire``.
    While ``turning`` says so, what is armed is only noted, and ``settle`` is called before it ends.
    """

    def __init__(
        self,
        now: Callable[[], float] = trio.current_time,
        turn: Callable[[Callable[[], None]], None] = lambda fire: fire(),
        turning: Callable[[], bool] = lambda: False,
    ) -> None:
        self.now, self._turn, self._turning = now, turn, turning
        self._noted: list[tuple[Timer, float, float]] = []
        self._queue: TimerQueue[Callable[[], None]] = TimerQueue()
        self.cancel = self._queue.cancel
        """Of what ``arm`` gave; one that is over is no error."""
        self._sleep_until = -math.inf
        self._sleep = trio.CancelScope()

    def arm(self, seconds: float, callback: Callable[[], None], slack: float = 0.0) -> Timer:
        """Call ``callback`` in so many seconds, unless what this gives is cancelled.

        It may come up to ``slack`` seconds later: at a multiple of it, with all others that may.
        """
        timer: Timer = [0.0, 0, callback]
        self._noted.append((timer, seconds, slack))
        if not self._turning():
            self.settle()
        return timer

    def settle(self) -> None:
        """Arm what was noted, and has not been cancelled since; ``now`` is what it was then."""
        if not self._noted:
            return
        noted, self._noted = self._noted, []
        now, earliest = self.now(), self._sleep_until
        for timer, seconds, slack in noted:
            if timer[2] is None:
                continue
            deadline = now + seconds
            if slack:
                rounded = math.ceil(deadline / slack) * slack
                deadline = rounded if rounded >= deadline else rounded + slack
            if deadline < earliest:
                earliest = deadline
            self._queue.put(timer, deadline)
        if earliest < self._sleep_until:
            self._sleep_until = self._sleep.deadline = earliest

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
        for callback in self._queue.due(self.now()):
            try:
                callback()
            except Exception:
                log.exception("a timer's callback raised")

    def __len__(self) -> int:
        return len(self._queue)


class KeyedTimers:
    """For those who know their timers by keys."""

    def __init__(self, shell: TimerShell) -> None:
        self._shell = shell
        self._armed: dict[Hashable, Timer] = {}

    def arm(self, key: Hashable, seconds: float, callback: Callable[[], None]) -> None:
        """Call ``callback`` in so many seconds, unless the key is cancelled or armed again."""
        self.cancel(key)
        self._armed[key] = self._shell.arm(seconds, partial(self._fire, key, callback))

    def cancel(self, key: Hashable) -> None:
        """An unknown key is no error."""
        timer = self._armed.pop(key, None)
        if timer is not None:
            self._shell.cancel(timer)

    def _fire(self, key: Hashable, callback: Callable[[], None]) -> None:
        del self._armed[key]
        callback()


class Lingering(Generic[Thing]):
    """What is over, and kept for a while for what may yet come; then ``forget`` is called with it.

    First in, first out for each length of time, of which there are few: a timer serves them all.
    """

    def __init__(self, timers: TimerShell, forget: Callable[[Thing], None]) -> None:
        self._timers, self._forget = timers, forget
        self._kept: dict[float, deque[tuple[float, Thing]]] = {}

    def keep(self, thing: Thing, seconds: float) -> None:
        """For so long, or up to a tenth of a second longer."""
        kept = self._kept.get(seconds)
        if kept is None:
            kept = self._kept[seconds] = deque()
        if not kept:
            self._timers.arm(seconds, partial(self._look, kept), _SLACK)
        kept.append((self._timers.now() + seconds, thing))

    def _look(self, kept: deque[tuple[float, Thing]]) -> None:
        now = self._timers.now()
        while kept and kept[0][0] <= now:
            self._forget(kept.popleft()[1])
        if kept:
            self._timers.arm(kept[0][0] - now, partial(self._look, kept), _SLACK)
