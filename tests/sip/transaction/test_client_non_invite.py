"""RFC 3261 §17.1.2, in the order of its sentences."""

from __future__ import annotations

import pytest

from sip.machine import StartTimer, Stop, TimerFired
from sip.transaction import ClientNonInvite
from sip.transaction.client_non_invite import Completed, Proceeding, Terminated, Trying
from sip.transaction.effects import (
    Linger,
    PassUp,
    TimedOut,
    Transmit,
    TransportFailed,
    TransportLost,
    UnexpectedEvent,
)
from tests.support.builders import make_request

BYE = make_request("BYE", to_tag="b")
SENT = Transmit(BYE.encode())


def test_over_udp_the_request_goes_out_with_timer_e():
    machine = ClientNonInvite(BYE, reliable=False)

    assert machine.start() == [StartTimer("E", 0.5), SENT]


def test_over_tcp_it_is_never_retransmitted():
    machine = ClientNonInvite(BYE, reliable=True)

    assert machine.start() == [StartTimer("F", 32.0), SENT]


def test_timer_e_doubles_up_to_t2_until_timer_f_is_due():
    machine = trying()

    pauses = []
    for _ in range(10):
        timer, sent = machine.handle(TimerFired("E"))
        assert sent == SENT
        pauses.append(timer)

    doubled = [StartTimer("E", s) for s in (1.0, 2.0, *[4.0] * 7)]
    assert pauses == [*doubled, StartTimer("F", 0.5)]


def test_after_a_provisional_response_it_is_retransmitted_every_t2():
    machine = trying()
    response = BYE.response(100)

    assert machine.handle(response) == [PassUp(response)]
    assert isinstance(machine.state, Proceeding)
    assert machine.handle(TimerFired("E")) == [StartTimer("E", 4.0), SENT]
    assert machine.handle(TimerFired("E")) == [StartTimer("E", 4.0), SENT]


@pytest.mark.parametrize("heard", [False, True])
def test_timer_f_tells_the_user_and_ends(heard):
    machine = trying()
    if heard:
        machine.handle(BYE.response(100))

    assert machine.handle(TimerFired("F")) == [TimedOut(), Stop()]
    assert isinstance(machine.state, Terminated)


@pytest.mark.parametrize("heard", [False, True])
def test_a_failed_transport_tells_the_user_and_ends(heard):
    machine = trying()
    if heard:
        machine.handle(BYE.response(100))

    assert machine.handle(TransportFailed()) == [TransportLost(), Stop()]


@pytest.mark.parametrize("heard", [False, True])
@pytest.mark.parametrize("status", [200, 302, 401, 500, 603])
def test_a_final_response_is_passed_up_and_late_ones_are_absorbed_for_t4(status, heard):
    machine = trying()
    if heard:
        machine.handle(BYE.response(100))
    final = BYE.response(status)

    assert machine.handle(final) == [Linger(5.0), PassUp(final)]
    assert isinstance(machine.state, Completed)


def test_over_tcp_nothing_comes_late():
    machine = ClientNonInvite(BYE, reliable=True)
    machine.start()

    assert Linger(0.0) in machine.handle(BYE.response(200))


def test_what_comes_after_the_final_response_is_absorbed():
    machine = trying()
    machine.handle(BYE.response(200))

    assert machine.handle(BYE.response(200)) == []
    assert machine.handle(BYE.response(100)) == []
    assert machine.handle(BYE.response(500)) == []
    assert machine.handle(TransportFailed()) == []


def test_after_the_end_nothing_has_an_effect():
    machine = trying()
    machine.handle(TimerFired("F"))

    assert machine.handle(BYE.response(200)) == []
    assert machine.handle(TransportFailed()) == []


@pytest.mark.parametrize("name", ["E", "F"])
def test_a_timer_of_another_state_is_a_fault_of_the_shell(name):
    machine = trying()
    machine.handle(BYE.response(200))

    with pytest.raises(UnexpectedEvent, match="Completed"):
        machine.handle(TimerFired(name))


def trying():
    machine = ClientNonInvite(BYE, reliable=False)
    machine.start()
    assert isinstance(machine.state, Trying)
    return machine
