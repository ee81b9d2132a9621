from __future__ import annotations

import numpy as np
import pytest

from ccserver.media.rtp import Packet, parse
from ccserver.media.speech import FRAME, Next, Speech
from ccserver.media.stream import OutStream
from tests.support.room import Party, Room

HALLO = bytes(range(FRAME))
HOLA = HALLO[::-1]


def test_everybody_is_sent_what_follows_in_his_own_stream():
    speech = Speech([Next(7, 0, 10, 1000, 5), Next(9, 8, 65535, 2**32 - 160, 6)])

    first, second = said(speech, 0.02), said(speech, 0.04)

    assert first == {
        7: Packet(0, False, 10, 1000, 5, HALLO),
        9: Packet(8, False, 65535, 2**32 - 160, 6, HOLA),
    }
    assert second == {7: Packet(0, False, 11, 1160, 5, HALLO), 9: Packet(8, False, 0, 0, 6, HOLA)}


def test_a_stream_counts_what_was_said_when_it_is_asked():
    out = OutStream(5, 9, 840)
    out.play(0, HALLO, 0.0)
    speech = Speech([Next(7, 0, 11, 1160, 5)])
    out.is_spoken_to(speech)
    for tick in range(1, 4):
        speech.say(np.frombuffer(HALLO, np.uint8).reshape(1, FRAME), 0.02 * tick)

    assert out.packets == 1
    out.take_stock()
    out.take_stock()

    assert (out.packets, out.octets) == (4, 4 * FRAME)
    assert (out.sequence, out.timestamp, out.sent_at) == (13, 1480, 0.06)
    assert not speech.is_over


@pytest.mark.parametrize("act", ["play", "break_off"])
def test_whatever_else_happens_to_a_stream_ends_the_speech(act: str):
    out = OutStream(5, 9, 840)
    out.play(0, HALLO, 0.0)
    speech = Speech([Next(7, 0, 11, 1160, 5)])
    out.is_spoken_to(speech)
    speech.say(np.frombuffer(HALLO, np.uint8).reshape(1, FRAME), 0.02)

    if act == "play":
        assert parse(out.play(0, HALLO, 0.04)).sequence == 12
    else:
        out.break_off()

    assert speech.is_over
    out.take_stock()
    assert out.sequence == (12 if act == "play" else 11)


def test_who_is_in_a_conference_is_spoken_to_and_a_key_amid_it_comes_in_its_turn():
    room = Room()
    for number, name in enumerate(("anna", "bert", "carl", "dora")):
        room.enter(name, 500.0 + 100 * number)
    room.confer("anna", "bert", "carl", "dora")
    room.passes(0.3)
    anna, bert = room.parties["anna"], room.parties["bert"]
    assert bert.session.out.may_be_spoken_to

    room.sends(anna, anna.key(bytes([5, 0x80, 0, 160]), timestamp=anna.sent * 160))
    room.passes(0.3)

    assert [packet.payload_type for packet in bert.heard].count(101) == 1
    assert sequences(bert) == list(range(len(bert.heard)))
    assert bert.session.state(room.now).packets_out == len(bert.heard)


def sequences(party: Party) -> list[int]:
    first = party.heard[0].sequence
    return [packet.sequence - first for packet in party.heard]


def said(speech: Speech, now: float) -> dict[int, Packet]:
    frames = np.frombuffer(HALLO + HOLA, np.uint8).reshape(2, FRAME)
    return {line: parse(bytes(datagram)) for line, datagram in speech.say(frames, now)}
