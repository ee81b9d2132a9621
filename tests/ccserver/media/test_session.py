from __future__ import annotations

from collections import Counter
from struct import pack

import pytest

from ccserver.media import g711, rtcp, rtp
from ccserver.media.player import Player
from ccserver.media.protocol import (
    DigitHeard,
    Event,
    PlayFinished,
    RtpSilent,
    SessionReleased,
    SetRemote,
)
from ccserver.media.session import Drop, Session
from ccserver.media.stream import OutStream
from ccserver.media.wav import Sound

CUSTOMER = ("192.0.2.1", 4000)
AGENT = ("192.0.2.2", 5000)
STRANGER = ("203.0.113.66", 666)


class Pair:
    """A customer and an agent, each with a session, and what the two sessions said."""

    def __init__(self, **agent: object) -> None:
        self.events: list[Event] = []
        self.drops: Counter[str] = Counter()
        self.customer = self._session("customer", 1000)
        self.agent = self._session("agent", 2000)
        self.customer.set_remote(remote("customer", CUSTOMER), 0.0)
        self.agent.set_remote(remote("agent", AGENT, **agent), 0.0)

    def _session(self, name: str, ssrc: int) -> Session:
        out = OutStream(ssrc, 0, 0)
        return Session(
            name,
            "192.0.2.10",
            20000,
            out,
            self.events.append,
            self.drops,
            silence=20.0,
            now=0.0,
        )

    def they_talk(self) -> None:
        self.customer.hear([self.agent])
        self.agent.hear([self.customer])

    def customer_says(
        self, payload: bytes, number: int = 0, kind: int = 0, at: int | None = None
    ) -> rtp.Packet | None:
        """What the agent gets of it."""
        data = datagram(payload, number, kind, at)
        heard = self.customer.receive(data, CUSTOMER, number * 0.02)
        if heard is None:
            return None
        out = self.agent.relay(*heard, number * 0.02)
        return None if out is None else rtp.parse(out)


@pytest.fixture
def pair() -> Pair:
    return Pair()


def test_nobody_hears_anything_unasked(pair: Pair):
    assert pair.customer_says(b"hello") is None
    assert pair.drops == {Drop.UNHEARD: 1}


def test_the_same_law_is_passed_untouched(pair: Pair):
    pair.they_talk()

    heard = pair.customer_says(b"hello")

    assert heard is not None
    assert (heard.payload, heard.payload_type, heard.ssrc) == (b"hello", 0, 2000)


def test_another_law_is_translated_and_gets_its_number():
    pair = Pair(codec="PCMA", payload_type=97)
    pair.they_talk()

    heard = pair.customer_says(b"\x80\x00")

    assert heard is not None
    assert heard.payload_type == 97
    assert heard.payload == g711.translate(b"\x80\x00", "PCMU", "PCMA")


def test_keys_are_reported_and_passed_on_with_the_number_of_the_other_side():
    pair = Pair(telephone_event=96)
    pair.they_talk()

    heard = pair.customer_says(b"\x05\x8a\x03\x20", kind=101)

    assert heard is not None
    assert heard.payload_type == 96
    assert pair.events == [DigitHeard("customer", "5", 100, 0)]


def test_keys_are_not_passed_to_who_takes_none_but_reported():
    pair = Pair(telephone_event=None)
    pair.they_talk()

    assert pair.customer_says(b"\x05\x8a\x03\x20", kind=101) is None
    assert pair.drops == {Drop.NO_TELEPHONE_EVENT: 1}
    assert len(pair.events) == 1


def test_keys_come_with_the_number_we_offered_too(pair: Pair):
    pair.customer.set_remote(remote("customer", CUSTOMER, heard_telephone_event=110), 0.0)

    pair.customer_says(b"\x0b\x8a\x03\x20", kind=110)

    assert pair.events == [DigitHeard("customer", "#", 100, 0)]


def test_a_key_is_told_once_while_music_plays(pair: Pair):
    pair.customer.play(music(loop=True))
    for number in range(5):
        pair.customer_says(b"\x01\x0a" + pack("!H", number * 160), number=number, kind=101, at=0)
    pair.customer.expire_key(1.0)

    assert [type(event) for event in pair.events] == [DigitHeard]
    assert pair.customer.player is not None


def test_m01_a_stranger_is_counted_and_not_heard(pair: Pair):
    pair.they_talk()

    assert pair.customer.receive(datagram(b"psst", 1), STRANGER, 0.02) is None
    assert pair.drops == {Drop.STRANGER: 1}
    assert pair.customer.send_to == CUSTOMER
    assert pair.customer.reception.received == 0


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x80", Drop.MALFORMED),
        (rtp.build(13, False, 0, 0, 1, b"x"), Drop.PAYLOAD_TYPE),
        (rtp.build(101, False, 0, 0, 1, b"\1"), Drop.MALFORMED),
        (rtp.build(101, False, 0, 0, 1, b"\xff\x80\0\0"), Drop.KEYS),
    ],
)
def test_m08_bad_media_is_counted_and_ends_nothing(pair: Pair, data: bytes, reason: Drop):
    pair.they_talk()

    pair.customer.receive(data, CUSTOMER, 0.0)

    assert pair.drops[reason] == 1
    assert pair.events == []
    assert pair.customer_says(b"hello", number=1) is not None


