from __future__ import annotations

import pytest

from ccserver.media.rtp import BadPacket, Packet, ahead, build, later, parse

PLAIN = build(0, False, 1, 160, 7, b"abc")


def test_what_is_built_is_read_back():
    data = build(101, True, 65535, 2**32 - 1, 2**32 - 2, b"payload")

    assert parse(data) == Packet(101, True, 65535, 2**32 - 1, 2**32 - 2, b"payload")


def test_contributing_sources_extension_and_padding_are_taken_off():
    data = bytes([0x80 | 0x20 | 0x10 | 2]) + PLAIN[1:12]
    data += bytes(8) + b"\xbe\xde\x00\x01" + bytes(4) + b"voice" + b"\0\0\3"

    assert parse(data).payload == b"voice"


def test_an_empty_payload_is_no_fault():
    assert parse(build(0, False, 1, 1, 1, b"")).payload == b""


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\x80", id="one byte"),
        pytest.param(PLAIN[:11], id="a header that is cut off"),
        pytest.param(b"\x00" + PLAIN[1:], id="version 0"),
        pytest.param(b"\x40" + PLAIN[1:], id="version 1"),
        pytest.param(b"\xc0" + PLAIN[1:], id="version 3"),
        pytest.param(b"\x8f" + PLAIN[1:], id="15 sources that are not there"),
        pytest.param(b"\x90" + PLAIN[1:], id="an extension that is cut off"),
        pytest.param(b"\x90" + PLAIN[1:12] + b"\0\0\xff\xff" + bytes(8), id="a long extension"),
        pytest.param(b"\xa0" + PLAIN[1:12] + b"ab\x04", id="more padding than payload"),
        pytest.param(b"\xa0" + PLAIN[1:12] + b"ab\x00", id="padding of no byte"),
        pytest.param(build(72, True, 1, 1, 1, b""), id="RTCP"),
        pytest.param(build(76, False, 1, 1, 1, b""), id="reserved payload type"),
        pytest.param(build(0, False, 1, 1, 1, bytes(1601)), id="a huge payload"),
    ],
)
def test_a_packet_that_is_not_sound_is_refused(data: bytes):
    with pytest.raises(BadPacket):
        parse(data)


def test_distances_go_round():
    assert ahead(2, 65534) == 4
    assert ahead(65534, 2) == -4
    assert later(100, 2**32 - 60) == 160
    assert later(2**32 - 60, 100) == -160
