"""Whatever the network, the users and the clock do, in whatever order: no transaction leaks."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from sip.machine import CancelTimer, StartTimer, Stop, TimerFired
from sip.transaction import ClientInvite, ClientNonInvite, ServerInvite, ServerNonInvite
from sip.transaction.effects import (
    AckReceived,
    CancelSent,
    Linger,
    NoAck,
    PassUp,
    RequestRetransmitted,
    Respond,
    TimedOut,
    Transmit,
    TransportFailed,
    TransportLost,
)
from tests.support.builders import make_request

STATUSES = st.sampled_from((100, 180, 183, 200, 202, 302, 404, 486, 487, 500, 603))

CLIENT_TIMERS = {
    (ClientInvite, "Calling"): {"A", "B"},
    (ClientInvite, "Cancelling"): {"cancel"},
    (ClientNonInvite, "Trying"): {"E", "F"},
    (ClientNonInvite, "Proceeding"): {"E", "F"},
}
SERVER_TIMERS = {
    (ServerInvite, "Completed"): {"G", "H"},
}
LINGERING = {
    (ClientInvite, "Completed"),
    (ClientInvite, "Accepted"),
    (ClientNonInvite, "Completed"),
    (ServerInvite, "Confirmed"),
    (ServerInvite, "Accepted"),
    (ServerNonInvite, "Completed"),
}
RETRANSMISSION = {"A", "E", "G"}
"""Timers that a reliable transport does without."""


class TransactionLife(RuleBasedStateMachine):
    """What clients and servers have in common: a shell that keeps time and the books."""

    timers_of: dict[tuple[type, str], set[str]]

    def begin(self, machine, reliable):
        self.machine, self.reliable = machine, reliable
        self.now, self.timer, self.heard = 0.0, None, []
        self.stopped = self.lingers = False

    def carry_out(self, effects):
        for effect in effects:
            assert not self.stopped, "an effect after Stop"
            match effect:
                case StartTimer(name, seconds):
                    self.timer = self.now + seconds, name
                case CancelTimer(name):
                    assert self.timer[1] == name
                    self.timer = None
                case Linger():
                    assert not self.lingers
                    self.lingers, self.timer = True, None
                case Stop():
                    self.stopped, self.timer = True, None
                case Transmit(data):
                    assert data.endswith(b"\r\n\r\n")
                case _:
                    self.heard.append(effect)
        sent = [isinstance(effect, Transmit) for effect in effects]
        assert sent == sorted(sent), "something is armed after the transport has been told to send"

    def fire_next(self):
        (due, name), self.timer = self.timer, None
        self.now = max(self.now, due)
        self.carry_out(self.machine.handle(TimerFired(name)))

    @rule()
    @precondition(lambda self: self.timer)
    def a_timer_fires(self):
        self.fire_next()

    @rule(seconds=st.floats(0, 5))
    def time_passes(self, seconds):
        until = self.now + seconds
        while self.timer and self.timer[0] <= until:
            self.fire_next()
        self.now = until

    @rule()
    def the_transport_fails(self):
        self.carry_out(self.machine.handle(TransportFailed()))

    @invariant()
    def a_timer_of_its_state_runs_or_it_lingers(self):
        if hasattr(self, "machine"):
            key = type(self.machine), type(self.machine.state).__name__
            owned = self.timers_of.get(key, set())
            expected = owned - RETRANSMISSION if self.reliable else owned
            assert bool(self.timer) == bool(expected), "a state that nothing ends"
            assert self.timer is None or self.timer[1] in expected
            assert self.lingers == (key in LINGERING)

    @invariant()
    def after_the_end_no_timer_runs(self):
        if hasattr(self, "machine") and self.stopped:
            assert self.timer is None
            assert type(self.machine.state).__name__ == "Terminated"

    def teardown(self):
        """Left alone, every transaction that has a timer ends by itself."""
        if hasattr(self, "machine"):
            for _ in range(100):
                if self.timer:
                    self.fire_next()
            assert self.timer is None


class ClientLife(TransactionLife):
    timers_of = CLIENT_TIMERS

    @initialize(invite=st.booleans(), reliable=st.booleans())
    def start(self, invite, reliable):
        self.request = make_request("INVITE" if invite else "BYE")
        make = ClientInvite if invite else ClientNonInvite
        self.begin(make(self.request, reliable=reliable), reliable)
        self.carry_out(self.machine.start())

    @rule(status=STATUSES, tag=st.sampled_from(("x", "y")))
    def a_response_comes(self, status, tag):
        response = self.request.response(status, to_tag=tag)
        self.carry_out(self.machine.handle(response))

    @rule()
    @precondition(lambda self: type(self.machine.state).__name__ not in ("Calling", "Trying"))
    @precondition(lambda self: isinstance(self.machine, ClientInvite))
    def it_is_cancelled(self):
        self.carry_out(self.machine.handle(CancelSent()))

    @invariant()
    def its_user_hears_one_outcome(self):
        if not hasattr(self, "machine"):
            return
        statuses = [event.response.status for event in self.heard if isinstance(event, PassUp)]
        refusals = [status for status in statuses if status >= 300]
        accepts = [status for status in statuses if 200 <= status < 300]
        ends = [event for event in self.heard if isinstance(event, TimedOut | TransportLost)]
        outcomes = len(refusals) + min(len(accepts), 1) + len(ends)
        assert outcomes <= 1
        if isinstance(self.machine, ClientNonInvite):
            assert len(accepts) <= 1
        if self.stopped:
            assert outcomes == 1

    @invariant()
    def nothing_provisional_comes_after_the_outcome(self):
        statuses = [
            event.response.status if isinstance(event, PassUp) else 999
            for event in getattr(self, "heard", ())
        ]
        assert [s >= 200 for s in statuses] == sorted(s >= 200 for s in statuses)


class ServerLife(TransactionLife):
    timers_of = SERVER_TIMERS

    @initialize(invite=st.booleans(), reliable=st.booleans())
    def start(self, invite, reliable):
        self.request = make_request("INVITE" if invite else "OPTIONS")
        make = ServerInvite if invite else ServerNonInvite
        self.begin(make(reliable=reliable), reliable)
        self.final, self.sent = None, []

    def carry_out(self, effects):
        super().carry_out(effects)
        self.sent += [effect.data for effect in effects if isinstance(effect, Transmit)]

    @rule(status=STATUSES)
    def its_user_answers(self, status):
        self.carry_out(self.machine.handle(Respond(self.request.response(status, to_tag="x"))))
        if self.final is None and status >= 200 and self.sent:
            self.final = status

    @rule()
    def the_request_comes_again(self):
        self.carry_out(self.machine.handle(RequestRetransmitted()))

    @rule()
    @precondition(lambda self: isinstance(self.machine, ServerInvite))
    def an_ack_comes(self):
        self.carry_out(self.machine.handle(AckReceived()))

    @invariant()
    def after_the_final_response_only_its_class_is_sent(self):
        statuses = [int(data[8:11]) for data in getattr(self, "sent", ())]
        finals = [status for status in statuses if status >= 200]
        if finals:
            assert {status // 100 for status in finals} == {finals[0] // 100}
            first = statuses.index(finals[0])
            assert min(statuses[first:]) >= 200

    @invariant()
    def a_missing_ack_is_told_at_most_once_and_only_of_a_refusal(self):
        missing = [event for event in getattr(self, "heard", ()) if isinstance(event, NoAck)]
        assert len(missing) <= 1
        if missing:
            assert self.final is not None
            assert self.final >= 300


TestClient = ClientLife.TestCase
TestServer = ServerLife.TestCase
TestClient.settings = TestServer.settings = settings(
    max_examples=200, stateful_step_count=30, deadline=None
)


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("INVITE", [0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]),
        ("BYE", [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]),
    ],
)
def test_an_unanswered_request_goes_out_at_these_instants_and_is_given_up_at_32(method, expected):
    shell = ClientLife()
    sent = []

    shell.start(method == "INVITE", False)
    sent.append(shell.now)
    while not shell.stopped:
        shell.fire_next()
        sent.append(shell.now)

    assert sent[:-1] == expected
    assert sent[-1] == 32.0
    assert shell.heard == [TimedOut()]


@given(st.integers(1, 10))
def test_an_unacknowledged_refusal_is_repeated_for_32_seconds_whatever_comes_again(copies):
    shell = ServerLife()
    shell.start(True, False)
    shell.its_user_answers(486)
    for _ in range(copies):
        shell.the_request_comes_again()

    while not shell.stopped:
        shell.fire_next()

    assert shell.now == 32.0
    assert shell.heard == [NoAck()]
    # at 0, then 0.5, 1.5, 3.5, and every 4 s: §17.2.1
    assert len(shell.sent) == copies + 11