def test_before_the_other_side_is_known_nothing_is_heard(pair: Pair):
    session = Session(
        "early", "192.0.2.10", 2, OutStream(1, 0, 0), print, pair.drops, silence=20.0, now=0.0
    )

    assert session.receive(datagram(b"x", 0), CUSTOMER, 0.0) is None
    assert pair.drops == {Drop.NO_REMOTE: 1}
    assert (session.send_to, session.reports_to, session.report(0.0, 0.0)) == (None, None, None)


# --- playing ----------------------------------------------------------------------------------


def test_a_prompt_is_sent_in_the_law_of_the_other_side():
    pair = Pair(codec="PCMA", payload_type=8)
    pair.agent.play(music(samples=320))

    frames = [pair.agent.play_frame(number * 0.02) for number in range(3)]

    packets = [rtp.parse(frame) for frame in frames if frame is not None]
    assert [packet.payload for packet in packets] == [b"\2" * 160] * 2
    assert packets[0].payload_type == 8
    assert pair.events == [PlayFinished("agent", "music")]


def test_a_new_prompt_takes_the_place_of_the_old_one(pair: Pair):
    pair.customer.play(music())
    pair.customer.play(Player("other", [Sound(b"1", b"2")]))

    assert pair.events == []
    assert pair.customer.state(0.0).playing == "other"


def test_only_the_token_that_is_meant_is_stopped(pair: Pair):
    pair.customer.play(music())

    pair.customer.stop_playing("another")
    assert pair.customer.player is not None
    pair.customer.stop_playing("music")
    assert pair.customer.player is None
    assert pair.events == []


@pytest.mark.parametrize(("barge_in", "ended"), [(True, True), (False, False)])
def test_a_key_ends_a_prompt_that_lets_it_as_soon_as_it_is_pressed(
    pair: Pair, barge_in: bool, ended: bool
):
    pair.customer.play(Player("menu", [Sound(bytes(8000), bytes(8000))], barge_in=barge_in))

    pair.customer_says(b"\x01\x0a\x00\xa0", kind=101)

    assert (pair.customer.player is None) is ended


def test_player_and_relay_make_one_stream(pair: Pair):
    pair.agent.play(music(samples=320))
    sent = [pair.agent.play_frame(0.0), pair.agent.play_frame(0.02)]
    pair.they_talk()
    first = rtp.parse(sent[0] or b"")
    last = rtp.parse(sent[1] or b"")

    heard = pair.customer_says(b"x" * 160, number=2)

    assert heard is not None
    assert (heard.ssrc, heard.sequence) == (first.ssrc, last.sequence + 1)
    assert heard.timestamp - last.timestamp == 160
    assert heard.marker


# --- direction and silence --------------------------------------------------------------------


@pytest.mark.parametrize("direction", ["recvonly", "inactive"])
def test_who_holds_is_sent_nothing(pair: Pair, direction: str):
    pair.they_talk()
    pair.agent.set_remote(remote("agent", AGENT, direction=direction), 0.0)

    assert pair.customer_says(b"hello") is None
    assert pair.agent.send_to is None
    pair.agent.play(music(samples=160))
    assert pair.agent.play_frame(0.0) is None
    assert pair.events == [PlayFinished("agent", "music")]


@pytest.mark.parametrize("direction", ["sendonly", "inactive"])
def test_who_is_held_is_not_heard(pair: Pair, direction: str):
    pair.they_talk()
    pair.customer.set_remote(remote("customer", CUSTOMER, direction=direction), 0.0)

    assert pair.customer_says(b"hello") is None
    assert pair.drops == {Drop.DIRECTION: 1}


def test_a_hold_by_the_unspecified_address_keeps_what_is_known_of_the_source(pair: Pair):
    pair.customer_says(b"hello")
    pair.customer.set_remote(remote("customer", ("0.0.0.0", 4000), direction="recvonly"), 1.0)

    assert (pair.customer.send_to, pair.customer.reports_to) == (None, None)
    assert pair.customer.receive(datagram(b"x", 60), STRANGER, 2.0) is None
    assert pair.drops[Drop.STRANGER] == 1
    pair.customer.set_remote(remote("customer", CUSTOMER), 3.0)
    assert pair.customer.send_to == CUSTOMER


def test_silence_is_told_once_until_rtp_is_back(pair: Pair):
    pair.customer_says(b"hello")
    pair.agent.release()
    pair.events.clear()

    for now in (19.9, 20.0, 21.0, 60.0):
        pair.customer.check_silence(now)
    assert pair.events == [RtpSilent("customer", 20.0)]
    pair.customer_says(b"hello", number=5000)
    pair.customer.check_silence(119.0)
    assert len(pair.events) == 1
    pair.customer.check_silence(120.0)
    assert len(pair.events) == 2


