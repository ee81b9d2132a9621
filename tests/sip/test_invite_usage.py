"""One INVITE usage, state by state: RFC 3261 §9, §13 to §15, and its races in both orders."""

from __future__ import annotations

import pytest

from sip.invite_usage import words as w
from sip.machine import CancelTimer, StartTimer, Stop, TimerFired
from sip.usage_messages import (
    Cancelled,
    RequestTimedOut,
    ResponseReceived,
    TransportLost,
)
from tests.support.dialogs import (
    ack,
    answer,
    ended,
    incoming,
    key,
    outgoing,
    request,
    responses,
    sent,
    statuses,
)

REASON = 'SIP;cause=200;text="Call completed elsewhere"'

# --- they call us ---------------------------------------------------------------------------------


def test_it_rings_is_answered_and_stands_when_acknowledged() -> None:
    usage = incoming()
    assert statuses(usage.handle(w.Ring())) == [180]
    effects = usage.handle(w.Accept(b"answer"))
    assert statuses(effects) == [200]
    assert w.Accepted() in effects
    assert responses(effects)[0].body == b"answer"
    confirmed = usage.handle(ack(1, b"late answer"))
    assert w.Confirmed(b"late answer") in confirmed
    assert CancelTimer("2xx") in confirmed


@pytest.mark.parametrize(("status", "said"), [(None, 480), (486, 486), (603, 603)])
def test_hanging_up_before_the_answer_rejects(status, said) -> None:
    usage = incoming()
    effects = usage.handle(w.HangUp(status, REASON))
    assert statuses(effects) == [said]
    assert responses(effects)[0].header("Reason") == REASON
    assert ended(effects) == [w.EndCause("local", said, "us")]
    assert effects[-1] == Stop()


def test_a_cancel_before_the_answer_ends_it_with_487() -> None:
    usage = incoming()
    effects = usage.handle(Cancelled(key("INVITE")))
    assert statuses(effects) == [487]
    assert ended(effects) == [w.EndCause("cancelled", 487)]


def test_a_cancel_that_crossed_the_answer_changes_nothing() -> None:
    usage = incoming(accepted=True)
    assert usage.handle(Cancelled(key("INVITE"))) == []
    assert w.Confirmed(b"") in usage.handle(ack(1))


def test_the_answer_is_repeated_with_growing_pauses_until_it_is_given_up() -> None:
    usage = incoming(accepted=True)
    pauses = []
    for _ in range(10):
        again, timer = usage.handle(TimerFired("2xx"))
        assert isinstance(again, w.Resend)
        pauses.append(timer)
    doubled = [StartTimer("2xx", seconds) for seconds in (1.0, 2.0, *[4.0] * 7)]
    assert pauses == [*doubled, StartTimer("ack", 0.5)]
    given_up = usage.handle(TimerFired("ack"))
    assert sent(given_up) == ["BYE"]
    (bye,) = [effect.request for effect in given_up if isinstance(effect, w.SendRequest)]
    over = usage.handle(answer(bye, 200, token="bye"))
    assert ended(over) == [w.EndCause("no-ack", by="us")]


def test_an_ack_with_another_cseq_or_from_someone_else_confirms_nothing() -> None:
    usage = incoming(accepted=True)
    assert usage.handle(ack(2)) == []
    assert w.Confirmed(b"") in usage.handle(ack(1))


def test_hanging_up_before_the_ack_waits_for_it() -> None:
    """§15: the BYE of a callee may not overtake the ACK."""
    usage = incoming(accepted=True)
    assert usage.handle(w.HangUp(reason=REASON)) == []
    effects = usage.handle(ack(1))
    assert sent(effects) == ["BYE"]


def test_a_bye_that_overtakes_the_ack_ends_it() -> None:
    usage = incoming(accepted=True)
    effects = usage.handle(request("BYE"))
    assert statuses(effects) == [200]
    assert ended(effects) == [w.EndCause("bye")]
    assert CancelTimer("2xx") in effects


def test_a_reinvite_that_overtakes_the_ack_is_asked_to_try_again() -> None:
    usage = incoming(accepted=True)
    effects = usage.handle(request("INVITE"))
    assert statuses(effects) == [500]
    assert responses(effects)[0].header("Retry-After")
    assert w.Confirmed(b"") in usage.handle(ack(1))


# --- we call them ---------------------------------------------------------------------------------


def test_our_call_rings_and_is_answered_and_the_first_answer_is_acknowledged_each_time() -> None:
    usage, invite = outgoing()
    assert usage.handle(answer(invite, 100)) == []
    assert usage.handle(answer(invite, 180)) == [w.Ringing(180, b"")]
    effects = usage.handle(answer(invite, 200))
    assert sent(effects) == ["ACK"]
    assert any(isinstance(effect, w.Answered) for effect in effects)
    assert sent(usage.handle(answer(invite, 200))) == ["ACK"]  # the first ACK was lost


