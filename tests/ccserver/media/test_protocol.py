from __future__ import annotations

import pytest

from ccserver.media.protocol import (
    MAXIMUM_FRAME,
    BadFrame,
    CreateSession,
    DigitHeard,
    Hear,
    Play,
    Sessions,
    SessionState,
    SetRemote,
    Statistics,
    decode_commands,
    decode_events,
    encode_frames,
)


def test_commands_arrive_as_they_were_sent():
    commands = [
        CreateSession("a"),
        SetRemote("a", "2001:db8::1", 4000, "PCMA", 8, None, "sendonly", rtcp_port=4001),
        Play("a", "greeting", ["hello.wav", "music.wav"], loop=True),
        Hear("a", ["b", "c"]),
    ]

    (frame,) = encode_frames(commands)

    assert decode_commands(frame) == commands


def test_events_arrive_as_they_were_sent():
    events = [
        DigitHeard("a", "#", 120, 2**32 - 1),
        Sessions([SessionState("a", "192.0.2.1", 20000, ["b"], None, 1, 2, False)], last=False),
        Statistics(1, 2, {"stranger": 3}, {"+Inf": 4}, 0.5, 6, 7, 8, 9, 10, 0.1),
    ]

    (frame,) = encode_frames(events)

    assert decode_events(frame) == events


def test_nothing_makes_no_frame():
    assert encode_frames([]) == []


def test_what_does_not_fit_into_one_frame_goes_into_several_in_order():
    commands = [CreateSession(f"{number:05}" * 20) for number in range(3000)]

    frames = encode_frames(commands)

    assert len(frames) > 1
    assert max(map(len, frames)) <= MAXIMUM_FRAME
    assert [command for frame in frames for command in decode_commands(frame)] == commands


def test_a_message_larger_than_a_frame_is_refused():
    with pytest.raises(BadFrame):
        encode_frames([CreateSession("x" * MAXIMUM_FRAME)])


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\xc1",
        b"\x91\x91\xa5Alien",
        b"\x91\x92\xadCreateSession\x01",
        b"\x91\x92\xadCreateSession\xa1\xff",
        b"\x91" * 5000,
    ],
)
def test_a_frame_that_says_nothing_we_know_is_refused(frame: bytes):
    with pytest.raises(BadFrame):
        decode_commands(frame)
    with pytest.raises(BadFrame):
        decode_events(frame)