def test_who_has_never_spoken_cannot_fall_silent(pair: Pair):
    pair.customer.check_silence(1000.0)

    assert pair.events == []


@pytest.mark.parametrize("direction", ["recvonly", "sendonly", "inactive"])
def test_d06_half_an_hour_of_hold_is_no_silence(pair: Pair, direction: str):
    pair.customer_says(b"hello")
    pair.customer.set_remote(remote("customer", CUSTOMER, direction=direction), 0.0)

    pair.customer.check_silence(1800.0)

    assert pair.events == []
    pair.customer.set_remote(remote("customer", CUSTOMER), 1800.0)
    pair.customer.check_silence(1819.9)
    assert pair.events == []
    pair.customer.check_silence(1820.0)
    assert len(pair.events) == 1


def test_who_was_not_heard_for_long_is_listed_as_silent_even_on_hold(pair: Pair):
    pair.customer.set_remote(remote("customer", CUSTOMER, direction="inactive"), 0.0)

    assert not pair.customer.state(19.0).silent
    assert pair.customer.state(20.0).silent
    pair.customer_says(b"hello", number=1000)
    assert not pair.customer.state(39.0).silent


# --- reports ----------------------------------------------------------------------------------


def test_who_sends_makes_sender_reports_and_tells_what_it_received(pair: Pair):
    pair.they_talk()
    for number in range(10):
        if number != 4:
            pair.customer_says(bytes(160), number=number)
    customer = pair.customer.report(5.0, 1000.0)
    agent = pair.agent.report(5.0, 1000.0)

    (told,) = rtcp.parse(customer or b"")
    assert isinstance(told, rtcp.Report)
    assert told.ntp_middle is None
    assert (told.blocks[0].ssrc, told.blocks[0].lost) == (1, 1)
    (told,) = rtcp.parse(agent or b"")
    assert isinstance(told, rtcp.Report)
    assert told.ntp_middle == rtcp.middle(rtcp.ntp(1000.0))
    assert pair.agent.next_report == 10.0


def test_a_report_refers_to_the_last_one_of_the_other_side(pair: Pair):
    pair.customer_says(b"hello")
    theirs = rtcp.build(1, "phone", rtcp.Sent(0x1111_2222_3333_4444, 0, 1, 160), None)

    pair.customer.receive_report(theirs, ("192.0.2.1", 4001), 4.0)
    pair.customer.receive_report(b"junk", ("192.0.2.1", 4001), 4.0)
    pair.customer.receive_report(theirs, STRANGER, 4.5)

    (told,) = rtcp.parse(pair.customer.report(5.0, 0.0) or b"")
    assert isinstance(told, rtcp.Report)
    assert (told.blocks[0].last_report, told.blocks[0].delay) == (0x2222_3333, 65536)
    assert pair.drops[Drop.RTCP_MALFORMED] == 1
    assert pair.drops[Drop.RTCP_STRANGER] == 1


@pytest.mark.parametrize(("rtcp_port", "expected"), [(None, 4001), (4999, 4999)])
def test_reports_go_to_the_next_port_or_the_signalled_one(
    pair: Pair, rtcp_port: int | None, expected: int
):
    pair.customer.set_remote(remote("customer", CUSTOMER, rtcp_port=rtcp_port), 0.0)

    assert pair.customer.reports_to == (CUSTOMER[0], expected)


# --- who hears whom, and the end --------------------------------------------------------------


def test_what_one_hears_says_nothing_about_the_other(pair: Pair):
    pair.they_talk()

    pair.customer.hear([])

    assert pair.customer_says(b"hello") is not None
    assert pair.customer.state(0.0).hears == []
    assert pair.agent.state(0.0).hears == ["customer"]


def test_the_end_lets_go_of_everything_and_says_what_there_was(pair: Pair):
    pair.they_talk()
    pair.customer_says(b"hello", number=0)
    pair.customer_says(b"hello", number=2)
    pair.customer_says(b"\x07\x0a\x00\xa0", number=3, kind=101)
    pair.customer.play(music())

    pair.customer.release()

    assert pair.events == [
        DigitHeard("customer", "7", 20, 480),
        SessionReleased("customer", 3, 0, 1, pytest.approx(0.0)),
    ]


def remote(name: str, address: tuple[str, int], **changed: object) -> SetRemote:
    values: dict[str, object] = {
        "codec": "PCMU",
        "payload_type": 0,
        "telephone_event": 101,
        "direction": "sendrecv",
        **changed,
    }
    return SetRemote(name, *address, **values)


def datagram(payload: bytes, number: int, kind: int = 0, at: int | None = None) -> bytes:
    timestamp = number * 160 if at is None else at
    return rtp.build(kind, False, number & 0xFFFF, timestamp, 1, payload)


def music(*, samples: int = 8000, loop: bool = False) -> Player:
    return Player("music", [Sound(b"\1" * samples, b"\2" * samples)], loop=loop)
