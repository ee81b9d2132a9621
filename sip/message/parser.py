"""From the bytes of one whole message to a Request or a Response."""

from __future__ import annotations

from sip.message.base import (
    KNOWN_METHODS,
    MAX_CONTACTS,
    MAX_METHOD,
    MAX_ROUTES,
    MAX_VIAS,
    Fields,
)
from sip.message.errors import MalformedMessage
from sip.message.grammar import BLANK, ascii_lower, is_token, parse_uint
from sip.message.headers import SINGLE, SPELLINGS, canonical_name
from sip.message.message import Request, Response
from sip.message.partial import PartialRequest, unfolded

MAX_HEAD = 65536
"""Bytes of start line and headers."""

MAX_LINES = 256
"""Header lines, continuation lines included."""

_NEEDED = frozenset(("Via", "From", "To", "Call-ID", "CSeq"))
_MAX_ROWS = {
    "Via": MAX_VIAS,
    "Route": MAX_ROUTES,
    "Record-Route": MAX_ROUTES,
    "Contact": MAX_CONTACTS,
}


def parse(data: bytes) -> Request | Response:
    """Parse a datagram, or one message cut out of a stream.

    A body longer than Content-Length is cut, as RFC 3261 §18.3 wants it of a datagram; a
    shorter one is an error.  Raises MalformedMessage, and nothing else.
    """
    try:
        return _parse(data)
    except MalformedMessage as error:
        error.request = PartialRequest.read(data.lstrip(b"\r\n"))
        raise


def _parse(data: bytes) -> Request | Response:
    if data[:1] in (b"\r", b"\n"):
        data = data.lstrip(b"\r\n")
    end = data.find(b"\r\n\r\n")
    if end < 0 or end > MAX_HEAD:
        if len(data) > MAX_HEAD:
            raise MalformedMessage(513, f"expected at most {MAX_HEAD} bytes of headers")
        raise MalformedMessage(400, "expected an empty line after the headers")
    head = data[:end].decode("utf-8", "surrogateescape")
    start, *lines = head.split("\r\n")
    if len(lines) > MAX_LINES:
        raise MalformedMessage(400, f"expected at most {MAX_LINES} header lines")
    text = start + "".join(lines)
    # Line breaks are CR LF and nothing else, or two parsers would see different headers.
    if "\n" in text or "\r" in text:
        raise MalformedMessage(400, "expected CR LF at the end of each line")
    # A quoted pair may hold a NUL (RFC 3261 §25.1), nothing else may.
    if "\0" in text and "\0" in head.replace("\\\0", ""):
        raise MalformedMessage(400, "expected no NUL in the headers")
    blanks = "\t" in text or "  " in head or " \r" in head or head[-1:] == " "
    fields = _sorted(lines) if blanks else _fields(lines)
    if not fields.keys() >= _NEEDED:
        raise MalformedMessage(400, f"expected {', '.join(sorted(_NEEDED - fields.keys()))}")

    body = data[end + 4 :]
    length = fields.pop("Content-Length", None)
    if length is not None and length[0] != str(len(body)):
        body = _cut(body, length[0])
    if start[:4] in ("SIP/", "sip/", "Sip/"):
        return _response(start, fields, body)
    return _request(start, fields, body)


def _cut(body: bytes, length: str) -> bytes:
    """What the text of a Content-Length leaves of it."""
    number = parse_uint(length, 2**31 - 1)
    if number is None:
        raise MalformedMessage(400, "expected a number below 2**31", "Content-Length")
    if number > len(body):
        raise MalformedMessage(
            400, f"expected a body of {number} bytes, got {len(body)}", "Content-Length"
        )
    return body[:number]


def _fields(lines: list[str]) -> Fields:
    """Header lines by canonical name, where no value has blanks around it.

    Nearly all come with one blank behind each colon, and no name twice.  A name that is a token has
    no colon in it, so these are the names and values that any reader finds.
    """
    fields: Fields = {}
    known = SPELLINGS.get
    try:
        for line in lines:
            name, colon, value = line.partition(": ")
            if not colon:
                return _sorted(lines)
            fields[known(name) or canonical_name(name)] = (value,)
    except MalformedMessage:
        return _sorted(lines)
    return fields if len(fields) == len(lines) else _sorted(lines)


def _sorted(lines: list[str]) -> Fields:
    """Header lines of any kind, by canonical name."""
    fields: dict[str, list[str]] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        known = SPELLINGS.get(name)
        if known is None:
            if line[:1] in (" ", "\t"):
                return _sorted(_unfold(lines))
            known = canonical_name(name)
        if not colon:
            raise MalformedMessage(400, "expected a colon after a header name")
        if known not in fields:
            fields[known] = [value.strip(BLANK)]
        elif known in SINGLE:
            raise MalformedMessage(400, "expected this header once", known)
        else:
            rows = fields[known]
            rows.append(value.strip(BLANK))
            if len(rows) > _MAX_ROWS.get(known, MAX_LINES):
                raise MalformedMessage(400, "expected fewer of this header", known)
    return {name: tuple(rows) for name, rows in fields.items()}


def _unfold(lines: list[str]) -> list[str]:
    if lines[0][:1] in (" ", "\t"):
        raise MalformedMessage(400, "expected a header after the start line")
    return unfolded(lines)


def _request(start: str, fields: Fields, body: bytes) -> Request:
    parts = start.split(" ")
    if len(parts) != 3:
        raise MalformedMessage(400, "expected a method, a Request-URI and SIP/2.0")
    method, target, version = parts
    if version != "SIP/2.0" and version.upper() != "SIP/2.0":
        if version.startswith("SIP/"):
            raise MalformedMessage(505, "expected SIP/2.0")
        raise MalformedMessage(400, "expected SIP/2.0 at the end of the start line")
    if method not in KNOWN_METHODS and (len(method) > MAX_METHOD or not is_token(method)):
        raise MalformedMessage(400, "expected a method of at most 64 characters")
    if not target:
        raise MalformedMessage(400, "expected a Request-URI")
    return Request(method, target, fields, body)


def _response(start: str, fields: Fields, body: bytes) -> Response:
    version, _, rest = start.partition(" ")
    if ascii_lower(version) != "sip/2.0":
        raise MalformedMessage(505, "expected SIP/2.0")
    code, _, reason = rest.partition(" ")
    status = parse_uint(code, 699)
    if status is None or status < 100 or len(code) != 3:
        raise MalformedMessage(400, "expected a status from 100 to 699")
    return Response(status, reason, fields, body)