def test_another_phone_that_answers_too_is_acknowledged_and_hung_up() -> None:
    """T07."""
    usage, invite = outgoing(confirmed=True)
    effects = usage.handle(answer(invite, 200, tag="another"))
    assert sent(effects) == ["ACK", "BYE"]
    requests = [e.request for e in effects if isinstance(e, w.SendAck | w.SendRequest)]
    assert {one.to.tag for one in requests} == {"another"}
    assert ended(effects) == []
    (bye,) = [effect.request for effect in effects if isinstance(effect, w.SendRequest)]
    assert usage.handle(answer(bye, 200, tag="another", token="other")) == []


@pytest.mark.parametrize("hung_up", [False, True])
@pytest.mark.parametrize(
    ("method", "status"), [("INVITE", 491), ("UPDATE", 491), ("BYE", 481), ("INFO", 481)]
)
def test_their_offer_that_meets_our_invite_in_progress_is_glare(method, status, hung_up) -> None:
    """§14.2: theirs is refused, and ours goes on."""
    usage, invite = outgoing()
    usage.handle(answer(invite, 180))
    if hung_up:
        usage.handle(w.HangUp())
    assert statuses(usage.handle(request(method, body=b"offer"))) == [status]
    assert "ACK" in sent(usage.handle(answer(invite, 200)))


@pytest.mark.parametrize("status", [302, 404, 486, 503, 603])
def test_a_refusal_ends_it_with_its_status(status) -> None:
    usage, invite = outgoing()
    effects = usage.handle(answer(invite, status))
    assert ended(effects) == [w.EndCause("rejected", status)]
    assert effects[-1] == Stop()


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        (RequestTimedOut("invite"), w.EndCause("timeout", 408)),
        (TransportLost("invite"), w.EndCause("transport", 503)),
    ],
)
def test_silence_and_a_lost_transport_end_it(message, cause) -> None:
    usage, _ = outgoing()
    assert ended(usage.handle(message)) == [cause]


def test_taken_back_in_time_it_ends_with_487() -> None:
    usage, invite = outgoing()
    effects = usage.handle(w.HangUp(reason=REASON))
    assert w.CancelInvite("invite", REASON) in effects
    assert ended(effects) == []
    over = usage.handle(answer(invite, 487))
    assert ended(over) == [w.EndCause("local", by="us")]
    assert CancelTimer("cancel") in over


def test_an_answer_that_crosses_our_cancel_is_acknowledged_and_hung_up() -> None:
    """T03, the other way round."""
    usage, invite = outgoing()
    usage.handle(w.HangUp(reason=REASON))
    effects = usage.handle(answer(invite, 200))
    assert sent(effects) == ["ACK", "BYE"]
    assert not any(isinstance(effect, w.Answered) for effect in effects)
    bye = effects[-1].request
    assert bye.header("Reason") == REASON
    assert ended(usage.handle(answer(bye, 200, token="bye"))) == [w.EndCause("local", by="us")]


def test_a_cancel_that_is_never_answered_counts_as_done() -> None:
    usage, _ = outgoing()
    usage.handle(w.HangUp())
    assert ended(usage.handle(TimerFired("cancel"))) == [w.EndCause("local", by="us")]


# --- the dialog stands ----------------------------------------------------------------------------


def test_their_bye_ends_it_once_and_what_comes_later_gets_481() -> None:
    """D14."""
    usage = incoming(confirmed=True)
    effects = usage.handle(request("BYE"))
    assert statuses(effects) == [200]
    assert ended(effects) == [w.EndCause("bye")]
    for method in ("INVITE", "BYE", "INFO", "UPDATE", "OPTIONS"):
        assert statuses(usage.handle(request(method, number=9))) == [481]


def test_bye_crosses_bye() -> None:
    """D02: both are answered, and it ends once."""
    usage = incoming(confirmed=True)
    (bye,) = [e.request for e in usage.handle(w.HangUp()) if isinstance(e, w.SendRequest)]
    crossed = usage.handle(request("BYE"))
    assert statuses(crossed) == [200]
    assert ended(crossed) == [w.EndCause("bye")]
    over = usage.handle(answer(bye, 481, token="bye"))
    assert ended(over) == []
    assert over == [Stop()]


@pytest.mark.parametrize("body", [b"offer", b""], ids=["with SDP", "without SDP"])
def test_a_reinvite_crosses_our_bye(body) -> None:
    """D02."""
    usage = incoming(confirmed=True)
    usage.handle(w.HangUp())
    effects = usage.handle(request("INVITE", body=body))
    assert statuses(effects) == [481]
    assert not any(isinstance(effect, w.OfferReceived) for effect in effects)


