"""Who hears whom: every party sends a tone of its own, and an FFT finds them at each ear."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from ccserver.media.protocol import DigitHeard, PlayFinished
from ccserver.media.session import Drop
from tests.support import ears
from tests.support.room import MUSIC, Party, Room

TONES = {"a": 440.0, "b": 620.0, "c": 810.0, "s": 1030.0, "d": 1290.0, "e": 1510.0, "f": 1770.0}
TONES |= {"g": 2090.0, "h": 2390.0}
CODECS = {
    "alike": dict.fromkeys(TONES, "PCMU"),
    "both laws": dict(zip(TONES, ["PCMU", "PCMA"] * 5, strict=False)),
    "wide": dict.fromkeys(TONES, "G722"),
    "mixed": dict(zip(TONES, ["PCMU", "PCMA", "G722"] * 3, strict=True)),
}


@pytest.fixture(params=CODECS)
def room(request: pytest.FixtureRequest) -> Room:
    room = Room()
    room.codecs = CODECS[request.param]
    return room


@pytest.fixture
def plain() -> Room:
    room = Room()
    room.codecs = CODECS["alike"]
    return room


def enter(room: Room, names: str) -> list[Party]:
    return [room.enter(name, TONES[name], room.codecs[name]) for name in names.split()]


def heard(room: Room) -> dict[str, str]:
    """The names of those that each one hears, in the order of the alphabet; ``*`` is music."""
    names = {hertz: name for name, hertz in TONES.items()} | {MUSIC: "*"}
    return {
        name: " ".join(sorted(names[hertz] for hertz in tones))
        for name, tones in room.ears().items()
    }


def test_unasked_nobody_hears_anything(room: Room):
    enter(room, "a b c")

    assert heard(room) == {"a": "", "b": "", "c": ""}


def test_two_parties_hear_each_other(room: Room):
    enter(room, "a c")
    room.hear(a="c", c="a")

    assert heard(room) == {"a": "c", "c": "a"}


def test_on_hold_one_hears_music_and_the_other_nothing(room: Room):
    enter(room, "a c")
    room.hear(a="c", c="a")
    room.passes(0.1)

    room.hear(a="", c="")
    room.plays_music("c")

    assert heard(room) == {"a": "", "c": "*"}
    assert not room.parties["a"].heard


def test_in_a_consultation_the_agents_hear_each_other_and_the_customer_music(room: Room):
    enter(room, "a b c")
    room.hear(a="c", c="a")
    room.passes(0.1)

    room.hear(a="b", b="a", c="")
    room.plays_music("c")
    assert heard(room) == {"a": "b", "b": "a", "c": "*"}

    # Swapped: the customer talks, the consulted agent waits.
    room.matrix.stop_playing(room.parties["c"].session, None)
    room.hear(a="c", c="a", b="")
    room.plays_music("b")
    assert heard(room) == {"a": "c", "b": "*", "c": "a"}


@pytest.mark.parametrize("size", range(3, 9))
def test_in_a_conference_everybody_hears_all_others(room: Room, size: int):
    names = list(TONES)[:size]
    enter(room, " ".join(names))

    room.confer(*names)

    assert heard(room) == {
        name: " ".join(sorted(other for other in names if other != name)) for name in names
    }


def test_a_conference_grows_and_shrinks_to_two(room: Room):
    enter(room, "a b c")
    room.hear(a="c", c="a")
    room.passes(0.2)

    room.confer("a", "b", "c")
    assert heard(room) == {"a": "b c", "b": "a c", "c": "a b"}
    enter(room, "d")
    room.confer("a", "b", "c", "d")
    assert heard(room) == {"a": "b c d", "b": "a c d", "c": "a b d", "d": "a b c"}
    room.leave("a")
    assert heard(room) == {"b": "c d", "c": "b d", "d": "b c"}
    room.leave("b")
    assert heard(room) == {"c": "d", "d": "c"}


def test_after_the_customer_has_left_the_others_talk_on(room: Room):
    enter(room, "a b c")
    room.confer("a", "b", "c")
    room.passes(0.2)

    room.leave("c")

    assert heard(room) == {"a": "b", "b": "a"}


def test_one_of_a_conference_on_hold_hears_music_alone_and_is_not_heard(room: Room):
    enter(room, "a b c")
    room.confer("a", "b", "c")
    room.passes(0.2)

    room.hear(a="b", b="a", c="")
    room.plays_music("c")

    assert heard(room) == {"a": "b", "b": "a", "c": "*"}


def test_who_is_muted_hears_and_is_not_heard(room: Room):
    enter(room, "a b c")

    room.hear(a="c", b="a c", c="a")

    assert heard(room) == {"a": "c", "b": "a c", "c": "a"}


def test_a_supervisor_listens_whispers_and_barges_in(room: Room):
    enter(room, "a c s")
    room.hear(a="c", c="a")
    room.passes(0.1)

    room.hear(s="a c")
    assert heard(room) == {"a": "c", "c": "a", "s": "a c"}
    room.hear(a="c s")
    assert heard(room) == {"a": "c s", "c": "a", "s": "a c"}
    room.hear(c="a s")
    assert heard(room) == {"a": "c s", "c": "a s", "s": "a c"}
    room.leave("s")
    assert heard(room) == {"a": "c", "c": "a"}


def test_an_announcement_is_heard_over_the_conference_by_one_alone(room: Room):
    enter(room, "a b c")
    room.confer("a", "b", "c")

    room.plays_music("a")

    assert heard(room) == {"a": "* b c", "b": "a c", "c": "a b"}


def test_m13_the_customer_never_hears_the_whisper(plain: Room):
    """Not one sample of it, whatever else changes: what he is sent is the agent's own packets."""
    agent, customer, _ = enter(plain, "a c s")
    plain.hear(a="c", c="a")
    plain.passes(0.2)
    for whispers in ("c s", "c") * 20:
        plain.hear(s="a c", a=whispers)
        plain.passes(0.06)

    voice = ears.Voice("PCMU", agent.hertz)
    spoken = [voice.frame() for _ in range(agent.sent)]
    assert customer.audio() == spoken


