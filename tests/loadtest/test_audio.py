from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from ccserver.media import dtmf, g711, rtp
from ccserver.media.reception import Reception
from loadtest.e_model import mos, mos_of_stream, rating
from loadtest.hearing import Hearing
from loadtest.media_load import voice
from loadtest.voice import Voice, frames_of


def speaker(**keys: object) -> Voice:
    return Voice(frames_of(voice("PCMU", 440)), 7, 0, 101, **keys)  # type: ignore[arg-type]


def packets(one: Voice, count: int) -> list[rtp.Packet]:
    return [rtp.parse(bytes(one.next())) for _ in range(count)]


def test_a_tone_goes_round_in_packets_of_20_ms():
    said = packets(speaker(start=0xFFF0), 100)

    assert [p.sequence for p in said[:17]] == [*range(0xFFF1, 0x10000), 0, 1]
    assert all(b.timestamp - a.timestamp == 160 for a, b in pairwise(said))
    sound = b"".join(p.payload for p in said[20:70])
    samples = np.frombuffer(g711.decode("PCMU", sound), "<i2")
    peak = int(np.argmax(np.abs(np.fft.rfft(samples))))
    assert peak * 8000 / len(samples) == 440
    assert {p.payload_type for p in said} == {0}


def test_keys_are_heard_in_their_order_each_once():
    one, keypad = speaker(), dtmf.Keypad()
    one.press("1#,D")
    heard = []
    for number, packet in enumerate(packets(one, 150)):
        if packet.payload_type == 101:
            keys = keypad.hear(packet.timestamp, packet.payload, number * 0.02)
            heard += [(number, key) for key in keys]

    pressed = [(number, key.digit) for number, key in heard if isinstance(key, dtmf.KeyPressed)]
    released = [key for _, key in heard if isinstance(key, dtmf.KeyReleased)]
    assert [digit for _, digit in pressed] == ["1", "#", "D"]
    assert [key.duration for key in released] == [800, 800, 800]
    assert pressed[2][0] - pressed[1][0] > 50  # the comma's second


def test_a_key_begins_with_a_marker_and_ends_three_times():
    one = speaker()
    one.press("5")
    said = [p for p in packets(one, 10) if p.payload_type == 101]

    assert [p.marker for p in said] == [True, *[False] * 7]
    assert [dtmf.parse(p.payload).end for p in said] == [False] * 5 + [True] * 3
    assert len({p.timestamp for p in said}) == 1


def test_where_keys_cannot_be_told_none_are():
    one = Voice([b"\xff" * 160], 7, 0, None)
    one.press("123")

    assert {p.payload_type for p in packets(one, 50)} == {0}


def test_a_sound_shorter_than_a_packet_is_said_again_and_again():
    assert frames_of(b"\x01\x02") == [b"\x01\x02" * 80]


# R by G.107's equation 7-29, worked by hand: 93.2 - 95 * 5 / (5 + 25.1) = 77.4.
@pytest.mark.parametrize(
    ("lost", "delay", "expected"),
    [(0.0, 0.05, 93.2), (0.01, 0.05, 89.6), (0.05, 0.05, 77.4), (0.2, 0.05, 51.1)],
)
def test_loss_costs_what_the_model_says(lost, delay, expected):
    assert rating(lost, delay) == pytest.approx(expected, abs=0.05)


@pytest.mark.parametrize(
    ("delay", "cost"), [(0.1, 0.0), (0.15, 0.1), (0.2, 3.1), (0.3, 14.8), (0.4, 23.9)]
)
def test_delay_costs_nothing_at_first_and_much_later(delay, cost):
    assert 93.2 - rating(0.0, delay) == pytest.approx(cost, abs=1.0)


@pytest.mark.parametrize(
    ("r", "expected"), [(93.2, 4.41), (80, 4.02), (70, 3.60), (60, 3.10), (50, 2.58), (-3, 1.0)]
)
def test_the_scale_is_that_of_the_standard(r, expected):
    assert mos(r) == pytest.approx(expected, abs=0.01)


def test_losses_in_rows_are_worse_than_by_chance():
    assert rating(0.05, 0.05, burst=2) < rating(0.05, 0.05)


def test_no_score_leaves_its_scale():
    scores = [mos_of_stream(lost / 20, jitter / 20) for lost in range(21) for jitter in range(21)]

    assert 1.0 <= min(scores) <= max(scores) <= 4.5


def listened(packets: int, every: int = 1) -> Reception:
    """Hears one of so many, evenly."""
    reception = Reception()
    for number in range(0, packets, every):
        reception.hear(7, number, number * 160, number * 0.02)
    return reception


def test_streams_are_judged_as_they_end():
    hearing = Hearing()
    for _ in range(19):
        hearing.ended(listened(100), 2.0)
    hearing.ended(listened(100, every=2), 2.0)

    heard = hearing.heard()

    assert heard is not None
    assert (heard.streams, heard.silent, heard.lost) == (20, 0, 49)
    assert heard.mos_min < 3 < heard.mos_p5
    assert heard.mos_p5 == pytest.approx(4.41, abs=0.01)


def test_who_heard_nothing_for_a_second_is_counted_apart():
    hearing = Hearing()
    hearing.ended(Reception(), 0.5)
    assert hearing.heard() is None

    hearing.ended(Reception(), 1.5)

    heard = hearing.heard()
    assert heard is not None
    assert (heard.streams, heard.silent) == (0, 1)
