"""Decide on the bytes of a request before anything is parsed, and refuse it cheaply.

Under overload a refusal must cost less than the work it saves (RFC 5390).
"""

from __future__ import annotations

import re

from msgspec import Struct

from sip.message.errors import MalformedMessage
from sip.message.grammar import parse_uint
from sip.message.partial import PartialRequest

_REQUEST = re.compile(rb"([A-Za-z0-9\-.!%*_+`'~]{1,64}+) [^ \r\n]++ SIP/2\.0\r\n", re.IGNORECASE)
_LINE = rb"[^\r\n]*+(?:\r\n[ \t][^\r\n]*+)*+"
_TO = re.compile(rb"\r\n(?:to|t)[ \t]*+:(" + _LINE + rb")", re.IGNORECASE)
_VIA = re.compile(rb"\r\n(?:via|v)[ \t]*+:(" + _LINE + rb")", re.IGNORECASE)
_TAG = re.compile(rb";[ \t\r\n]*+tag[ \t\r\n]*+=", re.IGNORECASE)
_BRANCH = re.compile(rb";[ \t\r\n]*+branch[ \t\r\n]*+=[ \t\r\n]*+([^;, \t\r\n]*+)", re.IGNORECASE)
_LENGTH = re.compile(rb"\r\n(?:content-length|l)[ \t]*+:(" + _LINE + rb")", re.IGNORECASE)


class Peek(Struct, frozen=True, gc=False):
    """What the first look at a request tells."""

    method: str
    is_initial: bool
    """Whether To has no tag: the request lies outside any dialog."""

    branch: str
    """The top Via's; empty if there is none."""


def peek_request(data: bytes) -> Peek | None:
    """None for a response, and for what does not look like a request with a Via and a To."""
    start = _REQUEST.match(data)
    if start is None:
        return None
    end = data.find(b"\r\n\r\n", 0, 65536)
    begin = start.end() - 2
    if end < 0:
        return None
    to = _TO.search(data, begin, end)
    via = _VIA.search(data, begin, end)
    if to is None or via is None:
        return None
    tail = data.rfind(b">", to.start(1), to.end(1))
    tagged = _TAG.search(data, max(tail, to.start(1)), to.end(1)) is not None
    branch = _BRANCH.search(data, via.start(1), via.end(1))
    return Peek(
        start[1].decode("ascii"),
        not tagged,
        "" if branch is None else branch[1].decode("utf-8", "surrogateescape"),
    )


def refuse(
    data: bytes,
    status: int = 503,
    *,
    retry_after: int | None = None,
    source: tuple[str, int] | None = None,
) -> bytes | None:
    """The refusal of a request, encoded, from its bytes; nothing is remembered of it.

    `retry_after` is in seconds; `source` is (host, port) where the request came from, to be
    noted in the top Via.  None for an ACK, a response, and what cannot be answered.
    """
    partial = PartialRequest.read(data)
    if partial is None:
        return None
    headers = () if retry_after is None else (("Retry-After", f"{retry_after}"),)
    return partial.answer(status, headers=headers, source=source)


def content_length(head: bytes) -> int | None:
    """The Content-Length of a head (start line to the last header), for cutting a stream.

    None if there is none.  Raises MalformedMessage if it is no number below 2**31, or if two
    of them stand there: then the stream cannot be cut, and must be closed.
    """
    found = _LENGTH.findall(head)
    if not found:
        return None
    length = parse_uint(found[0].strip(b" \t\r\n").decode("latin-1"), 2**31 - 1)
    if length is None or len(found) > 1:
        raise MalformedMessage(400, "expected one number below 2**31", "Content-Length")
    return length
