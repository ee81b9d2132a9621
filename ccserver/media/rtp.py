"""RTP packets (RFC 3550 §5.1): read with every length checked, and written."""

from __future__ import annotations

from struct import Struct as Layout

from msgspec import Struct

HEADER_BYTES = 12
MAXIMUM_PAYLOAD = 1600
"""Bytes: 200 ms of G.711."""

_HEADER = Layout("!BBHII")
_EXTENSION = Layout("!HH")
PLAIN = 0x80
"""Version 2 without padding, extension and contributing sources: what nearly every phone sends."""


class BadPacket(ValueError):
    """Bytes that are no RTP or RTCP; the text says what was expected."""


class Packet(Struct, frozen=True, gc=False):
    payload_type: int
    marker: bool
    sequence: int
    """0 to 65535."""
    timestamp: int
    """0 to 2**32 - 1, in samples of 1/8000 s."""
    ssrc: int
    payload: bytes


def parse(data: bytes) -> Packet:
    """Raises BadPacket.  A payload may be empty: some phones keep a binding alive with it."""
    size = len(data)
    if size < HEADER_BYTES:
        raise BadPacket("expected at least 12 bytes")
    first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(data)
    # RFC 5761 §4: 72 to 76 with the marker are RTCP packets that lost their way.
    if 72 <= second & 0x7F <= 76:
        raise BadPacket("a payload type that is reserved for RTCP")
    payload = data[HEADER_BYTES:] if first == PLAIN else _payload(data, first)
    if len(payload) > MAXIMUM_PAYLOAD:
        raise BadPacket(f"expected at most {MAXIMUM_PAYLOAD} bytes of payload")
    return Packet(second & 0x7F, second > 0x7F, sequence, timestamp, ssrc, payload)


def _payload(data: bytes, first: int) -> bytes:
    """What stands behind contributing sources and extension, and before the padding."""
    if first >> 6 != 2:
        raise BadPacket("expected version 2")
    start = HEADER_BYTES + 4 * (first & 0x0F)
    if first & 0x10:
        if start + 4 > len(data):
            raise BadPacket("a header extension that is cut off")
        start += 4 + 4 * _EXTENSION.unpack_from(data, start)[1]
    if start > len(data):
        raise BadPacket("a header longer than its packet")
    end = len(data)
    if first & 0x20:
        padding = data[-1]
        if padding == 0 or start + padding > end:
            raise BadPacket("more padding than payload")
        end -= padding
    return data[start:end]


def build(
    payload_type: int, marker: bool, sequence: int, timestamp: int, ssrc: int, payload: bytes
) -> bytes:
    """The datagram; the numbers must be in their ranges."""
    second = payload_type | 0x80 if marker else payload_type
    return _HEADER.pack(PLAIN, second, sequence, timestamp, ssrc) + payload


def ahead(new: int, old: int) -> int:
    """How many steps the sequence number `new` is ahead of `old`: -32768 to 32767."""
    return ((new - old + 0x8000) & 0xFFFF) - 0x8000


def later(new: int, old: int) -> int:
    """How many samples the timestamp `new` is after `old`: -2**31 to 2**31 - 1."""
    return ((new - old + 0x80000000) & 0xFFFFFFFF) - 0x80000000