def test_m13_a_thousand_holds_leave_nothing_behind(plain: Room):
    agent, _ = enter(plain, "a c")
    for _ in range(1000):
        plain.hear(a="c", c="a")
        plain.passes(0.02)
        plain.hear(a="", c="")
        plain.plays_music("c")
        plain.passes(0.02)
        plain.matrix.stop_playing(plain.parties["c"].session, None)

    assert heard(plain) == {"a": "", "c": ""}
    assert agent.session.listeners == agent.session.sources == agent.session.relays == []
    assert plain.matrix.only_mixed() == []


def test_what_was_mixed_is_forgotten_when_it_is_not_heard_any_more(room: Room):
    enter(room, "a b c d")
    room.confer("a", "b", "c", "d")
    room.passes(0.1)

    for name in "abcd":
        room.leave(name)
    room.passes(0.04)

    assert room.matrix.only_mixed() == []
    assert room.matrix.mixer.ears == 0
    assert room.matrix.mixer.rows == 0


# --- from one way to another ------------------------------------------------------------------


def numbered(number: int) -> bytes:
    """A frame of mu-law that says its number, to those who hear nothing else."""
    return bytes([0x80 + number % 100]) * 160


def numbers_heard(party: Party) -> list[int]:
    """A frame's end is untouched by whatever joins it to the one before."""
    return [payload[-1] - 0x80 for payload in party.audio()]


def test_a_listener_goes_into_the_mixer_and_back_and_loses_nothing(plain: Room):
    listener, speaker, silent = enter(plain, "a b c")
    silent.talks = False
    speaker.voice_of = numbered
    plain.hear(a="b", b="a")
    plain.passes(0.4)
    for _ in range(4):
        plain.hear(a="b c")
        plain.passes(0.2)
        plain.hear(a="b")
        plain.passes(0.2)

    missing = set(range(speaker.sent)) - set(numbers_heard(listener))
    assert missing <= {speaker.sent - 1}


