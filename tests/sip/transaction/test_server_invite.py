"""RFC 3261 §17.2.1, with the Accepted state of RFC 6026 §7.1, in the order of its sentences."""

from __future__ import annotations

import pytest

from sip.machine import StartTimer, Stop, TimerFired
from sip.transaction import ServerInvite
from sip.transaction.effects import (
    AckReceived,
    Linger,
    NoAck,
    RequestRetransmitted,
    Respond,
    Transmit,
    TransportFailed,
    UnexpectedEvent,
)
from sip.transaction.server_invite import (
    Accepted,
    Completed,
    Confirmed,
    Proceeding,
    Terminated,
)
from tests.support.builders import make_request

INVITE = make_request()
TRYING = INVITE.response(100)
RINGING = INVITE.response(180, to_tag="b")
OK = INVITE.response(200, to_tag="b")
BUSY = INVITE.response(486, to_tag="b")


# --- Proceeding -------------------------------------------------------------------------------


def test_a_retransmission_before_any_response_is_absorbed():
    machine = proceeding()

    assert machine.handle(RequestRetransmitted()) == []


def test_provisional_responses_are_sent():
    machine = proceeding()

    assert machine.handle(Respond(TRYING)) == [Transmit(TRYING.encode())]
    assert machine.handle(Respond(RINGING)) == [Transmit(RINGING.encode())]
    assert isinstance(machine.state, Proceeding)
    assert not machine.answered


def test_a_retransmission_gets_the_newest_provisional_response():
    machine = proceeding()
    machine.handle(Respond(TRYING))
    machine.handle(Respond(RINGING))

    assert machine.handle(RequestRetransmitted()) == [Transmit(RINGING.encode())]
    assert machine.handle(RequestRetransmitted()) == [Transmit(RINGING.encode())]


def test_a_failed_transport_does_not_end_it_for_the_invite_may_come_again():
    machine = proceeding()

    assert machine.handle(TransportFailed()) == []
    assert machine.handle(Respond(RINGING)) == [Transmit(RINGING.encode())]


def test_an_ack_of_what_has_not_been_sent_is_dropped():
    machine = proceeding()

    assert machine.handle(AckReceived()) == []
    assert isinstance(machine.state, Proceeding)


# --- Completed: a 3xx-6xx ---------------------------------------------------------------------


@pytest.mark.parametrize("status", [300, 404, 486, 503, 603])
def test_over_udp_a_refusal_is_sent_with_timer_g(status):
    machine = proceeding()
    refusal = INVITE.response(status, to_tag="b")

    effects = machine.handle(Respond(refusal))

    assert effects == [StartTimer("G", 0.5), Transmit(refusal.encode())]
    assert isinstance(machine.state, Completed)
    assert machine.answered


def test_over_tcp_a_refusal_is_not_retransmitted():
    machine = ServerInvite(reliable=True)

    assert machine.handle(Respond(BUSY)) == [StartTimer("H", 32.0), Transmit(BUSY.encode())]


def test_timer_g_doubles_up_to_t2_until_timer_h_is_due():
    machine = completed()

    pauses = []
    for _ in range(10):
        timer, sent = machine.handle(TimerFired("G"))
        assert sent == Transmit(BUSY.encode())
        pauses.append(timer)

    doubled = [StartTimer("G", s) for s in (1.0, 2.0, *[4.0] * 7)]
    assert pauses == [*doubled, StartTimer("H", 0.5)]


def test_a_retransmitted_invite_gets_the_refusal_at_once():
    machine = completed()

    assert machine.handle(RequestRetransmitted()) == [Transmit(BUSY.encode())]


def test_a_second_final_response_is_dropped():
    machine = completed()

    assert machine.handle(Respond(OK)) == []
    assert machine.handle(RequestRetransmitted()) == [Transmit(BUSY.encode())]


def test_a_failed_transport_leaves_it_to_timer_h():
    machine = completed()

    assert machine.handle(TransportFailed()) == []
    assert isinstance(machine.state, Completed)


def test_timer_h_tells_the_user_that_no_ack_came():
    machine = completed()

    assert machine.handle(TimerFired("H")) == [NoAck(), Stop()]
    assert isinstance(machine.state, Terminated)


# --- Confirmed --------------------------------------------------------------------------------


def test_the_ack_ends_retransmission_and_late_ones_are_absorbed_for_t4():
    machine = completed()

    effects = machine.handle(AckReceived())

    assert effects == [Linger(5.0)]
    assert isinstance(machine.state, Confirmed)


def test_over_tcp_no_ack_comes_late():
    machine = ServerInvite(reliable=True)
    machine.handle(Respond(BUSY))

    assert machine.handle(AckReceived()) == [Linger(0.0)]


def test_further_acks_and_invites_are_absorbed():
    machine = completed()
    machine.handle(AckReceived())

    assert machine.handle(AckReceived()) == []
    assert machine.handle(RequestRetransmitted()) == []
    assert machine.handle(TransportFailed()) == []


# --- RFC 6026 §7.1: Accepted ------------------------------------------------------------------


@pytest.mark.parametrize("reliable", [False, True])
def test_a_2xx_is_sent_and_what_comes_late_is_absorbed(reliable):
    machine = ServerInvite(reliable=reliable)

    assert machine.handle(Respond(OK)) == [Linger(32.0), Transmit(OK.encode())]
    assert isinstance(machine.state, Accepted)
    assert machine.answered


def test_a_retransmitted_invite_is_absorbed_silently():
    machine = accepted()

    assert machine.handle(RequestRetransmitted()) == []


def test_a_2xx_from_the_user_is_sent_again():
    machine = accepted()

    assert machine.handle(Respond(OK)) == [Transmit(OK.encode())]


def test_after_a_2xx_no_other_response_is_sent():
    machine = accepted()

    assert machine.handle(Respond(BUSY)) == []
    assert machine.handle(Respond(RINGING)) == []


def test_a_failed_transport_does_not_end_an_accepted_one():
    machine = accepted()

    assert machine.handle(TransportFailed()) == []
    assert isinstance(machine.state, Accepted)


# --- after the end, and never ---------------------------------------------------------------------


def test_after_the_end_nothing_has_an_effect():
    machine = completed()
    machine.handle(TimerFired("H"))

    for event in (RequestRetransmitted(), AckReceived(), Respond(OK), TransportFailed()):
        assert machine.handle(event) == []


@pytest.mark.parametrize("name", ["G", "H", "I"])
def test_a_timer_of_another_state_is_a_fault_of_the_shell(name):
    machine = accepted()

    with pytest.raises(UnexpectedEvent, match="Accepted"):
        machine.handle(TimerFired(name))
    assert isinstance(machine.state, Accepted)


def proceeding():
    return ServerInvite(reliable=False)


def completed():
    machine = proceeding()
    machine.handle(Respond(BUSY))
    return machine


def accepted():
    machine = proceeding()
    machine.handle(Respond(OK))
    return machine
