"""The short way of a stream (`ccserver.media.flow`) is the long one in all but what it costs: two
rooms in which the same happens, in one of which no flow ever lasts.  In the other packets are
looked at one by one or together, as it comes."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ccserver.media import rtp
from ccserver.media.address_rules import Address
from ccserver.media.matrix import Matrix
from ccserver.media.session import Session
from tests.support.room import TICK, Room

NAMES = ("anna", "bert", "carl")
LAWS = ("PCMU", "PCMA")
CODECS = (*LAWS, "PCMU", "G722")
STRANGER = ("203.0.113.66", 666)

names = st.sampled_from(NAMES)


class LongWay(Matrix):
    """No packet goes by a flow."""

    def receive(self, session: Session, data: bytes, source: Address, now: float) -> None:
        super().receive(session, data, source, now)
        session.end_flow()


class TwoRooms(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.short, self.long = self.rooms = Room(), Room(LongWay, lines=False)

    @initialize(codecs=st.tuples(*[st.sampled_from(LAWS)] * len(NAMES)))
    def they_come_and_hear_each_other(self, codecs: tuple[str, ...]) -> None:
        for room in self.rooms:
            for number, (name, codec) in enumerate(zip(NAMES, codecs, strict=True)):
                room.enter(name, 500.0 + 100 * number, codec)
            room.hear(anna="bert", bert="anna", carl="")

    @rule()
    def there_is_more_or_less_company(self) -> None:
        flows = self.short.matrix.flows
        flows.few = 0 if flows.few else 20

    @rule(name=names)
    def a_phone_has_a_line_or_has_none(self, name: str) -> None:
        self.everybody_talks()
        self.short.gets_a_line(name)

    # --- what phones send ---------------------------------------------------------------------

    @rule(count=st.integers(1, 30))
    def everybody_talks(self, count: int = 2) -> None:
        for room in self.rooms:
            room.passes(count * TICK)

    @rule(name=names, lost=st.integers(1, 3))
    def packets_are_lost(self, name: str, lost: int) -> None:
        for room in self.rooms:
            for _ in range(lost):
                room.parties[name].packet()

    @rule(name=names, times=st.integers(2, 3))
    def a_packet_comes_more_than_once(self, name: str, times: int) -> None:
        for room in self.rooms:
            packet = room.parties[name].packet()
            for _ in range(times):
                room.sends(room.parties[name], packet)

    @rule(name=names)
    def packets_change_places(self, name: str) -> None:
        for room in self.rooms:
            first, second = room.parties[name].packet(), room.parties[name].packet()
            room.sends(room.parties[name], second)
            room.sends(room.parties[name], first)

    @rule(name=names, part=st.sampled_from(["marker", "ssrc", "timestamp", "length", "type"]))
    def a_packet_is_another_than_the_ones_before(self, name: str, part: str) -> None:
        for room in self.rooms:
            packet = rtp.parse(room.parties[name].packet())
            data = rtp.build(
                13 if part == "type" else packet.payload_type,
                part == "marker",
                packet.sequence,
                packet.timestamp + 80 if part == "timestamp" else packet.timestamp,
                99 if part == "ssrc" else packet.ssrc,
                packet.payload[:80] if part == "length" else packet.payload,
            )
            room.sends(room.parties[name], data)

    @rule(name=names, keys=st.lists(st.booleans(), min_size=1, max_size=4))
    def a_key_is_pressed(self, name: str, keys: list[bool]) -> None:
        for room in self.rooms:
            party = room.parties[name]
            at = party.sent * 160
            for index, ended in enumerate(keys):
                lasts = 160 * (index + 1)
                event = bytes([5, 0x80 if ended else 0]) + lasts.to_bytes(2, "big")
                room.sends(party, party.key(event, timestamp=at))

    @rule(name=names)
    def a_stranger_sends_what_should_come_next(self, name: str) -> None:
        self.everybody_talks()
        for room in self.rooms:
            party = room.parties[name]
            room.matrix.receive(party.session, party.packet(), STRANGER, room.now)

    @rule(seconds=st.sampled_from([0.5, 1.5, 12.0]))
    def nobody_says_anything(self, seconds: float) -> None:
        self.everybody_talks()
        for room in self.rooms:
            room.now += seconds

    # --- what the core wants --------------------------------------------------------------------

    @rule(listener=names, sources=st.sets(names))
    def somebody_hears_others(self, listener: str, sources: set[str]) -> None:
        self.everybody_talks()
        for room in self.rooms:
            room.hear(**{listener: sorted(sources - {listener})})

    @rule(
        name=names,
        codec=st.sampled_from(CODECS),
        direction=st.sampled_from(["sendrecv", "sendonly", "recvonly", "inactive"]),
        keys=st.booleans(),
    )
    def something_else_is_negotiated(
        self, name: str, codec: str, direction: str, keys: bool
    ) -> None:
        self.everybody_talks()
        for room in self.rooms:
            room.speaks(name, codec, direction, keys=keys)

    @rule(name=names, loop=st.booleans())
    def music_plays(self, name: str, loop: bool) -> None:
        self.everybody_talks()
        for room in self.rooms:
            room.plays_music(name, loop=loop)

    @rule(name=names)
    def music_stops(self, name: str) -> None:
        self.everybody_talks()
        for room in self.rooms:
            room.matrix.stop_playing(room.parties[name].session, None)

    # --- what can be told -----------------------------------------------------------------------

    @rule(name=names)
    def a_report_is_due(self, name: str) -> None:
        short, long = (
            room.parties[name].session.report(room.now, 1000.0 + room.now) for room in self.rooms
        )
        assert short == long

    @rule(name=names)
    def it_is_looked_whether_somebody_is_silent(self, name: str) -> None:
        for room in self.rooms:
            room.parties[name].session.check_silence(room.now)

    @invariant()
    def the_same_was_heard(self) -> None:
        for name, party in self.short.parties.items():
            other = self.long.parties[name]
            assert party.heard == other.heard
            party.forget()
            other.forget()
        assert self.short.drops == self.long.drops
        assert self.short.events == self.long.events

    @rule()
    def the_same_is_known(self) -> None:
        short, long = (
            [
                (
                    party.session.state(room.now),
                    party.session.latest,
                    party.session.reception.lost,
                    party.session.reception.jitter_ms,
                )
                for party in room.parties.values()
            ]
            for room in self.rooms
        )
        assert short == long

    def teardown(self) -> None:
        self.the_same_is_known()


TestTwoRooms = TwoRooms.TestCase
TestTwoRooms.settings = settings(max_examples=200, stateful_step_count=25, deadline=None)


def test_a_call_flows_in_one_room_and_in_the_other_it_does_not():
    rooms = TwoRooms()
    rooms.they_come_and_hear_each_other(("PCMU", "PCMA", "PCMU"))

    rooms.everybody_talks(10)

    assert rooms.short.parties["anna"].session.flow is not None
    assert rooms.long.parties["anna"].session.flow is None
    rooms.the_same_was_heard()
    rooms.the_same_is_known()