def test_all_ways_make_one_stream(room: Room):
    (listener, *_) = enter(room, "a b c")
    room.plays_music("a")
    room.passes(0.2)
    room.matrix.stop_playing(listener.session, None)
    for sources in ("b", "b c", "b", "c", "b c"):
        room.hear(a=sources)
        room.passes(0.2)

    packets = listener.heard
    assert len({packet.ssrc for packet in packets}) == 1
    assert {(b.sequence - a.sequence) & 0xFFFF for a, b in pairwise(packets)} == {1}
    assert {(b.timestamp - a.timestamp) % 2**32 for a, b in pairwise(packets)} == {160}
    assert len(packets) == pytest.approx(60, abs=2)


CLICK = 1200.0
"""A bend in the line of samples that no deep tones make, nor the steps of G.711."""


def low_voices(room: Room) -> Party:
    """Anna hears deep tones, so that a click stands out from them."""
    listener, *_ = [
        room.enter(name, hertz) for name, hertz in zip("abcd", (110, 150, 190, 230), strict=True)
    ]
    return listener


def test_no_change_makes_a_click(plain: Room):
    listener = low_voices(plain)
    plain.hear(a="b")
    plain.passes(0.2)
    plain.hear(a="c d b")
    plain.passes(0.3)
    for sources in ("b d", "c", "b c d", "b", "b c"):
        plain.hear(a=sources)
        plain.passes(0.13)

    assert ears.worst_bend("PCMU", listener.audio()) < CLICK


def test_a_conference_that_somebody_joins_or_leaves_hears_no_click(plain: Room):
    listener = low_voices(plain)
    plain.confer("a", "b", "c")
    plain.passes(0.3)

    plain.confer("a", "b", "c", "d")
    plain.passes(0.2)
    plain.leave("d")
    plain.passes(0.2)
    plain.leave("c")
    plain.hear(a="b", b="a")
    plain.passes(0.2)

    assert ears.worst_bend("PCMU", listener.audio()) < CLICK


def test_a_decoder_of_g722_that_goes_to_another_encoder_does_not_shout():
    room = Room()
    listener, _, silent = (room.enter(name, TONES[name], "G722") for name in "abc")
    silent.talks = False
    room.hear(a="b")
    room.passes(0.5)
    for sources in ("b c", "b", "", "b c", "", "b"):
        room.hear(a=sources)
        room.passes(0.3)

    assert np.abs(ears.linear("G722", listener.audio())).max() < 2 * ears.AMPLITUDE


def test_an_agent_who_takes_another_codec_is_heard_on(plain: Room):
    enter(plain, "a b c")
    plain.confer("a", "b", "c")
    plain.passes(0.2)
    plain.parties["b"].takes("G722")

    plain.speaks("b", "G722")

    assert heard(plain) == {"a": "b c", "b": "a c", "c": "a b"}
    plain.hear(a="b", b="a", c="")
    assert heard(plain) == {"a": "b", "b": "a", "c": ""}


def test_who_may_not_be_sent_to_is_sent_nothing_and_still_heard(plain: Room):
    enter(plain, "a b c")
    plain.confer("a", "b", "c")
    plain.passes(0.1)

    plain.speaks("b", "PCMU", "recvonly")

    assert heard(plain) == {"a": "b c", "b": "", "c": "a b"}


def test_a_source_of_which_nothing_is_known_yet_is_heard_as_soon_as_it_is(plain: Room):
    enter(plain, "a c")
    plain.knows("b", TONES["b"])

    plain.confer("a", "b", "c")
    assert heard(plain) == {"a": "c", "b": "", "c": "a"}
    plain.speaks("b", "PCMA")

    assert heard(plain) == {"a": "b c", "b": "a c", "c": "a b"}


# --- keys, losses, overload -------------------------------------------------------------------


