"""Both ends of an INVITE usage: what the peer sends, as the usage hears it."""

from __future__ import annotations

from itertools import count

from sip.invite_usage import InviteUsage
from sip.invite_usage import words as w
from sip.message import Request, Response
from sip.transport.path import Path
from sip.usage_messages import AckReceived, RequestReceived, ResponseReceived, ServerKey
from tests.support.builders import as_request, as_response, make_request

PATH = Path("udp", 0, ("192.0.2.1", 5060))
OURS, THEIRS = "ourtag", "9fxced76sl"
CONTACT = "<sip:ccserver@192.0.2.9>"
THEIR_CONTACT = ("Contact", "<sip:alice@192.0.2.1:5062>")
_branches = count(1)


def incoming(*, accepted: bool = False, confirmed: bool = False) -> InviteUsage:
    """A usage that they began, as far along as wanted."""
    invite = make_request(extra=[THEIR_CONTACT])
    usage = InviteUsage.incoming(key("INVITE"), invite, CONTACT)
    if accepted or confirmed:
        usage.handle(w.Accept(b"answer"))
    if confirmed:
        usage.handle(ack(1))
    return usage


def outgoing(*, confirmed: bool = False) -> tuple[InviteUsage, Request]:
    """A usage that we began, and its INVITE as it goes."""
    fields = [
        ("Max-Forwards", "70"),
        ("From", f"<sip:us@example.com>;tag={OURS}"),
        ("To", "<sip:alice@example.com>"),
        ("Call-ID", "ours@example.com"),
        ("CSeq", "1 INVITE"),
        ("Contact", CONTACT),
    ]
    invite = Request.build("INVITE", "sip:alice@192.0.2.1", fields, b"offer")
    usage = InviteUsage.outgoing(invite, CONTACT)
    usage.handle(w.Start())
    if confirmed:
        usage.handle(answer(invite, 200))
    return usage, invite


def key(method: str) -> ServerKey:
    return ServerKey(f"z9hG4bK{next(_branches)}", "192.0.2.1:5060", method, OURS)


def ack(number: int, body: bytes = b"") -> AckReceived:
    return AckReceived(make_request("ACK", to_tag=OURS, number=number, body=body))


def request(method: str, number: int = 2, body: bytes = b"") -> RequestReceived:
    """A request of theirs in the dialog."""
    extra = [THEIR_CONTACT] if method in ("INVITE", "UPDATE") else []
    made = make_request(method, to_tag=OURS, number=number, extra=extra, body=body)
    return RequestReceived(key(method), made, PATH)


def answer(
    invite: Request, status: int, tag: str = THEIRS, token: str = "invite"
) -> ResponseReceived:
    """Their response to a request of ours."""
    sent = invite.with_via("SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKx")
    response = as_request(sent.encode()).response(
        status, to_tag=tag, headers=[("Contact", "<sip:alice@192.0.2.1:5062>")]
    )
    return ResponseReceived(token, as_response(response.encode()))


def statuses(effects: list[w.Effect]) -> list[int]:
    return [effect.response.status for effect in effects if isinstance(effect, w.RespondWith)]


def sent(effects: list[w.Effect]) -> list[str]:
    """Methods of the requests that go, ACK among them."""
    kinds = w.SendRequest | w.SendAck
    return [effect.request.method for effect in effects if isinstance(effect, kinds)]


def ended(effects: list[w.Effect]) -> list[w.EndCause]:
    return [effect.cause for effect in effects if isinstance(effect, w.Ended)]


def responses(effects: list[w.Effect]) -> list[Response]:
    return [effect.response for effect in effects if isinstance(effect, w.RespondWith)]
