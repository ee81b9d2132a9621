"""Names of headers, in whatever spelling, and the limits on them."""

from __future__ import annotations

from functools import lru_cache

from sip.message.errors import MalformedMessage
from sip.message.grammar import TOKEN

COMPACT = {
    "a": "Accept-Contact",
    "b": "Referred-By",
    "c": "Content-Type",
    "d": "Request-Disposition",
    "e": "Content-Encoding",
    "f": "From",
    "i": "Call-ID",
    "j": "Reject-Contact",
    "k": "Supported",
    "l": "Content-Length",
    "m": "Contact",
    "n": "Identity-Info",
    "o": "Event",
    "r": "Refer-To",
    "s": "Subject",
    "t": "To",
    "u": "Allow-Events",
    "v": "Via",
    "x": "Session-Expires",
    "y": "Identity",
}
"""Compact forms (the registry of RFC 3968)."""

_NAMES = """
Accept Accept-Contact Accept-Encoding Accept-Language Alert-Info Allow Allow-Events
Authentication-Info Authorization Call-ID Call-Info Contact Content-Disposition
Content-Encoding Content-Language Content-Length Content-Type CSeq Date Diversion Error-Info
Event Expires From Identity Identity-Info In-Reply-To Join Max-Forwards MIME-Version Min-Expires
Min-SE Organization P-Asserted-Identity P-Preferred-Identity Path Priority Privacy
Proxy-Authenticate Proxy-Authorization Proxy-Require RAck Reason Record-Route Refer-To
Referred-By Reject-Contact Remote-Party-ID Replaces Reply-To Request-Disposition Require
Retry-After Route RSeq Server Service-Route Session-Expires SIP-ETag SIP-If-Match Subject
Subscription-State Supported Target-Dialog Timestamp To Unsupported User-Agent User-to-User
Via Warning WWW-Authenticate
""".split()

SINGLE = frozenset(
    """Call-ID Content-Disposition Content-Length Content-Type CSeq Date Event Expires From
    Max-Forwards Min-Expires Min-SE RAck Refer-To Referred-By Replaces RSeq Session-Expires
    Timestamp To""".split()
)
"""Headers that may come once only; a second one is answered 400, never guessed about."""

_BY_LOWER = {name.lower(): name for name in _NAMES} | COMPACT


def _spellings() -> dict[str, str]:
    known = {}
    for lower, name in _BY_LOWER.items():
        for spelling in (lower, lower.upper(), name, lower.title()):
            known[spelling] = name
    known |= COMPACT | {short.upper(): name for short, name in COMPACT.items()}
    return known


SPELLINGS = _spellings()
"""The usual spellings of the known headers: the fast way to the canonical name."""


def canonical_name(name: str) -> str:
    """The RFC's spelling of a header name; unknown names get Title-Case.

    Blanks between the name and its colon are allowed (RFC 3261 §25.1, HCOLON).
    Raises MalformedMessage if `name` is no token.
    """
    known = SPELLINGS.get(name)
    if known is not None:
        return known
    # Long names are not remembered: a stranger could fill the cache with 64 kB keys.
    return _recall(name) if len(name) <= 48 else _canonical(name)


def _canonical(name: str) -> str:
    name = name.rstrip(" \t")
    if not TOKEN.fullmatch(name):
        raise MalformedMessage(400, "expected a header name and a colon")
    return _BY_LOWER.get(name.lower()) or name.title()


_recall = lru_cache(512)(_canonical)
