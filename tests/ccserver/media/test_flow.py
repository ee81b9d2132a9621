from __future__ import annotations

import pytest

from ccserver.media.flow import Flow
from ccserver.media.g711 import TRANSLATION, translate
from ccserver.media.rtp import Packet, build, parse
from tests.support.room import Room

PHONE = ("192.0.2.1", 4000)
VOICE = bytes(range(160))


def test_the_next_packet_is_sent_on_in_the_other_stream():
    flow = a_flow()

    sent = flow.relay(packet(11, 1160), PHONE, 0.02)

    assert sent is not None
    assert parse(sent) == Packet(8, False, 501, 9160, 77, VOICE)


def test_sequence_numbers_wrap_on_either_side():
    flow = a_flow(sequence=65535, sent_sequence=65535)

    sent = flow.relay(packet(0, 1160), PHONE, 0.02)

    assert sent is not None
    assert parse(sent).sequence == 0


def test_a_timestamp_that_wraps_goes_the_long_way():
    flow = a_flow(timestamp=2**32 - 160, transit=160.0 - 2**32)

    assert flow.relay(packet(11, 0), PHONE, 0.02) is None


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(build(0, False, 12, 1160, 5, VOICE), id="one was lost, and no time"),
        pytest.param(build(0, False, 211, 33160, 5, VOICE), id="too many were lost"),
        pytest.param(build(0, False, 10, 1000, 5, VOICE), id="the last one again"),
        pytest.param(build(0, False, 11, 1000, 5, VOICE), id="a timestamp that stands"),
        pytest.param(build(0, True, 11, 1160, 5, VOICE), id="a marker"),
        pytest.param(build(101, False, 11, 1160, 5, VOICE), id="another payload type"),
        pytest.param(build(0, False, 11, 1160, 6, VOICE), id="another source"),
        pytest.param(build(0, False, 11, 1160, 5, VOICE[:80]), id="another length"),
        pytest.param(b"\x90" + build(0, False, 11, 1160, 5, VOICE)[1:], id="an extension"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_anything_else_is_not_its(data: bytes):
    flow = a_flow()

    assert flow.relay(data, PHONE, 0.02) is None
    assert flow.take() is None


def test_a_stranger_and_a_pause_are_not_its():
    assert a_flow().relay(packet(11, 1160), (PHONE[0], 4444), 0.02) is None
    assert a_flow().relay(packet(11, 1160), PHONE, 1.5) is None


def test_what_it_carried_is_told_once():
    flow = a_flow()
    flow.relay(packet(11, 1160), PHONE, 0.02)
    flow.relay(packet(12, 1320), PHONE, 0.05)

    carried = flow.take()

    assert carried is not None
    assert (carried.packets, carried.payload, carried.at) == (2, VOICE, 0.05)
    assert (carried.sequence, carried.sent_sequence, carried.sent_timestamp) == (12, 502, 9320)
    assert carried.jitter == pytest.approx(80 / 16)
    assert flow.take() is None


def test_packets_that_were_lost_are_counted_and_missing_where_it_goes():
    flow = a_flow()

    sent = flow.relay(packet(14, 1640), PHONE, 0.08)

    assert sent is not None
    assert (parse(sent).sequence, parse(sent).timestamp) == (504, 9640)
    carried = flow.take()
    assert carried is not None
    assert (carried.packets, carried.lost, carried.sequence) == (1, 3, 14)
    assert flow.relay(packet(15, 1800), PHONE, 0.1) is not None


def test_payloads_are_translated_between_the_laws():
    flow = a_flow(translation=TRANSLATION["PCMU", "PCMA"])

    sent = flow.relay(packet(11, 1160), PHONE, 0.02)

    assert sent is not None
    assert parse(sent).payload == translate(VOICE, "PCMU", "PCMA")


def test_a_second_listener_ends_the_flow_to_the_first():
    room = Room()
    anna, bert, carl = (room.enter(name, 500.0) for name in ("anna", "bert", "carl"))
    room.hear(bert="anna")
    room.passes(0.1)
    assert anna.session.flow is not None

    room.hear(carl="anna")
    room.passes(0.1)

    assert anna.session.flow is None
    assert len(bert.heard) == 10
    assert len(carl.heard) == 5


def a_flow(
    sequence: int = 10,
    timestamp: int = 1000,
    *,
    sent_sequence: int = 500,
    transit: float = -1000.0,
    translation: bytes | None = None,
) -> Flow:
    return Flow(
        Packet(0, False, sequence, timestamp, 5, VOICE),
        PHONE,
        sent_payload_type=8,
        sent_sequence=sent_sequence,
        sent_timestamp=9000,
        sent_ssrc=77,
        translation=translation,
        transit=transit,
        jitter=0.0,
    )


def packet(sequence: int, timestamp: int) -> bytes:
    return build(0, False, sequence, timestamp, 5, VOICE)
