"""Who hears whom, proved by tones: each party sends its own, and an FFT finds them at each ear."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ccserver.media import g711

RATE = 8000
FRAME = 160


def tone(codec: str, hertz: float, *, samples: int = FRAME, start: int = 0) -> bytes:
    """G.711 of a sine, as it sounds from sample `start` on."""
    times = np.arange(start, start + samples) / RATE
    linear = (8000 * np.sin(2 * np.pi * hertz * times)).astype("<i2")
    return g711.encode(codec, linear.tobytes())


def silence(codec: str, *, samples: int = FRAME) -> bytes:
    return g711.SILENCE[codec] * samples


def loudest(codec: str, payloads: Iterable[bytes]) -> float | None:
    """The frequency in Hz that stands out most; None for silence.  Good to 1/duration."""
    linear = np.frombuffer(g711.decode(codec, b"".join(payloads)), "<i2").astype(float)
    if not linear.size or np.abs(linear).max() < 100:
        return None
    spectrum = np.abs(np.fft.rfft(linear * np.hanning(linear.size)))
    return float(np.argmax(spectrum) * RATE / linear.size)


def hears(codec: str, payloads: Iterable[bytes], hertz: float) -> bool:
    """Whether a tone of `hertz` is at least a tenth as strong as the loudest one."""
    linear = np.frombuffer(g711.decode(codec, b"".join(payloads)), "<i2").astype(float)
    if not linear.size or np.abs(linear).max() < 100:
        return False
    spectrum = np.abs(np.fft.rfft(linear * np.hanning(linear.size)))
    around = round(hertz * linear.size / RATE)
    return bool(spectrum[max(around - 2, 0) : around + 3].max() >= spectrum.max() / 10)
