"""RFC 3261 §17.1.1, with the Accepted state of RFC 6026 §7.2, in the order of its sentences."""

from __future__ import annotations

import pytest

from sip.machine import CancelTimer, StartTimer, Stop, TimerFired
from sip.transaction import ClientInvite, Timers
from sip.transaction.client_invite import (
    Accepted,
    Calling,
    Cancelling,
    Completed,
    Proceeding,
    Terminated,
)
from sip.transaction.effects import (
    CancelSent,
    Linger,
    PassUp,
    TimedOut,
    Transmit,
    TransportFailed,
    TransportLost,
    UnexpectedEvent,
)
from tests.support.builders import as_request, make_request

INVITE = make_request(extra=[("Route", "<sip:p1.example.com;lr>"), ("Route", "<sip:p2;lr>")])
SENT = Transmit(INVITE.encode())


# --- §17.1.1.2: Calling ---------------------------------------------------------------------------


def test_over_udp_the_invite_goes_out_with_timer_a():
    machine = ClientInvite(INVITE, reliable=False)

    assert machine.start() == [StartTimer("A", 0.5), SENT]


def test_over_tcp_it_is_never_retransmitted():
    machine = ClientInvite(INVITE, reliable=True)

    assert machine.start() == [StartTimer("B", 32.0), SENT]


def test_timer_a_doubles_without_bound_so_that_seven_invites_go_out_before_b():
    machine, _ = calling()

    pauses = []
    for _ in range(6):
        timer, sent = machine.handle(TimerFired("A"))
        assert sent == SENT
        pauses.append(timer)

    doubled = [StartTimer("A", s) for s in (1.0, 2.0, 4.0, 8.0, 16.0)]
    assert pauses == [*doubled, StartTimer("B", 0.5)]


def test_timers_scale_with_t1():
    machine = ClientInvite(INVITE, reliable=False, timers=Timers(t1=0.25))

    pauses = [machine.start()[0], *[machine.handle(TimerFired("A"))[0] for _ in range(6)]]

    assert pauses[0] == StartTimer("A", 0.25)
    assert pauses[-1] == StartTimer("B", 0.25)
    assert sum(timer.seconds for timer in pauses) == 16.0


def test_timer_b_in_calling_tells_the_user_and_ends():
    machine, _ = calling()

    assert machine.handle(TimerFired("B")) == [TimedOut(), Stop()]
    assert isinstance(machine.state, Terminated)


def test_a_failed_transport_tells_the_user_and_ends():
    machine, _ = calling()

    assert machine.handle(TransportFailed()) == [TransportLost(), Stop()]


# --- Proceeding -------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [100, 180, 199])
def test_a_provisional_response_ends_retransmission_and_is_passed_up(status):
    machine, invite = calling()
    response = invite.response(status, to_tag="b")

    assert machine.handle(response) == [CancelTimer("A"), PassUp(response)]
    assert isinstance(machine.state, Proceeding)


def test_further_provisional_responses_are_passed_up():
    machine, invite = calling()
    machine.handle(invite.response(100))
    ringing = invite.response(180, to_tag="b")

    assert machine.handle(ringing) == [PassUp(ringing)]
    assert machine.handle(ringing) == [PassUp(ringing)]


def test_a_transport_that_fails_while_it_rings_tells_the_user_and_ends():
    machine, invite = calling()
    machine.handle(invite.response(180, to_tag="b"))

    effects = machine.handle(TransportFailed())

    assert effects[-2:] == [TransportLost(), Stop()]


# --- Cancelling (§9.1) ------------------------------------------------------------------------


def test_a_cancelled_invite_that_nobody_answers_ends_after_64_t1():
    machine, invite = calling()
    machine.handle(invite.response(180, to_tag="b"))

    assert machine.handle(CancelSent()) == [StartTimer("cancel", 32.0)]
    assert isinstance(machine.state, Cancelling)
    assert machine.handle(TimerFired("cancel")) == [TimedOut(), Stop()]
    assert isinstance(machine.state, Terminated)


@pytest.mark.parametrize("status", [200, 487])
def test_the_final_answer_to_a_cancelled_invite_ends_the_wait_for_it(status):
    machine, invite = calling()
    machine.handle(invite.response(180, to_tag="b"))
    machine.handle(CancelSent())
    machine.handle(invite.response(180, to_tag="b"))
    answer = invite.response(status, to_tag="b")

    effects = machine.handle(answer)

    assert effects[:2] == [Linger(32.0), PassUp(answer)]


def test_a_cancel_that_crosses_the_answer_changes_nothing():
    machine, invite = calling()
    machine.handle(invite.response(200, to_tag="b"))

    assert machine.handle(CancelSent()) == []
    assert isinstance(machine.state, Accepted)


def test_a_transport_that_fails_while_it_is_cancelled_ends_it():
    machine, invite = calling()
    machine.handle(invite.response(180, to_tag="b"))
    machine.handle(CancelSent())

    assert machine.handle(TransportFailed()) == [TransportLost(), Stop()]


