"""From 8 kHz to 16 kHz and back: one half-band filter, over the frames of all streams at once.

Linear phase, 47 taps, every other of which is zero: nothing changes up to 3.4 kHz, and what lies
beyond 4.6 kHz is 58 dB down.  Streams are continuous: each call is given the end of the frames
before.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_HALF = 12
"""Taps that are not zero, on either side of the middle."""
UP_HISTORY = 2 * _HALF
"""Samples of the frame before that `up` needs."""
DOWN_HISTORY = 4 * _HALF - 2
"""Samples of the frame before that `down` needs."""
UP_DELAY = 2 * _HALF
"""Samples of 16 kHz by which `up` is late."""
DOWN_DELAY = 2 * _HALF - 1
"""Samples of 16 kHz by which `down` is late."""

_KAISER = 5.65

_Frames = NDArray[np.int32]


def _taps() -> list[np.float32]:
    """Of the odd distances 1, 3, ... from the middle; the sum over both sides is 1."""
    distances = np.arange(1, 2 * _HALF, 2)
    window = np.i0(_KAISER * np.sqrt(1 - (distances / (2 * _HALF)) ** 2)) / np.i0(_KAISER)
    taps = window * np.sin(np.pi * distances / 2) / (np.pi * distances)
    return [np.float32(tap) for tap in taps / (2 * taps.sum())]


_TAPS = _taps()


def up(before: _Frames, frames: _Frames) -> _Frames:
    """Twice as many samples: `frames` is a row a stream, `before` the ends of the rows before, of
    at least `UP_HISTORY` samples."""
    count, length = frames.shape
    line = np.hstack((before[:, -UP_HISTORY:], frames)).astype(np.float32)
    between = np.zeros((count, length), np.float32)
    for index, tap in enumerate(_TAPS, start=1):
        ahead, behind = _HALF + index, _HALF + 1 - index
        between += tap * (line[:, ahead : ahead + length] + line[:, behind : behind + length])
    result = np.empty((count, 2 * length), np.int32)
    result[:, 0::2] = line[:, _HALF : _HALF + length]
    result[:, 1::2] = np.rint(between)
    return result


def down(before: _Frames, frames: _Frames) -> _Frames:
    """Half as many samples, of an even number; `before` as for `up`, of `DOWN_HISTORY` samples."""
    length = frames.shape[1]
    line = np.hstack((before[:, -DOWN_HISTORY:], frames)).astype(np.float32)
    middle = 2 * _HALF - 1
    result = line[:, middle : middle + length : 2].copy()
    for index, tap in enumerate(_TAPS, start=1):
        ahead, behind = middle + 2 * index - 1, middle - 2 * index + 1
        result += tap * (
            line[:, ahead : ahead + length : 2] + line[:, behind : behind + length : 2]
        )
    return np.rint(result / 2).astype(np.int32)
