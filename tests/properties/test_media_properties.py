"""What must never happen to media, whatever the network sends."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from random import Random

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ccserver.media import dtmf, rtcp, rtp, wav
from ccserver.media.address_rules import Address, AddressRules
from ccserver.media.ports import REST, PortPool, PortsExhausted
from ccserver.media.protocol import BadFrame, SetRemote, decode_commands
from ccserver.media.session import Session
from ccserver.media.sockets import Pair
from ccserver.media.stream import OutStream
from sip import offer_answer, sdp
from tests.support.port_pairs import FOUR, SIX, PairsInMemory

PEER = ("192.0.2.1", 4000)
STRANGERS = [("203.0.113.66", 666), (PEER[0], 4444), ("198.51.100.7", PEER[1])]


# --- arbitrary bytes --------------------------------------------------------------------------

HEADS = st.sampled_from([b"", b"\x80\x00", b"\x90\x08", b"\xb5\x65", b"\xa0\x00"])


@given(HEADS, st.binary(max_size=200))
def test_arbitrary_bytes_are_rtp_or_refused(head: bytes, rest: bytes):
    try:
        packet = rtp.parse(head + rest)
    except rtp.BadPacket:
        return
    assert len(packet.payload) <= len(head + rest) - rtp.HEADER_BYTES
    again = rtp.parse(
        rtp.build(
            packet.payload_type,
            packet.marker,
            packet.sequence,
            packet.timestamp,
            packet.ssrc,
            packet.payload,
        )
    )
    assert again == packet


@given(
    st.sampled_from([b"", b"\x80\xc9\0\1abcd", b"\x80\xc8", b"\x81\xc9\0\7", b"\xa0\xc9"]),
    st.binary(max_size=200),
)
def test_arbitrary_bytes_are_rtcp_or_refused(head: bytes, rest: bytes):
    with suppress(rtp.BadPacket):
        assert rtcp.parse(head + rest)


@given(st.binary(max_size=8), st.integers(0, 2**32 - 1))
def test_arbitrary_bytes_are_keys_or_refused(payload: bytes, timestamp: int):
    try:
        keys = dtmf.Keypad().hear(timestamp, payload, 0.0)
    except rtp.BadPacket:
        return
    assert len(keys) <= 2


@given(
    st.sampled_from([b"", b"RIFF", b"RIFF\x30\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x40\x1f\0\0"]),
    st.binary(max_size=100),
)
def test_arbitrary_bytes_are_a_prompt_or_refused(head: bytes, rest: bytes):
    with suppress(wav.BadPrompt):
        assert len(wav.parse(head + rest)) > 0


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_commands_or_refused(frame: bytes):
    with suppress(BadFrame):
        decode_commands(frame)


# --- descriptions -----------------------------------------------------------------------------

SDP_LINES = st.sampled_from(
    [
        b"v=0",
        b"o=- 1 1 IN IP4 192.0.2.1",
        b"s=-",
        b"t=0 0",
        b"c=IN IP4 192.0.2.1",
        b"c=IN IP6 ::1",
        b"c=IN IP4 0.0.0.0",
        b"m=audio 4000 RTP/AVP 0 8 101",
        b"m=audio 0 RTP/AVP 0",
        b"m=video 4000 RTP/AVP 99",
        b"a=rtpmap:101 telephone-event/8000",
        b"a=rtpmap:0 PCMU/8000",
        b"a=sendonly",
        b"a=inactive",
        b"a=ptime:30",
        b"a=rtcp:4001",
        b"a=fmtp:101 0-15",
    ]
)
DESCRIPTIONS = st.one_of(
    st.binary(max_size=300),
    st.lists(SDP_LINES | st.binary(max_size=30), max_size=20).map(b"\r\n".join),
    st.lists(SDP_LINES, max_size=12).map(
        lambda lines: b"\r\n".join([b"v=0", b"o=- 1 1 IN IP4 192.0.2.1", *lines])
    ),
)
OURS = offer_answer.Local("192.0.2.10", 20000)


@given(DESCRIPTIONS)
def test_arbitrary_bytes_are_a_description_or_refused(data: bytes):
    try:
        session = sdp.parse(data)
    except sdp.SdpError:
        return
    assert sdp.parse(session.encode()) == session


@given(DESCRIPTIONS)
def test_what_we_answer_fits_the_offer(offer: bytes):
    try:
        answer, negotiated = offer_answer.answer(offer, OURS, session_id=1, version=1)
    except sdp.SdpError:
        return
    offered, answered = sdp.parse(offer).media, sdp.parse(answer).media
    assert [media.kind for media in answered] == [media.kind for media in offered]
    (audio,) = [media for media in answered if media.port]
    assert audio.direction == negotiated.direction
    assert negotiated.codec in OURS.codecs


@given(DESCRIPTIONS)
def test_an_arbitrary_answer_is_taken_or_refused(answer: bytes):
    offer = offer_answer.make_offer(OURS, session_id=1, version=1, direction="sendonly")
    try:
        negotiated = offer_answer.accept_answer(offer, answer)
    except sdp.SdpError:
        return
    assert negotiated.direction in ("sendonly", "inactive")


# --- who is heard -----------------------------------------------------------------------------


class WhoIsHeard(RuleBasedStateMachine):
    """While the peer sends, nobody else is heard, and what is meant for it goes nowhere else."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.rules = AddressRules(PEER, 0.0)
        self.sequence = 0
        self.heard_at = 0.0

    @rule(pause=st.floats(0.001, 0.9))
    def peer_sends(self, pause: float) -> None:
        self.now += pause
        self.sequence += 1
        self.heard_at = self.now
        assert self.rules.hear(PEER, self._packet(self.sequence, 7), self.now)

    @precondition(lambda self: self.now - self.heard_at < 0.95)
    @rule(
        stranger=st.sampled_from(STRANGERS),
        ssrc=st.sampled_from([7, 8]),
        ahead=st.integers(-10, 10),
        count=st.integers(1, 40),
        pause=st.floats(0.0, 0.001),
    )
    def stranger_sends(
        self, stranger: Address, ssrc: int, ahead: int, count: int, pause: float
    ) -> None:
        for number in range(count):
            self.now += pause
            packet = self._packet(self.sequence + ahead + number, ssrc)
            assert not self.rules.hear(stranger, packet, self.now)

    @invariant()
    def what_is_meant_for_the_peer_goes_to_it(self) -> None:
        assert self.rules.send_to == PEER

    def _packet(self, sequence: int, ssrc: int) -> rtp.Packet:
        return rtp.Packet(0, False, sequence & 0xFFFF, sequence * 160 & 0xFFFFFFFF, ssrc, b"x")


