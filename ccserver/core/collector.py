"""When the garbage collector looks, and at how much: never at enough to be noticed.

Calls leave nothing that only the collector would find, so it has little to do; but a pass stops the
loop, for 0.4 to 1.5 µs for each object that it looks at.  By itself it looks when more objects have
come than gone, which says nothing of how many there are: transactions stay for half a minute, and
200,000 objects that had come meanwhile were looked at in one pass of 80 ms.  So it looks by the
clock, often, at what came since the last time; and what is there to stay is taken out of its sight.
The more comes, the sooner it looks again: what a pass looks at must be looked at once, but whoever
waits meanwhile waits for one pass.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from time import perf_counter

import trio

PAUSE = 0.25
"""Seconds.  What comes in it at 300 calls a second are some 15,000 objects, 7 ms,"""
SHORTEST = 0.03
"""and in this, 1 ms."""
WANTED = 0.001
"""Seconds that a pass may take: the pauses are as long as it allows."""
FEW = 1_000
"""Phones, or transactions; each is seven objects or more, and what comes of more is not looked
through."""


class Collector:
    """``calls``, ``phones`` and ``transactions``: how many there are now.  ``clock`` is in seconds,
    and tells how long a pass has taken.
    """

    def __init__(
        self,
        calls: Callable[[], int],
        phones: Callable[[], int],
        transactions: Callable[[], int],
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        self._calls, self._phones, self._transactions = calls, phones, transactions
        self._clock = clock

    async def run(self) -> None:
        """Until cancelled; no pass happens by itself meanwhile."""
        gc.collect()
        gc.freeze()
        gc.disable()
        pause = PAUSE
        try:
            while True:
                await trio.sleep(pause)
                began = self._clock()
                self.look()
                took = max(self._clock() - began, WANTED / 8)
                pause = min(PAUSE, max(SHORTEST, pause * WANTED / took))
        finally:
            gc.enable()
            gc.unfreeze()

    def look(self) -> None:
        """With calls, and while transactions linger behind many of them, at what is young.
        Without, at all that came since the last time without; what is left then, as a phone's
        binding, will stay, and is not looked at again."""
        if self._calls() or self._transactions() > FEW:
            gc.collect(0)
            return
        gc.collect(0 if self._phones() > FEW else 2)
        gc.freeze()
