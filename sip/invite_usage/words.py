"""What an INVITE usage hears, asks for and tells."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from sip.machine import TimerEffect, TimerFired
from sip.message import Request, Response
from sip.usage_messages import ServerKey, UsageMessage


class EndCause(Struct, frozen=True, gc=False):
    """Why a usage ended."""

    kind: str
    """``bye``, ``cancelled``, ``rejected``, ``timeout``, ``transport``, ``no-ack``, ``protocol``,
    ``gone``, ``local``."""
    status: int | None = None
    """The SIP status that ended it, if one did."""
    by: str = "them"
    """``us`` or ``them``."""
    reason: str | None = None
    """The Reason header (RFC 3326) of what ended it."""


# --- commands ---------------------------------------------------------------------------------


class Start(Struct, frozen=True, gc=False):
    """Send the INVITE."""


class Ring(Struct, frozen=True, gc=False):
    status: int = 180
    body: bytes = b""


class Accept(Struct, frozen=True, gc=False):
    """Answer with a 2xx; the body is an SDP answer, or an offer where the INVITE had none."""

    body: bytes


class HangUp(Struct, frozen=True, gc=False):
    """End it: reject, CANCEL or BYE, as the state asks."""

    status: int | None = None
    """Of a rejection; None: 480."""
    reason: str | None = None


class Probe(Struct, frozen=True, gc=False):
    """Ask the peer whether it still has the dialog.  A peer that does not answer has said nothing;
    one that knows of no dialog ends the usage (RFC 5057 §5.3).
    """


class AnswerReinvite(Struct, frozen=True, gc=False):
    key: ServerKey
    body: bytes


class RefuseReinvite(Struct, frozen=True, gc=False):
    key: ServerKey
    status: int


Command: TypeAlias = Start | Ring | Accept | HangUp | Probe | AnswerReinvite | RefuseReinvite
Message: TypeAlias = Command | UsageMessage | TimerFired


# --- effects ----------------------------------------------------------------------------------


class SendRequest(Struct, frozen=True):
    token: str
    request: Request


class CancelInvite(Struct, frozen=True, gc=False):
    token: str
    reason: str | None = None
    """A Reason header (RFC 3326)."""


class SendAck(Struct, frozen=True):
    request: Request


class RespondWith(Struct, frozen=True):
    key: ServerKey
    response: Response


class Resend(Struct, frozen=True):
    """The 2xx again (§13.3.1.4), the way responses to this INVITE go."""

    key: ServerKey
    response: Response


# --- news -------------------------------------------------------------------------------------


class Ringing(Struct, frozen=True, gc=False):
    """UAC: a 101-199 came."""

    status: int
    body: bytes


class Answered(Struct, frozen=True, gc=False):
    """UAC: the first 2xx came, and has been acknowledged."""

    body: bytes


class Accepted(Struct, frozen=True, gc=False):
    """UAS: our 2xx has been sent."""


class Confirmed(Struct, frozen=True, gc=False):
    """UAS: the ACK came; its body is the answer to a late offer."""

    body: bytes


class OfferReceived(Struct, frozen=True, gc=False):
    """A re-INVITE or UPDATE wants other media; an empty body asks for our offer."""

    key: ServerKey
    body: bytes


class ReinviteConfirmed(Struct, frozen=True, gc=False):
    """The ACK of our 2xx to a re-INVITE came."""

    body: bytes


class InfoReceived(Struct, frozen=True, gc=False):
    content_type: str | None
    body: bytes


class Unheard(Struct, frozen=True, gc=False):
    """The peer did not answer a probe."""


class Ended(Struct, frozen=True, gc=False):
    """Exactly once: nobody is on the other end any more."""

    cause: EndCause


News: TypeAlias = (
    Ringing
    | Answered
    | Accepted
    | Confirmed
    | OfferReceived
    | ReinviteConfirmed
    | InfoReceived
    | Unheard
    | Ended
)
Effect: TypeAlias = SendRequest | CancelInvite | SendAck | RespondWith | Resend | News | TimerEffect
