"""The engine over loopback sockets in real time: short, and proved by ear."""

from __future__ import annotations

import socket
import time
import wave
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from stat import S_IMODE

import pytest

from ccserver.media import g711, pairs, rtcp
from ccserver.media.protocol import (
    CODEC,
    DUPLICATE,
    FAMILY,
    FULL,
    NOT_READY,
    UNKNOWN,
    UNREACHABLE,
    CreateSession,
    DigitHeard,
    GetStatistics,
    Hear,
    KeepReady,
    ListSessions,
    Play,
    PlayFailed,
    PortsReady,
    Release,
    RtpSilent,
    SessionCreated,
    SessionRefused,
    SessionReleased,
    Sessions,
    SetRemote,
    Statistics,
    StopPlay,
)
from ccserver.media.sockets import Place
from tests.peers.phone_rtp import HOST, Phone, RunningEngine, both, talk
from tests.peers.programs import free_ports
from tests.support import ears
from tests.support.datagrams import deliver
from tests.support.ears import hears, loudest, tone

_FIRST = free_ports(40)
PORTS = (_FIRST, _FIRST + 39)


@pytest.fixture
def media(tmp_path: Path) -> Iterator[RunningEngine]:
    with wave.open(str(tmp_path / "music.wav"), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(g711.decode("PCMU", tone("PCMU", 700, samples=800)))
    with RunningEngine(tmp_path, ports=PORTS) as running:
        yield running


def test_each_of_two_parties_hears_the_other_and_not_itself(media, phones):
    anna, bert = phones[:] = [media.phone("anna", hertz=440), media.phone("bert", hertz=1000)]
    media.tell(*both("anna", "bert"))

    talk(anna, bert, seconds=0.5)

    at_anna, at_bert = anna.ear(), bert.ear()
    assert loudest("PCMU", at_anna) == pytest.approx(1000, abs=5)
    assert loudest("PCMU", at_bert) == pytest.approx(440, abs=5)
    assert not hears("PCMU", at_anna, 440)
    assert len(at_anna) >= 24


def test_a_session_is_made_on_a_pair_in_reserve_and_the_reserve_filled_again(media):
    media.tell(KeepReady(1))
    ready = media.wait_for(PortsReady)
    (port,) = ready.ports

    media.tell(CreateSession("anna", port=port), ListSessions(), GetStatistics())

    (state,) = media.wait_for(Sessions).sessions
    assert (state.address, state.port) == (ready.address, port) == (HOST, port)
    assert media.wait_for(Statistics).ports_used == 1
    assert port not in media.wait_for(PortsReady).ports
    assert not any(isinstance(event, SessionCreated) for event in media.events)


def test_what_came_before_its_session_is_not_heard_in_it(media):
    media.tell(KeepReady(1))
    (port,) = media.wait_for(PortsReady).ports
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        deliver(stranger, (HOST, port), b"of another call")
    media.tell(GetStatistics())
    media.wait_for(Statistics)  # behind what was read with it

    media.tell(CreateSession("anna", port=port))
    media.wait_for(PortsReady)  # a tick later
    media.tell(GetStatistics())

    assert media.wait_for(Statistics).packets_in == 0


def test_a_pair_that_is_not_in_reserve_is_refused(media):
    media.tell(CreateSession("anna", port=PORTS[0]))

    assert media.wait_for(SessionRefused) == SessionRefused("anna", NOT_READY)


def test_a_reserve_leaves_most_ports_to_others_and_is_told_whole_to_a_new_core(media):
    media.tell(KeepReady(1000))
    ready = media.wait_for(PortsReady)
    assert len(ready.ports) == (PORTS[1] - PORTS[0] + 1) // 2 // 8

    media.core.close()
    media.connect()
    media.tell(KeepReady(1000))

    assert media.wait_for(PortsReady) == ready


def test_a_law_and_mu_law_understand_each_other(media, phones):
    anna, bert = phones[:] = [
        media.phone("anna", codec="PCMA", hertz=440),
        media.phone("bert", codec="PCMU", hertz=1000),
    ]
    media.tell(*both("anna", "bert"))

    talk(anna, bert, seconds=0.3)

    assert {packet.payload_type for packet in anna.heard} == {8}
    assert loudest("PCMA", anna.ear()) == pytest.approx(1000, abs=5)
    assert loudest("PCMU", bert.ear()) == pytest.approx(440, abs=5)


def test_who_waits_hears_music_then_the_agent_in_one_stream(media, phones):
    anna, bert = phones[:] = [media.phone("anna", hertz=440), media.phone("bert", hertz=1000)]
    media.tell(Play("anna", "music", ["music.wav"], loop=True))
    talk(anna, bert, seconds=0.3)
    waiting = list(anna.heard)
    media.tell(StopPlay("anna"), *both("anna", "bert"))
    talk(anna, bert, seconds=0.3)

    everything = list(anna.heard)
    assert loudest("PCMU", [packet.payload for packet in waiting]) == pytest.approx(700, abs=5)
    talking = [packet.payload for packet in everything[len(waiting) + 5 :]]
    assert loudest("PCMU", talking) == pytest.approx(1000, abs=5)
    assert len({packet.ssrc for packet in everything}) == 1
    assert {(b.sequence - a.sequence) & 0xFFFF for a, b in pairwise(everything)} == {1}
    assert [packet.marker for packet in everything].count(True) == 2
    assert all((b.timestamp - a.timestamp) % 2**32 < 8000 for a, b in pairwise(everything))


def test_music_keeps_time(media, phones):
    phones[:] = [anna] = [media.phone("anna")]
    media.tell(Play("anna", "music", ["music.wav"], loop=True))

    time.sleep(1.0)

    anna.listens()
    assert len(anna.heard) == pytest.approx(50, abs=4)


def test_a_held_party_hears_nothing(media, phones):
    anna, bert = phones[:] = [media.phone("anna", hertz=440), media.phone("bert", hertz=1000)]
    media.tell(
        *both("anna", "bert"),
        SetRemote("bert", HOST, bert.port, "PCMU", 0, 101, "inactive"),
    )

    talk(anna, bert, seconds=0.1)

    assert anna.ear() == bert.ear() == []


def test_who_has_no_sources_hears_nobody(media, phones):
    anna, bert = phones[:] = [media.phone("anna", hertz=440), media.phone("bert", hertz=1000)]
    media.tell(*both("anna", "bert"))
    talk(anna, bert, seconds=0.1)
    assert anna.ear()
    assert bert.ear()

    media.tell(Hear("bert", []), Hear("anna", []), GetStatistics())
    media.wait_for(Statistics)
    talk(anna, bert, seconds=0.1)

    assert anna.ear() == bert.ear() == []


def test_m01_a_stranger_on_the_port_is_heard_by_nobody(media, phones):
    anna, bert = phones[:] = [media.phone("anna", hertz=440), media.phone("bert", hertz=1000)]
    stranger = Phone("stranger", anna._to[1], "PCMU", 2000)
    phones.append(stranger)
    media.tell(*both("anna", "bert"))

    talk(anna, bert, stranger, seconds=0.3)

    assert not hears("PCMU", bert.ear(), 2000)
    assert stranger.ear() == []
    media.tell(GetStatistics())
    assert media.wait_for(Statistics).dropped["stranger"] == 15


def test_keys_reach_the_core_and_the_other_side(media, phones):
    anna, bert = phones[:] = [media.phone("anna"), media.phone("bert")]
    media.tell(*both("anna", "bert"), GetStatistics())
    media.wait_for(Statistics)

    for duration in (160, 320, 480):
        anna.sends(101, 5000, bytes([5, 10]) + duration.to_bytes(2))
    for _ in range(3):
        anna.sends(101, 5000, bytes([5, 138]) + (640).to_bytes(2))

    assert media.wait_for(DigitHeard) == DigitHeard("anna", "5", 80, 5000)
    time.sleep(0.05)
    bert.listens()
    assert [packet.payload_type for packet in bert.heard] == [101] * 6
    assert len({packet.timestamp for packet in bert.heard}) == 1
    assert not any(isinstance(event, DigitHeard) for event in media.events)


def test_a_key_whose_end_is_lost_is_told_by_the_clock(media, phones):
    phones[:] = [anna] = [media.phone("anna")]

    anna.sends(101, 5000, bytes([11, 10]) + (800).to_bytes(2))

    assert media.wait_for(DigitHeard) == DigitHeard("anna", "#", 100, 5000)


def test_m10_a_flood_at_one_port_leaves_the_others_alone(media, phones):
    anna, bert, flooder = phones[:] = [
        media.phone("anna", hertz=440),
        media.phone("bert", hertz=1000),
        media.phone("flooder"),
    ]
    media.tell(*both("anna", "bert"))
    begin = time.monotonic()
    for _ in range(15):
        for _ in range(300):
            flooder.sends(0, 0, b"x" * 160)
        anna.sends_frame()
        bert.sends_frame()
        time.sleep(0.02)
    time.sleep(0.05)

    assert len(anna.ear()) == len(bert.ear()) == 15
    media.tell(Release("flooder"))
    released = media.wait_for(SessionReleased)
    ticks = (time.monotonic() - begin) / 0.02 + 1
    assert released.packets_in <= 2 * 32 * ticks  # at the port's socket, and at one of its own


def test_silence_is_told(tmp_path: Path, phones):
    with RunningEngine(tmp_path, ports=PORTS, rtp_timeout=0.1) as media:
        phones[:] = [media.phone("anna")]
        phones[0].sends_frame()

        assert media.wait_for(RtpSilent).session == "anna"


def test_a_port_nobody_listens_at_does_no_harm(media, phones):
    anna, bert = phones[:] = [media.phone("anna", hertz=440), media.phone("bert", hertz=1000)]
    media.tell(*both("anna", "bert"))
    bert.close()
    for _ in range(5):
        anna.sends_frame()
        time.sleep(0.01)

    media.tell(ListSessions())

    assert {state.session for state in media.wait_for(Sessions).sessions} == {"anna", "bert"}


@pytest.mark.parametrize("codecs", ["PCMU PCMU PCMU", "PCMU PCMA G722"])
def test_a_third_party_joins_and_leaves_again(media, phones, codecs: str):
    tones = {"anna": 440, "bert": 1000, "carl": 1730}
    pairs = zip(tones.items(), codecs.split(), strict=True)
    anna, bert, carl = phones[:] = [
        media.phone(name, codec=codec, hertz=hertz) for (name, hertz), codec in pairs
    ]
    media.tell(*both("anna", "bert"))
    talk(anna, bert, carl, seconds=0.2)
    two = list(anna.heard)

    media.tell(
        Hear("anna", ["bert", "carl"]), Hear("bert", ["anna", "carl"]), Hear("carl", list(tones))
    )
    talk(*phones, seconds=0.4)
    three = {phone.name: phone.ear()[-12:] for phone in phones}
    media.tell(Release("carl"), *both("anna", "bert"))
    talk(anna, bert, carl, seconds=0.4)

    for phone in phones:
        heard = ears.tones_heard(phone.codec, three[phone.name], tones.values())
        assert heard == {hertz for name, hertz in tones.items() if name != phone.name}
    assert ears.tones_heard(anna.codec, [p.payload for p in anna.heard][-12:], [440, 1730]) == set()
    packets = [*two, *anna.heard]
    assert len({packet.ssrc for packet in packets}) == 1
    media.tell(GetStatistics())
    assert media.wait_for(Statistics).sessions == 2


def test_who_is_only_mixed_is_read_at_the_tick_and_still_heard_at_once_after_it(media, phones):
    anna, bert, carl = phones[:] = [
        media.phone("anna"),
        media.phone("bert"),
        media.phone("carl", hertz=1730),
    ]
    media.tell(Hear("anna", ["bert", "carl"]))
    talk(anna, bert, carl, seconds=0.2)
    carl.sends(101, 5000, bytes([5, 138]) + (640).to_bytes(2))
    assert media.wait_for(DigitHeard).digit == "5"

    media.tell(Hear("anna", []), Hear("bert", ["carl"]), GetStatistics())
    media.wait_for(Statistics)
    talk(anna, bert, carl, seconds=0.2)

    assert len(bert.ear()) == 10
    assert loudest("PCMU", anna.ear()[-1:]) == pytest.approx(1730, abs=60)


def test_a_core_that_comes_back_finds_its_sessions_talking(media, phones):
    anna, bert = phones[:] = [media.phone("anna", hertz=440), media.phone("bert", hertz=1000)]
    media.tell(*both("anna", "bert"), ListSessions())
    media.wait_for(Sessions)
    media.core.close()
    talk(anna, bert, seconds=0.2)
    assert loudest("PCMU", anna.ear()) == pytest.approx(1000, abs=5)

    media.connect()
    media.tell(ListSessions())

    states = {state.session: state for state in media.wait_for(Sessions).sessions}
    assert states["anna"].hears == ["bert"]
    assert states["anna"].packets_in == 10


def test_a_new_connection_takes_the_place_of_the_old_one(media):
    old = media.core
    media.connect()

    media.tell(CreateSession("a"))

    assert media.wait_for(SessionCreated).session == "a"
    assert old.recv(100) == b""
    old.close()


def test_the_control_socket_is_for_its_owner_alone(media):
    assert S_IMODE(media.path.stat().st_mode) == 0o600


def test_nonsense_on_the_control_socket_is_passed_over(media):
    media.core.send(b"\xc1nonsense")

    assert media.opens("a") % 2 == 0


def test_commands_that_cannot_be_served_are_answered(media):
    media.opens("a")
    remote = SetRemote("a", "phone.example.com", 4000, "PCMU", 0, None, "sendrecv")
    media.tell(
        CreateSession("a"),
        remote,
        SetRemote("a", "2001:db8::1", 4000, "PCMU", 0, None, "sendrecv"),
        SetRemote("b", HOST, 4000, "PCMU", 0, None, "sendrecv"),
        SetRemote("a", HOST, 4000, "OPUS", 96, None, "sendrecv"),
        Hear("b", ["a"]),
    )
    refusals = [media.wait_for(SessionRefused) for _ in range(6)]
    assert refusals == [
        SessionRefused("a", DUPLICATE),
        SessionRefused("a", UNREACHABLE),
        SessionRefused("a", UNREACHABLE),
        SessionRefused("b", UNKNOWN),
        SessionRefused("a", CODEC),
        SessionRefused("b", UNKNOWN),
    ]

    media.tell(Play("b", "t", ["music.wav"]), Play("a", "t", ["../x.wav"]), Release("b"))
    assert media.wait_for(PlayFailed).reason == UNKNOWN
    assert "x.wav" in media.wait_for(PlayFailed).reason
    assert media.wait_for(SessionReleased) == SessionReleased("b", 0, 0, 0, 0.0)


def test_m19_when_all_ports_are_in_use_or_rest_a_session_is_refused(media):
    names = [f"leg{number}" for number in range(20)]
    media.tell(*map(CreateSession, names))
    opened = {media.wait_for(SessionCreated).port for _ in names}
    assert opened == set(range(PORTS[0], PORTS[1], 2))

    media.tell(CreateSession("one more"))
    assert media.wait_for(SessionRefused) == SessionRefused("one more", FULL)
    media.tell(*map(Release, names), CreateSession("another"), GetStatistics())

    assert media.wait_for(SessionRefused) == SessionRefused("another", FULL)
    statistics = media.wait_for(Statistics)
    assert (statistics.sessions, statistics.ports_used, statistics.ports_resting) == (0, 0, 20)


def test_m19_what_a_phone_sends_after_its_call_does_not_reach_the_next_one_at_that_port(
    tmp_path: Path, phones, monkeypatch
):
    monkeypatch.setattr(pairs, "REST", 0.1)
    first = free_ports(2)
    with RunningEngine(tmp_path, ports=(first, first + 1)) as media:
        anna, bert = media.phone("anna"), None
        phones[:] = [anna]
        media.tell(Release("anna"))
        media.wait_for(SessionReleased)
        for _ in range(3):
            anna.sends_frame()
        while bert is None:
            time.sleep(0.02)
            media.tell(CreateSession("bert"))
            answer = media.wait_for(SessionCreated | SessionRefused)
            bert = answer if isinstance(answer, SessionCreated) else None
        media.tell(SetRemote("bert", HOST, anna.port, "PCMU", 0, 101, "sendrecv"))
        media.tell(GetStatistics())

        assert media.wait_for(Statistics).packets_in == 0
        anna.sends_frame()
        time.sleep(0.03)
        media.tell(GetStatistics())
        assert media.wait_for(Statistics).packets_in == 1


def test_phones_of_both_families_hear_each_other(tmp_path: Path, phones):
    with RunningEngine(tmp_path, ports=PORTS, hosts=(HOST, "::1")) as media:
        anna, bert = phones[:] = [
            media.phone("anna", hertz=440),
            media.phone("bert", hertz=1000, host="::1"),
        ]
        media.tell(*both("anna", "bert"))

        talk(anna, bert, seconds=0.3)

        assert loudest("PCMU", anna.ear()) == pytest.approx(1000, abs=5)
        assert loudest("PCMU", bert.ear()) == pytest.approx(440, abs=5)


def test_a_phone_of_a_family_that_is_not_served_is_refused(media):
    media.tell(CreateSession("a", ipv6=True))

    assert media.wait_for(SessionRefused) == SessionRefused("a", FAMILY)


def test_an_address_of_the_other_family_cannot_be_sent_to(tmp_path: Path):
    with RunningEngine(tmp_path, ports=PORTS, hosts=(HOST, "::1")) as media:
        media.tell(CreateSession("a", ipv6=True))
        assert media.wait_for(SessionCreated).address == "::1"
        media.tell(
            SetRemote("a", "0.0.0.0", 4000, "PCMU", 0, None, "recvonly"),
            SetRemote("a", HOST, 4000, "PCMU", 0, None, "sendrecv"),
        )

        assert media.wait_for(SessionRefused) == SessionRefused("a", UNREACHABLE)
        assert not media.events


def test_behind_a_wildcard_phones_are_told_the_address_to_send_to(tmp_path: Path, phones):
    places = (Place("0.0.0.0", HOST), Place("::", "::1"))
    with RunningEngine(tmp_path, ports=PORTS, places=places) as media:
        media.tell(CreateSession("four"), CreateSession("six", ipv6=True))

        addresses = [media.wait_for(SessionCreated).address for _ in range(2)]

        assert addresses == [HOST, "::1"]


def test_a_port_another_program_sits_on_is_passed_over(tmp_path: Path):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        first = free_ports(4)
        other.bind((HOST, first + 1))
        with RunningEngine(tmp_path, ports=(first, first + 3)) as media:
            assert media.opens("a") == first + 2


def test_reports_are_sent_from_the_next_port(media, phones, monkeypatch):
    monkeypatch.setattr(rtcp, "INTERVAL", 0.0)
    phones[:] = [anna] = [media.phone("anna", hertz=440)]
    talk(anna, seconds=0.1)

    (report,) = rtcp.parse(anna.wait_for_report())

    assert isinstance(report, rtcp.Report)
    assert [block.ssrc for block in report.blocks] == [anna._ssrc]
