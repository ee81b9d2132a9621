from __future__ import annotations

import numpy as np
import pytest

from ccserver.media import g722
from tests.support import ears


@pytest.mark.parametrize("hertz", [300, 1000, 3400, 5000, 6500])
def test_what_is_encoded_comes_back_with_both_its_halves(hertz: float):
    voice = ears.Voice("G722", hertz)

    payloads = [voice.frame() for _ in range(25)]

    assert {len(payload) for payload in payloads} == {160}
    assert ears.level("G722", payloads[5:], hertz) == pytest.approx(ears.AMPLITUDE, rel=0.1)


def test_a_frame_continues_the_one_before_it():
    voice = ears.Voice("G722", 1000)
    payloads = [voice.frame() for _ in range(10)]
    decoder = g722.Decoder()

    pieces = np.concatenate([decoder.decode(payload) for payload in payloads])

    assert np.array_equal(pieces, g722.Decoder().decode(b"".join(payloads)))


def test_silence_is_silent():
    payload = g722.Encoder().encode(np.zeros(320, np.int16))

    assert np.abs(g722.Decoder().decode(payload)).max() < 20
