"""How an offer to an agent's phones failed, in the words of the contact centre.

Features 2.5: busy, declined, unavailable, invalid number, channel failure; RONA is a timer's.
"""

from __future__ import annotations

from actors.messages import LegEnded
from actors.reasons import OfferFailure

_BY_STATUS = {
    404: OfferFailure.INVALID_NUMBER,
    408: OfferFailure.UNAVAILABLE,
    410: OfferFailure.INVALID_NUMBER,
    415: OfferFailure.MEDIA_ERROR,
    480: OfferFailure.UNAVAILABLE,
    484: OfferFailure.INVALID_NUMBER,
    486: OfferFailure.BUSY,
    487: OfferFailure.NO_ANSWER,
    488: OfferFailure.MEDIA_ERROR,
    600: OfferFailure.BUSY,
    603: OfferFailure.DECLINED,
    604: OfferFailure.INVALID_NUMBER,
    606: OfferFailure.MEDIA_ERROR,
}
_BY_CAUSE = {
    OfferFailure.TRUNK_LIMIT: OfferFailure.TRUNK_LIMIT,
    OfferFailure.TENANT_LIMIT: OfferFailure.TENANT_LIMIT,
    OfferFailure.AGENT_LIMIT: OfferFailure.AGENT_LIMIT,
    "media": OfferFailure.MEDIA_ERROR,
    "timeout": OfferFailure.UNAVAILABLE,
}
_MOST_TELLING = (
    OfferFailure.DECLINED,
    OfferFailure.BUSY,
    OfferFailure.NO_ANSWER,
    OfferFailure.MEDIA_ERROR,
    OfferFailure.INVALID_NUMBER,
    OfferFailure.UNAVAILABLE,
    OfferFailure.CHANNEL_FAILURE,
    OfferFailure.TRUNK_LIMIT,
    OfferFailure.TENANT_LIMIT,
    OfferFailure.AGENT_LIMIT,
)


def failure_of(ended: LegEnded) -> OfferFailure:
    """Why a phone that was called did not take the call."""
    if ended.status is not None and ended.cause == "rejected":
        return _BY_STATUS.get(ended.status, OfferFailure.CHANNEL_FAILURE)
    return _BY_CAUSE.get(ended.cause, OfferFailure.CHANNEL_FAILURE)


def more_telling(one: OfferFailure | None, other: OfferFailure) -> OfferFailure:
    """Of several phones' failures, the one that a person caused says most."""
    if one is None:
        return other
    return min(one, other, key=_MOST_TELLING.index)
