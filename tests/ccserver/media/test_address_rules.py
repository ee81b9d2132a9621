from __future__ import annotations

import pytest

from ccserver.media.address_rules import (
    CONSECUTIVE,
    SILENCE_BEFORE_LEARNING,
    SILENCE_BEFORE_MOVING,
    Address,
    AddressRules,
)
from ccserver.media.rtp import Packet

SIGNALLED = ("192.168.1.5", 4000)
OUTSIDE = ("198.51.100.7", 31000)
STRANGER = ("203.0.113.66", 666)


@pytest.fixture
def rules() -> AddressRules:
    return AddressRules(SIGNALLED, now=0.0)


def test_the_signalled_address_is_heard_at_once(rules: AddressRules):
    assert rules.hear(SIGNALLED, packet(0), 0.0)
    assert rules.send_to == SIGNALLED


def test_m01_a_stranger_is_not_heard_during_a_call(rules: AddressRules):
    for number in range(500):
        now = number * 0.02
        assert rules.hear(SIGNALLED, packet(number), now)
        assert not rules.hear(STRANGER, packet(number, ssrc=66), now)

    assert rules.send_to == SIGNALLED


def test_m02_a_stranger_who_comes_first_wins_nothing(rules: AddressRules):
    heard = [rules.hear(STRANGER, packet(number), number * 0.001) for number in range(900)]

    assert not any(heard)
    assert rules.hear(SIGNALLED, packet(0), 0.95)
    assert not rules.hear(STRANGER, packet(900), 1.5)


def test_m02_a_source_behind_a_nat_is_learned_after_silence_and_ten_packets(rules: AddressRules):
    heard = [
        rules.hear(OUTSIDE, packet(number), SILENCE_BEFORE_LEARNING + number * 0.02)
        for number in range(CONSECUTIVE)
    ]

    assert heard == [False] * (CONSECUTIVE - 1) + [True]
    assert rules.send_to == OUTSIDE


@pytest.mark.parametrize(
    "spoilt",
    [
        pytest.param({"number": 7}, id="sequence jumps"),
        pytest.param({"number": 5, "ssrc": 2}, id="another source"),
        pytest.param({"number": 5, "timestamp": 2**31}, id="timestamp jumps"),
        pytest.param({"number": 4}, id="repeated"),
    ],
)
def test_m02_a_broken_sequence_counts_from_the_start(rules: AddressRules, spoilt: dict[str, int]):
    for number in range(5):
        rules.hear(OUTSIDE, packet(number), 2.0)
    rules.hear(OUTSIDE, packet(**spoilt), 2.0)

    heard = [rules.hear(OUTSIDE, packet(number), 2.0) for number in range(20, 30)]

    assert heard == [False] * (CONSECUTIVE - 1) + [True]


def test_m02_while_two_compete_neither_is_learned(rules: AddressRules):
    for number in range(200):
        assert not rules.hear(OUTSIDE, packet(number), 2.0)
        assert not rules.hear(STRANGER, packet(number), 2.0)

    assert rules.send_to == SIGNALLED


def test_m02_a_host_to_learn_from_keeps_all_others_out():
    rules = AddressRules(SIGNALLED, 0.0, learn_from=OUTSIDE[0])

    assert not learns(rules, STRANGER, 2.0)
    assert learns(rules, OUTSIDE, 3.0)


def test_the_signalled_address_speaks_while_a_candidate_is_counted(rules: AddressRules):
    for number in range(CONSECUTIVE - 1):
        rules.hear(OUTSIDE, packet(number), 2.0)

    assert rules.hear(SIGNALLED, packet(100), 2.1)
    assert not rules.hear(OUTSIDE, packet(CONSECUTIVE - 1), 2.1)
    assert rules.send_to == SIGNALLED


def test_m03_after_the_lock_copying_everything_but_the_address_is_in_vain(rules: AddressRules):
    assert learns(rules, OUTSIDE, 1.0)
    for number in range(10, 200):
        now = 1.0 + number * 0.02
        assert rules.hear(OUTSIDE, packet(number), now)
        for distance in range(-10, 11):
            assert not rules.hear(STRANGER, packet((number + distance) & 0xFFFF), now)


def test_m03_a_stranger_cannot_follow_when_the_source_falls_silent(rules: AddressRules):
    rules.hear(SIGNALLED, packet(0), 0.0)

    assert not learns(rules, STRANGER, 60.0, first=1)


def test_m04_another_port_of_the_same_host_is_found_after_two_seconds(rules: AddressRules):
    rebound = (SIGNALLED[0], 4777)
    rules.hear(SIGNALLED, packet(50), 0.0)

    assert not learns(rules, rebound, SILENCE_BEFORE_MOVING - 0.1, first=51)
    assert learns(rules, rebound, SILENCE_BEFORE_MOVING, first=100)
    assert rules.send_to == rebound


@pytest.mark.parametrize(
    ("first", "ssrc"),
    [(51, 2), (51 + 30_000, 1), (20, 1)],
    ids=["another source", "a jump", "back"],
)
def test_m04_only_what_continues_the_stream_is_found(rules: AddressRules, first: int, ssrc: int):
    rules.hear(SIGNALLED, packet(50), 0.0)

    assert not learns(rules, (SIGNALLED[0], 4777), 3.0, first=first, ssrc=ssrc)


def test_m04_a_source_moves_once(rules: AddressRules):
    rules.hear(SIGNALLED, packet(50), 0.0)
    assert learns(rules, (SIGNALLED[0], 4777), 3.0, first=51)

    assert not learns(rules, (SIGNALLED[0], 4888), 10.0, first=80)


def test_m04_the_old_port_speaks_while_the_new_one_is_counted(rules: AddressRules):
    rebound = (SIGNALLED[0], 4777)
    rules.hear(SIGNALLED, packet(50), 0.0)
    for number in range(51, 56):
        rules.hear(rebound, packet(number), 3.0)

    assert rules.hear(SIGNALLED, packet(60), 3.1)
    assert not learns(rules, rebound, 3.2, first=61)


def learns(
    rules: AddressRules, source: Address, now: float, *, first: int = 0, ssrc: int = 1
) -> bool:
    heard = [
        rules.hear(source, packet(number & 0xFFFF, ssrc=ssrc), now)
        for number in range(first, first + CONSECUTIVE)
    ]
    return heard[-1]


def packet(number: int, *, ssrc: int = 1, timestamp: int | None = None) -> Packet:
    at = number * 160 if timestamp is None else timestamp
    return Packet(0, False, number, at & 0xFFFFFFFF, ssrc, bytes(160))
