"""Who hears whom, proved by tones: each party sends its own, and an FFT finds them at each ear."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from ccserver.media import g711, g722

RATE = 8000
FRAME = 160
AMPLITUDE = 3000
"""Of a voice: eight of them stay below saturation."""


def tone(codec: str, hertz: float, *, samples: int = FRAME, start: int = 0) -> bytes:
    """G.711 of a sine, as it sounds from sample `start` on."""
    times = np.arange(start, start + samples) / RATE
    linear = (8000 * np.sin(2 * np.pi * hertz * times)).astype("<i2")
    return g711.encode(codec, linear.tobytes())


def silence(codec: str, *, samples: int = FRAME) -> bytes:
    return g711.SILENCE[codec] * samples


class Voice:
    """A sine without an end, frame by frame, in any codec."""

    def __init__(self, codec: str, hertz: float, amplitude: float = AMPLITUDE) -> None:
        self._codec = codec
        self._hertz = hertz
        self._amplitude = amplitude
        self._encoder = g722.Encoder()
        self._position = 0

    def frame(self) -> bytes:
        rate = rate_of(self._codec)
        count = rate // 50
        times = np.arange(self._position, self._position + count) / rate
        self._position += count
        samples = (self._amplitude * np.sin(2 * np.pi * self._hertz * times)).astype(np.int16)
        if self._codec == "G722":
            return self._encoder.encode(samples)
        return g711.encode(self._codec, samples.tobytes())


def rate_of(codec: str) -> int:
    return 16_000 if codec == "G722" else RATE


def linear(codec: str, payloads: Iterable[bytes]) -> NDArray[np.float64]:
    data = b"".join(payloads)
    if codec == "G722":
        return g722.Decoder().decode(data).astype(float) if data else np.zeros(0)
    return np.frombuffer(g711.decode(codec, data), "<i2").astype(float)


def level(codec: str, payloads: Iterable[bytes], hertz: float) -> float:
    """The amplitude of this tone."""
    samples = linear(codec, payloads)
    if not samples.size:
        return 0.0
    times = np.arange(samples.size) / rate_of(codec)
    window = np.hanning(samples.size)
    return float(
        2 * np.abs(np.sum(samples * window * np.exp(-2j * np.pi * hertz * times))) / window.sum()
    )


def tones_heard(codec: str, payloads: Iterable[bytes], tones: Iterable[float]) -> set[float]:
    """Those that are at least an eighth as loud as a voice speaks."""
    data = list(payloads)
    return {hertz for hertz in tones if level(codec, data, hertz) > AMPLITUDE / 8}


def worst_bend(codec: str, payloads: Iterable[bytes]) -> float:
    """The greatest second difference between neighbouring samples: a click is one that no tone of
    the band and loudness has."""
    return float(np.abs(np.diff(linear(codec, payloads), n=2)).max(initial=0.0))


def loudest(codec: str, payloads: Iterable[bytes]) -> float | None:
    """The frequency in Hz that stands out most; None for silence.  Good to 1/duration."""
    samples = linear(codec, payloads)
    if not samples.size or np.abs(samples).max() < 100:
        return None
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(samples.size)))
    return float(np.argmax(spectrum) * rate_of(codec) / samples.size)


def hears(codec: str, payloads: Iterable[bytes], hertz: float) -> bool:
    """Whether a tone of `hertz` is at least a tenth as strong as the loudest one."""
    samples = linear(codec, payloads)
    if not samples.size or np.abs(samples).max() < 100:
        return False
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(samples.size)))
    around = round(hertz * samples.size / rate_of(codec))
    return bool(spectrum[max(around - 2, 0) : around + 3].max() >= spectrum.max() / 10)
