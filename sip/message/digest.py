"""Digest access authentication: the sums and the syntax.  RFC 7616, RFC 8760 (SIP), RFC 2069."""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Mapping
from hashlib import md5, sha256
from typing import Any

from msgspec import Struct

from sip.message.errors import MalformedMessage
from sip.message.grammar import ascii_lower, quote, unescape

_PAIR = re.compile(
    r'[ \t]*+([A-Za-z0-9\-_]++)[ \t]*+=[ \t]*+(?:"((?:[^"\\]++|\\.)*+)"|([^",\s]++))[ \t]*+(?:,|$)',
    re.DOTALL,
)
_MOST_PARAMETERS = 32
_HASHES: Mapping[str, Callable[[bytes], Any]] = {"MD5": md5, "SHA-256": sha256}
ALGORITHMS = tuple(_HASHES)


class Credentials(Struct, frozen=True, gc=False):
    """An Authorization header.  Values come unquoted; ``algorithm`` in upper case."""

    username: str
    realm: str
    nonce: str
    uri: str
    response: str
    algorithm: str = "MD5"
    qop: str | None = None
    nc: str | None = None
    cnonce: str | None = None
    opaque: str | None = None

    @classmethod
    def parse(cls, text: str) -> Credentials:
        """Raises MalformedMessage."""
        scheme, _, rest = text.partition(" ")
        if ascii_lower(scheme) != "digest":
            raise MalformedMessage(400, "expected Digest credentials", "Authorization")
        values = _pairs(rest)
        try:
            return cls(
                values["username"],
                values["realm"],
                values["nonce"],
                values["uri"],
                values["response"],
                values.get("algorithm", "MD5").upper(),
                values.get("qop"),
                values.get("nc"),
                values.get("cnonce"),
                values.get("opaque"),
            )
        except KeyError as missing:
            raise MalformedMessage(400, f"expected {missing}", "Authorization") from None


def _pairs(text: str) -> dict[str, str]:
    values: dict[str, str] = {}
    position = 0
    while position < len(text):
        found = _PAIR.match(text, position)
        if found is None or len(values) == _MOST_PARAMETERS:
            raise MalformedMessage(400, "expected name=value pairs", "Authorization")
        name, quoted, plain = found.groups()
        values[ascii_lower(name)] = plain if quoted is None else unescape(quoted)
        position = found.end()
    return values


def challenge(realm: str, nonce: str, algorithm: str, *, stale: bool = False) -> str:
    """The value of a WWW-Authenticate or Proxy-Authenticate header."""
    text = f'Digest realm={quote(realm)}, nonce="{nonce}", algorithm={algorithm}, qop="auth"'
    return f"{text}, stale=true" if stale else text


def ha1(algorithm: str, username: str, realm: str, password: str) -> str:
    """What a server keeps instead of the password."""
    return _hash(algorithm, f"{username}:{realm}:{password}")


def expected_response(credentials: Credentials, method: str, stored_ha1: str) -> str:
    """What the response must be, in hexadecimal (RFC 7616 §3.4.1; without qop, RFC 2069)."""
    c = credentials
    ha2 = _hash(c.algorithm, f"{method}:{c.uri}")
    if c.qop is None:
        return _hash(c.algorithm, f"{stored_ha1}:{c.nonce}:{ha2}")
    return _hash(c.algorithm, f"{stored_ha1}:{c.nonce}:{c.nc}:{c.cnonce}:{c.qop}:{ha2}")


def same(one: str, other: str) -> bool:
    """Compared in constant time, on bytes."""
    return hmac.compare_digest(
        one.encode("utf-8", "surrogateescape"), other.encode("utf-8", "surrogateescape")
    )


def _hash(algorithm: str, text: str) -> str:
    digest = _HASHES[algorithm](text.encode("utf-8", "surrogateescape"))
    return str(digest.hexdigest())
