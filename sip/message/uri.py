"""SIP, SIPS and tel URIs (RFC 3261 §19.1, RFC 3966); other schemes are kept as they came."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from ipaddress import IPv6Address

from msgspec import Struct

from sip.message.errors import MalformedMessage
from sip.message.grammar import LONGEST_REMEMBERED, MOST_REMEMBERED, ascii_lower, parse_uint

DEFAULT_PORT = 5060
"""Of SIP over UDP and TCP."""

HOST = r"(?:[A-Za-z0-9][A-Za-z0-9._-]*+|\[[0-9A-Fa-f:.]++\])"
"""A host name, an IPv4 address or an IPv6 reference."""

# The user part takes what phones send unescaped as well: `#`, `[`, and UTF-8.
_SIP = re.compile(
    r"(?P<user>[A-Za-z0-9\-_.!~*'()&=+$,;?/%#\[\]\u0080-\U0010ffff]++"
    r"(?::(?P<password>[A-Za-z0-9\-_.!~*'()&=+$,%]*+))?@)?"
    rf"(?P<host>{HOST})"
    r"(?::(?P<port>[0-9]++))?"
    r"(?P<params>;[^\s?<>\"@]*+)?"
    r"(?:\?(?P<headers>[^\s<>\"@]*+))?"
)
_TEL = re.compile(r"(\+?[0-9A-Fa-f*#\-.()]++)(;[^\s?<>\"]*+)?")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+\-.]*+):(.*+)", re.DOTALL)
_OPAQUE = re.compile(r"[^\x00-\x20<>\"\x7f]++")
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.!~*'()")

_NO_PARAMETERS: Mapping[str, str | None] = {}


class Uri(Struct, frozen=True, gc=False):
    """A URI.  Escapes are kept as they came, so that no escaped CR LF is ever set free."""

    scheme: str
    """Lower case: ``sip``, ``sips``, ``tel`` or another one."""

    user: str | None
    """As it came, with its escapes; for ``tel`` the number."""

    host: str = ""
    """IPv6 addresses stand in brackets; empty for schemes without a host."""

    port: int | None = None
    params: Mapping[str, str | None] = _NO_PARAMETERS
    headers: str = ""
    """What followed the question mark."""

    password: str | None = None
    opaque: str | None = None
    """All that follows the colon, for schemes other than sip, sips and tel."""

    @classmethod
    def parse(cls, text: str) -> Uri:
        """Raises MalformedMessage for what is not a URI, or a broken sip, sips or tel URI.

        Remembered: few are called, by many.
        """
        return _recall(text) if len(text) <= LONGEST_REMEMBERED else cls._parse(text)

    @classmethod
    def _parse(cls, text: str) -> Uri:
        # The usual spelling first; the rest may be in any case.
        if text.startswith("sip:"):
            return _parse_sip("sip", text, 4)
        found = _SCHEME.fullmatch(text)
        if found is None:
            raise MalformedMessage(400, "expected a URI with a scheme")
        scheme = found[1].lower()
        if scheme in ("sip", "sips"):
            return _parse_sip(scheme, text, found.start(2))
        if scheme == "tel":
            number = _TEL.fullmatch(found[2])
            if number is None:
                raise MalformedMessage(400, "expected a telephone number")
            return cls("tel", number[1], params=_parse_params(number[2]) if number[2] else {})
        if _OPAQUE.fullmatch(found[2]) is None:
            raise MalformedMessage(400, "expected a URI without blanks")
        return cls(scheme, None, opaque=found[2])

    def __str__(self) -> str:
        if self.opaque is not None:
            return f"{self.scheme}:{self.opaque}"
        params = ""
        for name, value in self.params.items():
            params += f";{name}" if value is None else f";{name}={value}"
        if self.scheme == "tel":
            return f"tel:{self.user}{params}"
        user = ""
        if self.user is not None:
            user = f"{self.user}@" if self.password is None else f"{self.user}:{self.password}@"
        port = "" if self.port is None else f":{self.port}"
        headers = f"?{self.headers}" if self.headers else ""
        return f"{self.scheme}:{user}{self.host}{port}{params}{headers}"

    @property
    def transport(self) -> str | None:
        """The transport parameter in lower case, or None."""
        value = self.params.get("transport")
        return ascii_lower(value) if value else None

    @property
    def host_ip(self) -> str:
        """The host without the brackets of an IPv6 reference."""
        return bare_host(self.host)

    def address_of_record(self) -> str:
        """The key of a registrar (RFC 3261 §10.3, step 5).

        No parameters, no headers, no password, no default port; the user's needless escapes
        resolved and the host in lower case, so that equivalent URIs give the same text.
        """
        if self.scheme not in ("sip", "sips"):
            return str(self)
        user = "" if self.user is None else f"{_normalise(self.user)}@"
        default = 5061 if self.scheme == "sips" else DEFAULT_PORT
        port = "" if self.port in (None, default) else f":{self.port}"
        return f"{self.scheme}:{user}{self.host.lower()}{port}"

    def equivalent(self, other: Uri) -> bool:
        """Comparison as of RFC 3261 §19.1.4."""
        if self.scheme != other.scheme:
            return False
        if self.opaque is not None or self.scheme == "tel":
            return str(self).lower() == str(other).lower()
        if (
            self.port != other.port
            or self.host.lower() != other.host.lower()
            or _optional(self.user) != _optional(other.user)
            or _optional(self.password) != _optional(other.password)
        ):
            return False
        for name in self.params.keys() | other.params.keys():
            if name in self.params and name in other.params:
                if _fold(self.params[name] or "") != _fold(other.params[name] or ""):
                    return False
            elif name in _NEVER_IGNORED:
                return False
        return _header_set(self.headers) == _header_set(other.headers)


_recall = lru_cache(MOST_REMEMBERED)(Uri._parse)

# §19.1.4: a component left out does not match its own default value.
_NEVER_IGNORED = frozenset(("user", "ttl", "method", "maddr", "transport"))


def plain_sip_uri(user: str | None, host: str, port: str | None, params: str | None) -> Uri:
    """A ``sip`` URI of parts that a pattern has found sound, `host` being no IPv6 address."""
    number = None
    if port is not None:
        number = parse_uint(port, 65535)
        if not number:
            raise MalformedMessage(400, "expected a port from 1 to 65535")
    return Uri("sip", user, host, number, _parse_params(params) if params else _NO_PARAMETERS)


def _parse_sip(scheme: str, text: str, start: int) -> Uri:
    found = _SIP.fullmatch(text, start)
    if found is None:
        raise MalformedMessage(400, f"expected a {scheme} URI")
    user, password, host, port_text, params, headers = found.groups()
    if user is not None:
        user = user[:-1] if password is None else user[: -len(password) - 2]
    port = None
    if port_text is not None:
        port = parse_uint(port_text, 65535)
        if not port:
            raise MalformedMessage(400, "expected a port from 1 to 65535")
    if host[0] == "[":
        check_ipv6_reference(host)
    if "%" in text and _BAD_ESCAPE.search(text):
        raise MalformedMessage(400, "expected two hexadecimal digits after each % of a URI")
    return Uri(
        scheme,
        user,
        host,
        port,
        _parse_params(params) if params else _NO_PARAMETERS,
        headers or "",
        password,
    )


def _parse_params(text: str) -> dict[str, str | None]:
    params: dict[str, str | None] = {}
    for item in text[1:].split(";"):
        name, equals, value = item.partition("=")
        name = name.lower() if name.isascii() else ascii_lower(name)
        if not name or name in params:
            raise MalformedMessage(400, "a URI parameter lacks its name or comes twice")
        params[name] = value if equals else None
    return params


def check_ipv6_reference(host: str) -> None:
    """Raises MalformedMessage unless `host` is a bracketed IPv6 address.

    Three colons are read as two: the grammar of RFC 3261 makes some senders write
    ``[2001:db8:::192.0.2.1]`` (RFC 5118 §4.10).
    """
    try:
        IPv6Address(host[1:-1].replace(":::", "::"))
    except ValueError:
        raise MalformedMessage(400, "expected an IPv6 address in brackets") from None


def bare_host(host: str) -> str:
    """`host` without brackets, for a socket."""
    return host[1:-1].replace(":::", "::") if host.startswith("[") else host


def _normalise(text: str) -> str:
    """Resolve the escapes that need not be, upper-case the hexadecimal of the others."""
    if "%" not in text:
        return text

    def resolve(found: re.Match[str]) -> str:
        octet = bytes.fromhex(found[1])
        return octet.decode("ascii") if octet[0] in _UNRESERVED else found[0].upper()

    return _ESCAPE.sub(resolve, text)


def _optional(text: str | None) -> str | None:
    return None if text is None else _normalise(text)


def _fold(text: str) -> str:
    return ascii_lower(_normalise(text))


def _header_set(headers: str) -> list[str]:
    return sorted(_fold(item) for item in headers.split("&") if item)
