"""G.722 at 64 kbit/s (ITU-T G.722): 16 kHz audio, two samples a byte.

Encoder and decoder remember what they were given: one of each for a stream, frame after frame.
On RTP its clock is said to be 8000 Hz (RFC 3551 §4.5.2), so a byte is a step of it, as in G.711.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from G722 import G722
from numpy.typing import NDArray

SAMPLE_RATE = 16_000
_BIT_RATE = 64_000


class Decoder:
    def __init__(self) -> None:
        self._codec: Any = G722(SAMPLE_RATE, _BIT_RATE)

    def decode(self, payload: bytes) -> NDArray[np.int16]:
        """Two linear samples for each byte."""
        return np.frombuffer(self._codec.decode(payload), np.int16)


class Encoder:
    def __init__(self) -> None:
        self._codec: Any = G722(SAMPLE_RATE, _BIT_RATE)

    def encode(self, samples: NDArray[np.int16]) -> bytes:
        """A byte for each two samples."""
        return bytes(self._codec.encode(samples))
