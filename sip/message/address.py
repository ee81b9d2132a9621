"""name-addr and addr-spec as From, To, Contact, Route and Record-Route carry them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from msgspec import Struct

from sip.message.errors import MalformedMessage
from sip.message.grammar import (
    BLANK,
    LONGEST_REMEMBERED,
    MOST_REMEMBERED,
    TOKEN,
    format_parameters,
    parse_parameters,
    parse_uint,
    quote,
    unescape,
)
from sip.message.uri import Uri, plain_sip_uri

_NAME_ADDR = re.compile(
    r'(?:"((?:[^"\\]++|\\.)*+)"|([^"<>,;]*+))[ \t]*+<([^<>"]*+)>(?:[ \t]*+(;.*+))?', re.DOTALL
)
# What nearly all messages carry: no escapes, no password, no IPv6, no headers in the URI.
_USUAL = re.compile(
    r'(?:"([^"\\]*+)"[ \t]*+|([^"<>,;]*+))'
    r"<sip:(?:([A-Za-z0-9\-_.!~*'()&=+$,;?/#]++)@)?([A-Za-z0-9][A-Za-z0-9._-]*+)(?::([0-9]++))?"
    r"(;[^\s?<>\"@]*+)?>(;.*+)?",
    re.DOTALL,
)
_NO_PARAMETERS: Mapping[str, str | None] = {}
_MAXIMUM = 2**32 - 1


class NameAddr(Struct, frozen=True, gc=False):
    """``"display" <uri>;params`` (RFC 3261 §20.10)."""

    display: str
    """Without its quotes; empty if there is none."""

    uri: Uri
    params: Mapping[str, str | None] = _NO_PARAMETERS

    @classmethod
    def parse(cls, text: str) -> NameAddr:
        """Raises MalformedMessage.  Without angle brackets, parameters are the header's.

        Remembered: all messages of a dialog have the same From and To, and many dialogs but for
        their tags.
        """
        if len(text) > LONGEST_REMEMBERED:
            return cls._parse(text)
        untagged, mark, tag = text.partition(">;tag=")
        if mark and TOKEN.fullmatch(tag):
            address = _recall(f"{untagged}>")
            if not address.params:
                return cls(address.display, address.uri, {"tag": tag})
        return _recall(text)

    @classmethod
    def _parse(cls, text: str) -> NameAddr:
        found = _USUAL.fullmatch(text)
        if found is not None:
            quoted, plain, user, host, port, uri_params, params = found.groups()
            return cls(
                plain.rstrip(BLANK) if quoted is None else quoted,
                plain_sip_uri(user, host, port, uri_params),
                parse_parameters(params) if params else _NO_PARAMETERS,
            )
        found = _NAME_ADDR.fullmatch(text)
        if found is not None:
            quoted, plain, uri, params = found.groups()
            display = plain.rstrip(BLANK) if quoted is None else unescape(quoted)
        else:
            uri, semicolon, params = text.partition(";")
            uri = uri.rstrip(BLANK)
            params = semicolon + params
            display = ""
            # §20: a URI with a comma, a question mark or a semicolon needs the brackets.
            if "?" in uri or "," in uri or "<" in uri or '"' in uri:
                raise MalformedMessage(400, "expected a name and a URI in angle brackets")
        return cls(display, Uri.parse(uri), parse_parameters(params) if params else _NO_PARAMETERS)

    def __str__(self) -> str:
        params = format_parameters(self.params) if self.params else ""
        if self.display:
            return f"{quote(self.display)} <{self.uri}>{params}"
        return f"<{self.uri}>{params}"

    @property
    def tag(self) -> str | None:
        return self.params.get("tag")

    @property
    def expires(self) -> int | None:
        """The ``expires`` parameter of a Contact in seconds; None if there is none.

        As of RFC 3261 §10.2.1.1 a malformed value counts as 3600; one too large, as 2**32-1.
        """
        value = self.params.get("expires")
        return None if value is None else lenient_seconds(value)

    @property
    def q(self) -> float:
        """The preference of a Contact, 0 to 1; 1 if missing or malformed."""
        whole, _, decimals = (self.params.get("q") or "1").partition(".")
        thousandths = parse_uint(decimals[:3].ljust(3, "0"), 999)
        if whole not in ("", "0") or thousandths is None:
            return 1.0
        return thousandths / 1000


_recall = lru_cache(MOST_REMEMBERED)(NameAddr._parse)


def lenient_seconds(text: str) -> int:
    """Seconds of an Expires header or parameter; see `NameAddr.expires`."""
    value = parse_uint(text, _MAXIMUM)
    if value is None:
        return _MAXIMUM if text.isascii() and text.isdigit() else 3600
    return value
