"""All that is heard at one sampling rate, a row a source: numpy, and nothing about RTP.

Whoever fills the rows says which of them are there; a row that is not is made up from the one
before (repeated there and back, so that it joins without a click, and fading), and one that begins
or begins again joins smoothly as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

NOBODY = 0
"""The row of silence."""

_GAINS = (1.0, 0.9, 0.7, 0.4, 0.0)
"""At the ends of the frames that are made up; then there is silence."""
_JOIN = 4
"""A quarter of a frame, 5 ms, to change over."""

Rows = NDArray[np.int32]


class _Gap:
    """A row that is not there: what was there last, and how many frames were made up since."""

    __slots__ = ("count", "last")

    def __init__(self, last: Rows | None) -> None:
        self.last = last
        self.count = 0


class Plane:
    """`length` samples a row.  Rows are named by their numbers, which `open` gives out."""

    def __init__(self, length: int) -> None:
        self.now = np.zeros((16, length), np.int32)
        """This frame of everybody."""
        self.before = np.zeros((16, length), np.int32)
        """The frame before it."""
        self._length = length
        self._free = list(range(15, NOBODY, -1))
        self._gaps: dict[int, _Gap] = {}
        self._fades: list[NDArray[np.float64]] = [
            np.linspace(start, end, length, endpoint=False) for start, end in pairwise(_GAINS)
        ]
        self._rise = np.linspace(0.0, 1.0, length // _JOIN, endpoint=False)

    @property
    def height(self) -> int:
        """Rows there are room for, the silent one included."""
        return len(self.now)

    @property
    def used(self) -> int:
        """Rows that are open."""
        return self.height - 1 - len(self._free)

    def open(self, last: NDArray[np.int16] | None = None) -> int:
        """A new row.  It begins with silence, or as if `last` had been its frame before."""
        if not self._free:
            self._grow()
        row = self._free.pop()
        if last is None:
            self._gaps[row] = _Gap(None)
        else:
            self.now[row] = last
        return row

    def close(self, row: int) -> None:
        self.now[row] = self.before[row] = 0
        self._gaps.pop(row, None)
        self._free.append(row)

    def turn(self) -> None:
        """A new frame begins: every row must be filled, or made up."""
        self.now, self.before = self.before, self.now

    def is_broken(self, row: int) -> bool:
        """The frame before this one was made up, or there was none: what comes must join."""
        return row in self._gaps

    def make_up(self, row: int) -> None:
        """This frame of the row did not come."""
        gap = self._gaps.get(row)
        if gap is None:
            gap = self._gaps[row] = _Gap(self.before[row].copy())
        self.now[row] = self._continuation(gap)
        gap.count += 1

    def join(self, row: int) -> None:
        """The frame that was just filled in does not continue the one before."""
        gap = self._gaps.pop(row, None)
        continued = self._continuation(gap or _Gap(self.before[row]))
        length = len(self._rise)
        start = self.now[row, :length]
        self.now[row, :length] = start * self._rise + continued[:length] * (1.0 - self._rise)

    def cross_fade(self, old: Rows, new: Rows) -> Rows:
        """From one sound to another in a quarter of a frame."""
        result = new.copy()
        length = len(self._rise)
        result[:length] = new[:length] * self._rise + old[:length] * (1.0 - self._rise)
        return result

    def _continuation(self, gap: _Gap) -> Rows:
        if gap.last is None or gap.count >= len(self._fades):
            gap.last = None
            silence: Rows = self.now[NOBODY]
            return silence
        # There and back: each end meets itself.
        frame = gap.last if gap.count % 2 else gap.last[::-1]
        faded: Rows = (frame * self._fades[gap.count]).astype(np.int32)
        return faded

    def _grow(self) -> None:
        height = self.height
        more = np.zeros((height, self._length), np.int32)
        self.now = np.vstack((self.now, more))
        self.before = np.vstack((self.before, more))
        self._free.extend(range(2 * height - 1, height - 1, -1))


class Sums:
    """What each of several listeners hears of one plane: computed for all of them at once.

    A conference is one *group*: its rows are summed up once, and each listener hears the sum
    without himself.  Two who hear the same, but for themselves, share the work.
    """

    def __init__(self, rows: Sequence[tuple[Sequence[int], int]]) -> None:
        """For each listener the rows that he hears, and his own or `NOBODY`."""
        groups: dict[frozenset[int], int] = {}
        gather: list[int] = []
        starts: list[int] = []
        group_of: list[int] = []
        own: list[int] = []
        for heard, himself in rows:
            key = frozenset(heard) if heard and himself == NOBODY else frozenset((*heard, himself))
            number = groups.get(key)
            if number is None:
                number = groups[key] = len(starts)
                starts.append(len(gather))
                gather.extend(key)
            group_of.append(number)
            own.append(himself)
        self.groups = len(starts)
        self._gather = np.array(gather, np.intp)
        self._starts = np.array(starts, np.intp)
        self._group_of = np.array(group_of, np.intp)
        self._own = np.array(own, np.intp)

    def of(self, plane: Plane) -> Rows:
        """A row a listener, in their order; not limited to 16 bits yet."""
        if not len(self._own):
            return plane.now[:0]
        now = plane.now
        totals = np.add.reduceat(now.take(self._gather, axis=0), self._starts, axis=0)
        heard: Rows = totals.take(self._group_of, axis=0)
        heard -= now.take(self._own, axis=0)
        return heard
