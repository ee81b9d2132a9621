from __future__ import annotations

import pytest

from ccserver.media.player import FRAME, Player
from ccserver.media.wav import Sound


def test_files_follow_each_other_without_a_gap_and_the_end_is_silence():
    player = Player("greeting", [sound(1, 200), sound(2, 100)])

    frames = [player.frame("PCMU"), player.frame("PCMU")]

    assert b"".join(frames) == b"\1" * 200 + b"\2" * 100 + b"\xff" * 20
    assert player.finished


def test_a_list_that_ends_with_a_frame_is_finished_with_it():
    player = Player("greeting", [sound(1, FRAME)])

    assert player.frame("PCMU") == b"\1" * FRAME
    assert player.finished


def test_a_loop_begins_again_within_the_frame():
    player = Player("music", [sound(1, 100), sound(2, 30)], loop=True)

    heard = b"".join(player.frame("PCMU") for _ in range(13))

    assert heard == (b"\1" * 100 + b"\2" * 30) * 16
    assert not player.finished


def test_a_codec_that_changes_goes_on_at_the_same_sample():
    player = Player("music", [Sound(bytes(range(200)), bytes(reversed(range(200))))])
    player.frame("PCMU")

    assert player.frame("PCMA") == bytes(range(39, -1, -1)) + b"\xd5" * 120


@pytest.mark.parametrize("sounds", [[], [Sound(b"", b"")]])
def test_nothing_cannot_be_played(sounds: list[Sound]):
    with pytest.raises(ValueError, match="at least one sample"):
        Player("nothing", sounds, loop=True)


def sound(value: int, samples: int) -> Sound:
    return Sound(bytes([value]) * samples, bytes([value + 100]) * samples)
