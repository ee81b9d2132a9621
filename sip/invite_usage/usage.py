"""The machine of one INVITE usage.

    Invited -> AwaitingAck -> Confirmed -> Byeing -> Over      (they called us)
    Calling -> Cancelling                                      (we called them)
    Calling -------------> Confirmed -> Byeing -> Over

Bodies are opaque here: what they offer is the owner's affair.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from msgspec import Struct

from sip import capabilities
from sip.dialog import CSEQ_JUMP, Dialog, DialogSnapshot
from sip.invite_usage import words as w
from sip.machine import CancelTimer, StartTimer, Stop, TimerFired
from sip.message import Fields, Request, Response
from sip.transaction.repetition import Repetition
from sip.transaction.values import DEFAULT, Timers
from sip.usage_messages import (
    AckReceived,
    Cancelled,
    NoAck,
    RequestReceived,
    RequestTimedOut,
    ResponseReceived,
    ServerKey,
    TransportLost,
)

FIRST_CSEQ = 1
"""Of our INVITE: a dialog of ours begins to count here."""


class Invited(Struct):
    """Their INVITE waits for a final answer."""

    key: ServerKey
    invite: Request


class AwaitingAck(Struct):
    """Our 2xx goes again until it is acknowledged.  ``leaving``: BYE as soon as it is (§15)."""

    key: ServerKey
    response: Response
    cseq: int
    dialog: Dialog
    repetition: Repetition
    leaving: w.HangUp | None = None


class Calling(Struct):
    """Our INVITE has no final answer."""

    invite: Request


class Cancelling(Struct):
    """We took our INVITE back; the answer may have crossed."""

    invite: Request
    reason: str | None


class Reoffer(Struct):
    """A re-INVITE of theirs.  ``response`` is our 2xx, once it has been sent."""

    key: ServerKey
    request: Request
    response: Response | None = None
    repetition: Repetition | None = None


class Confirmed(Struct):
    """The dialog stands.  ``ack`` goes again whenever the 2xx to our INVITE does."""

    dialog: Dialog
    ack: Request | None = None
    reoffer: Reoffer | None = None


class Byeing(Struct):
    """Our BYE waits for its answer."""

    dialog: Dialog
    cause: w.EndCause
    ack: Request | None = None


class Over(Struct):
    """Nothing more is to be said."""


State: TypeAlias = Invited | AwaitingAck | Calling | Cancelling | Confirmed | Byeing | Over


class UnexpectedMessage(Exception):
    """A command that makes no sense in this state: the owner is wrong."""


class InviteUsage:
    """``contact`` is our Contact value; ``incoming`` and ``outgoing`` make the two kinds."""

    def __init__(self, state: State, contact: str, timers: Timers) -> None:
        self.state = state
        self._contact, self._timers = contact, timers
        self._said_ended = False

    @classmethod
    def incoming(
        cls, key: ServerKey, invite: Request, contact: str, timers: Timers = DEFAULT
    ) -> InviteUsage:
        return cls(Invited(key, invite), contact, timers)

    @classmethod
    def outgoing(cls, invite: Request, contact: str, timers: Timers = DEFAULT) -> InviteUsage:
        return cls(Calling(invite), contact, timers)

    @classmethod
    def recovered(
        cls,
        kept: DialogSnapshot,
        contact: str,
        *,
        called: bool,
        jump: int = CSEQ_JUMP,
        timers: Timers = DEFAULT,
    ) -> InviteUsage:
        """Confirmed, as another run of the server left it.  ``called``: by us, with CSeq 1.

        ``jump``: by how much the CSeq goes on.
        """
        dialog = Dialog.recovered(kept, contact, jump)
        ack = dialog.ack(FIRST_CSEQ) if called else None
        return cls(Confirmed(dialog, ack), contact, timers)

    def snapshot(self) -> DialogSnapshot | None:
        """The dialog's whole state; None before there is one."""
        match self.state:
            case AwaitingAck(dialog=dialog) | Confirmed(dialog=dialog) | Byeing(dialog=dialog):
                return dialog.snapshot()
            case _:
                return None

    def handle(self, message: w.Message) -> list[w.Effect]:
        state = self.state
        effects = _WHILE[type(state)](self, state, message)
        return self._stray(message) if effects is None else effects

    # Each of these gives None for what it does not expect in its state.

    def _while_invited(self, invited: Invited, message: w.Message) -> list[w.Effect] | None:
        key, invite = invited.key, invited.invite
        match message:
            case w.Accept(body):
                return self._accept(invited, body)
            case w.Ring(status, body):
                return [self._respond(key, invite, status, body)]
            case w.HangUp(status, reason):
                headers = [("Reason", reason)] if reason else []
                refusal = invite.response(status or 480, to_tag=key.tag, headers=headers)
                cause = w.EndCause("local", refusal.status, "us")
                return [w.RespondWith(key, refusal), *self._over(cause)]
            case Cancelled():
                terminated = invite.response(487, to_tag=key.tag)
                cause = w.EndCause("cancelled", 487)
                return [w.RespondWith(key, terminated), *self._over(cause)]
            case _:
                return None

    def _while_awaiting_ack(
        self, waiting: AwaitingAck, message: w.Message
    ) -> list[w.Effect] | None:
        match message:
            case AckReceived(ack):
                return self._acknowledged(waiting, ack)
            case TimerFired("2xx"):
                again = w.Resend(waiting.key, waiting.response)
                return [again, self._wait_longer(waiting.repetition)]
            case TimerFired("ack"):
                # §13.3.1.4: never acknowledged
                return self._bye(waiting.dialog, w.EndCause("no-ack", by="us"))
            case w.HangUp() as order:
                waiting.leaving = order
                return []
            case Cancelled():
                return []  # CANCEL crossed our 200: the 200 stands, a BYE will follow (§9.2)
            case RequestReceived(key, request, _):
                # A BYE or re-INVITE that overtook the ACK proves that the 2xx arrived.
                if request.method == "BYE":
                    return [waiting.repetition.cancel(), *self._bye_came(key, request)]
                return self._in_dialog(waiting.dialog, key, request)
            case _:
                return None

    def _while_calling(self, calling: Calling, message: w.Message) -> list[w.Effect] | None:
        match message:
            case ResponseReceived("invite", response):
                return self._answered(calling, response)
            case w.Start():
                return [w.SendRequest("invite", calling.invite)]
            case RequestTimedOut("invite"):
                return self._over(w.EndCause("timeout", 408))
            case TransportLost("invite"):
                return self._over(w.EndCause("transport", 503))
            case w.HangUp(_, reason):
                self.state = Cancelling(calling.invite, reason)
                cancel = w.CancelInvite("invite", reason)
                return [cancel, StartTimer("cancel", self._timers.patience)]
            case RequestReceived(key, request, _):
                return [_glare(key, request)]
            case _:
                return None

    def _while_cancelling(
        self, cancelling: Cancelling, message: w.Message
    ) -> list[w.Effect] | None:
        match message:
            case ResponseReceived("invite", response):
                return self._cancel_answered(cancelling, response)
            case RequestTimedOut("invite") | TransportLost("invite") | TimerFired("cancel"):
                # §9.1: no final answer within 64*T1 of the CANCEL counts as one
                return [CancelTimer("cancel"), *self._over(w.EndCause("local", by="us"))]
            case w.HangUp():
                return []
            case RequestReceived(key, request, _):
                return [_glare(key, request)]
            case _:
                return None

    def _while_confirmed(self, confirmed: Confirmed, message: w.Message) -> list[w.Effect] | None:
        dialog, reoffer = confirmed.dialog, confirmed.reoffer
        match message:
            case w.HangUp(_, reason):
                effects = self._drop_reoffer(confirmed)
                cause = w.EndCause("local", by="us")
                return [*effects, *self._bye(dialog, cause, reason, confirmed.ack)]
            case RequestReceived(key, request, _):
                return self._requested(confirmed, key, request)
            case ResponseReceived("invite", response):
                return self._answered_again(confirmed.ack, response)
            case AckReceived(ack):
                return self._reoffer_acknowledged(confirmed, ack)
            case w.AnswerReinvite(key, body) if reoffer is not None and reoffer.key == key:
                return self._answer_reoffer(reoffer, body)
            case w.RefuseReinvite(key, status) if reoffer is not None and reoffer.key == key:
                confirmed.reoffer = None
                return [w.RespondWith(key, reoffer.request.response(status))]
            case TimerFired("2xx") if reoffer is not None and reoffer.repetition is not None:
                assert reoffer.response is not None
                again = w.Resend(reoffer.key, reoffer.response)
                return [again, self._wait_longer(reoffer.repetition)]
            case w.Probe():
                return [w.SendRequest("probe", dialog.request("OPTIONS"))]
            case ResponseReceived("probe", response) if response.status == 481:
                effects = self._drop_reoffer(confirmed)
                return [*effects, *self._over(w.EndCause("gone", 481))]
            case RequestTimedOut("probe") | TransportLost("probe"):
                return [w.Unheard()]
            case TimerFired("ack"):
                cause = w.EndCause("no-ack", by="us")
                return self._bye(dialog, cause, None, confirmed.ack)
            case Cancelled():
                return []  # of a re-INVITE that is being answered: our answer stands
            case _:
                return None

    def _while_byeing(self, byeing: Byeing, message: w.Message) -> list[w.Effect] | None:
        match message:
            case ResponseReceived("bye", response) if response.status < 200:
                return []
            case ResponseReceived("bye") | RequestTimedOut("bye") | TransportLost("bye"):
                return self._over(byeing.cause)
            case RequestReceived(key, request, _):
                if request.method == "BYE":  # BYE crossed BYE: both are answered
                    return [w.RespondWith(key, request.response(200)), *self._ended_by_peer()]
                # a re-INVITE crossed our BYE
                return [w.RespondWith(key, request.response(481))]
            case ResponseReceived("invite", response):
                return self._answered_again(byeing.ack, response)
            case w.HangUp() | AckReceived():
                return []
            case Cancelled():
                return []  # of an INVITE that we answered, and have hung up since
            case _:
                return None

    def _when_over(self, _: Over, message: w.Message) -> list[w.Effect]:
        match message:
            case RequestReceived(key, request, _):
                return [w.RespondWith(key, request.response(481))]  # late, after the end
            case _:
                return []

    def _stray(self, message: w.Message) -> list[w.Effect]:
        match message:
            case NoAck() | AckReceived() | RequestTimedOut() | TransportLost() | ResponseReceived():
                return []  # stray: nothing of ours waits for it
            case w.Probe():
                return []  # hung up by the peer as it was to be asked
            case w.AnswerReinvite() | w.RefuseReinvite():
                return []  # the re-INVITE went away with its dialog's state
            case _:
                raise UnexpectedMessage(type(self.state).__name__, type(message).__name__)

    # --- they called us -----------------------------------------------------------------------

    def _respond(self, key: ServerKey, invite: Request, status: int, body: bytes) -> w.RespondWith:
        contact: Fields = {"Contact": (self._contact,)}
        kind = capabilities.SDP if body else None
        response = invite.response(
            status, to_tag=key.tag, more=contact, body=body, content_type=kind
        )
        return w.RespondWith(key, response)

    def _accept(self, invited: Invited, body: bytes) -> list[w.Effect]:
        key, invite = invited.key, invited.invite
        response = self._two_hundred(invite, key.tag, body)
        dialog = Dialog.of_uas(invite, key.tag, self._contact)
        repetition = self._repetition()
        self.state = AwaitingAck(key, response, invite.cseq.number, dialog, repetition)
        return [w.RespondWith(key, response), repetition.timer(), w.Accepted()]

    def _repetition(self) -> Repetition:
        """Of a 2xx, over any transport (§13.3.1.4)."""
        return self._timers.repetition("2xx", "ack", reliable=False)

    def _wait_longer(self, repetition: Repetition) -> StartTimer:
        return repetition.after(min(2 * repetition.pause, self._timers.t2))

    def _two_hundred(self, request: Request, tag: str | None, body: bytes) -> Response:
        ours: Fields = {"Contact": (self._contact,), "Allow": (capabilities.ALLOW,)}
        return request.response(
            200, to_tag=tag, more=ours, body=body, content_type=capabilities.SDP
        )

    def _acknowledged(self, waiting: AwaitingAck, ack: Request) -> list[w.Effect]:
        if ack.cseq.number != waiting.cseq or ack.from_.tag != waiting.dialog.remote_tag:
            return []  # not of this INVITE
        stop = waiting.repetition.cancel()
        if waiting.leaving is not None:
            cause = w.EndCause("local", by="us")
            return [stop, *self._bye(waiting.dialog, cause, waiting.leaving.reason)]
        self.state = Confirmed(waiting.dialog)
        return [stop, w.Confirmed(ack.body)]

    # --- we called them -----------------------------------------------------------------------

    def _answered(self, calling: Calling, response: Response) -> list[w.Effect]:
        if response.status <= 100:
            return []
        if response.status < 200:
            return [w.Ringing(response.status, response.body)]
        if response.status >= 300:
            reason = response.header("Reason")
            return self._over(w.EndCause("rejected", response.status, reason=reason))
        dialog = Dialog.of_uac(calling.invite, response, self._contact)
        ack = dialog.ack(calling.invite.cseq.number)
        self.state = Confirmed(dialog, ack)
        return [w.SendAck(ack), w.Answered(response.body)]

    def _cancel_answered(self, cancelling: Cancelling, response: Response) -> list[w.Effect]:
        if response.status < 200:
            return []
        cause = w.EndCause("local", by="us")
        if response.status >= 300:
            return [CancelTimer("cancel"), *self._over(cause)]
        # CANCEL and 200 crossed: the call stands, and is ended at once
        dialog = Dialog.of_uac(cancelling.invite, response, self._contact)
        ack = dialog.ack(cancelling.invite.cseq.number)
        return [
            CancelTimer("cancel"),
            w.SendAck(ack),
            *self._bye(dialog, cause, cancelling.reason, ack),
        ]

    def _answered_again(self, ack: Request | None, response: Response) -> list[w.Effect]:
        """A 2xx after the first: our ACK was lost, or another phone answered as well."""
        if ack is None or not 200 <= response.status < 300:
            return []
        if response.to.tag == ack.to.tag:
            return [w.SendAck(ack)]
        # another fork (§13.2.2.4): acknowledged and ended
        other = Dialog.of_uac(ack, response, self._contact)
        return [w.SendAck(other.ack(ack.cseq.number)), w.SendRequest("other", other.request("BYE"))]

    # --- the dialog stands --------------------------------------------------------------------

    def _requested(self, confirmed: Confirmed, key: ServerKey, request: Request) -> list[w.Effect]:
        if request.method == "BYE":
            if refusal := confirmed.dialog.check(request):
                return [w.RespondWith(key, _try_again(request, refusal))]
            return [*self._drop_reoffer(confirmed), *self._bye_came(key, request)]
        if request.method not in ("INVITE", "UPDATE"):
            return self._in_dialog(confirmed.dialog, key, request)
        if refusal := confirmed.dialog.check(request):
            return [w.RespondWith(key, _try_again(request, refusal))]
        if confirmed.reoffer is not None:
            # §14.2: the one before is not finished
            return [w.RespondWith(key, _try_again(request, 500))]
        confirmed.dialog.refresh_target(request)
        if request.method == "UPDATE" and not request.body:
            return [w.RespondWith(key, self._two_hundred(request, None, b""))]
        confirmed.reoffer = Reoffer(key, request)
        return [w.OfferReceived(key, request.body)]

    def _in_dialog(self, dialog: Dialog, key: ServerKey, request: Request) -> list[w.Effect]:
        if refusal := dialog.check(request):
            return [w.RespondWith(key, _try_again(request, refusal))]
        if request.method == "INFO":
            news = w.InfoReceived(request.content_type, request.body)
            return [w.RespondWith(key, request.response(200)), news]
        if request.method == "OPTIONS":
            headers = [("Allow", capabilities.ALLOW), ("Accept", capabilities.SDP)]
            return [w.RespondWith(key, request.response(200, headers=headers))]
        if request.method in ("INVITE", "UPDATE"):
            return [w.RespondWith(key, _try_again(request, 500))]  # before the ACK of the first
        return [w.RespondWith(key, request.response(405, headers=[("Allow", capabilities.ALLOW)]))]

    def _answer_reoffer(self, reoffer: Reoffer, body: bytes) -> list[w.Effect]:
        reoffer.response = self._two_hundred(reoffer.request, None, body)
        answer = w.RespondWith(reoffer.key, reoffer.response)
        if reoffer.request.method == "UPDATE":
            assert isinstance(self.state, Confirmed)
            self.state.reoffer = None
            return [answer]
        reoffer.repetition = self._repetition()
        return [answer, reoffer.repetition.timer()]

    def _reoffer_acknowledged(self, confirmed: Confirmed, ack: Request) -> list[w.Effect]:
        reoffer = confirmed.reoffer
        if reoffer is None or reoffer.repetition is None:
            return []  # the ACK of the INVITE again
        if ack.cseq.number != reoffer.request.cseq.number:
            return []
        confirmed.reoffer = None
        return [reoffer.repetition.cancel(), w.ReinviteConfirmed(ack.body)]

    def _drop_reoffer(self, confirmed: Confirmed) -> list[w.Effect]:
        reoffer, confirmed.reoffer = confirmed.reoffer, None
        if reoffer is None:
            return []
        if reoffer.repetition is not None:
            return [reoffer.repetition.cancel()]
        # BYE crossed a re-INVITE that had no answer yet (§15.1.2)
        return [w.RespondWith(reoffer.key, reoffer.request.response(487))]

    # --- the end ------------------------------------------------------------------------------

    def _bye(
        self,
        dialog: Dialog,
        cause: w.EndCause,
        reason: str | None = None,
        ack: Request | None = None,
    ) -> list[w.Effect]:
        self.state = Byeing(dialog, cause, ack)
        headers = [("Reason", reason)] if reason else []
        return [w.SendRequest("bye", dialog.request("BYE", headers=headers))]

    def _bye_came(self, key: ServerKey, request: Request) -> list[w.Effect]:
        cause = w.EndCause("bye", by="them", reason=request.header("Reason"))
        return [w.RespondWith(key, request.response(200)), *self._over(cause)]

    def _ended_by_peer(self) -> list[w.Effect]:
        if self._said_ended:
            return []
        self._said_ended = True
        return [w.Ended(w.EndCause("bye", by="them"))]

    def _over(self, cause: w.EndCause) -> list[w.Effect]:
        self.state = Over()
        if self._said_ended:
            return [Stop()]
        self._said_ended = True
        return [w.Ended(cause), Stop()]


