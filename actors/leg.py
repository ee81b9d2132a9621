"""The leg: one party's SIP dialog and its media session, within a contact.

    Opening -> Invited -> Accepting -> Up -> Leaving     (the customer's, called by him)
    Opening -> Dialling -----------> Up -> Leaving       (an agent's, called by us)

The leg knows how to reach and to leave a phone; who should hear whom is its contact's affair.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, get_args

from msgspec import Struct

from actors import effects as do
from actors import events as ev
from actors import messages as m
from actors.ids import ContactId, LegId
from sip import invite_usage as usage
from sip import offer_answer
from sip.machine import CancelTimer, StartTimer, Stop, TimerFired
from sip.message import Request
from sip.sdp import SdpError
from sip.transport.path import Path
from sip.usage_messages import ServerKey, UsageMessage

SILENT = 'SIP;cause=408;text="RTP timeout"'
KEPT = ("Via", "From", "To", "Call-ID", "CSeq", "Contact", "Record-Route")
"""What of an INVITE must be known to answer it, or to end the dialog it began."""
MEDIA_LEASE = 5.0
"""The media process answers within this many seconds, or the leg does without."""


class MediaOpened(Struct, frozen=True, gc=False):
    """The media session has this address and port."""

    address: str
    port: int


class MediaRefused(Struct, frozen=True, gc=False):
    reason: str


class MediaSilent(Struct, frozen=True, gc=False):
    """The phone, which should send, has sent nothing for so long."""

    seconds: float


class MediaLost(Struct, frozen=True, gc=False):
    """The media process has gone, and our session with it."""


class Opening(Struct):
    """A media session has been asked for."""

    answer_at_once: bool = False


class Invited(Struct):
    """The customer waits for our answer."""


class Accepting(Struct):
    """The 2xx has been sent; its ACK is awaited."""


class Dialling(Struct):
    """The agent's phone has been called with our offer."""

    offer: bytes


class Up(Struct):
    """The dialog stands and media flows."""


class Leaving(Struct):
    """Hung up by one side; the dialog's last messages are under way."""


State: TypeAlias = Opening | Invited | Accepting | Dialling | Up | Leaving
Message: TypeAlias = (
    MediaOpened
    | MediaRefused
    | MediaSilent
    | MediaLost
    | m.Begin
    | m.Answer
    | m.HangUp
    | m.PlayFinished
    | m.DigitPressed
    | UsageMessage
    | TimerFired
)


_OF_THE_DIALOG = frozenset(get_args(UsageMessage))
_AS_THEY_ARE = frozenset((StartTimer, CancelTimer, do.RespondWith, do.Resend))
"""What the dialog asks for in words that are effects."""
_NEWS = frozenset(get_args(usage.News))
_ADDRESSED: dict[type, Callable[[LegId, Path, Any], do.Effect]] = {
    usage.SendRequest: lambda leg, path, e: do.SendRequest(leg, e.token, e.request, path),
    usage.SendAck: lambda leg, path, e: do.SendOutside(e.request, path),
    usage.CancelInvite: lambda leg, path, e: do.CancelInvite(leg, e.token, e.reason),
}
"""What else it asks for, and which leg it is that asks, and by what way."""


class UnexpectedMessage(Exception):
    """Not a race we know of: the contact's crash group ends."""


