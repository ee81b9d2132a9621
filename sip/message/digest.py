"""HTTP digest as SIP uses it (RFC 3261 §22, RFC 7616, RFC 8760): the mathematics, no state.

Nonces, their age and the nonce counts belong to whoever challenges.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import md5, sha256
from hmac import compare_digest

from msgspec import Struct

from sip.message.errors import MalformedMessage
from sip.message.grammar import ascii_lower, parse_hex8, quote, unescape

ALGORITHMS = ("MD5", "SHA-256")

_MAX_PARAMETERS = 32
_SCHEME = re.compile(r"([A-Za-z0-9\-.!%*_+`'~]++)(?:[ \t]++(.*+))?", re.DOTALL)
_PARAMETER = re.compile(
    r"[ \t]*+([A-Za-z0-9\-.!%*_+`'~]++)[ \t]*+=[ \t]*+"
    r'(?:"((?:[^"\\]++|\\.)*+)"|([^," \t]++))[ \t]*+(?:,|$)|.++',
    re.DOTALL,
)
"""Or all that is left, which has no name: looked for at one place after the other, none is passed
over, and none is looked at twice."""


class Credentials(Struct, frozen=True, gc=False):
    """What an Authorization header says.  Names of parameters are lower case."""

    scheme: str
    """Lower case: ``digest``."""

    params: Mapping[str, str]
    """Unquoted; empty for a scheme other than Digest."""

    @classmethod
    def parse(cls, text: str) -> Credentials:
        """Raises MalformedMessage for a Digest that is not a list of name=value."""
        found = _SCHEME.fullmatch(text)
        if found is None:
            raise MalformedMessage(400, "expected an authentication scheme")
        scheme, rest = found[1].lower(), found[2] or ""
        if scheme != "digest":
            return cls(scheme, {})
        items = _PARAMETER.findall(rest)
        params = {name.lower(): plain or quoted for name, quoted, plain in items}
        if "" in params:
            raise MalformedMessage(400, "expected a list of name=value")
        if len(params) != len(items):
            raise MalformedMessage(400, "a parameter comes twice")
        if "\\" in rest:
            params = {name.lower(): plain or unescape(quoted) for name, quoted, plain in items}
        if len(params) > _MAX_PARAMETERS:
            raise MalformedMessage(400, "there are too many parameters")
        return cls(scheme, params)

    def __repr__(self) -> str:
        """Without the response: whoever reads a log should not guess passwords from it."""
        return f"Credentials({self.scheme!r}, {self.username!r}, {self.realm!r})"

    @property
    def username(self) -> str:
        return self.params.get("username", "")

    @property
    def realm(self) -> str:
        return self.params.get("realm", "")

    @property
    def nonce(self) -> str:
        return self.params.get("nonce", "")

    @property
    def uri(self) -> str:
        return self.params.get("uri", "")

    @property
    def response(self) -> str:
        return self.params.get("response", "")

    @property
    def opaque(self) -> str | None:
        return self.params.get("opaque")

    @property
    def algorithm(self) -> str:
        """Upper case; MD5 if none is named (RFC 7616 §3.4)."""
        return self.params.get("algorithm", "MD5").upper()

    @property
    def qop(self) -> str | None:
        value = self.params.get("qop")
        return None if value is None else ascii_lower(value)

    @property
    def cnonce(self) -> str:
        return self.params.get("cnonce", "")

    @property
    def nc(self) -> int | None:
        """The nonce count; None if it is not eight hexadecimal digits."""
        return parse_hex8(self.params.get("nc", ""))

    def proves(self, ha1: str, method: str) -> bool:
        """Whether the response was made by someone who knows `ha1`.

        False as well for an algorithm or a qop we do not know and for missing parameters.
        Says nothing about the nonce, its count, the realm or the URI: those are the caller's,
        and the count is to be looked at only after this said True.
        """
        algorithm, qop = self.algorithm, self.qop
        if self.scheme != "digest" or algorithm not in ALGORITHMS or qop not in (None, "auth"):
            return False
        find = self.params.get
        nonce, uri, proof = find("nonce"), find("uri"), find("response")
        if not (nonce and uri and proof and find("username") and find("realm")):
            return False
        cnonce, count = find("cnonce", ""), find("nc", "")
        if qop is not None and (parse_hex8(count) is None or not cnonce):
            return False
        expected = response(algorithm, ha1, nonce, method, uri, qop=qop, nc=count, cnonce=cnonce)
        return same_secret(expected, ascii_lower(proof))


class Challenge(Struct, frozen=True, gc=False):
    """What WWW-Authenticate or Proxy-Authenticate asks; ``str`` gives the header's value."""

    realm: str
    nonce: str
    algorithm: str = "SHA-256"
    stale: bool = False
    qop: str | None = "auth"
    opaque: str | None = None

    def __str__(self) -> str:
        text = f"Digest realm={quote(self.realm)}, nonce={quote(self.nonce)}"
        if self.opaque is not None:
            text += f", opaque={quote(self.opaque)}"
        if self.stale:
            text += ", stale=true"
        text += f", algorithm={self.algorithm}"
        return text if self.qop is None else f'{text}, qop="{self.qop}"'


def ha1(algorithm: str, user: str, realm: str, password: str) -> str:
    """H(user:realm:password), hexadecimal: what is stored instead of the password."""
    return _hash(algorithm, f"{user}:{realm}:{password}")


def response(
    algorithm: str,
    ha1: str,
    nonce: str,
    method: str,
    uri: str,
    *,
    qop: str | None = "auth",
    nc: str = "",
    cnonce: str = "",
) -> str:
    """The response of RFC 7616 §3.4.1, hexadecimal; `qop` None gives that of RFC 2069."""
    ha2 = _hash(algorithm, f"{method}:{uri}")
    if qop is None:
        return _hash(algorithm, f"{ha1}:{nonce}:{ha2}")
    return _hash(algorithm, f"{ha1}:{nonce}:{nc}:{cnonce}:{qop}:{ha2}")


def same_secret(one: str, other: str) -> bool:
    """Compare in constant time, whatever characters a stranger sent."""
    return compare_digest(
        one.encode("utf-8", "surrogateescape"), other.encode("utf-8", "surrogateescape")
    )


def _hash(algorithm: str, text: str) -> str:
    data = text.encode("utf-8", "surrogateescape")
    if algorithm == "SHA-256":
        return sha256(data).hexdigest()
    if algorithm == "MD5":
        return md5(data, usedforsecurity=False).hexdigest()
    raise ValueError(f"expected one of {', '.join(ALGORITHMS)} as the digest algorithm")
