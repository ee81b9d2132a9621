"""What the actors ask of the world.  ``ccserver.core.effects`` alone carries it out."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from actors import commands as c
from actors import messages as m
from actors.events import AnyEvent
from actors.ids import AgentId, ContactId, LegId, QueueName
from actors.place import Place
from actors.routing import outside
from sip.invite_usage import Resend as Resend  # as the dialog asks for them: exported
from sip.invite_usage import RespondWith as RespondWith
from sip.machine import TimerEffect
from sip.message import Request
from sip.transport.path import Path
from sip.usage_messages import ServerKey


class Record(Struct, frozen=True):
    """A fact for the journal."""

    event: AnyEvent


class TellContact(Struct, frozen=True):
    """``contact``: it, or one of its requests."""

    contact: ContactId
    message: (
        m.Assigned
        | m.PhonesAdded
        | m.AgentNotFree
        | m.Overflowed
        | m.QueueSeen
        | m.AgentLost
        | m.EndContact
        | m.MonitorAsked
        | m.LegNews
        | c.ContactCommandReceived
    )


class TellLeg(Struct, frozen=True):
    leg: LegId
    message: m.Answer | m.Dial | m.HangUp


class TellQueue(Struct, frozen=True):
    queue: QueueName
    message: m.JoinQueue | m.LeaveQueue | m.ContactConnected | m.ContactPaired | m.PairingUndone


class TellDispatcher(Struct, frozen=True):
    message: (
        m.ContactWaits
        | m.ContactLeft
        | m.ContactConnected
        | m.AgentAvailable
        | m.AgentUnavailable
        | m.ReservationRefused
        | m.AgentServes
        | m.AgentServed
        | outside.AssignContact
        | outside.RouterHeard
        | outside.RouterLeft
    )


class TellAgent(Struct, frozen=True):
    agent: AgentId
    message: (
        m.Reserve
        | m.AskedFor
        | m.OfferAnswered
        | m.OfferWithdrawn
        | m.OfferFailed
        | m.ConversationEnded
        | m.AgentLegDown
        | m.PhoneLost
        | m.PhonesChanged
        | m.ContactKept
        | m.AgentCommandReceived
    )


class TellMonitorDesk(Struct, frozen=True):
    message: m.ConversationBegan | m.MonitorMissed | c.MonitorCommandReceived


class Watch(Struct, frozen=True, gc=False):
    """Tell me ``Down`` when the actor of this name ends."""

    name: str


class ReplyTo(Struct, frozen=True):
    """The answer to a command, for whoever asked under this name."""

    reply_to: str
    answer: object


# --- a contact's own: legs and media ----------------------------------------------------------


class PlaceCall(Struct, frozen=True):
    """From an agent: a contact of his with this number.  Answered to ``reply_to``."""

    agent: AgentId
    number: str
    reply_to: str


class StartLeg(Struct, frozen=True):
    """A new leg towards a phone, in this contact's crash group."""

    leg: LegId
    dial: m.Dial


class Play(Struct, frozen=True):
    """Play files to a leg, one after another."""

    leg: LegId
    token: str
    files: tuple[str, ...]
    loop: bool = False


class LookAtQueue(Struct, frozen=True, gc=False):
    """How things stand in a queue for this place; comes back as ``QueueSeen``, in the same turn, so
    that nobody needs a lease for it.

    ``caller``: who is at the door to wait, and may have a place there already; None: nobody.
    """

    contact: ContactId
    queue: QueueName
    place: Place
    caller: str | None = None


class StopPlaying(Struct, frozen=True, gc=False):
    leg: LegId


class Hear(Struct, frozen=True, gc=False):
    """``leg`` hears the sum of ``sources``, and what plays to it, if anything does; and no other.

    Who hears whom is a matrix, and this is one row of it.  A source that is not there is left out.
    """

    leg: LegId
    sources: tuple[LegId, ...]


# --- a leg's own: SIP and its media session ---------------------------------------------------


class OpenMedia(Struct, frozen=True, gc=False):
    """Give me an address and a port; comes back as ``MediaOpened`` or ``MediaRefused``.  With a
    ``port`` it is that pair of the reserve, and only a refusal comes back.
    """

    leg: LegId
    ipv6: bool = False
    port: int | None = None


class DirectMedia(Struct, frozen=True):
    """What was negotiated: where to send, and what."""

    leg: LegId
    address: str
    port: int
    codec: str
    payload_type: int
    telephone_event: int | None
    direction: str
    ptime: int
    rtcp_port: int | None = None
    heard_telephone_event: int | None = None
    learn_from: str | None = None
    """The host that the phone's SIP comes from: the only one its audio may be learned from."""


class CloseMedia(Struct, frozen=True, gc=False):
    leg: LegId


class SendRequest(Struct, frozen=True):
    """Start a client transaction; its outcome comes back under ``token``."""

    leg: LegId
    token: str
    request: Request
    path: Path


class ResumeInvite(Struct, frozen=True):
    """An earlier run of the server sent this INVITE by this branch: what comes of it is ours."""

    leg: LegId
    token: str
    branch: str
    request: Request
    path: Path


class ResumeServer(Struct, frozen=True):
    """An earlier run of the server received this INVITE: the answer is ours."""

    key: ServerKey
    request: Request
    path: Path


class CancelInvite(Struct, frozen=True, gc=False):
    leg: LegId
    token: str
    reason: str | None = None
    """A Reason header (RFC 3326)."""


class SendOutside(Struct, frozen=True):
    """An ACK for a 2xx: outside any transaction."""

    request: Request
    path: Path


class ClaimInvite(Struct, frozen=True):
    """CANCEL and a missing ACK of this INVITE are this leg's affair."""

    leg: LegId
    key: ServerKey


class AttachDialog(Struct, frozen=True, gc=False):
    """Requests in this dialog are this leg's affair."""

    leg: LegId
    call_id: str
    local_tag: str


class DetachDialog(Struct, frozen=True, gc=False):
    call_id: str
    local_tag: str


LegEffect: TypeAlias = (
    OpenMedia
    | DirectMedia
    | CloseMedia
    | SendRequest
    | ResumeInvite
    | ResumeServer
    | CancelInvite
    | SendOutside
    | RespondWith
    | Resend
    | ClaimInvite
    | AttachDialog
    | DetachDialog
)
ContactEffect: TypeAlias = (
    StartLeg | Play | StopPlaying | Hear | LookAtQueue | TellLeg | TellQueue | TellAgent
)
Effect: TypeAlias = (
    Record
    | TellContact
    | TellLeg
    | TellQueue
    | TellDispatcher
    | TellAgent
    | TellMonitorDesk
    | Watch
    | ReplyTo
    | PlaceCall
    | ContactEffect
    | LegEffect
    | TimerEffect
)
