from __future__ import annotations

import pytest

from ccserver.media.batch import Batch
from ccserver.media.flow import MIXED, REFUSED, UNCONNECTED, Carried, Flow, Flows, Sent
from ccserver.media.g711 import translate
from ccserver.media.rtp import Packet, build, parse
from tests.support.room import Room

PHONE = ("192.0.2.1", 4000)
VOICE = bytes(range(160))
SENT = Sent(8, 500, 9000, 77)


@pytest.fixture(autouse=True, params=[0, 20], ids=["together", "one by one"])
def few(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    monkeypatch.setattr(Flows, "few", request.param)


def test_the_next_packet_is_sent_on_in_the_other_stream():
    stream = Stream()

    assert parse(stream.carries(packet(11, 1160), 0.02)) == Packet(8, False, 501, 9160, 77, VOICE)


def test_sequence_numbers_wrap_on_either_side():
    stream = Stream(sequence=65535, sent_sequence=65535)

    assert parse(stream.carries(packet(0, 1160), 0.02)).sequence == 0


def test_a_timestamp_that_wraps_goes_the_long_way():
    stream = Stream(timestamp=2**32 - 160, transit=160.0 - 2**32)

    assert stream.refuses(packet(11, 0), 0.02)


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
    stream = Stream()

    assert stream.refuses(data, 0.02)
    assert stream.flow.take() is None


def test_a_pause_is_not_its():
    assert Stream().refuses(packet(11, 1160), 1.5)


def test_what_it_carried_is_told_once():
    stream = Stream()
    stream.carries(packet(11, 1160), 0.02)
    stream.carries(packet(12, 1320), 0.05)

    carried = stream.flow.take()

    assert carried is not None
    assert (carried.packets, carried.payload, carried.at) == (2, VOICE, 0.05)
    assert (carried.sequence, carried.sent_sequence, carried.sent_timestamp) == (12, 502, 9320)
    assert carried.jitter == pytest.approx(80 / 16)
    assert stream.flow.take() is None


def test_packets_that_were_lost_are_counted_and_missing_where_it_goes():
    stream = Stream()

    sent = parse(stream.carries(packet(14, 1640), 0.08))

    assert (sent.sequence, sent.timestamp) == (504, 9640)
    carried = stream.flow.take()
    assert carried is not None
    assert (carried.packets, carried.lost, carried.sequence) == (1, 3, 14)
    assert stream.carries(packet(15, 1800), 0.1)


def test_payloads_are_translated_between_the_laws():
    stream = Stream(laws=("PCMU", "PCMA"))

    sent = parse(stream.carries(packet(11, 1160), 0.02))

    assert sent.payload == translate(VOICE, "PCMU", "PCMA")
    assert carried(stream).payload == VOICE


def test_packets_of_many_flows_go_each_its_own_way():
    flows: Flows[str] = Flows()
    streams = [
        Stream(flows, way=way, laws=laws, length=length)
        for way, laws, length in [
            (7, ("PCMU", "PCMU"), 160),
            (MIXED, ("PCMU", "PCMA"), 160),
            (8, ("PCMA", "PCMU"), 80),
            (UNCONNECTED, ("PCMA", "PCMU"), 160),
            (9, ("PCMU", "PCMU"), 160),
        ]
    ]
    batch = Batch()
    for stream in streams[:-1]:
        batch.add(stream.flow.number, packet(11, 1000 + stream.length, VOICE[: stream.length]))
    batch.add(streams[-1].flow.number, packet(11, 1000))

    assert flows.carry(batch, 0.02) == [7, MIXED, 8, UNCONNECTED, REFUSED]
    assert [parse(batch.datagram(row)).payload for row in range(5)] == [
        VOICE,
        translate(VOICE, "PCMU", "PCMA"),
        translate(VOICE[:80], "PCMA", "PCMU"),
        translate(VOICE, "PCMA", "PCMU"),
        VOICE,
    ]
    assert batch.datagram(4) == packet(11, 1000)
    assert [carried(stream).payload for stream in streams[:-1]] == [VOICE, VOICE, VOICE[:80], VOICE]


def test_there_is_room_for_as_many_flows_as_there_are_calls():
    flows: Flows[str] = Flows()
    streams = [Stream(flows, sequence=number) for number in range(200)]

    assert len({stream.flow.number for stream in streams}) == 200
    for number, stream in enumerate(streams):
        assert parse(stream.carries(packet(number + 1, 1160), 0.02)).sequence == 501


def test_the_number_of_a_flow_that_has_ended_is_anothers():
    flows: Flows[str] = Flows()
    first = Stream(flows, line=5)
    assert flows.on_line[5] == first.flow.number
    first.carries(packet(11, 1160), 0.02)

    first.flow.end()
    assert flows.on_line[5] == -1
    second = Stream(flows, sequence=20, line=3)

    assert second.flow.number == first.flow.number
    assert second.flow.take() is None
    assert parse(second.carries(packet(21, 1160), 0.02)).sequence == 501


def test_a_flow_that_comes_and_goes_by_other_lines_goes_on():
    stream = Stream(way=UNCONNECTED)
    flows, flow = stream.flows, stream.flow
    stream.carries(packet(11, 1160), 0.02)

    flow.comes_by(5)
    flow.goes_by(7)
    assert flows.on_line[5] == flow.number
    batch = Batch()
    batch.add(flow.number, packet(12, 1320))
    assert flows.carry(batch, 0.04) == [7]

    flow.comes_by(3)
    assert (flows.on_line[5], flows.on_line[3]) == (-1, flow.number)
    flow.comes_by(None)
    assert flows.on_line[3] == -1
    assert carried(stream).packets == 2


def test_packets_of_a_length_that_nobody_sends_do_not_flow():
    flows: Flows[str] = Flows()
    odd = Packet(0, False, 1, 0, 5, bytes(17))

    assert begin(flows, odd) is None


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


class Stream:
    """A flow of packets of `length`, and what becomes of them one by one."""

    def __init__(
        self,
        flows: Flows[str] | None = None,
        *,
        sequence: int = 10,
        timestamp: int = 1000,
        sent_sequence: int = 500,
        transit: float = -1000.0,
        laws: tuple[str, str] = ("PCMU", "PCMU"),
        way: int = 7,
        length: int = 160,
        line: int | None = None,
    ) -> None:
        self.flows = Flows() if flows is None else flows
        self.length = length
        first = Packet(0, False, sequence, timestamp, 5, VOICE[:length])
        sent = Sent(8, sent_sequence, 9000, 77)
        flow = begin(self.flows, first, sent, laws, way=way, transit=transit, line=line)
        assert flow is not None
        self.flow = flow

    def carries(self, data: bytes, now: float) -> bytes:
        """How it goes on."""
        batch = Batch()
        batch.add(self.flow.number, data)
        assert self.flows.carry(batch, now) != [REFUSED]
        return batch.datagram(0)

    def refuses(self, data: bytes, now: float) -> bool:
        """And leaves it as it is."""
        batch = Batch()
        batch.add(self.flow.number, data)
        return self.flows.carry(batch, now) == [REFUSED] and batch.datagram(0) == data


def begin(
    flows: Flows[str],
    packet: Packet,
    sent: Sent = SENT,
    laws: tuple[str, str] = ("PCMU", "PCMU"),
    *,
    way: int = 7,
    transit: float = 0.0,
    line: int | None = None,
) -> Flow[str] | None:
    return flows.begin(
        "anna", packet, PHONE, laws, sent=sent, way=way, transit=transit, jitter=0.0, line=line
    )


def carried(stream: Stream) -> Carried:
    found = stream.flow.take()
    assert found is not None
    return found


def packet(sequence: int, timestamp: int, payload: bytes = VOICE) -> bytes:
    return build(0, False, sequence, timestamp, 5, payload)
