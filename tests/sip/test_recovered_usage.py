"""A usage that another run of the server left: it stands, asks whether it does, and goes on."""

from __future__ import annotations

import pytest

from sip.dialog import CSEQ_JUMP
from sip.invite_usage import InviteUsage
from sip.invite_usage import words as w
from sip.machine import Stop
from sip.message import Request
from sip.usage_messages import RequestTimedOut, ResponseReceived, TransportLost
from tests.support.dialogs import (
    CONTACT,
    answer,
    ended,
    incoming,
    outgoing,
    request,
    statuses,
)


def recovered(*, called: bool) -> tuple[InviteUsage, Request | None]:
    """Of both kinds; with the INVITE, if it was ours."""
    if called:
        before, invite = outgoing(confirmed=True)
    else:
        before, invite = incoming(confirmed=True), None
    kept = before.snapshot()
    assert kept is not None
    return InviteUsage.recovered(kept, CONTACT, called=called), invite


def sent(effects) -> list[Request]:
    """With a Via, as the endpoint stamps them."""
    return [
        effect.request.with_via("SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKa")
        for effect in effects
        if isinstance(effect, w.SendRequest)
    ]


@pytest.mark.parametrize("called", [True, False])
def test_it_asks_by_options_in_the_dialog_with_a_cseq_far_beyond(called: bool) -> None:
    usage, _ = recovered(called=called)
    (options,) = sent(usage.handle(w.Probe()))
    assert options.method == "OPTIONS"
    assert options.cseq.number == CSEQ_JUMP + (2 if called else 1)
    kept = usage.snapshot()
    assert kept is not None
    assert (options.header("From"), options.header("To")) == (kept.local, kept.remote)


def test_a_peer_that_knows_of_no_dialog_ends_it() -> None:
    usage, _ = recovered(called=True)
    (options,) = sent(usage.handle(w.Probe()))
    effects = usage.handle(ResponseReceived("probe", options.response(481)))
    assert ended(effects) == [w.EndCause("gone", 481)]
    assert effects[-1] == Stop()


@pytest.mark.parametrize("status", [200, 405, 500, 501])
def test_any_other_answer_says_that_it_is_there(status: int) -> None:
    usage, _ = recovered(called=True)
    (options,) = sent(usage.handle(w.Probe()))
    assert usage.handle(ResponseReceived("probe", options.response(status))) == []


@pytest.mark.parametrize("silence", [RequestTimedOut("probe"), TransportLost("probe")])
def test_a_peer_that_says_nothing_is_said_to_have_said_nothing(silence) -> None:
    usage, _ = recovered(called=True)
    usage.handle(w.Probe())
    assert usage.handle(silence) == [w.Unheard()]
    assert usage.snapshot() is not None


def test_the_ack_of_the_run_before_goes_again_when_the_answer_does() -> None:
    usage, invite = recovered(called=True)
    assert invite is not None
    (again,) = usage.handle(answer(invite, 200))
    assert isinstance(again, w.SendAck)
    assert (again.request.method, again.request.cseq.number) == ("ACK", 1)


def test_it_is_hung_up_by_either_side_as_ever() -> None:
    ours, _ = recovered(called=False)
    (bye,) = sent(ours.handle(w.HangUp()))
    assert bye.method == "BYE"
    theirs, _ = recovered(called=False)
    effects = theirs.handle(request("BYE"))
    assert statuses(effects) == [200]
    assert ended(effects)[0].kind == "bye"


def test_a_probe_that_comes_behind_the_end_is_nothing() -> None:
    usage, _ = recovered(called=False)
    usage.handle(request("BYE"))
    assert usage.handle(w.Probe()) == []
