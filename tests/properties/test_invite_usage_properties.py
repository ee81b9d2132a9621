"""Whatever order messages come in: a usage ends once, owes nobody an answer, leaves no timer."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from sip.invite_usage import words as w
from sip.invite_usage.usage import AwaitingAck, Confirmed, Invited, Over
from sip.machine import CancelTimer, StartTimer, Stop, TimerFired
from sip.usage_messages import Cancelled, RequestTimedOut, ServerKey, TransportLost
from tests.support.dialogs import ack, answer, incoming, key, outgoing, request

METHODS = ("INVITE", "BYE", "INFO", "UPDATE", "OPTIONS", "MESSAGE", "REFER")


class UsageLife(RuleBasedStateMachine):
    """The peer's end, the transaction layer and the owner, as seen from outside."""

    @initialize(theirs=st.booleans())
    def begin(self, theirs: bool) -> None:
        self.owed: dict[ServerKey, str] = {}
        self.timers: set[str] = set()
        self.offers: list[ServerKey] = []
        self.under_way: dict[str, object] = {}
        self.ends = 0
        self.stopped = False
        self.acked: list[str | None] = []
        self.number = 1
        self.theirs = theirs
        if theirs:
            self.usage = incoming()
            self.key = self.usage.state.key
            self.owed[self.key] = "INVITE"
        else:
            self.usage, self.invite = outgoing()
            self.under_way["invite"] = self.invite

    def hears(self, message: object) -> None:
        for effect in self.usage.handle(message):
            match effect:
                case w.RespondWith(to, response) if response.status >= 200:
                    assert self.owed.pop(to, None) is not None, "answered twice"
                case w.Resend(to):
                    assert to not in self.owed, "the first 2xx never went"
                case StartTimer(name, seconds):
                    assert seconds > 0
                    self.timers.add(name)
                case CancelTimer(name):
                    self.timers.discard(name)
                case w.SendRequest(token, sent):
                    self.under_way[token] = sent
                case w.SendAck(ack_of):
                    self.acked.append(ack_of.to.tag)
                case w.OfferReceived(to, _):
                    self.offers.append(to)
                case w.Ended():
                    self.ends += 1
                case Stop():
                    self.stopped = True

    # --- the owner --------------------------------------------------------------------------------

    @rule(status=st.sampled_from([None, 486, 503]))
    def hang_up(self, status) -> None:
        self.hears(w.HangUp(status))

    @precondition(lambda self: isinstance(self.usage.state, Invited))
    @rule(accept=st.booleans())
    def ring_or_accept(self, accept) -> None:
        self.hears(w.Accept(b"answer") if accept else w.Ring())

    @precondition(lambda self: self.offers)
    @rule(data=st.data(), accept=st.booleans())
    def answer_a_reinvite(self, data, accept) -> None:
        """Late ones too: their dialog may have gone on."""
        to = data.draw(st.sampled_from(self.offers))
        self.offers.remove(to)
        self.hears(w.AnswerReinvite(to, b"a") if accept else w.RefuseReinvite(to, 488))

    # --- the peer ---------------------------------------------------------------------------------

    @rule(
        method=st.sampled_from(METHODS), step=st.integers(0, 3), body=st.sampled_from([b"", b"o"])
    )
    def request_in_the_dialog(self, method, step, body) -> None:
        if isinstance(self.usage.state, Invited):
            return  # they know of no dialog yet
        self.number += step
        received = request(method, self.number, body)
        self.owed[received.key] = method
        self.hears(received)

    @rule(offset=st.integers(0, 2))
    def acknowledge(self, offset) -> None:
        self.hears(ack(max(1, self.number - offset)))

    @rule()
    def cancel(self) -> None:
        if self.theirs:
            self.hears(Cancelled(self.key))

    @precondition(lambda self: self.under_way)
    @rule(
        data=st.data(),
        status=st.sampled_from([100, 180, 200, 200, 302, 404, 486, 487, 500, 603]),
        tag=st.sampled_from(["9fxced76sl", "9fxced76sl", "another"]),
    )
    def answer_ours(self, data, status, tag) -> None:
        token = data.draw(st.sampled_from(sorted(self.under_way)))
        alive, self.acked = not isinstance(self.usage.state, Over), []
        self.hears(answer(self.under_way[token], status, tag, token))
        answered = token == "invite" and 200 <= status < 300
        assert self.acked == ([tag] if answered and alive else []), "every 2xx is acknowledged"

    @precondition(lambda self: self.under_way)
    @rule(data=st.data(), lost=st.booleans())
    def nobody_answers(self, data, lost) -> None:
        token = data.draw(st.sampled_from(sorted(self.under_way)))
        self.hears(TransportLost(token) if lost else RequestTimedOut(token))

    @precondition(lambda self: self.timers)
    @rule(data=st.data())
    def a_timer_fires(self, data) -> None:
        name = data.draw(st.sampled_from(sorted(self.timers)))
        self.timers.discard(name)
        self.hears(TimerFired(name))

    @rule(method=st.sampled_from(METHODS))
    def a_stranger_s_request_key(self, method) -> None:
        """A command about a re-INVITE that was never there is no harm."""
        if not isinstance(self.usage.state, Invited):
            self.hears(w.RefuseReinvite(key(method), 488))

    # --- what must hold ---------------------------------------------------------------------------

    @invariant()
    def it_ends_at_most_once_and_stops_after_that(self) -> None:
        assert self.ends <= 1
        if self.stopped:
            assert self.ends == 1
            assert isinstance(self.usage.state, Over)

    @invariant()
    def every_request_of_theirs_has_its_one_final_answer_or_an_owner(self) -> None:
        open_ones = set(self.owed)
        match self.usage.state:
            case Invited(to, _):
                open_ones.discard(to)
            case Confirmed(reoffer=reoffer) if reoffer is not None:
                open_ones.discard(reoffer.key)
        assert not open_ones

    @invariant()
    def when_it_is_over_no_timer_runs(self) -> None:
        if isinstance(self.usage.state, Over):
            assert not self.timers

    @invariant()
    def while_a_two_hundred_waits_for_its_ack_one_timer_runs(self) -> None:
        if isinstance(self.usage.state, AwaitingAck):
            assert self.timers in ({"2xx"}, {"ack"})


TestUsageLife = UsageLife.TestCase
TestUsageLife.settings = settings(max_examples=300, stateful_step_count=40, deadline=None)


@given(
    st.lists(st.tuples(st.sampled_from([180, 200]), st.sampled_from("ab")), max_size=8),
    st.integers(0, 8),
)
def test_every_answer_of_every_fork_is_acknowledged_wherever_we_hang_up(answers, hang_up_at):
    usage, invite = outgoing()
    for number, (status, tag) in enumerate(answers):
        if number == hang_up_at:
            usage.handle(w.HangUp())
        effects = usage.handle(answer(invite, status, tag))
        acked = [effect.request.to.tag for effect in effects if isinstance(effect, w.SendAck)]
        assert acked == ([tag] if status == 200 else [])
