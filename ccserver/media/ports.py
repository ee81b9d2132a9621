"""The pool of port pairs: an even port for RTP, the next one for RTCP.

A port that was given back rests before it is given out again, so that late packets of the old
call cannot reach a new one.  Pure: the time is passed in.
"""

from __future__ import annotations

from collections import deque
from random import Random

REST = 5.0
"""Seconds."""


class PortsExhausted(Exception):
    """Every port is in use or rests."""


class PortPool:
    """Even ports from `first` to `last`, both included, where the odd one above fits as well.

    With `random` a port cannot be guessed; without, they are given out in turn.
    """

    def __init__(
        self, first: int, last: int, *, random: Random | None = None, rest: float = REST
    ) -> None:
        if not 1024 <= first <= last <= 65535:
            raise ValueError(f"expected ports from 1024 to 65535, got {first}-{last}")
        self._free = deque(range(first + first % 2, last, 2))
        if not self._free:
            raise ValueError(f"expected an even port and the next one in {first}-{last}")
        self.size = len(self._free)
        """Pairs that there are in all."""
        self._random = random
        self._rest = rest
        self._resting: deque[tuple[float, int]] = deque()
        self._used: set[int] = set()

    def take(self, now: float) -> int:
        """Raises PortsExhausted."""
        self._wake(now)
        if not self._free:
            raise PortsExhausted
        if self._random is not None:
            chosen = self._random.randrange(len(self._free))
            self._free[0], self._free[chosen] = self._free[chosen], self._free[0]
        port = self._free.popleft()
        self._used.add(port)
        return port

    def give_back(self, port: int, now: float) -> None:
        """Raises KeyError for a port that is not in use."""
        self._used.remove(port)
        self._resting.append((now + self._rest, port))

    def give_back_rested(self, port: int) -> None:
        """May be given out at once.  Raises KeyError for a port that is not in use."""
        self._used.remove(port)
        self._free.append(port)

    def _wake(self, now: float) -> None:
        while self._resting and self._resting[0][0] <= now:
            self._free.append(self._resting.popleft()[1])

    @property
    def used(self) -> int:
        return len(self._used)

    def free(self, now: float) -> int:
        self._wake(now)
        return len(self._free)

    def resting(self, now: float) -> int:
        self._wake(now)
        return len(self._resting)
