"""Why a contact ended, in one word: Webex's list, and what that one lacks."""

from __future__ import annotations

from actors import events as ev
from actors.reasons import EndedBy, OfferFailure, Outcome

TERMINATIONS = (
    "customer_left",
    "agent_left",
    "outsider_left",
    "agent_disconnected",
    "blind_transfer_failed",
    "queue_timeout",
    "queue_full",
    "queue_closed",
    "diverted",
    "rejected",
    "rona_timer_expired",
    "unreached",
    "interaction_cleanup",
    "system_error",
)
_LEFT = {
    EndedBy.CUSTOMER: "customer_left",
    EndedBy.AGENT: "agent_left",
    EndedBy.OUTSIDER: "outsider_left",
}
_NOT_KEPT = {
    "max_wait": "queue_timeout",
    "waited": "queue_timeout",
    "full": "queue_full",
    "closed": "queue_closed",
}
_ANYWHERE = {
    "shutdown": "interaction_cleanup",
    "lease": "interaction_cleanup",
    "internal": "system_error",
}
"""Whatever the contact was at."""


def termination_of(ended: ev.ContactEnded, *, transfer_failed: bool) -> str:
    """``transfer_failed``: the last that was done with the customer was a transfer that failed."""
    reason, by = ended.reason or "", ended.ended_by or EndedBy.SYSTEM
    if by in _LEFT:
        return _LEFT[by]
    if reason in _ANYWHERE:
        return _ANYWHERE[reason]
    match ended.outcome:
        case Outcome.ABANDONED:
            return "customer_left"
        case Outcome.HANDLED:
            return "blind_transfer_failed" if transfer_failed else "agent_disconnected"
        case Outcome.OVERFLOWED:
            return _NOT_KEPT.get(reason, "diverted")
        case Outcome.REJECTED:
            return "rejected"
        case Outcome.UNREACHED:
            return "rona_timer_expired" if reason == OfferFailure.RONA else "unreached"
        case Outcome.FAILED:
            return "system_error"
