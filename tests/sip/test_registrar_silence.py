"""Phones that have gone silent, or whose connection has closed."""

from __future__ import annotations

from itertools import pairwise

import pytest

from sip.machine import CancelTimer, TimerFired
from sip.registrar import (
    BindingRemoved,
    ConnectionClosed,
    Limits,
    PhoneAnswered,
    PhoneSilent,
    Probe,
)
from sip.transport.path import Path
from tests.support.registering import HERE, Office

A, B = "<sip:1001@192.0.2.7:5060>", "<sip:1001@192.0.2.8:5060>"
URI_A = "sip:1001@192.0.2.7:5060"
URI_B = "sip:1001@192.0.2.8:5060"
ELSEWHERE = Path("udp", 0, ("203.0.113.5", 40000))


# --- phones that have gone silent ---------------------------------------------------------------


def test_phones_are_asked_at_the_interval_and_not_all_at_once():
    office = Office(Limits(options_seconds=30, default_expires=3600))
    for n in range(20):
        office.register(
            f"<sip:1001@192.0.2.{n}>" if n < 10 else f"<sip:1002@192.0.2.{n}>",
            user="1001" if n < 10 else "1002",
        )

    asked: dict[str, list[float]] = {}
    while office.clock.now < 1100:
        office.clock.now += 0.5
        for effect in office.registrar.handle(TimerFired("due")):
            if isinstance(effect, Probe):
                asked.setdefault(effect.binding.contact, []).append(office.clock.now)

    assert len(asked) == 20
    for times in asked.values():
        assert {later - sooner for sooner, later in pairwise(times)} == {30.0}
    assert len({times[0] for times in asked.values()}) > 10


def test_by_default_nobody_is_asked():
    office = Office()
    office.register(A)
    office.clock.now += 299

    assert not any(isinstance(e, Probe) for e in office.registrar.handle(TimerFired("due")))


def test_a_phone_that_is_silent_twice_is_unreachable():
    office = Office()
    office.register(A)

    assert office.registrar.handle(PhoneSilent("1001", URI_A)) == []
    removed, cancelled = office.registrar.handle(PhoneSilent("1001", URI_A))

    assert (removed.binding.contact, removed.reason) == (URI_A, "unreachable")
    assert cancelled == CancelTimer("due")


@pytest.mark.parametrize("sign", ["answer", "refresh"])
def test_a_sign_of_life_forgives_a_silence(sign):
    office = Office()
    office.register(A)
    office.registrar.handle(PhoneSilent("1001", URI_A))
    if sign == "answer":
        office.registrar.handle(PhoneAnswered("1001", URI_A))
    else:
        office.register(A)

    assert office.registrar.handle(PhoneSilent("1001", URI_A)) == []


def test_race_a_phone_that_left_while_it_was_asked():
    office = Office()
    office.register(A)
    office.register("*", extra=[("Expires", "0")])

    assert office.registrar.handle(PhoneSilent("1001", URI_A)) == []
    assert office.registrar.handle(PhoneAnswered("1001", URI_A)) == []


STREAM = Path("tcp", 1, ("192.0.2.7", 40000), 7)
NEXT_STREAM = Path("tcp", 1, ("192.0.2.7", 40002), 8)


def test_a_binding_ends_with_the_connection_it_was_made_over():
    office = Office()
    office.register(A, path=STREAM)
    office.register(B, user="1002")

    (removed,) = office.registrar.handle(ConnectionClosed(STREAM))

    assert (removed.binding.contact, removed.reason) == (URI_A, "disconnected")
    assert office.registrar.bindings("1001") == []
    assert len(office.registrar.bindings("1002")) == 1
    assert office.registrar.handle(ConnectionClosed(STREAM)) == []


def test_all_the_phones_behind_a_connection_end_with_it_and_no_timer_runs_on():
    office = Office()
    office.register(A, path=STREAM)
    office.register(B, path=STREAM, user="1002")

    *removed, cancelled = office.registrar.handle(ConnectionClosed(STREAM))

    assert [r.binding.user for r in removed] == ["1001", "1002"]
    assert cancelled == CancelTimer("due")
    assert len(office.registrar) == 0


def test_race_a_phone_has_come_back_before_its_old_connection_closes():
    office = Office()
    office.register(A, path=STREAM)
    office.register(A, path=NEXT_STREAM)

    assert office.registrar.handle(ConnectionClosed(STREAM)) == []
    (binding,) = office.registrar.bindings("1001")
    assert binding.path == NEXT_STREAM
    assert office.registrar.handle(ConnectionClosed(NEXT_STREAM))


def test_race_a_phone_left_before_its_connection_closes():
    office = Office()
    office.register(A, path=STREAM)
    office.register("*", path=STREAM, extra=[("Expires", "0")])

    assert office.registrar.handle(ConnectionClosed(STREAM)) == []


def test_a_phone_that_went_over_to_udp_does_not_end_with_its_connection():
    office = Office()
    office.register(A, path=STREAM)
    office.register(A)

    assert office.registrar.handle(ConnectionClosed(STREAM)) == []
    assert len(office.registrar) == 1


def test_race_a_phone_that_expires_in_the_batch_it_is_asked_in_leaves_no_timer():
    office = Office(Limits(options_seconds=60, default_expires=60))
    office.register(A)
    office.clock.now += 1000

    effects = office.registrar.handle(TimerFired("due"))

    assert [type(e) for e in effects if not isinstance(e, Probe)] == [BindingRemoved]
    office.clock.now += 1000
    assert office.registrar.handle(TimerFired("due")) == []


def test_no_path_of_ours_is_changed_by_a_later_register():
    office = Office()
    _, (added, _) = office.register(A, path=HERE)
    office.register(A, path=ELSEWHERE)

    assert added.binding.path == HERE