class Leg:
    """One machine for both directions.

    The customer's leg has the ``invite`` and its ``key``; an agent's has neither, and makes its
    INVITE with ``usage_of(our offer)`` once there is a port to be heard at.  ``says_ringing``: its
    contact is told when the phone rings.
    """

    def __init__(
        self,
        leg: LegId,
        contact: ContactId,
        path: Path,
        *,
        dialog_key: tuple[str, str],
        sdp_session: int,
        usage_of: Callable[[bytes], usage.InviteUsage],
        invite: Request | None = None,
        key: ServerKey | None = None,
        trunk: str | None = None,
        says_ringing: bool = False,
    ) -> None:
        self.id, self.contact = leg, contact
        self.state: State = Opening()
        self._path, self._usage_of = path, usage_of
        self._dialog_key, self._sdp_session, self._sdp_version = dialog_key, sdp_session, 0
        self._offered, self._key = b"" if invite is None else invite.body, key
        self._invite, self._trunk, self._says_ringing = invite, trunk, says_ringing
        self._usage = usage_of(b"") if invite is not None else None
        offered = offer_answer.awaits_ipv6(self._offered)
        self.ipv6 = ":" in path.remote[0] if offered is None else offered
        """Of which family the address must be at which it hears: what the offer says; without one,
        the way to the phone.
        """
        self._local: offer_answer.Local | None = None
        self._late_offer: bytes | None = None
        self._media_open = False
        self._said_ended = False

    def _begin(self, ready: tuple[str, int] | None) -> list[do.Effect]:
        port = None if ready is None else ready[1]
        effects: list[do.Effect] = [
            do.AttachDialog(self.id, *self._dialog_key),
            do.OpenMedia(self.id, self.ipv6, port),
        ]
        if self._key is not None and self._invite is not None:
            effects.append(do.ClaimInvite(self.id, self._key))
            effects.append(do.Record(self._arrived(self._invite, self._key)))
        if ready is None:
            return [*effects, StartTimer("media", MEDIA_LEASE)]
        return [*effects, *self._media_opened(*ready)]

    def _arrived(self, invite: Request, key: ServerKey) -> ev.LegArrived:
        rows = invite.fields
        headers = tuple([(name, value) for name in KEPT for value in rows.get(name, ())])
        return ev.LegArrived(self.id, self.contact, invite.target, headers, key, self._path)

    def handle(self, message: Message) -> list[do.Effect]:
        if type(message) in _OF_THE_DIALOG:
            return self._drive(message)  # type: ignore[arg-type]
        opening = type(self.state) is Opening
        match message:
            case MediaOpened(address, port) if opening:
                return [CancelTimer("media"), *self._media_opened(address, port)]
            case MediaOpened():
                return []  # opened as the other side hung up; it is closed with the leg
            case m.Begin(ready) if opening:
                return self._begin(ready)
            case m.Begin():
                raise UnexpectedMessage(type(self.state).__name__, "Begin")
            case m.HangUp() if type(self.state) is Leaving:
                return []  # hung up by both sides at once
            case m.HangUp():
                return self._leave(message, "local")
            case m.Answer():
                return self._asked_to_answer(message)
            case m.PlayFinished() | m.DigitPressed():
                return [do.TellContact(self.contact, message)]
            case MediaRefused() | TimerFired("media") if opening:
                return self._leave(m.HangUp(503), "media")
            case MediaRefused():
                return []  # refused as the other side hung up
            case MediaSilent() | MediaLost():
                return self._media_failed(message)
            case _:
                return self._drive(message)

    def _media_failed(self, message: MediaSilent | MediaLost) -> list[do.Effect]:
        match self.state, message:
            case Up() | Accepting(), MediaSilent():
                return self._leave(m.HangUp(reason=SILENT), "silent")
            case Leaving(), _:
                return []
            case _, MediaSilent():
                return []  # nothing has been negotiated yet
            case _, MediaLost():
                return self._leave(m.HangUp(500), "media")

    def _asked_to_answer(self, message: m.Answer) -> list[do.Effect]:
        match self.state, message:
            case Opening() as opening, m.Answer():
                opening.answer_at_once = True
                return []
            case Invited(), m.Answer():
                return self._accept()
            case Accepting() | Up() | Leaving(), m.Answer():
                return []  # asked as the caller hung up
            case _:
                raise UnexpectedMessage(type(self.state).__name__, "Answer")

    # --- media --------------------------------------------------------------------------------

    def _media_opened(self, address: str, port: int) -> list[do.Effect]:
        assert isinstance(self.state, Opening)
        self._media_open = True
        self._local = offer_answer.Local(address, port)
        if self._usage is None:
            self.state = dialling = Dialling(self._make_offer())
            self._usage = self._usage_of(dialling.offer)
            return self._drive(usage.Start())
        answer_at_once = self.state.answer_at_once
        self.state = Invited()
        return self._accept() if answer_at_once else []

    def _accept(self) -> list[do.Effect]:
        assert self._local is not None
        if not self._offered:
            self._late_offer = self._make_offer()
            self.state = Accepting()
            return self._drive(usage.Accept(self._late_offer))
        try:
            body, negotiated = offer_answer.answer(
                self._offered, self._local, session_id=self._sdp_session, version=self._version()
            )
        except SdpError as error:
            return self._leave(m.HangUp(error.status), "media")
        self.state = Accepting()
        return [self._direct(negotiated), *self._drive(usage.Accept(body))]

    def _make_offer(self) -> bytes:
        assert self._local is not None
        return offer_answer.make_offer(
            self._local, session_id=self._sdp_session, version=self._version()
        )

    def _version(self) -> int:
        self._sdp_version += 1
        return self._sdp_version

    def _direct(self, n: offer_answer.Negotiated) -> do.DirectMedia:
        return do.DirectMedia(
            self.id,
            n.remote_address,
            n.remote_port,
            n.codec,
            n.payload_type,
            n.telephone_event,
            n.direction,
            n.ptime,
            n.remote_rtcp_port,
            n.heard_telephone_event,
            self._path.remote[0],
        )

    # --- the dialog ---------------------------------------------------------------------------

    def _drive(self, message: usage.Message) -> list[do.Effect]:
        """The dialog's machine decides; its effects are addressed, its news understood.

        What is to be written down comes before what is sent: a server that is killed in between
        must know of the dialog, so that the next one acknowledges it, and can end it.  That it has
        ended comes last: the next one would not hang up a phone of which the journal says so.
        """
        effects: list[do.Effect] = []
        written: list[do.Effect] = []
        if self._usage is None:
            raise UnexpectedMessage(type(self.state).__name__, type(message).__name__)
        for effect in self._usage.handle(message):
            kind = type(effect)
            if kind in _AS_THEY_ARE:
                effects.append(effect)  # type: ignore[arg-type]
            elif kind in _NEWS:
                for follows in self._understand(effect):  # type: ignore[arg-type]
                    first = type(follows) is do.Record and type(follows.event) is not ev.LegDown
                    (written if first else effects).append(follows)
            elif kind is Stop:
                effects.append(effect)  # type: ignore[arg-type]
            else:
                effects.append(_ADDRESSED[kind](self.id, self._path, effect))
        return [*written, *effects] if written else effects

    def _understand(self, news: usage.News) -> list[do.Effect]:
        match news:
            case usage.Ended(cause):
                return self._ended(cause)
            case usage.Ringing() if type(self.state) is Dialling:
                rings = do.TellContact(self.contact, m.LegRinging(self.id))
                return [rings] if self._says_ringing else []
            case usage.Answered(body) if isinstance(self.state, Dialling):
                return self._answered(self.state.offer, body)
            case usage.Answered() if type(self.state) is Leaving:
                return []  # answered as we hung up: the usage sends ACK and BYE
            case usage.Accepted() if type(self.state) is Accepting:
                return self._accepted()
            case usage.Confirmed(body) if type(self.state) is Accepting:
                return self._confirmed(body)
            case usage.OfferReceived(key, body):
                return self._reoffered(key, body)
            case usage.ReinviteConfirmed(body):
                return self._late_answer(body)
            case usage.InfoReceived():
                return []  # digits come by RFC 4733
            case usage.Unheard():
                return []  # it does not answer OPTIONS in a dialog, and talks on
            case _:
                raise UnexpectedMessage(type(self.state).__name__, type(news).__name__)

    def _answered(self, offer: bytes, body: bytes) -> list[do.Effect]:
        try:
            negotiated = offer_answer.accept_answer(offer, body)
        except SdpError as error:
            return self._leave(m.HangUp(error.status), "media")
        self.state = Up()
        return [
            self._direct(negotiated),
            do.TellContact(self.contact, m.LegAnswered(self.id)),
            self._record_dialog(),
        ]

    def _accepted(self) -> list[do.Effect]:
        """Our 2xx has gone.  Whoever made the offer can hear and be heard from now on (RFC 3264
        §5.1), and nobody waits for his ACK; our own offer is answered by it.
        """
        if self._late_offer is not None:
            return []
        return [do.TellContact(self.contact, m.LegAnswered(self.id))]

    def _confirmed(self, body: bytes) -> list[do.Effect]:
        effects: list[do.Effect] = []
        if self._late_offer is not None:
            try:
                negotiated = offer_answer.accept_answer(self._late_offer, body)
            except SdpError as error:
                return self._leave(m.HangUp(error.status), "media")
            self._late_offer = None
            answered = do.TellContact(self.contact, m.LegAnswered(self.id))
            effects = [self._direct(negotiated), answered]
        self.state = Up()
        return [*effects, self._record_dialog()]

    def _reoffered(self, key: ServerKey, body: bytes) -> list[do.Effect]:
        """A phone's own hold, or another codec or address (RFC 3264 §8)."""
        if not isinstance(self.state, Up) or self._local is None:
            return self._drive(usage.RefuseReinvite(key, 491))
        if not body:
            self._late_offer = self._make_offer()
            return self._drive(usage.AnswerReinvite(key, self._late_offer))
        try:
            answer, negotiated = offer_answer.answer(
                body, self._local, session_id=self._sdp_session, version=self._version()
            )
        except SdpError as error:
            return self._drive(usage.RefuseReinvite(key, error.status))
        answered = self._drive(usage.AnswerReinvite(key, answer))
        return [self._direct(negotiated), *answered, self._record_dialog()]

    def _late_answer(self, body: bytes) -> list[do.Effect]:
        offer, self._late_offer = self._late_offer, None
        if offer is None or not body:
            return []
        try:
            negotiated = offer_answer.accept_answer(offer, body)
            return [self._direct(negotiated), self._record_dialog()]
        except SdpError:
            return []  # the media that stood before goes on standing

    def _record_dialog(self) -> do.Record:
        assert self._usage is not None
        return do.Record(
            ev.LegConfirmed(
                self.id,
                self.contact,
                self._usage.snapshot(),
                self._path,
                self._key is None,
                self._sdp_session,
                self._sdp_version,
                self._trunk,
            )
        )

    def remains(self) -> list[do.Effect]:
        """What its owner gives back when it has ended, in whatever way."""
        effects: list[do.Effect] = [do.DetachDialog(*self._dialog_key)]
        if not self._said_ended:
            self._said_ended = True
            down = ev.LegDown(self.id, self.contact, "crashed", None, True)
            effects.extend((do.CloseMedia(self.id), do.Record(down)))
        return effects

    # --- the end ------------------------------------------------------------------------------

    def _leave(self, order: m.HangUp, cause: str) -> list[do.Effect]:
        """We end it; ``cause`` is what our contact is told."""
        self.state = Leaving()
        if self._usage is None:  # its phone has not been called yet
            gone = self._close(cause, order.status, by_us=True)
            return [*gone, Stop()]
        ended = self._close(cause, order.status, by_us=True) if cause != "local" else []
        sent = self._drive(usage.HangUp(order.status, order.reason))
        at = next((n for n, e in enumerate(sent) if type(e) is Stop), len(sent))
        return [*sent[:at], *ended, *sent[at:]]

    def _ended(self, cause: usage.EndCause) -> list[do.Effect]:
        self.state = Leaving()
        return self._close(cause.kind, cause.status, by_us=cause.by == "us")

    def _close(self, cause: str, status: int | None, *, by_us: bool) -> list[do.Effect]:
        """Said once: media is given back, the contact is told."""
        if self._said_ended:
            return []
        self._said_ended = True
        return [
            *(() if self._media_open else (CancelTimer("media"),)),
            do.CloseMedia(self.id),
            do.Record(ev.LegDown(self.id, self.contact, cause, status, by_us)),
            do.TellContact(self.contact, m.LegEnded(self.id, cause, status, by_us)),
        ]
