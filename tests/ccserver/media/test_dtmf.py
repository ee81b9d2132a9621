from __future__ import annotations

import pytest

from ccserver.media.dtmf import END_IS_LOST, MOST_KEYS, Keypad, KeyPressed, KeyReleased
from ccserver.media.rtp import BadPacket


def test_a_key_is_heard_once_however_often_it_is_told():
    keypad = Keypad()

    assert keypad.hear(1000, update(5, 160), 0.0) == [KeyPressed("5")]
    assert keypad.hear(1000, update(5, 320), 0.02) == []
    assert keypad.hear(1000, end(5, 480), 0.04) == [KeyReleased("5", 480, 1000)]
    assert keypad.hear(1000, end(5, 480), 0.04) == []
    assert keypad.hear(1000, end(5, 480), 0.04) == []
    assert keypad.held is None


def test_a_key_of_which_only_an_end_comes_through_is_heard():
    assert Keypad().hear(7, end(11, 800), 0.0) == [KeyPressed("#"), KeyReleased("#", 800, 7)]


def test_a_key_whose_ends_are_all_lost_ends_after_a_while():
    keypad = Keypad()
    keypad.hear(1000, update(0, 320), 1.0)

    assert keypad.expire(1.0 + END_IS_LOST - 0.01) == []
    assert keypad.expire(1.0 + END_IS_LOST) == [KeyReleased("0", 320, 1000)]
    assert keypad.hear(1000, end(0, 480), 1.3) == []


def test_the_next_key_ends_one_whose_ends_are_lost():
    keypad = Keypad()
    keypad.hear(1000, update(1, 320), 0.0)

    keys = keypad.hear(2000, update(2, 160), 0.1)

    assert keys == [KeyReleased("1", 320, 1000), KeyPressed("2")]


def test_the_same_key_twice_is_two_keys():
    keypad = Keypad()
    keypad.hear(1000, end(1, 320), 0.0)

    assert keypad.hear(2000, end(1, 320), 0.1) == [KeyPressed("1"), KeyReleased("1", 320, 2000)]


def test_what_the_next_key_overtook_is_not_heard_again():
    keypad = Keypad()
    keypad.hear(1000, end(1, 320), 0.0)
    keypad.hear(2000, update(2, 160), 0.1)

    assert keypad.hear(1000, end(1, 320), 0.1) == []
    assert keypad.held is not None


def test_a_key_longer_than_a_duration_can_say_is_one_key():
    keypad = Keypad()
    keypad.hear(1000, update(9, 160), 0.0)
    keypad.hear(1000, update(9, 0xFFFF), 8.0)

    assert keypad.hear(1000 + 0xFFFF, update(9, 160), 8.02) == []
    assert keypad.hear(1000 + 0xFFFF, end(9, 320), 8.04) == [KeyReleased("9", 0xFFFF + 320, 1000)]


def test_a_timestamp_that_wraps_is_still_later():
    keypad = Keypad()
    keypad.hear(2**32 - 100, end(1, 80), 0.0)

    assert keypad.hear(60, end(2, 80), 0.1)[0] == KeyPressed("2")


def test_a_source_that_counts_anew_is_heard():
    keypad = Keypad()
    keypad.hear(2**31, end(1, 80), 0.0)

    assert keypad.hear(500, end(2, 80), 20.0)[0] == KeyPressed("2")
    keypad.restart()
    assert keypad.hear(400, end(3, 80), 20.1)[0] == KeyPressed("3")


@pytest.mark.parametrize("event", [16, 100, 255])
def test_an_event_that_is_no_key_is_counted_and_not_heard(event: int):
    keypad = Keypad()

    assert keypad.hear(1000, end(event, 320), 0.0) == []
    assert keypad.ignored == 1


def test_no_more_keys_than_fingers_press_are_heard_in_a_second():
    keypad = Keypad()
    presses = [
        key
        for number in range(1000)
        for key in keypad.hear(number * 8, end(1, 8), number / 1000)
        if isinstance(key, KeyPressed)
    ]

    assert len(presses) == MOST_KEYS
    assert keypad.ignored == 1000 - MOST_KEYS


def test_a_payload_that_is_cut_off_is_refused():
    with pytest.raises(BadPacket):
        Keypad().hear(0, b"\1\2\3", 0.0)


def update(event: int, duration: int) -> bytes:
    return bytes([event, 10]) + duration.to_bytes(2)


def end(event: int, duration: int) -> bytes:
    return bytes([event, 0x80 | 10]) + duration.to_bytes(2)