def test_keys_pass_through_the_mixer_once_and_in_one_piece(room: Room):
    anna, bert, _ = enter(room, "a b c")
    room.confer("a", "b", "c")
    room.passes(0.1)
    bert.forget()
    anna.talks = False
    for number, end in enumerate((False, False, False, True, True, True)):
        event = bytes([5, 128 * end + 10]) + (160 * (number + 1)).to_bytes(2)
        room.sends(anna, anna.key(event, timestamp=7777))
        room.passes(0.02)

    keys = [packet for packet in bert.heard if packet.payload_type == 101]
    assert [key.payload[1] >= 128 for key in keys] == [False] * 3 + [True] * 3
    assert len({key.timestamp for key in keys}) == 1
    assert [key.marker for key in keys] == [True] + [False] * 5
    assert {(b.sequence - a.sequence) & 0xFFFF for a, b in pairwise(bert.heard)} == {1}
    assert [event for event in room.events if isinstance(event, DigitHeard)] == [
        DigitHeard("a", "5", 80, 7777)
    ]


def test_who_takes_no_keys_is_sent_none(plain: Room):
    anna, bert, _ = enter(plain, "a b c")
    plain.confer("a", "b", "c")
    plain.speaks("b", "PCMU", keys=False)
    plain.passes(0.1)

    plain.sends(anna, anna.key(b"\x05\x0a\x00\xa0", timestamp=7777))

    assert not [packet for packet in bert.heard if packet.payload_type == 101]
    assert plain.drops[Drop.NO_TELEPHONE_EVENT] == 1


def test_a_key_ends_an_announcement_that_allows_it(plain: Room):
    anna, *_ = enter(plain, "a b c")
    plain.confer("a", "b", "c")
    plain.plays_music("a", barge_in=True)
    plain.passes(0.1)

    plain.sends(anna, anna.key(b"\x05\x0a\x00\xa0", timestamp=7777))

    assert heard(plain) == {"a": "b c", "b": "a c", "c": "a b"}
    assert PlayFinished("a", "music") in plain.events


def test_an_announcement_ends_by_itself_and_is_told(room: Room):
    enter(room, "a b c")
    room.confer("a", "b", "c")

    room.plays_music("a", loop=False)
    room.passes(1.1)

    assert room.events == [PlayFinished("a", "music")]
    assert heard(room) == {"a": "b c", "b": "a c", "c": "a b"}


def test_m12_the_losses_of_one_do_not_hurt_the_others(plain: Room):
    listener, good, bad = enter(plain, "a b c")
    plain.confer("a", "b", "c")
    bad.lost = {number for number in range(1000) if number % 5 in (1, 3, 4)}
    plain.passes(0.5)
    listener.forget()
    plain.passes(1.0)

    level = ears.level("PCMU", listener.audio(), good.hertz)
    assert level == pytest.approx(ears.AMPLITUDE, rel=0.03)
    assert len(listener.audio()) == 50


def test_m12_too_loud_is_cut_off_and_does_not_wrap(plain: Room):
    listener, *_ = enter(plain, "a b c d e f")
    for party in plain.parties.values():
        party.voice_of = lambda number: b"\x80" * 160  # the loudest code of all
    plain.confer(*plain.parties)
    plain.passes(0.5)

    assert listener.audio()[-1] == b"\x80" * 160


def test_a_packet_that_comes_too_late_is_counted(plain: Room):
    _, bert, _ = enter(plain, "a b c")
    plain.confer("a", "b", "c")
    plain.passes(0.1)
    held = bert.packet()
    plain.passes(0.1)

    plain.sends(bert, held)

    assert plain.drops[Drop.LATE] == 1


def test_packets_in_the_wrong_order_are_put_right(plain: Room):
    listener, bert, silent = enter(plain, "a b c")
    silent.talks = bert.talks = False
    bert.voice_of = numbered
    plain.hear(a="b c")
    for _ in range(30):
        first, second = bert.packet(), bert.packet()
        plain.sends(bert, second)
        plain.sends(bert, first)
        plain.passes(0.04)

    numbers = [number for number in numbers_heard(listener)[8:] if number >= 0]
    assert all(later - earlier == 1 for earlier, later in pairwise(numbers))
