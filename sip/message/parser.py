"""From the bytes of one whole message to a Request or a Response."""

from __future__ import annotations

from sip.message.errors import MalformedMessage
from sip.message.grammar import BLANK, ascii_lower, is_token, parse_uint, split_list
from sip.message.headers import SINGLE, SPELLINGS, canonical_name
from sip.message.message import MAX_METHOD, Request, Response
from sip.message.partial import PartialRequest, unfolded

MAX_HEAD = 65536
"""Bytes of start line and headers."""

MAX_LINES = 256
"""Header lines, continuation lines included."""

MAX_ITEMS = {"Via": 70, "Route": 32, "Record-Route": 32, "Contact": 10}
"""How long a list may be, over all its rows.  70 hops are what Max-Forwards usually allows;
RFC 4475 (`longreq`) has a valid request with 34."""


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
    lines = head.split("\r\n")
    breaks = len(lines) - 1
    if breaks > MAX_LINES:
        raise MalformedMessage(400, f"expected at most {MAX_LINES} header lines")
    if head.count("\n") != breaks or head.count("\r") != breaks:
        raise MalformedMessage(400, "expected CR LF at the end of each line")
    # A quoted pair may hold a NUL (RFC 3261 §25.1), nothing else may.
    if "\0" in head and "\0" in head.replace("\\\0", ""):
        raise MalformedMessage(400, "expected no NUL in the headers")
    if "\r\n " in head or "\r\n\t" in head:
        if lines[1][:1] in (" ", "\t"):
            raise MalformedMessage(400, "expected a header after the start line")
        lines = unfolded(lines)

    fields: dict[str, list[str]] = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        known = SPELLINGS.get(name)
        if known is None:
            known = canonical_name(name)
        if not colon:
            raise MalformedMessage(400, "expected a colon after a header name")
        if known not in fields:
            fields[known] = [value.strip(BLANK)]
        elif known in SINGLE:
            raise MalformedMessage(400, "expected this header once", known)
        else:
            fields[known].append(value.strip(BLANK))

    if not ("Via" in fields and "From" in fields and "To" in fields):
        raise MalformedMessage(400, "expected Via, From and To")
    if not ("Call-ID" in fields and "CSeq" in fields):
        raise MalformedMessage(400, "expected Call-ID and CSeq")
    for name, limit in MAX_ITEMS.items():
        rows = fields.get(name)
        if rows is not None and (len(rows) > 1 or "," in rows[0]):
            _check_items(name, rows, limit)

    body = data[end + 4 :]
    length_rows = fields.pop("Content-Length", None)
    if length_rows is not None:
        length = parse_uint(length_rows[0], 2**31 - 1)
        if length is None:
            raise MalformedMessage(400, "expected a number below 2**31", "Content-Length")
        if length < len(body):
            body = body[:length]
        elif length > len(body):
            raise MalformedMessage(
                400, f"expected a body of {length} bytes, got {len(body)}", "Content-Length"
            )

    start = lines[0]
    if start[:4] in ("SIP/", "sip/", "Sip/"):
        return _response(start, fields, body)
    return _request(start, fields, body)


def _check_items(name: str, rows: list[str], limit: int) -> None:
    try:
        count = sum(len(split_list(row)) for row in rows)
    except MalformedMessage as error:
        error.header = name
        raise
    if count > limit:
        raise MalformedMessage(400, f"expected at most {limit} items", name)


def _request(start: str, fields: dict[str, list[str]], body: bytes) -> Request:
    parts = start.split(" ")
    if len(parts) != 3:
        raise MalformedMessage(400, "expected a method, a Request-URI and SIP/2.0")
    method, target, version = parts
    if version != "SIP/2.0" and version.upper() != "SIP/2.0":
        if version.startswith("SIP/"):
            raise MalformedMessage(505, "expected SIP/2.0")
        raise MalformedMessage(400, "expected SIP/2.0 at the end of the start line")
    if len(method) > MAX_METHOD or not is_token(method):
        raise MalformedMessage(400, "expected a method of at most 64 characters")
    if not target:
        raise MalformedMessage(400, "expected a Request-URI")
    return Request(method, target, fields, body)


def _response(start: str, fields: dict[str, list[str]], body: bytes) -> Response:
    version, _, rest = start.partition(" ")
    if ascii_lower(version) != "sip/2.0":
        raise MalformedMessage(505, "expected SIP/2.0")
    code, _, reason = rest.partition(" ")
    status = parse_uint(code, 699)
    if status is None or status < 100 or len(code) != 3:
        raise MalformedMessage(400, "expected a status from 100 to 699")
    return Response(status, reason, fields, body)
