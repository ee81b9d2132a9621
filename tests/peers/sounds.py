"""Tones to tell voices apart, and finding them in what was recorded."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np

from actors.speech import PIECES
from ccserver.media.g711 import encode


def write_tone(path: Path, hertz: float, seconds: float, rate: int = 8000) -> None:
    """A WAV file; or, where its name ends in ``.ulaw``, G.711 without a header."""
    times = np.arange(int(rate * seconds)) / rate
    samples = (8000 * np.sin(2 * np.pi * hertz * times)).astype("<i2")
    if path.suffix == ".ulaw":
        path.write_bytes(encode("PCMU", samples.tobytes()))
        return
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())


def write_prompts(directory: Path, *, greeting: float, music: float) -> None:
    """The demonstration's prompts as tones: short greeting, endless music (frequencies in Hz)."""
    directory.mkdir()
    write_tone(directory / "greeting.wav", greeting, 0.3)
    write_tone(directory / "music.wav", music, 2.0)
    for name, hertz in (
        ("sorry", 300.0),
        ("comfort", 325.0),
        ("confirm", 350.0),
        ("error", 250.0),
        ("ringback", 275.0),
    ):
        write_tone(directory / f"{name}.wav", hertz, 0.2)
    (directory / "en").mkdir()
    for piece in PIECES:
        write_tone(directory / "en" / f"{piece}.wav", 400.0, 0.1)


def heard(path: Path, *, last: float | None = None, floor: float = -35.0) -> list[float]:
    """Frequencies in Hz of the tones in a recording, loudest first.

    ``last``: only in so many seconds at its end.  ``floor``: in dB below the loudest.
    """
    rate, samples = _read(path)
    if last is not None:
        samples = samples[-int(last * rate) :]
    if samples.size < rate // 4 or np.abs(samples).max() < 0.003:
        return []
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(samples.size)))
    width = int(20 * samples.size / rate)
    loudest = spectrum.max()
    found: list[float] = []
    while len(found) < 12:
        peak = int(spectrum.argmax())
        if spectrum[peak] < loudest * 10 ** (floor / 20):
            break
        found.append(peak * rate / samples.size)
        spectrum[max(0, peak - width) : peak + width + 1] = 0
    return found


def longest_gap(path: Path, *, last: float) -> float:
    """Seconds without a voice, at most, in so many seconds at the end of a recording."""
    rate, samples = _read(path)
    size = rate // 50  # a packet
    samples = samples[-int(last * rate) :]
    frames = samples[: samples.size // size * size].reshape(-1, size)
    loudness = np.sqrt((frames.astype(float) ** 2).mean(axis=1))
    longest = run = 0
    for silent in loudness < np.median(loudness) / 4:
        run = run + 1 if silent else 0
        longest = max(longest, run)
    return longest * size / rate


def seconds(path: Path) -> float:
    rate, samples = _read(path)
    return samples.size / rate


def hears(path: Path, hertz: float, *, last: float | None = None) -> bool:
    return any(abs(found - hertz) < 5 for found in heard(path, last=last))


def _read(path: Path) -> tuple[int, np.ndarray]:
    """The samples from -1 to 1, of the first channel; also of a file that is still written."""
    data = path.read_bytes()
    if data[:4] != b"RIFF" or len(data) < 44:
        return 8000, np.zeros(0)
    channels = int.from_bytes(data[22:24], "little")
    rate = int.from_bytes(data[24:28], "little")
    start = data.index(b"data") + 8
    samples = np.frombuffer(data[start : start + (len(data) - start) // 2 * 2], "<i2") / 32768
    return rate, samples[::channels]
