"""Why a phone is hung up on or refused, as it is told: a status, and a Reason header (RFC 3326)."""

from __future__ import annotations

from actors import messages as m
from actors.effects import Effect, TellLeg
from actors.reasons import NotFree, OfferFailure, Refusal

ELSEWHERE = 'SIP;cause=200;text="Call completed elsewhere"'
SHUTTING_DOWN = 'SIP;cause=503;text="Shutting down"'
STATUS: dict[str, int] = {
    Refusal.UNKNOWN_DESTINATION: 404,
    Refusal.UNSUPPORTED_DESTINATION: 403,
    Refusal.NOT_IN_DIAL_PLAN: 403,
    Refusal.NOT_PERMITTED: 403,
    NotFree.BUSY: 486,
    OfferFailure.AGENT_LIMIT: 403,
    OfferFailure.BUSY: 486,
    OfferFailure.CHANNEL_FAILURE: 502,
    OfferFailure.DECLINED: 603,
    OfferFailure.INVALID_NUMBER: 404,
    OfferFailure.MEDIA_ERROR: 500,
    OfferFailure.TENANT_LIMIT: 503,
    OfferFailure.TRUNK_LIMIT: 503,
}
"""What his phone is told, as a response or in a Reason header; 480 for all others."""


def status_of(reason: str) -> int:
    return STATUS.get(reason, 480)


def because(reason: str) -> str:
    """A Reason header (RFC 3326) with a code of ``actors.reasons``."""
    return f'SIP;cause={status_of(reason)};text="{reason}"'


def explained(effects: list[Effect], reason: str) -> list[Effect]:
    """The same, but who is only hung up on is told this Reason."""
    told = m.HangUp(reason=reason)
    return [
        TellLeg(each.leg, told)
        if isinstance(each, TellLeg) and each.message == m.HangUp()
        else each
        for each in effects
    ]
