from __future__ import annotations

from struct import pack, unpack

import pytest

from ccserver.media import g711

CODES = bytes(range(256))


@pytest.mark.parametrize(
    ("codec", "code", "value"),
    [
        ("PCMU", 0xFF, 0),
        ("PCMU", 0x80, 32124),
        ("PCMU", 0x00, -32124),
        ("PCMU", 0xFE, 8),
        ("PCMA", 0xD5, 8),
        ("PCMA", 0x55, -8),
        ("PCMA", 0xAA, 32256),
        ("PCMA", 0x2A, -32256),
    ],
)
def test_codes_stand_for_the_values_of_the_recommendation(codec: str, code: int, value: int):
    assert unpack("<h", g711.decode(codec, bytes([code]))) == (value,)


@pytest.mark.parametrize("codec", ["PCMU", "PCMA"])
def test_encoding_gives_back_every_code(codec: str):
    again = g711.encode(codec, g711.decode(codec, CODES))

    differing = [code for code in range(256) if again[code] != code]
    assert differing == ([0x7F] if codec == "PCMU" else [])  # the other zero of mu-law


@pytest.mark.parametrize("codec", ["PCMU", "PCMA"])
def test_every_sample_gets_the_nearest_code(codec: str):
    values = unpack("<256h", g711.decode(codec, CODES))
    samples = [*range(-32768, 32768, 7), 32767]

    codes = g711.encode(codec, pack(f"<{len(samples)}h", *samples))

    for sample, code in zip(samples, codes, strict=True):
        assert abs(values[code] - sample) == min(abs(value - sample) for value in values)


def test_silence_is_silence():
    for codec, code in g711.SILENCE.items():
        assert g711.encode(codec, b"\0\0") == code


@pytest.mark.parametrize(("source", "target"), [("PCMU", "PCMA"), ("PCMA", "PCMU")])
def test_translating_equals_decoding_and_encoding(source: str, target: str):
    expected = g711.encode(target, g711.decode(source, CODES))

    assert g711.translate(CODES, source, target) == expected


def test_translating_into_the_same_law_touches_nothing():
    assert g711.translate(CODES, "PCMA", "PCMA") is CODES
