from __future__ import annotations

from struct import pack

import pytest

from ccserver.media.reception import Interval
from ccserver.media.rtcp import (
    Block,
    Goodbye,
    Received,
    Report,
    Sent,
    build,
    middle,
    ntp,
    parse,
)
from ccserver.media.rtp import BadPacket

EMPTY_REPORT = pack("!BBHI", 0x80, 201, 1, 7)


def test_a_sender_report_is_read_back():
    sent = Sent(ntp(1_000_000.5), 160, 3, 480)
    received = Received(9, Interval(128, 5, 70_000, 12), 0x12345678, 65536)

    parts = parse(build(7, "name", sent, received))

    assert parts == [
        Report(7, middle(ntp(1_000_000.5)), (Block(9, 128, 5, 12, 0x12345678, 65536),))
    ]


def test_who_sends_nothing_makes_a_receiver_report():
    assert parse(build(7, "name", None, None)) == [Report(7, None, ())]


@pytest.mark.parametrize("name", ["", "a", "ab", "abc", "abcd", "x" * 300])
def test_the_name_is_padded_to_whole_words(name: str):
    data = build(7, name, None, None)

    assert len(data) % 4 == 0
    assert parse(data)


def test_half_a_second_is_half_of_the_ntp_fraction():
    assert ntp(0.5) == (2_208_988_800 << 32) + 2**31
    assert middle(0x1111_2222_3333_4444) == 0x2222_3333


def test_a_goodbye_with_a_reason_is_read():
    data = EMPTY_REPORT + pack("!BBHI", 0x81, 203, 2, 7) + b"\x03bye"

    assert parse(data)[1] == Goodbye((7,))


def test_extended_reports_and_feedback_are_passed_over():
    data = EMPTY_REPORT + pack("!BBHI", 0x80, 207, 1, 7) + pack("!BBHI", 0x81, 206, 1, 7)

    assert len(parse(data)) == 1


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\x80\xc9\x00\x00", id="4 bytes"),
        pytest.param(pack("!BBHI", 0x80, 201, 9, 7), id="length beyond the end"),
        pytest.param(pack("!BBHI", 0x80, 201, 0, 7), id="length before the end"),
        pytest.param(pack("!BBHI", 0x9F, 201, 1, 7), id="31 blocks that are not there"),
        pytest.param(pack("!BBHI", 0x80, 200, 1, 7), id="sender report cut off"),
        pytest.param(pack("!BBHI", 0x40, 201, 1, 7), id="version 1"),
        pytest.param(pack("!BBHI", 0x80, 0, 1, 7), id="RTP"),
        pytest.param(pack("!BBHI", 0x80, 203, 1, 7), id="no report first"),
        pytest.param(EMPTY_REPORT * 100, id="a compound of 100"),
        pytest.param(EMPTY_REPORT + b"\x80\xc9", id="half a head"),
        pytest.param(EMPTY_REPORT + pack("!BBHI", 0x81, 203, 2, 7) + b"\xffbye", id="long reason"),
        pytest.param(EMPTY_REPORT + pack("!BBHI", 0x9F, 203, 1, 7), id="31 goodbyes"),
        pytest.param(pack("!BBHI", 0xA0, 201, 1, 0) + EMPTY_REPORT, id="padding in the middle"),
        pytest.param(pack("!BBHI", 0xA0, 201, 1, 0xFF), id="padding beyond the packet"),
    ],
)
def test_a_compound_that_is_not_sound_is_refused_as_a_whole(data: bytes):
    with pytest.raises(BadPacket):
        parse(data)
