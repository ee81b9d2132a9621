from __future__ import annotations

from random import Random

import pytest

from ccserver.media.jitter import LONGEST, JitterBuffer

SSRC = 7


def payload(number: int) -> bytes:
    """Frame `number` of a source; no two within 200 look alike."""
    return bytes([number % 200]) * 160


def put(buffer: JitterBuffer, number: int, *, ssrc: int = SSRC, start: int = 0) -> bool:
    return buffer.put(ssrc, (start + number * 160) % 2**32, payload(number))


def running(*, start: int = 0) -> JitterBuffer:
    """Frame 0 has been taken, frame 1 waits."""
    buffer = JitterBuffer()
    put(buffer, 0, start=start)
    put(buffer, 1, start=start)
    assert buffer.take() == payload(0)
    return buffer


def test_it_begins_when_there_are_two_packets():
    buffer = JitterBuffer()

    put(buffer, 0)
    assert buffer.take() is None
    put(buffer, 1)

    assert [buffer.take(), buffer.take()] == [payload(0), payload(1)]


def test_a_single_packet_is_not_kept_for_long():
    buffer = JitterBuffer()
    put(buffer, 0)

    assert [buffer.take() for _ in range(3)] == [None, None, payload(0)]


def test_packets_come_out_in_the_order_of_their_timestamps():
    buffer = JitterBuffer()

    for number in (2, 0, 1, 3):
        put(buffer, number)

    assert [buffer.take() for _ in range(4)] == [payload(number) for number in range(4)]


def test_timestamps_may_wrap():
    buffer = running(start=2**32 - 160)

    put(buffer, 2, start=2**32 - 160)

    assert [buffer.take(), buffer.take()] == [payload(1), payload(2)]


def test_what_is_lost_is_missed_and_what_follows_keeps_its_place():
    buffer = running()

    put(buffer, 3)

    assert [buffer.take() for _ in range(3)] == [payload(1), None, payload(3)]


def test_what_comes_too_late_or_twice_is_refused():
    buffer = running()
    put(buffer, 3)
    for _ in range(3):
        buffer.take()

    assert not put(buffer, 2)
    assert not put(buffer, 3)
    assert put(buffer, 4)
    assert not put(buffer, 4)


def test_a_source_that_is_late_again_is_given_more_time():
    buffer = running()
    number = 1
    for _ in range(2):
        # The packet after the next is late by a frame.
        while buffer.take() is not None:
            pass
        number += 1
        assert not put(buffer, number)
        put(buffer, number := number + 1)

    late = [buffer.take() for _ in range(2)]

    assert late == [None, payload(number)]


def test_duplicates_do_not_make_it_slow():
    buffer = JitterBuffer()
    taken = []
    for number in range(300):
        put(buffer, number)
        put(buffer, max(number - 2, 0))
        taken.append(buffer.take())

    assert taken[1:] == [payload(number) for number in range(299)]


def test_a_source_that_is_early_all_the_time_loses_a_frame_of_delay():
    buffer = JitterBuffer()
    for number in range(8):
        put(buffer, number)
    taken = []
    spliced = []
    for number in range(8, 1300):
        taken.append(buffer.take())
        spliced.append(buffer.spliced)
        put(buffer, number)

    assert None not in taken
    assert spliced.count(True) == 1 + 5  # the beginning, and five steps
    assert len(buffer) == 8 - 5


@pytest.mark.parametrize("faster", [0.99, 1.01])
def test_a_source_whose_clock_differs_is_followed(faster: float):
    buffer = JitterBuffer()
    sent = 0
    missing = 0
    for tick in range(5000):
        while sent * 0.02 * faster <= tick * 0.02:
            put(buffer, sent)
            sent += 1
        missing += buffer.take() is None

    assert missing <= 120  # 50 of which a slower source does not have
    assert len(buffer) <= LONGEST // 160


@pytest.mark.parametrize("jump", [2**31, 40_000, -40_000])
def test_m08_a_timestamp_that_jumps_begins_anew(jump: int):
    buffer = running()

    for number in range(12):
        buffer.put(SSRC, (jump + number * 160) % 2**32, payload(100 + number))
    taken = [buffer.take() for _ in range(3)]

    assert None not in taken
    assert not {payload(number) for number in range(100)} & set(taken)


def test_another_source_begins_anew():
    buffer = running()

    for number in range(50, 53):
        put(buffer, number, ssrc=99)

    assert [buffer.take() for _ in range(3)] == [payload(50), payload(51), payload(52)]


def test_a_source_that_was_silent_begins_anew():
    buffer = running()
    assert [buffer.take() for _ in range(12)] == [payload(1)] + [None] * 11

    put(buffer, 12)
    assert buffer.take() is None
    put(buffer, 13)

    assert [buffer.take(), buffer.take()] == [payload(12), payload(13)]
    assert not buffer.spliced


@pytest.mark.parametrize("size", [80, 240, 320, 480])
def test_packets_of_other_lengths_are_cut_and_put_together(size: int):
    stream = bytes(Random(1).randbytes(2880))
    buffer = JitterBuffer()
    for start in range(0, len(stream), size):
        buffer.put(SSRC, start, stream[start : start + size])

    taken = [buffer.take() for _ in range(len(stream) // 160)]

    assert b"".join(frame or b"" for frame in taken) == stream


def test_a_frame_of_which_a_part_is_lost_is_missed():
    stream = bytes(range(200)) * 4
    buffer = JitterBuffer()
    for start in (0, 80, 160, 320, 400):
        buffer.put(SSRC, start, stream[start : start + 80])

    taken = [buffer.take() for _ in range(3)]

    assert taken == [stream[:160], None, stream[320:480]]


def test_what_waits_can_be_looked_at():
    buffer = running()
    for number in (3, 2):
        put(buffer, number)

    assert buffer.pending() == [payload(1), payload(2), payload(3)]
    assert buffer.take() == payload(1)


def test_no_more_is_kept_than_its_limit():
    buffer = running()

    kept = [buffer.put(SSRC, 160 + step, b"x") for step in range(1, 200)]

    assert kept.count(True) == len(buffer) - 1 < 64


def test_a_packet_without_a_payload_does_no_harm():
    buffer = running()

    assert buffer.put(SSRC, 320, b"")

    assert [buffer.take(), buffer.take()] == [payload(1), None]