TestWhoIsHeard = WhoIsHeard.TestCase


class Ports(RuleBasedStateMachine):
    """No port is lent twice, none is lost, and each rests before it is lent again."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.pool = PortPool(20000, 20019, random=Random(1))
        self.used: set[int] = set()
        self.given_back: dict[int, float] = {}

    @rule()
    def take(self) -> None:
        try:
            port = self.pool.take(self.now)
        except PortsExhausted:
            assert self.pool.free(self.now) == 0
            return
        assert port not in self.used
        assert self.now - self.given_back.get(port, -REST) >= REST
        self.used.add(port)

    @precondition(lambda self: self.used)
    @rule(data=st.data())
    def give_back(self, data: st.DataObject) -> None:
        port = data.draw(st.sampled_from(sorted(self.used)))
        self.used.remove(port)
        self.given_back[port] = self.now
        self.pool.give_back(port, self.now)

    @rule(seconds=st.sampled_from([0.5, 2.0, REST]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @invariant()
    def none_is_lost(self) -> None:
        assert self.pool.used == len(self.used)
        assert self.pool.used + self.pool.free(self.now) + self.pool.resting(self.now) == 10


TestPorts = Ports.TestCase


class Pairs(RuleBasedStateMachine):
    """Whatever comes to which port, and when: no pair is lent twice, none is lost, each rests
    before it is lent again, and nothing that came before a session is left for it to hear."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.desk = PairsInMemory(20000, 20019, places=(FOUR, SIX), most_idle=2, random=Random(1))
        self.waiting: dict[int, Pair] = {}
        self.used: dict[int, Pair] = {}
        self.given_back: dict[int, float] = {}
        self.known: dict[int, Pair] = {}
        """The latest pair of each port."""

    @rule(ipv6=st.booleans())
    def take(self, ipv6: bool) -> None:
        try:
            pair = self.desk.pairs.take(ipv6=ipv6, now=self.now)
        except PortsExhausted:
            return
        assert pair.place.ipv6 == ipv6
        assert pair.port not in self.waiting.keys() | self.used.keys()
        assert self.now - self.given_back.get(pair.port, -REST) >= REST
        self.waiting[pair.port] = self.known[pair.port] = pair

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        port = data.draw(st.sampled_from(sorted(self.waiting)))
        pair = self.used[port] = self.waiting.pop(port)
        out = OutStream(1, 0, 0)
        theirs = Session("a", "", port, out, print, Counter(), silence=20.0, now=self.now)
        self.desk.pairs.begin(pair, theirs)
        assert self.desk.unread(pair) == 0
        assert {found.descriptor for found in pair.both} <= self.desk.watched

    @precondition(lambda self: self.used)
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        port = data.draw(st.sampled_from(sorted(self.used)))
        self.given_back[port] = self.now
        self.desk.pairs.end(self.used.pop(port), self.now)

    @precondition(lambda self: self.known)
    @rule(data=st.data(), report=st.booleans())
    def something_comes(self, data: st.DataObject, report: bool) -> None:
        pair = self.known[data.draw(st.sampled_from(sorted(self.known)))]
        if pair.rtp.descriptor in self.desk.sockets:
            self.desk.arrives(pair, report=report)

    @rule(seconds=st.sampled_from([0.02, 2.0, REST]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.desk.pairs.tidy(self.now)

    @invariant()
    def none_is_lost(self) -> None:
        pairs, lent = self.desk.pairs, len(self.waiting) + len(self.used)
        assert pairs.taken == lent
        assert lent + pairs.free(self.now) + pairs.resting(self.now) == 10


TestPairs = Pairs.TestCase


# --- one stream -------------------------------------------------------------------------------

FROM_THE_PEER = st.tuples(
    st.sampled_from([0, 8, 101, 13, 77]),
    st.integers(0, 65535),
    st.integers(0, 2**32 - 1),
    st.sampled_from([1, 2]),
    st.binary(max_size=10),
)


@given(st.lists(FROM_THE_PEER | st.binary(max_size=40), max_size=60))
def test_whatever_comes_is_relayed_as_one_stream_or_counted(incoming):
    drops: Counter[str] = Counter()
    events: list[object] = []
    sessions = []
    for name, ssrc in (("a", 100), ("b", 200)):
        out = OutStream(ssrc, 0, 0)
        session = Session(
            name, "192.0.2.10", 20000, out, events.append, drops, silence=20.0, now=0.0
        )
        session.set_remote(SetRemote(name, *PEER, "PCMU", 0, 101, "sendrecv"), 0.0)
        sessions.append(session)
    here, there = sessions
    here.hear([there])
    there.hear([here])
    relayed = 0

    for number, item in enumerate(incoming):
        now = number * 0.02
        if isinstance(item, bytes):
            data = item
        else:
            kind, sequence, timestamp, ssrc, payload = item
            data = rtp.build(kind, False, sequence, timestamp, ssrc, payload)
        heard = here.receive(data, PEER, now)
        datagram = there.relay(*heard, now) if heard is not None else None
        if datagram is not None:
            relayed += 1
            assert rtp.parse(datagram).ssrc == 200
            # However it jumps, the receiver's jitter buffer sees at most a burst of losses.
            assert abs(rtp.ahead(rtp.parse(datagram).sequence, there.out.sequence)) < 3000

    assert relayed + sum(drops.values()) - drops["keys"] == len(incoming)
    assert relayed == there.out.packets
