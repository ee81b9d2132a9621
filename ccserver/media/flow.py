"""A stream that goes from one phone to one other, as long as each packet is just the next one.

Most packets of a call are: the same source, payload type and length, the next sequence number and
timestamp, or the next but those that were lost.  Nothing about such a packet has to be decided
anew, so a flow compares its header with the one that must come, and writes the one that must go.
What it carried is told to those who count when somebody asks (`Flow.take`), not at each packet.
Anything else, a late packet, a key, a stranger's, is not the flow's: it goes the long way
(``Session.receive``), and a new flow may begin behind it.

Pure: datagrams and times come in, datagrams go out.
"""

from __future__ import annotations

from struct import Struct as Layout

from msgspec import Struct

from ccserver.media.address_rules import Address
from ccserver.media.reception import CLOCK_RATE
from ccserver.media.rtp import HEADER_BYTES, PLAIN, Packet

_HEADER = Layout("!HHII")
"""Version, flags and payload type as one number; sequence, timestamp, SSRC."""
_MOST_LOST = 50
"""Packets at once: a second of them, and far less than what looks like another stream."""


class Carried(Struct, frozen=True, gc=False):
    """What a flow carried since it was last asked, and where that left both of its streams."""

    packets: int
    lost: int
    """That should have come between them."""
    payload: bytes
    """Of the last packet, as it came."""
    at: float
    """When it came."""
    sequence: int
    """The last packet's, as it came."""
    transit: float
    jitter: float
    sent_sequence: int
    sent_timestamp: int


class Flow:
    """`packet` is the one that came last, by the long way: the next one is the first of the flow.

    `sent_sequence` and `sent_timestamp` are those with which it was sent on; `translation` is the
    table between the two laws of G.711, or None if both are the same.  `transit` and `jitter` are
    the source's, in samples (RFC 3550 §A.8).
    """

    __slots__ = (
        "_at",
        "_data",
        "_head",
        "_jitter",
        "_lost",
        "_packets",
        "_sent_head",
        "_sent_ssrc",
        "_sequence",
        "_sequence_shift",
        "_size",
        "_source",
        "_ssrc",
        "_step",
        "_timestamp",
        "_timestamp_shift",
        "_transit",
        "_translation",
    )

    def __init__(
        self,
        packet: Packet,
        source: Address,
        *,
        sent_payload_type: int,
        sent_sequence: int,
        sent_timestamp: int,
        sent_ssrc: int,
        translation: bytes | None,
        transit: float,
        jitter: float,
    ) -> None:
        self._source = source
        self._step = len(packet.payload)  # in G.711 a byte lasts for a step of the clock
        self._size = HEADER_BYTES + self._step
        self._head = PLAIN << 8 | packet.payload_type
        self._ssrc = packet.ssrc
        self._sequence = packet.sequence + 1 & 0xFFFF
        self._timestamp = packet.timestamp + self._step & 0xFFFFFFFF
        self._sent_head = PLAIN << 8 | sent_payload_type
        self._sent_ssrc = sent_ssrc
        self._sequence_shift = sent_sequence - packet.sequence
        self._timestamp_shift = sent_timestamp - packet.timestamp
        self._translation = translation
        self._transit = transit
        self._jitter = jitter
        self._packets = 0
        self._lost = 0
        self._at = 0.0
        self._data = b""

    def relay(self, data: bytes, source: Address, now: float) -> bytes | None:
        """The datagram to send on; None if this is not a packet that comes next."""
        if len(data) != self._size:
            return None
        head, sequence, timestamp, ssrc = _HEADER.unpack_from(data)
        if ssrc != self._ssrc or head != self._head or source != self._source:
            return None
        transit = now * CLOCK_RATE - timestamp
        change = abs(transit - self._transit)
        if change >= CLOCK_RATE:  # a pause, or a timestamp that wrapped
            return None
        if sequence != self._sequence:
            lost = sequence - self._sequence & 0xFFFF
            if lost > _MOST_LOST or timestamp != self._timestamp + lost * self._step & 0xFFFFFFFF:
                return None
            self._lost += lost
        elif timestamp != self._timestamp:
            return None
        self._transit = transit
        self._jitter += (change - self._jitter) / 16
        self._sequence = sequence + 1 & 0xFFFF
        self._timestamp = timestamp + self._step & 0xFFFFFFFF
        self._packets += 1
        self._at = now
        self._data = data
        payload = data[HEADER_BYTES:]
        if self._translation is not None:
            payload = payload.translate(self._translation)
        return (
            _HEADER.pack(
                self._sent_head,
                sequence + self._sequence_shift & 0xFFFF,
                timestamp + self._timestamp_shift & 0xFFFFFFFF,
                self._sent_ssrc,
            )
            + payload
        )

    def take(self) -> Carried | None:
        """What it carried since the last time; None if that is nothing."""
        packets, lost = self._packets, self._lost
        self._packets = self._lost = 0
        if packets == 0:
            return None
        sequence = self._sequence - 1 & 0xFFFF
        timestamp = self._timestamp - self._step & 0xFFFFFFFF
        return Carried(
            packets,
            lost,
            self._data[HEADER_BYTES:],
            self._at,
            sequence,
            self._transit,
            self._jitter,
            sequence + self._sequence_shift & 0xFFFF,
            timestamp + self._timestamp_shift & 0xFFFFFFFF,
        )
