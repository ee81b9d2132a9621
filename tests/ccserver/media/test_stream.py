from __future__ import annotations

from itertools import pairwise

from ccserver.media.rtp import Packet, parse
from ccserver.media.stream import OutStream

SSRC = 0xABCDEF01


def test_every_packet_has_our_ssrc_and_the_first_of_a_source_the_marker():
    out = OutStream(SSRC, 100, 5000)

    sent = [relay(out, number, now=number * 0.02) for number in range(3)]

    assert {packet.ssrc for packet in sent} == {SSRC}
    assert [packet.marker for packet in sent] == [True, False, False]
    assert [packet.sequence for packet in sent] == [101, 102, 103]
    assert [packet.timestamp for packet in sent] == [5160, 5320, 5480]


def test_a_player_and_a_source_make_one_timeline():
    out = OutStream(SSRC, 65534, 2**32 - 200)

    sent = [parse(out.play(0, bytes(160), number * 0.02)) for number in range(3)]
    sent += [relay(out, number, now=0.06 + number * 0.02, timestamp=9999) for number in range(1)]
    sent += [parse(out.play(0, bytes(160), 0.08))]

    assert [packet.sequence for packet in sent] == [65535, 0, 1, 2, 3]
    steps = [(b.timestamp - a.timestamp) % 2**32 for a, b in pairwise(sent)]
    assert steps == [160, 160, 160, 160]
    assert [packet.marker for packet in sent] == [True, False, False, True, True]


def test_time_without_packets_passes_on_the_timeline():
    out = OutStream(SSRC, 0, 0)
    out.play(0, bytes(160), 10.0)

    late = relay(out, 0, now=12.0)

    assert late.timestamp == 160 + 2 * 8000
    assert out.timestamp_at(12.5) == late.timestamp + 4000


def test_losses_and_order_show_through():
    out = OutStream(SSRC, 0, 0)

    sent = [relay(out, number, now=number * 0.02) for number in (10, 13, 12, 14)]

    assert [packet.sequence for packet in sent] == [1, 4, 3, 5]
    assert [packet.timestamp - sent[0].timestamp for packet in sent] == [0, 480, 320, 640]


def test_m08_a_source_that_jumps_is_laid_behind_what_was_sent():
    out = OutStream(SSRC, 0, 0)
    relay(out, 10, now=0.0)

    jumped = relay(out, 30_010, now=0.02)
    strayed = relay(out, 30_011, now=0.04, timestamp=2**31)
    other = relay(out, 30_012, now=0.06, ssrc=99)

    assert [packet.sequence for packet in (jumped, strayed, other)] == [2, 3, 4]
    assert [packet.timestamp for packet in (jumped, strayed, other)] == [320, 480, 640]
    assert jumped.marker
    assert strayed.marker
    assert other.marker


def test_m08_an_ssrc_that_changes_with_each_packet_still_gives_one_stream():
    out = OutStream(SSRC, 0, 0)

    sent = [
        relay(out, number * 777 % 65536, now=number * 0.02, ssrc=number, timestamp=number * 12345)
        for number in range(50)
    ]

    assert [packet.sequence for packet in sent] == list(range(1, 51))
    assert {b.timestamp - a.timestamp for a, b in pairwise(sent)} == {160}


def test_a_long_hold_of_the_source_is_no_jump():
    out = OutStream(SSRC, 0, 0)
    relay(out, 0, now=0.0)

    after = relay(out, 1, now=1800.0, timestamp=1800 * 8000)

    assert not after.marker
    assert (after.sequence, after.timestamp) == (2, 160 + 1800 * 8000)


def test_after_a_break_the_same_source_is_a_new_one():
    out = OutStream(SSRC, 0, 0)
    relay(out, 0, now=0.0)
    out.break_off()

    assert relay(out, 500, now=1.0).sequence == 2


def relay(
    out: OutStream, number: int, *, now: float, ssrc: int = 1, timestamp: int | None = None
) -> Packet:
    at = number * 160 if timestamp is None else timestamp
    return parse(out.relay(Packet(0, False, number, at, ssrc, b"x"), 0, b"x" * 160, now))
