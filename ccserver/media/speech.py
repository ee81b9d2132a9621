"""Frames of our own to many listeners, whose streams go on as they are: the RTP of all at once.

Who is mixed to is sent a frame at every tick: the next sequence number, and a timestamp of 20 ms
more.  So nothing is decided for it anew, until something else happens to one of the streams: it
counts what was sent by then, the speech is over, and the next one begins without it
(``OutStream.is_spoken_to``).

Pure: frames come in, datagrams go out.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from ccserver.media.rtp import HEADER_BYTES, PLAIN

FRAME = 160
"""Bytes, and steps of the RTP clock."""


class Next(Struct, frozen=True, gc=False):
    """What a listener is sent at the next tick."""

    line: int
    """By which it goes."""
    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int


class Speech:
    """To listeners of whom each is spoken to at every tick, in this order."""

    def __init__(self, listeners: Sequence[Next]) -> None:
        self._heads = np.array(
            [((PLAIN << 8 | to.payload_type) << 16, to.timestamp, to.ssrc) for to in listeners],
            np.int64,
        ).reshape(-1, 3)
        self._sequences = np.array([to.sequence for to in listeners], np.int64)
        size = HEADER_BYTES + FRAME
        memory = memoryview(bytearray(len(listeners) * size))
        self._datagrams = np.frombuffer(memory, np.uint8).reshape(-1, size)
        self._addressed = [
            (to.line, memory[number * size : (number + 1) * size])
            for number, to in enumerate(listeners)
        ]
        self.frames = 0
        """How many each was sent."""
        self.at = 0.0
        """When the last of them was."""
        self.is_over = False
        """Something else happened to one of the streams."""

    def say(self, frames: NDArray[np.uint8], now: float) -> list[tuple[int, memoryview]]:
        """A frame of each listener's; the line and the datagram of each, until the next."""
        heads = self._heads.copy()
        heads[:, 0] |= self._sequences + self.frames & 0xFFFF
        heads[:, 1] += self.frames * FRAME
        self._datagrams[:, :HEADER_BYTES] = (
            (heads & 0xFFFFFFFF).astype(">u4").view(np.uint8).reshape(-1, HEADER_BYTES)
        )
        self._datagrams[:, HEADER_BYTES:] = frames
        self.frames += 1
        self.at = now
        return self._addressed
