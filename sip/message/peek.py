"""Decisions on the bytes of a request, before anything is parsed."""

from __future__ import annotations

import re
from zlib import crc32

_COPIED = re.compile(
    rb"\r\n((?:v|via|f|from|t|to|i|call-id|cseq)[ \t]*:[^\r\n]*(?:\r\n[ \t][^\r\n]*)*)",
    re.IGNORECASE,
)
_TO = re.compile(rb"\r\n(?:t|to)[ \t]*:([^\r\n]*)", re.IGNORECASE)
_TAG = re.compile(rb";[ \t]*tag[ \t]*=", re.IGNORECASE)


def is_initial(data: bytes) -> bool:
    """Whether a request belongs to no dialog: its To has no tag."""
    found = _TO.search(data)
    return found is not None and _TAG.search(found[1]) is None


def refuse(data: bytes, status: int, reason: str, retry_after: int) -> bytes | None:
    """The response that refuses an initial request, from its own header lines.

    None when they cannot be found.  The To tag is a function of the request, so that a
    retransmission gets the same one although nothing is remembered (RFC 3261 §8.2.7).
    """
    end = data.find(b"\r\n\r\n")
    rows = _COPIED.findall(data, 0, end if end >= 0 else len(data))
    if len(rows) < 5:
        return None
    tag = b";tag=%08x" % crc32(b"".join(rows))
    tagged = [row + tag if row[:1] in b"Tt" else row for row in rows]
    first = f"SIP/2.0 {status} {reason}\r\n".encode()
    last = f"\r\nRetry-After: {retry_after}\r\nContent-Length: 0\r\n\r\n".encode()
    return first + b"\r\n".join(tagged) + last
