"""RTCP (RFC 3550 §6): compound packets read with every length checked; sender and receiver
reports written.  Nothing that comes in is ever passed on."""

from __future__ import annotations

from struct import Struct as Layout

from msgspec import Struct

from ccserver.media.reception import Interval
from ccserver.media.rtp import BadPacket

INTERVAL = 5.0
"""Seconds between two reports."""

_SENDER_REPORT, _RECEIVER_REPORT, _DESCRIPTION, _GOODBYE = 200, 201, 202, 203
_MOST_PACKETS = 16
_UNIX_TO_NTP = 2_208_988_800
"""Seconds from 1900 to 1970."""

_HEAD = Layout("!BBH")
_SSRC = Layout("!I")
_SENDER = Layout("!IIIIII")
_BLOCK = Layout("!IB3sIIII")


class Block(Struct, frozen=True, gc=False):
    """How the other side receives the source `ssrc`."""

    ssrc: int
    fraction_lost: int
    """Of 256."""
    lost: int
    """May be negative: duplicates."""
    jitter: int
    """Samples."""
    last_report: int
    """The middle 32 bits of the NTP time of our last sender report; 0 if none came."""
    delay: int
    """Since then, in units of 1/65536 s."""


class Report(Struct, frozen=True, gc=False):
    """A sender or a receiver report; `ntp_middle` is None for the latter."""

    ssrc: int
    ntp_middle: int | None
    blocks: tuple[Block, ...]


class Goodbye(Struct, frozen=True, gc=False):
    sources: tuple[int, ...]


def parse(data: bytes) -> list[Report | Goodbye]:
    """What concerns us of a compound packet.  Raises BadPacket if any part of it is not sound."""
    parts: list[Report | Goodbye] = []
    position = count = 0
    size = len(data)
    while position < size:
        count += 1
        if count > _MOST_PACKETS:
            raise BadPacket(f"expected at most {_MOST_PACKETS} packets in one")
        if position + 4 > size:
            raise BadPacket("a packet that is cut off")
        first, kind, words = _HEAD.unpack_from(data, position)
        end = position + 4 * (words + 1)
        if first >> 6 != 2 or not 192 <= kind <= 223:
            raise BadPacket("expected version 2 and a packet type of RTCP")
        if end > size:
            raise BadPacket("a length beyond the end")
        if count == 1 and kind not in (_SENDER_REPORT, _RECEIVER_REPORT):
            raise BadPacket("expected a report first")
        stop = end
        if first & 0x20:
            # §6.4.1: only the last packet may be padded.
            padding = data[end - 1]
            if end != size or padding == 0 or padding % 4 or padding > 4 * words:
                raise BadPacket("padding that does not fit")
            stop -= padding
        body = data[position + 4 : stop]
        if kind in (_SENDER_REPORT, _RECEIVER_REPORT):
            parts.append(_report(body, first & 0x1F, kind == _SENDER_REPORT))
        elif kind == _GOODBYE:
            parts.append(_goodbye(body, first & 0x1F))
        position = end
    if not parts:
        raise BadPacket("expected a report")
    return parts


def _report(body: bytes, count: int, of_sender: bool) -> Report:
    start = 24 if of_sender else 4
    if len(body) < start + 24 * count:
        raise BadPacket("a report shorter than its blocks")
    ntp_middle: int | None = None
    if of_sender:
        ssrc, seconds, fraction, *_ = _SENDER.unpack_from(body)
        ntp_middle = (seconds & 0xFFFF) << 16 | fraction >> 16
    else:
        (ssrc,) = _SSRC.unpack_from(body)
    blocks = []
    for index in range(count):
        about, lost_fraction, lost, _, jitter, last, delay = _BLOCK.unpack_from(
            body, start + 24 * index
        )
        blocks.append(
            Block(about, lost_fraction, int.from_bytes(lost, signed=True), jitter, last, delay)
        )
    return Report(ssrc, ntp_middle, tuple(blocks))


def _goodbye(body: bytes, count: int) -> Goodbye:
    if len(body) < 4 * count:
        raise BadPacket("a goodbye shorter than its sources")
    rest = body[4 * count :]
    if rest and rest[0] + 1 > len(rest):
        raise BadPacket("a reason longer than its packet")
    return Goodbye(tuple(_SSRC.unpack_from(body, 4 * index)[0] for index in range(count)))


def ntp(wall: float) -> int:
    """A Unix time in seconds as a 64-bit NTP timestamp."""
    return int((wall + _UNIX_TO_NTP) * 2**32) & 0xFFFFFFFFFFFFFFFF


def middle(ntp_time: int) -> int:
    return ntp_time >> 16 & 0xFFFFFFFF


class Sent(Struct, frozen=True, gc=False):
    """What a sender report says about our own stream."""

    ntp_time: int
    timestamp: int
    packets: int
    octets: int


class Received(Struct, frozen=True, gc=False):
    """What a report says about the stream we receive."""

    ssrc: int
    interval: Interval
    last_report: int
    """`middle` of its last sender report; 0 if none came."""
    delay: int
    """Since then, in units of 1/65536 s."""


def build(ssrc: int, name: str, sent: Sent | None, received: Received | None) -> bytes:
    """A compound packet: a sender report if we send, else a receiver report; then the name."""
    block = b""
    if received is not None:
        interval = received.interval
        block = _BLOCK.pack(
            received.ssrc,
            interval.fraction_lost,
            interval.lost.to_bytes(3),
            interval.highest & 0xFFFFFFFF,
            interval.jitter & 0xFFFFFFFF,
            received.last_report,
            received.delay & 0xFFFFFFFF,
        )
    if sent is None:
        kind, body = _RECEIVER_REPORT, _SSRC.pack(ssrc)
    else:
        kind = _SENDER_REPORT
        body = _SENDER.pack(
            ssrc,
            sent.ntp_time >> 32,
            sent.ntp_time & 0xFFFFFFFF,
            sent.timestamp,
            sent.packets & 0xFFFFFFFF,
            sent.octets & 0xFFFFFFFF,
        )
    return _packet(1 if block else 0, kind, body + block) + _description(ssrc, name)


def _description(ssrc: int, name: str) -> bytes:
    text = name.encode()[:255]
    items = _SSRC.pack(ssrc) + bytes((1, len(text))) + text
    return _packet(1, _DESCRIPTION, items + bytes(4 - len(items) % 4))


def _packet(count: int, kind: int, body: bytes) -> bytes:
    return _HEAD.pack(0x80 | count, kind, len(body) // 4) + body
