"""The few lexical rules that SIP's headers share.

Wire text is decoded once, as UTF-8 with surrogate escapes, so nothing here may trust what
``str`` says about digits, letters or white space: only ASCII counts.  Every pattern uses
possessive quantifiers, hence runs in linear time on hostile input.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from sip.message.errors import MalformedMessage

TOKEN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]++")
"""``token`` of RFC 3261 §25.1."""

BLANK = " \t"

MOST_REMEMBERED = 1024
"""Addresses, and URIs: those of the calls that begin within some seconds."""
LONGEST_REMEMBERED = 200
"""Characters.  A stranger could fill what is remembered with headers of 64 kB."""

_LIST_ITEM = re.compile(r'(?:[^,"<]++|"(?:[^"\\]++|\\.)*+"|<[^>]*+>)*+', re.DOTALL)
_PARAMETER = re.compile(
    r"[ \t]*+;[ \t]*+([^;=\" \t]*+)[ \t]*+"
    r'(?:=[ \t]*+(?:"((?:[^"\\]++|\\.)*+)"|([^;" \t]++))[ \t]*+)?',
    re.DOTALL,
)
_PLAIN_VALUE = re.compile(r"[A-Za-z0-9\-.!%*_+`'~:\[\]]++")
_HEX8 = re.compile(r"[0-9A-Fa-f]{8}")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def parse_uint(text: str, maximum: int) -> int | None:
    """The value of ``1*DIGIT``, or None for anything else and for more than `maximum`.

    ``int`` alone would take signs, underscores, blanks and the digits of other scripts.
    Short ones are remembered: ports, CSeqs and lengths are the same again and again.
    """
    return _recall(text, maximum) if len(text) <= 5 else _parse_uint(text, maximum)


def _parse_uint(text: str, maximum: int) -> int | None:
    if not (text.isascii() and text.isdigit()):
        return None
    if len(text) > 10:
        text = text.lstrip("0") or "0"
        if len(text) > 20:
            return None
    value = int(text)
    return value if value <= maximum else None


_recall = lru_cache(MOST_REMEMBERED)(_parse_uint)


def parse_hex8(text: str) -> int | None:
    """The value of ``8LHEX``, in either case (RFC 7616 §3.4), or None for anything else."""
    return int(text, 16) if _HEX8.fullmatch(text) else None


def is_token(text: str) -> bool:
    return TOKEN.fullmatch(text) is not None


def ascii_lower(text: str) -> str:
    """Lower-case A-Z only: ``str.lower`` also folds the Kelvin sign to ``k``."""
    if text.isascii():
        return text.lower()
    return text.encode("utf-8", "surrogateescape").lower().decode("utf-8", "surrogateescape")


def first_item(text: str) -> str:
    """The first item of a list, without a look at the others.

    Raises MalformedMessage if a quote or an angle bracket is left open in it.
    """
    if "," not in text:
        return text
    found = _LIST_ITEM.match(text)
    assert found is not None  # the pattern matches the empty string
    if found.end() < len(text) and text[found.end()] != ",":
        raise MalformedMessage(400, "a quote or an angle bracket is not closed")
    return found.group().rstrip(BLANK)


def split_list(text: str) -> list[str]:
    """Split at the commas outside quotes and angle brackets; empty items are left out.

    Raises MalformedMessage if a quote or an angle bracket is left open.
    """
    if "," not in text:
        return [text] if text else []
    items = []
    start = 0
    while True:
        found = _LIST_ITEM.match(text, start)
        assert found is not None  # the pattern matches the empty string
        item = found.group().strip(BLANK)
        if item:
            items.append(item)
        start = found.end() + 1
        if start > len(text):
            return items
        if text[start - 1] != ",":
            raise MalformedMessage(400, "a quote or an angle bracket is not closed")


def parse_parameters(text: str) -> dict[str, str | None]:
    """``*( SEMI generic-param )``: `text` is empty or begins with a semicolon.

    Names are lower-cased; the value is None where there is no ``=``; quoted values come
    unquoted.  Stray semicolons are forgiven, a parameter given twice is not.
    """
    if '"' in text or " " in text or "\t" in text or not text.isascii():
        return _parse_parameters_slowly(text)
    parameters: dict[str, str | None] = {}
    for item in text.split(";")[1:]:
        name, equals, value = item.partition("=")
        name = name.lower()
        if name in parameters:
            raise MalformedMessage(400, "a parameter comes twice")
        if equals:
            if not name or not value:
                raise MalformedMessage(400, "a parameter lacks its name or value")
            parameters[name] = value
        elif name:
            parameters[name] = None
    return parameters


def _parse_parameters_slowly(text: str) -> dict[str, str | None]:
    parameters: dict[str, str | None] = {}
    position, end = 0, len(text.rstrip(BLANK))
    while position < end:
        found = _PARAMETER.match(text, position)
        if found is None:
            raise MalformedMessage(400, "expected ;name or ;name=value")
        position = found.end()
        name, quoted, plain = ascii_lower(found[1]), found[2], found[3]
        if name in parameters:
            raise MalformedMessage(400, "a parameter comes twice")
        if quoted is not None:
            plain = unescape(quoted)
        if name:
            parameters[name] = plain
        elif plain is not None:
            raise MalformedMessage(400, "a parameter lacks its name")
    return parameters


def format_parameters(parameters: Mapping[str, str | None]) -> str:
    """The inverse of `parse_parameters`: values are quoted where they must be."""
    text = ""
    for name, value in parameters.items():
        if value is None:
            text += f";{name}"
        elif _PLAIN_VALUE.fullmatch(value):
            text += f";{name}={value}"
        else:
            text += f";{name}={quote(value)}"
    return text


def quote(text: str) -> str:
    """`text` as a ``quoted-string``."""
    if "\\" in text or '"' in text:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def unescape(text: str) -> str:
    """The inside of a ``quoted-string``, its quoted pairs resolved."""
    return _ESCAPED.sub(r"\1", text) if "\\" in text else text
