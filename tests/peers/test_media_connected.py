"""A phone that has been heard for a while has a socket of its own at its port: what it gains is in
docs/benchmarks.md; here, that nothing else changes."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ccserver.media import address_rules, engine, own_sockets, pairs
from ccserver.media.protocol import (
    GetStatistics,
    Hear,
    Release,
    SessionReleased,
    Statistics,
)
from ccserver.media.sockets import Place, bind_pair, connected
from tests.peers.phone_rtp import HOST, Phone, RunningEngine, both, talk
from tests.peers.programs import free_ports
from tests.support import ears
from tests.support.ears import hears, loudest

ENOUGH = 0.6
"""Seconds after which a phone has its own socket, here."""


@pytest.fixture(params=[HOST, "::1"])
def media(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[RunningEngine]:
    monkeypatch.setattr(own_sockets, "_WORTH_IT", 5)
    monkeypatch.setattr(engine, "_ROUND", 5)
    first = free_ports(20)
    with RunningEngine(tmp_path, ports=(first, first + 19), hosts=(request.param,)) as running:
        yield running


def two(media: RunningEngine) -> list[Phone]:
    """Who hear each other, and have been heard for long enough."""
    host = media.host
    anna = media.phone("anna", hertz=440, host=host)
    bert = media.phone("bert", hertz=1000, host=host)
    media.tell(*both("anna", "bert"))
    talk(anna, bert, seconds=ENOUGH)
    for phone in (anna, bert):
        assert own_socket(media, phone) == phone.port
        phone.ear()
    return [anna, bert]


def own_socket(media: RunningEngine, phone: Phone) -> int | None:
    """The port of the phone to which a socket is connected; None while there is none."""
    peer = media.engine._legs[phone.name].ear.peer
    return None if peer is None else peer[1]


def wait_until(is_so: Callable[[], object]) -> None:
    for _ in range(500):
        if is_so():
            return
        time.sleep(0.01)
    raise AssertionError("still not so after five seconds")


def test_they_go_on_talking(media, phones):
    anna, bert = phones[:] = two(media)

    talk(anna, bert, seconds=0.5)

    at_anna, at_bert = anna.ear(), bert.ear()
    assert loudest("PCMU", at_anna) == pytest.approx(1000, abs=5)
    assert loudest("PCMU", at_bert) == pytest.approx(440, abs=5)
    assert len(at_anna) == len(at_bert) == 25
    media.tell(Release("anna"))
    assert media.wait_for(SessionReleased).lost == 0


def test_m01_a_stranger_is_still_heard_by_nobody_and_counted(media, phones):
    anna, bert = phones[:] = two(media)
    stranger = Phone("stranger", anna._to[1], "PCMU", 2000, media.host)
    phones.append(stranger)

    talk(anna, bert, stranger, seconds=0.3)

    assert not hears("PCMU", bert.ear(), 2000)
    assert stranger.ear() == []
    media.tell(GetStatistics())
    assert media.wait_for(Statistics).dropped["stranger"] == 15


def test_what_waits_as_a_phone_gets_its_own_socket_is_not_lost(media, phones, monkeypatch):
    anna, bert = phones[:] = [media.phone(name, host=media.host) for name in ("anna", "bert")]
    media.tell(*both("anna", "bert"))
    look_at = media.engine._own.look_at

    def look_late(leg, now):
        if leg.session.reception.received == 5:
            for _ in range(20):
                anna.sends_frame()
        look_at(leg, now)

    monkeypatch.setattr(media.engine._own, "look_at", look_late)
    talk(anna, seconds=0.1)

    wait_until(lambda: own_socket(media, anna) is not None)
    wait_until(lambda: bert.listens() or len(bert.heard) >= 25)
    assert [packet.sequence for packet in bert.heard] == [
        bert.heard[0].sequence + number & 0xFFFF for number in range(25)
    ]


def test_m01_what_a_stranger_sends_to_a_socket_before_it_is_connected_is_heard_by_nobody(
    media, phones, monkeypatch
):
    stranger = Phone("stranger", 0, "PCMU", 2000, media.host)

    def connected_late(wide, peer):
        found = connected(wide, (media.host, stranger.port))
        stranger._to = wide.sock.getsockname()[:2]
        stranger.sends_frame()
        found.sock.connect(peer)
        found.connected_to = peer
        return found

    monkeypatch.setattr(pairs, "connected", connected_late)
    phones[:] = [stranger, *two(media)]

    media.tell(GetStatistics())
    assert media.wait_for(Statistics).dropped["stranger"] == 2


def test_a_phone_that_moves_is_found_again(media, phones, monkeypatch):
    monkeypatch.setattr(address_rules, "SILENCE_BEFORE_MOVING", 0.1)
    anna, bert = phones[:] = two(media)
    talk(bert, seconds=0.2)
    before = anna.port
    anna.moves()

    talk(anna, bert, seconds=ENOUGH + 0.4)
    anna.ear(), bert.ear()
    talk(anna, bert, seconds=0.2)

    assert anna.port != before
    assert own_socket(media, anna) == anna.port
    assert loudest("PCMU", bert.ear()) == pytest.approx(440, abs=60)
    assert len(anna.ear()) == 10


def test_a_third_party_joins_and_leaves_again(media, phones):
    phones[:] = two(media)
    anna = phones[0]
    carl = media.phone("carl", hertz=1730, host=media.host)
    phones.append(carl)
    media.tell(
        Hear("anna", ["bert", "carl"]),
        Hear("bert", ["anna", "carl"]),
        Hear("carl", ["anna", "bert"]),
    )

    talk(*phones, seconds=ENOUGH)
    three = {phone.name: phone.ear()[-12:] for phone in phones}
    assert own_socket(media, carl) == carl.port  # it came while packets were read at the tick
    media.tell(Release("carl"), *both("anna", "bert"))
    talk(*phones, seconds=0.5)

    tones = {"anna": 440.0, "bert": 1000.0, "carl": 1730.0}
    for name, heard in three.items():
        others = {hertz for other, hertz in tones.items() if other != name}
        assert ears.tones_heard("PCMU", heard, tones.values()) == others
    assert loudest("PCMU", anna.ear()[-12:]) == pytest.approx(1000, abs=60)


def test_a_phone_that_is_gone_does_no_harm(media, phones):
    anna, bert = phones[:] = two(media)
    bert.close()

    talk(anna, seconds=0.3)
    time.sleep(0.05)

    media.tell(GetStatistics())
    assert media.wait_for(Statistics).sessions == 2
    media.tell(Release("bert"))
    assert media.wait_for(SessionReleased).session == "bert"


def test_nobody_else_can_have_the_port():
    port = free_ports(2)
    pair = bind_pair(Place(HOST, HOST), port)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.bind((HOST, 0))
        own = connected(pair.rtp, phone.getsockname())
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with pytest.raises(OSError, match="in use"):
                other.bind((HOST, port))
    for found in (*pair.both, own):
        found.sock.close()
