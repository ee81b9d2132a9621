"""Why a contact ended: each word, from what the journal says of its end."""

from __future__ import annotations

import pytest

from actors import events as ev
from actors.ids import ContactId
from actors.reasons import EndedBy, OfferFailure, Outcome
from ccserver.journal.reports.terminations import TERMINATIONS, termination_of

BY = EndedBy
CASES = [
    ("customer_left", Outcome.ABANDONED, BY.CUSTOMER, "bye"),
    ("customer_left", Outcome.HANDLED, BY.CUSTOMER, None),
    ("agent_left", Outcome.HANDLED, BY.AGENT, None),
    ("agent_left", Outcome.UNREACHED, BY.AGENT, "cancelled"),
    ("outsider_left", Outcome.HANDLED, BY.OUTSIDER, None),
    ("agent_disconnected", Outcome.HANDLED, BY.SYSTEM, "silent"),
    ("queue_timeout", Outcome.OVERFLOWED, BY.SYSTEM, "max_wait"),
    ("queue_timeout", Outcome.OVERFLOWED, BY.SYSTEM, "waited"),
    ("queue_full", Outcome.OVERFLOWED, BY.SYSTEM, "full"),
    ("queue_closed", Outcome.OVERFLOWED, BY.SYSTEM, "closed"),
    ("diverted", Outcome.OVERFLOWED, BY.SYSTEM, "none_working"),
    ("rejected", Outcome.REJECTED, BY.SYSTEM, "closed"),
    ("rona_timer_expired", Outcome.UNREACHED, BY.SYSTEM, OfferFailure.RONA),
    ("unreached", Outcome.UNREACHED, BY.SYSTEM, OfferFailure.BUSY),
    ("interaction_cleanup", Outcome.FAILED, BY.SYSTEM, "shutdown"),
    ("interaction_cleanup", Outcome.HANDLED, BY.SYSTEM, "lease"),
    ("system_error", Outcome.FAILED, None, "internal"),
    ("system_error", Outcome.HANDLED, BY.SYSTEM, "internal"),
]


def ended(outcome: Outcome, by: EndedBy | None, reason: str | None) -> ev.ContactEnded:
    return ev.ContactEnded(ev.ContactRef(ContactId("c1")), outcome, reason=reason, ended_by=by)


@pytest.mark.parametrize(("word", "outcome", "by", "reason"), CASES)
def test_an_end_has_one_word(word, outcome, by, reason):
    assert termination_of(ended(outcome, by, reason), transfer_failed=False) == word


def test_a_transfer_that_nobody_took_is_the_reason_if_it_was_the_last_that_happened():
    lost = ended(Outcome.HANDLED, BY.SYSTEM, "USER_BUSY")
    assert termination_of(lost, transfer_failed=True) == "blind_transfer_failed"
    left = ended(Outcome.HANDLED, BY.CUSTOMER, None)
    assert termination_of(left, transfer_failed=True) == "customer_left"


def test_every_word_has_its_case():
    assert {case[0] for case in CASES} | {"blind_transfer_failed"} == set(TERMINATIONS)
