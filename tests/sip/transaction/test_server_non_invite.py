"""RFC 3261 §17.2.2, in the order of its sentences."""

from __future__ import annotations

import pytest

from sip.machine import Stop, TimerFired
from sip.transaction import ServerNonInvite
from sip.transaction.effects import (
    Linger,
    RequestRetransmitted,
    Respond,
    Transmit,
    TransportFailed,
    UnexpectedEvent,
)
from sip.transaction.server_non_invite import Completed, Proceeding, Terminated, Trying
from tests.support.builders import make_request

REGISTER = make_request("REGISTER", "sip:example.com")
TRYING = REGISTER.response(100)
OK = REGISTER.response(200, to_tag="b")


def test_while_trying_retransmissions_are_dropped():
    machine = trying()

    assert machine.handle(RequestRetransmitted()) == []
    assert isinstance(machine.state, Trying)


def test_a_provisional_response_is_sent_and_sent_again_for_each_retransmission():
    machine = trying()

    assert machine.handle(Respond(TRYING)) == [Transmit(TRYING.encode())]
    assert isinstance(machine.state, Proceeding)
    assert machine.handle(RequestRetransmitted()) == [Transmit(TRYING.encode())]


@pytest.mark.parametrize("provisional", [False, True])
@pytest.mark.parametrize("status", [200, 302, 401, 500, 603])
def test_over_udp_a_final_response_is_sent_and_sent_again_for_64_t1(status, provisional):
    machine = trying()
    if provisional:
        machine.handle(Respond(TRYING))
    final = REGISTER.response(status, to_tag="b")

    effects = machine.handle(Respond(final))

    assert effects == [Linger(32.0), Transmit(final.encode())]
    assert isinstance(machine.state, Completed)


def test_over_tcp_no_request_comes_again():
    machine = ServerNonInvite(reliable=True)

    assert machine.handle(Respond(OK)) == [Linger(0.0), Transmit(OK.encode())]


def test_each_retransmission_gets_the_final_response():
    machine = completed()

    assert machine.handle(RequestRetransmitted()) == [Transmit(OK.encode())]
    assert machine.handle(RequestRetransmitted()) == [Transmit(OK.encode())]


@pytest.mark.parametrize("status", [100, 200, 500])
def test_a_response_after_the_final_one_is_discarded(status):
    machine = completed()

    assert machine.handle(Respond(REGISTER.response(status, to_tag="c"))) == []
    assert machine.handle(RequestRetransmitted()) == [Transmit(OK.encode())]


def test_a_transport_that_fails_before_the_final_response_ends_it():
    machine = trying()

    assert machine.handle(TransportFailed()) == [Stop()]
    assert isinstance(machine.state, Terminated)


def test_a_transport_that_fails_after_the_final_response_does_not_end_it():
    machine = completed()

    assert machine.handle(TransportFailed()) == []
    assert machine.handle(RequestRetransmitted()) == [Transmit(OK.encode())]


def test_after_the_end_nothing_has_an_effect():
    machine = trying()
    machine.handle(TransportFailed())

    for event in (RequestRetransmitted(), Respond(OK), TransportFailed()):
        assert machine.handle(event) == []


def test_a_timer_of_another_state_is_a_fault_of_the_shell():
    machine = trying()

    with pytest.raises(UnexpectedEvent, match="Trying"):
        machine.handle(TimerFired("J"))


def trying():
    return ServerNonInvite(reliable=False)


def completed():
    machine = trying()
    machine.handle(Respond(OK))
    return machine