# --- Completed: a 3xx-6xx ---------------------------------------------------------------------


@pytest.mark.parametrize("rings_before", [False, True])
@pytest.mark.parametrize("status", [300, 404, 486, 503, 603, 699])
def test_a_refusal_is_passed_up_and_acknowledged(status, rings_before):
    machine, invite = calling()
    if rings_before:
        machine.handle(invite.response(180, to_tag="b"))
    refusal = invite.response(status, to_tag="b")

    *before, ack = machine.handle(refusal)

    assert before == [Linger(32.0), PassUp(refusal)]
    assert ack.data.startswith(b"ACK sip:bob@example.com SIP/2.0\r\n")


def test_over_tcp_no_refusal_comes_late():
    machine = ClientInvite(INVITE, reliable=True)
    machine.start()

    assert Linger(0.0) in machine.handle(INVITE.response(404, to_tag="b"))


def test_each_retransmitted_refusal_is_acknowledged_again_and_not_passed_up():
    machine, invite = calling()
    refusal = invite.response(404, to_tag="b")
    ack = machine.handle(refusal)[-1]

    assert machine.handle(refusal) == [ack]
    assert machine.handle(refusal) == [ack]
    assert isinstance(machine.state, Completed)


def test_late_provisional_and_2xx_responses_to_a_refused_invite_are_dropped():
    machine, invite = calling()
    machine.handle(invite.response(404, to_tag="b"))

    assert machine.handle(invite.response(180, to_tag="b")) == []
    assert machine.handle(invite.response(200, to_tag="c")) == []


def test_an_ack_that_could_not_be_sent_does_not_reach_the_user():
    machine, invite = calling()
    machine.handle(invite.response(404, to_tag="b"))

    assert machine.handle(TransportFailed()) == []


# --- §17.1.1.3: the ACK -----------------------------------------------------------------------


def test_the_ack_has_the_invites_call_id_from_uri_number_routes_and_one_via():
    machine, invite = calling()

    ack = as_request(machine.handle(invite.response(404, to_tag="b"))[-1].data)

    assert (ack.method, ack.target, ack.call_id) == ("ACK", invite.target, invite.call_id)
    assert ack.header("From") == invite.header("From")
    assert ack.vias == (invite.via,)
    assert (ack.cseq.number, ack.cseq.method) == (invite.cseq.number, "ACK")
    assert ack.header_all("Route") == invite.header_all("Route")
    assert ack.body == b""


def test_the_acks_to_is_the_responses_with_its_tag():
    machine, invite = calling()

    ack = as_request(machine.handle(invite.response(404, to_tag="b"))[-1].data)

    assert ack.to.tag == "b"


# --- RFC 6026 §7.2: Accepted ------------------------------------------------------------------


def test_a_2xx_is_passed_up_and_its_ack_left_to_the_user():
    machine, invite = calling()
    ok = invite.response(200, to_tag="b")

    assert machine.handle(ok) == [Linger(32.0), PassUp(ok)]
    assert isinstance(machine.state, Accepted)


def test_every_further_2xx_is_passed_up_whichever_fork_it_is_of():
    machine, invite = calling()
    machine.handle(invite.response(200, to_tag="b"))
    again, other = invite.response(200, to_tag="b"), invite.response(200, to_tag="c")

    assert machine.handle(again) == [PassUp(again)]
    assert machine.handle(other) == [PassUp(other)]


@pytest.mark.parametrize("status", [180, 404])
def test_after_a_2xx_all_other_responses_are_dropped(status):
    machine, invite = calling()
    machine.handle(invite.response(200, to_tag="b"))

    assert machine.handle(invite.response(status, to_tag="c")) == []


def test_a_failed_transport_does_not_end_an_accepted_one():
    machine, invite = calling()
    machine.handle(invite.response(200, to_tag="b"))

    assert machine.handle(TransportFailed()) == []
    assert isinstance(machine.state, Accepted)


# --- after the end, and never ---------------------------------------------------------------------


def test_after_the_end_nothing_has_an_effect():
    machine, invite = calling()
    machine.handle(TimerFired("B"))

    assert machine.handle(invite.response(200, to_tag="b")) == []
    assert machine.handle(TransportFailed()) == []


@pytest.mark.parametrize("name", ["A", "B", "D"])
def test_a_timer_of_another_state_is_a_fault_of_the_shell(name):
    machine, invite = calling()
    machine.handle(invite.response(200, to_tag="b"))

    with pytest.raises(UnexpectedEvent, match="Accepted"):
        machine.handle(TimerFired(name))
    assert isinstance(machine.state, Accepted)


def calling():
    machine = ClientInvite(INVITE, reliable=False)
    machine.start()
    assert isinstance(machine.state, Calling)
    return machine, INVITE
