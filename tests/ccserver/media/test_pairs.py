from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from ccserver.media.pairs import CHOICE, NoSuchFamily
from ccserver.media.ports import REST, PortsExhausted
from ccserver.media.session import Session
from ccserver.media.sockets import Pair
from ccserver.media.stream import OutStream
from tests.support.port_pairs import FOUR, SIX, PairsInMemory


def session() -> Session:
    out = OutStream(1, 0, 0)
    return Session("a", "192.0.2.1", 0, out, print, Counter(), silence=20.0, now=0.0)


def used_once(desk: PairsInMemory, now: float = 0.0) -> Pair:
    pair = desk.pairs.take(ipv6=False, now=now)
    desk.pairs.begin(pair, session())
    desk.pairs.end(pair, now)
    return pair


def rested(desk: PairsInMemory, count: int) -> list[Pair]:
    pairs = [desk.pairs.take(ipv6=False, now=0.0) for _ in range(count)]
    for pair in pairs:
        desk.pairs.begin(pair, session())
    for pair in pairs:
        desk.pairs.end(pair, 0.0)
    for _ in range(count):
        desk.pairs.tidy(REST)
    return pairs


def test_m19_a_pair_is_used_again_when_it_has_rested_and_not_before():
    desk = PairsInMemory(20000, 20001)
    pair = used_once(desk)

    desk.pairs.tidy(REST - 0.001)
    with pytest.raises(PortsExhausted):
        desk.pairs.take(ipv6=False, now=REST - 0.001)
    desk.pairs.tidy(REST)

    assert desk.pairs.take(ipv6=False, now=REST) is pair
    assert desk.opened == 1


def test_m19_a_pair_to_which_the_old_call_still_sent_rests_once_more_and_gives_nothing_on():
    desk = PairsInMemory(20000, 20001)
    pair = used_once(desk)
    desk.arrives(pair)
    desk.arrives(pair, report=True)

    desk.pairs.tidy(REST)
    with pytest.raises(PortsExhausted):
        desk.pairs.take(ipv6=False, now=REST)
    assert desk.unread(pair) == 0
    desk.pairs.tidy(2 * REST)

    assert desk.pairs.take(ipv6=False, now=2 * REST) is pair


def test_m19_a_pair_that_is_sent_to_without_an_end_is_closed_and_its_port_rests():
    desk = PairsInMemory(20000, 20001)
    pair = used_once(desk)
    desk.arrives(pair)
    desk.pairs.tidy(REST)
    desk.arrives(pair)
    desk.pairs.tidy(2 * REST)

    assert not desk.sockets
    with pytest.raises(PortsExhausted):
        desk.pairs.take(ipv6=False, now=3 * REST - 0.001)
    assert desk.pairs.take(ipv6=False, now=3 * REST).port == pair.port
    assert desk.opened == 2


def test_m19_a_rested_pair_to_which_something_came_since_is_not_used_again():
    desk = PairsInMemory(20000, 20003)
    one, other = rested(desk, 2)
    desk.arrives(one, report=True)

    assert desk.pairs.take(ipv6=False, now=REST) is other
    with pytest.raises(PortsExhausted):
        desk.pairs.take(ipv6=False, now=REST)
    assert desk.pairs.resting(REST) == 1


def test_what_came_before_its_session_is_let_go_and_what_comes_then_is_heard():
    desk = PairsInMemory(20000, 20001)
    pair = desk.pairs.take(ipv6=False, now=0.0)
    desk.arrives(pair)
    desk.arrives(pair)

    theirs = session()
    desk.pairs.begin(pair, theirs)

    assert desk.unread(pair) == 0
    assert desk.watched == {found.descriptor for found in pair.both}
    assert pair.rtp.session is pair.rtcp.session is theirs


def test_one_packet_wakes_us_for_a_port_that_is_nobodys_and_a_flood_does_not():
    desk = PairsInMemory(20000, 20001)
    pair = used_once(desk)

    for _ in range(100):
        desk.arrives(pair)

    assert pair.rtp.descriptor not in desk.watched
    assert pair.rtcp.descriptor in desk.watched


def test_a_session_that_ended_while_its_port_was_not_looked_at_leaves_it_watched():
    desk = PairsInMemory(20000, 20001)
    pair = desk.pairs.take(ipv6=False, now=0.0)
    desk.pairs.begin(pair, session())
    desk.pairs.unwatch(pair.rtp)

    desk.pairs.end(pair, 0.0)
    desk.pairs.tidy(REST)

    assert desk.pairs.take(ipv6=False, now=REST) is pair


def test_out_of_a_few_none_is_used_again_while_there_are_ports_that_were_nobodys():
    desk = PairsInMemory(20000, 20999)
    used = rested(desk, CHOICE)

    assert desk.pairs.take(ipv6=False, now=REST) not in used


def test_out_of_many_any_one_may_be_the_next():
    def next_ones(seed: int) -> list[int]:
        desk = PairsInMemory(20000, 20999, random=Random(seed))
        rested(desk, CHOICE + 4)
        return [desk.pairs.take(ipv6=False, now=REST).port for _ in range(4)]

    desk = PairsInMemory(20000, 20999)
    first = rested(desk, CHOICE + 4)[:4]
    assert [desk.pairs.take(ipv6=False, now=REST) for _ in range(4)] == first
    assert next_ones(1) != next_ones(2)


def test_a_thousand_calls_open_no_more_pairs_than_rest_and_wait():
    desk = PairsInMemory(20000, 29999, random=Random(1), most_idle=600)
    for call in range(1000):
        now = call * 0.1
        desk.pairs.tidy(now)
        used_once(desk, now)

    assert desk.opened <= CHOICE + 1 + REST / 0.1 + 1
    assert desk.pairs.taken == 0


def test_of_those_that_have_rested_so_many_stay_open_and_the_ports_of_others_are_free_at_once():
    desk = PairsInMemory(20000, 20019, most_idle=3)
    rested(desk, 10)

    assert len(desk.sockets) == 2 * 3
    assert desk.pairs.free(REST) == 10


def test_when_the_system_allows_few_sockets_those_of_calls_that_end_are_closed_at_once():
    desk = PairsInMemory(20000, 20019, most_open=4)
    pairs = [desk.pairs.take(ipv6=False, now=0.0) for _ in range(3)]
    for pair in pairs:
        desk.pairs.begin(pair, session())

    for pair in pairs:
        desk.pairs.end(pair, 0.0)

    assert len(desk.sockets) == 4
    assert (desk.pairs.taken, desk.pairs.resting(0.0)) == (0, 3)


def test_a_port_that_waits_open_in_one_family_is_given_to_the_other_when_there_is_none_left():
    desk = PairsInMemory(20000, 20003, places=(FOUR, SIX))
    rested(desk, 2)

    assert desk.pairs.take(ipv6=True, now=REST).place == SIX
    assert desk.pairs.take(ipv6=False, now=REST).place == FOUR
    with pytest.raises(PortsExhausted):
        desk.pairs.take(ipv6=True, now=REST)


def test_a_family_that_is_not_served_has_no_pairs():
    with pytest.raises(NoSuchFamily):
        PairsInMemory(20000, 20001).pairs.take(ipv6=True, now=0.0)


def test_in_the_end_nothing_stays_open():
    desk = PairsInMemory(20000, 20019)
    rested(desk, 3)
    used_once(desk, REST)

    desk.pairs.close_all(REST)

    assert not desk.sockets
    assert not desk.watched
    assert desk.pool.used == 0
