"""What a user agent server checks before it acts on a request (RFC 3261 §8.2)."""

from __future__ import annotations

from collections.abc import Collection

from msgspec import Struct

from sip.message.errors import MalformedMessage
from sip.message.grammar import BLANK, ascii_lower
from sip.message.message import Request


class Refusal(Struct, frozen=True, gc=False):
    """Why a request is not acted upon: the response to give."""

    status: int
    reason: str
    """What was expected, for the log; the response takes the usual phrase."""

    headers: tuple[tuple[str, str], ...] = ()


SCHEMES = frozenset(("sip", "sips", "tel"))
_SDP = frozenset(("application/sdp", "application/*", "*/*"))
_NEVER_EXTENDED = frozenset(("ACK", "CANCEL"))


def check(
    request: Request,
    *,
    extensions: Collection[str] = (),
    bodies: Collection[str] | None = None,
    schemes: Collection[str] = SCHEMES,
) -> Refusal | None:
    """None if `request` may be acted upon, else the refusal it deserves.

    Reads all headers that decide about its way, so that none of them raises later.
    `extensions` are the option tags we have, in lower case; `bodies` the media types that this
    method may carry (None: any).  The method and Max-Forwards are the caller's: a 405 lists
    what is allowed here and now, and 483 is for proxies.

    - 400: a malformed header, CSeq of another method, headers within the Request-URI (§19.1.1)
    - 406: an INVITE whose Accept leaves no room for SDP
    - 415: a body or a content coding that we do not understand
    - 416: a Request-URI of a scheme we do not know
    - 420: a required extension that we lack
    """
    try:
        return (
            _check_head(request, schemes)
            or _check_extensions(request, extensions)
            or _check_body(request, bodies)
        )
    except MalformedMessage as error:
        return Refusal(error.status, str(error))


def _check_head(request: Request, schemes: Collection[str]) -> Refusal | None:
    _ = request.vias, request.from_, request.to, request.call_id
    _ = request.max_forwards, request.contacts, request.routes, request.record_routes
    if request.cseq.method != request.method:
        return Refusal(400, "expected the method of the start line in CSeq")
    uri = request.uri
    if uri.scheme not in schemes:
        return Refusal(416, f"expected a Request-URI of {', '.join(sorted(schemes))}")
    if uri.headers:
        return Refusal(400, "expected a Request-URI without headers")
    return None


def _check_extensions(request: Request, extensions: Collection[str]) -> Refusal | None:
    if "Require" not in request.fields or request.method in _NEVER_EXTENDED:
        return None
    lacking = [tag for tag in request.tokens("Require") if ascii_lower(tag) not in extensions]
    if lacking:
        return Refusal(
            420, "expected no extension that we lack", (("Unsupported", ", ".join(lacking)),)
        )
    return None


def _check_body(request: Request, bodies: Collection[str] | None) -> Refusal | None:
    if request.method == "INVITE" and "Accept" in request.fields:
        accepted = {_media_range(item) for item in request.tokens("Accept")}
        if not accepted & _SDP:
            return Refusal(406, "expected application/sdp in Accept")
    if bodies is None or not request.body or _is_optional(request):
        return None
    coding = request.header("Content-Encoding")
    if coding is not None and ascii_lower(coding) != "identity":
        return Refusal(415, "expected no coding", (("Accept-Encoding", "identity"),))
    kind = request.content_type
    if kind is None:
        return Refusal(400, "expected a Content-Type with a body")
    if kind not in bodies:
        accept = ", ".join(sorted(bodies))
        return Refusal(415, f"expected a body of {accept}", (("Accept", accept),))
    return None


def _is_optional(request: Request) -> bool:
    disposition = request.header("Content-Disposition") or ""
    parameters = (item.replace(" ", "") for item in disposition.split(";")[1:])
    return any(ascii_lower(item) == "handling=optional" for item in parameters)


def _media_range(item: str) -> str:
    return ascii_lower(item.partition(";")[0].strip(BLANK).replace(" ", ""))
