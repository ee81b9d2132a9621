"""The mixer against a naive one: a loop over listeners, sources and samples in plain integers."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ccserver.media import g711
from ccserver.media.mixer import Mixer

PARTIES = st.integers(0, 6)
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["PCMU", "PCMA"]),  # of the source
        st.sampled_from(["PCMU", "PCMA"]),  # of the listener
        st.sets(PARTIES),
    ),
    min_size=1,
    max_size=7,
)


class Feed:
    """Random frames from the loud end of the law to the quiet one."""

    spliced = False

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        self.frame = b""

    def take(self) -> bytes:
        loudest = self._random.integers(1, 256)
        self.frame = self._random.integers(0, loudest, 160, dtype=np.uint8).tobytes()
        return self.frame


def naive(sources: list[tuple[str, bytes]], codec: str) -> bytes:
    """What a listener of `sources` hears."""
    result = bytearray()
    decoded = [np.frombuffer(g711.decode(law, frame), "<i2").tolist() for law, frame in sources]
    for samples in zip(*decoded, strict=True) if decoded else [()] * 160:
        total = max(-32768, min(32767, sum(samples)))
        result += g711.encode(codec, total.to_bytes(2, "little", signed=True))
    return bytes(result)


def matrix_of(rows: list[tuple[str, str, set[int]]]) -> dict[int, list[int]]:
    there = range(len(rows))
    return {
        number: sorted(source for source in heard if source in there and source != number)
        for number, (_, _, heard) in enumerate(rows)
    }


@given(ROWS, ROWS, st.integers(0, 2**32))
def test_every_listener_hears_the_saturated_sum_of_his_sources(first, then, seed):
    mixer: Mixer[int] = Mixer()
    feeds: dict[int, Feed] = {}
    codecs: dict[int, str] = {}
    for rows in (first, then):
        matrix = matrix_of(rows)
        listeners = {number: rows[number][1] for number in matrix}
        for number, codec in listeners.items():
            voices = []
            for source in matrix[number]:
                voice = mixer.voice(source)
                if voice is None:
                    feeds[source] = Feed(seed + source)
                    codecs[source] = rows[source][0]
                    voice = mixer.add(source, codecs[source], feeds[source])
                voices.append(voice)
            mixer.hear(number, codec, voices)
        for number in range(7):
            if number not in matrix:
                mixer.leave(number)

        mixer.tick()  # the change
        mixer.tick()  # what nobody hears any more has gone
        mixed = mixer.tick()
        heard = dict(zip(mixed.narrow, map(bytes, mixed.frames), strict=True)) | dict(mixed.wide)

        assert heard.keys() == listeners.keys()
        for number, codec in listeners.items():
            sources = [(codecs[source], feeds[source].frame) for source in matrix[number]]
            assert heard[number] == naive(sources, codec)
