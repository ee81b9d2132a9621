from __future__ import annotations

import numpy as np
import pytest

from ccserver.media.resample import DOWN_DELAY, DOWN_HISTORY, UP_DELAY, UP_HISTORY, down, up

AMPLITUDE = 10_000


def stream(hertz: float, rate: int, frames: int = 50) -> np.ndarray:
    """A row a frame of 20 ms."""
    times = np.arange(frames * rate // 50) / rate
    samples = (AMPLITUDE * np.sin(2 * np.pi * hertz * times)).astype(np.int32)
    return samples.reshape(frames, -1)


def through(convert, frames: np.ndarray) -> np.ndarray:
    before = np.zeros_like(frames[:1])
    line = []
    for index in range(len(frames)):
        frame = frames[index : index + 1]
        line.append(convert(before, frame)[0])
        before = frame
    return np.concatenate(line).astype(float)


def level(samples: np.ndarray, hertz: float, rate: int) -> float:
    """Of this tone, relative to the one that went in."""
    samples = samples[400:]
    window = np.hanning(samples.size)
    times = np.arange(samples.size) / rate
    turned = samples * window * np.exp(-2j * np.pi * hertz * times)
    return float(2 * np.abs(turned.sum()) / window.sum() / AMPLITUDE)


@pytest.mark.parametrize("hertz", [100, 300, 1000, 2000, 3000, 3400])
def test_speech_of_8_khz_is_the_same_at_16_khz_and_has_no_image(hertz: float):
    wide = through(up, stream(hertz, 8000))

    assert level(wide, hertz, 16_000) == pytest.approx(1, abs=0.01)
    assert level(wide, 8000 - hertz, 16_000) < 0.002


@pytest.mark.parametrize("hertz", [100, 300, 1000, 2000, 3000, 3400])
def test_the_lower_half_of_16_khz_is_kept(hertz: float):
    narrow = through(down, stream(hertz, 16_000))

    assert level(narrow, hertz, 8000) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("hertz", [4600, 5000, 6000, 7000])
def test_the_upper_half_of_16_khz_does_not_fold_back(hertz: float):
    narrow = through(down, stream(hertz, 16_000))

    assert level(narrow, 8000 - hertz, 8000) < 0.002


def test_they_are_late_by_what_they_say():
    click = np.zeros((1, 160), np.int32)
    click[0, 50] = AMPLITUDE
    wide_click = np.zeros((1, 320), np.int32)
    wide_click[0, 101] = AMPLITUDE

    wide = up(np.zeros((1, UP_HISTORY), np.int32), click)
    narrow = down(np.zeros((1, DOWN_HISTORY), np.int32), wide_click)

    assert int(wide.argmax()) == 100 + UP_DELAY
    assert 2 * int(narrow.argmax()) == 101 + DOWN_DELAY


def test_many_streams_are_converted_as_each_alone():
    frames = np.vstack([stream(hertz, 8000, 1) for hertz in (200, 900, 2500)])
    before = np.vstack([stream(hertz, 8000, 1) for hertz in (300, 700, 1500)])

    together = up(before, frames)

    for index in range(3):
        alone = up(before[index : index + 1], frames[index : index + 1])
        assert np.array_equal(together[index : index + 1], alone)