def test_their_bye_crosses_their_own_unanswered_reinvite() -> None:
    """D02: the re-INVITE gets its final answer, too (§15.1.2)."""
    usage = incoming(confirmed=True)
    reinvite = request("INVITE", number=2, body=b"offer")
    usage.handle(reinvite)
    effects = usage.handle(request("BYE", number=3))
    assert sorted(statuses(effects)) == [200, 487]
    assert ended(effects) == [w.EndCause("bye")]
    assert usage.handle(w.AnswerReinvite(reinvite.key, b"late")) == []


def test_a_bye_that_is_out_of_order_leaves_an_open_reinvite_open() -> None:
    usage = incoming(confirmed=True)
    reinvite = request("INVITE", number=5, body=b"offer")
    usage.handle(reinvite)
    assert statuses(usage.handle(request("BYE", number=4))) == [500]
    assert statuses(usage.handle(w.AnswerReinvite(reinvite.key, b"answer"))) == [200]


def test_a_hold_of_theirs_is_offered_answered_and_confirmed() -> None:
    usage = incoming(confirmed=True)
    reinvite = request("INVITE", body=b"hold")
    assert usage.handle(reinvite) == [w.OfferReceived(reinvite.key, b"hold")]
    answered = usage.handle(w.AnswerReinvite(reinvite.key, b"held"))
    assert responses(answered)[0].body == b"held"
    again, _ = usage.handle(TimerFired("2xx"))
    assert isinstance(again, w.Resend)
    assert w.ReinviteConfirmed(b"") in usage.handle(ack(2))


def test_a_second_reinvite_before_the_first_is_done_is_asked_to_try_again() -> None:
    usage = incoming(confirmed=True)
    first = request("INVITE", number=2, body=b"one")
    usage.handle(first)
    assert statuses(usage.handle(request("INVITE", number=3, body=b"two"))) == [500]
    assert statuses(usage.handle(w.RefuseReinvite(first.key, 488))) == [488]
    third = request("INVITE", number=4, body=b"three")
    assert usage.handle(third) == [w.OfferReceived(third.key, b"three")]


def test_a_reinvite_that_is_never_acknowledged_ends_the_dialog() -> None:
    usage = incoming(confirmed=True)
    reinvite = request("INVITE", body=b"offer")
    usage.handle(reinvite)
    usage.handle(w.AnswerReinvite(reinvite.key, b"answer"))
    effects = usage.handle(TimerFired("ack"))
    assert sent(effects) == ["BYE"]


@pytest.mark.parametrize(
    ("method", "status"),
    [("OPTIONS", 200), ("INFO", 200), ("MESSAGE", 405), ("REFER", 405), ("SUBSCRIBE", 405)],
)
def test_other_requests_in_the_dialog_are_answered(method, status) -> None:
    usage = incoming(confirmed=True)
    effects = usage.handle(request(method))
    assert statuses(effects) == [status]
    if status == 405:
        assert "BYE" in (responses(effects)[0].header("Allow") or "")


def test_an_update_without_an_offer_only_says_where_they_are() -> None:
    usage = incoming(confirmed=True)
    assert statuses(usage.handle(request("UPDATE"))) == [200]
    offered = request("UPDATE", number=3, body=b"offer")
    assert usage.handle(offered) == [w.OfferReceived(offered.key, b"offer")]
    answered = usage.handle(w.AnswerReinvite(offered.key, b"answer"))
    assert statuses(answered) == [200]
    assert not any(isinstance(effect, StartTimer) for effect in answered)  # it needs no ACK


def test_a_retransmission_of_an_old_request_is_out_of_order() -> None:
    usage = incoming(confirmed=True)
    usage.handle(request("INFO", number=5))
    assert statuses(usage.handle(request("INFO", number=5))) == [500]


@pytest.mark.parametrize("message", [RequestTimedOut("bye"), TransportLost("bye")])
def test_a_bye_that_nobody_answers_ends_it_all_the_same(message) -> None:
    usage = incoming(confirmed=True)
    usage.handle(w.HangUp())
    effects = usage.handle(message)
    assert ended(effects) == [w.EndCause("local", by="us")]
    assert effects[-1] == Stop()


def test_the_bye_to_another_fork_that_times_out_does_not_end_ours() -> None:
    usage, invite = outgoing(confirmed=True)
    usage.handle(answer(invite, 200, tag="another"))
    usage.handle(w.HangUp())
    assert usage.handle(RequestTimedOut("other")) == []
    assert ended(usage.handle(RequestTimedOut("bye"))) == [w.EndCause("local", by="us")]


def test_a_provisional_answer_to_our_bye_is_no_end() -> None:
    usage = incoming(confirmed=True)
    (bye,) = [e.request for e in usage.handle(w.HangUp()) if isinstance(e, w.SendRequest)]
    trying = answer(bye, 100, token="bye")
    assert isinstance(trying, ResponseReceived)
    assert usage.handle(trying) == []