_WHILE: Mapping[type, Callable[[InviteUsage, Any, w.Message], list[w.Effect] | None]] = {
    Invited: InviteUsage._while_invited,
    AwaitingAck: InviteUsage._while_awaiting_ack,
    Calling: InviteUsage._while_calling,
    Cancelling: InviteUsage._while_cancelling,
    Confirmed: InviteUsage._while_confirmed,
    Byeing: InviteUsage._while_byeing,
    Over: InviteUsage._when_over,
}
"""What a message means, by the state that it is heard in."""


def _glare(key: ServerKey, request: Request) -> w.RespondWith:
    """An offer of theirs meets our INVITE, which is in progress (§14.2)."""
    status = 491 if request.method in ("INVITE", "UPDATE") else 481
    return w.RespondWith(key, request.response(status, to_tag=key.tag))


def _try_again(request: Request, status: int) -> Response:
    """§12.2.2 and §14.2: out of order, or too early."""
    return request.response(status, headers=[("Retry-After", "1")])


def outgoing_invite(
    *,
    target: str,
    from_: str,
    to: str,
    call_id: str,
    contact: str,
    body: bytes,
    headers: Iterable[tuple[str, str]] = (),
) -> Request:
    """A dialog's first INVITE, without Via.  ``from_`` bears our tag.  §13.2.1, §8.1.1"""
    fields: Fields = {
        "Max-Forwards": ("70",),
        "From": (from_,),
        "To": (to,),
        "Call-ID": (call_id,),
        "CSeq": (f"{FIRST_CSEQ} INVITE",),
        "Contact": (contact,),
        "Allow": (capabilities.ALLOW,),
    }
    return Request.of(fields, "INVITE", target, headers, body, capabilities.SDP if body else None)
