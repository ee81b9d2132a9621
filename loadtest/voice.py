"""What one party says, packet by packet: audio that goes round, and keys.  Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from struct import Struct as Layout

FRAME = 160
"""Bytes of G.711, and steps of its clock: 20 ms."""
KEY_PACKETS = 5
"""Of 20 ms: how long a key is held."""
END_PACKETS = 3
"""RFC 4733 §2.5.1.4: the end is sent three times."""
PAUSE_PACKETS = 5
"""Between two keys."""
COMMA_PACKETS = 50
_KEYS = "0123456789*#ABCD"
_NUMBERS = Layout("!BHI")
_VOLUME = 10


def frames_of(sound: bytes) -> list[bytes]:
    """Whole frames of a G.711 sound; one that is shorter than a frame is said again and again."""
    if len(sound) < FRAME:
        sound = sound * (FRAME // max(1, len(sound)) + 1)
    return [sound[at : at + FRAME] for at in range(0, len(sound) - FRAME + 1, FRAME)]


class Voice:
    """``next`` gives a packet for every 20 ms; ``telephone_event`` None: keys cannot be told."""

    __slots__ = (
        "_event",
        "_frames",
        "_left",
        "_mode",
        "_packet",
        "_payload_type",
        "_pending",
        "_pressed_at",
        "_sequence",
        "_telephone_event",
        "_timestamp",
        "ssrc",
    )

    def __init__(
        self,
        frames: Sequence[bytes],
        ssrc: int,
        payload_type: int,
        telephone_event: int | None = None,
        start: int = 0,
    ) -> None:
        self._frames, self._payload_type, self.ssrc = frames, payload_type, ssrc
        self._telephone_event = telephone_event
        self._packet = bytearray(12 + FRAME)
        self._packet[0] = 0x80
        self._packet[8:12] = ssrc.to_bytes(4, "big")
        self._sequence = self._timestamp = start
        self._pending: deque[str] = deque()
        self._mode = "audio"
        self._left = 0
        self._event = 0
        self._pressed_at = 0

    def press(self, keys: str) -> None:
        """One after the other; a comma waits for a second."""
        if self._telephone_event is not None:
            self._pending.extend(keys)

    def next(self) -> bytes | bytearray:
        """The packet is the same object each time, rewritten: it must be sent before the next."""
        self._sequence = (self._sequence + 1) & 0xFFFF
        self._timestamp = (self._timestamp + FRAME) & 0xFFFFFFFF
        if self._mode == "audio" and self._pending:
            self._begin(self._pending.popleft())
        if self._mode == "key":
            return self._key()
        if self._mode == "pause":
            self._left -= 1
            if not self._left:
                self._mode = "audio"
        packet = self._packet
        _NUMBERS.pack_into(packet, 1, self._payload_type, self._sequence, self._timestamp)
        packet[12:] = self._frames[self._sequence % len(self._frames)]
        return packet

    def _begin(self, key: str) -> None:
        if key == ",":
            self._mode, self._left = "pause", COMMA_PACKETS
            return
        self._mode, self._event = "key", _KEYS.index(key)
        self._left, self._pressed_at = KEY_PACKETS + END_PACKETS, self._timestamp

    def _key(self) -> bytes:
        """RFC 4733 §2.3: all packets of a key have the timestamp of its press."""
        held = min(KEY_PACKETS, KEY_PACKETS + END_PACKETS - self._left + 1) * FRAME
        ends = self._left <= END_PACKETS
        begins = self._left == KEY_PACKETS + END_PACKETS
        kind = (self._telephone_event or 0) | (0x80 if begins else 0)
        head = b"\x80" + _NUMBERS.pack(kind, self._sequence, self._pressed_at)
        payload = bytes((self._event, (0x80 if ends else 0) | _VOLUME)) + held.to_bytes(2, "big")
        self._left -= 1
        if not self._left:
            self._mode, self._left = "pause", PAUSE_PACKETS
        return head + self.ssrc.to_bytes(4, "big") + payload
