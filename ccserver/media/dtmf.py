"""Keys heard as telephone-event (RFC 4733): each once, whatever gets lost."""

from __future__ import annotations

from collections import deque
from typing import TypeAlias

from msgspec import Struct

from ccserver.media.rtp import BadPacket, later

_KEYS = "0123456789*#ABCD"
_LONGEST = 0xFFFF
"""Samples: a longer key comes in segments, each with a timestamp of its own (§2.5.1.3)."""
_OVERTAKEN = 80_000
"""Samples: what is older than this is no straggler but a source that counts anew."""

END_IS_LOST = 0.25
"""Seconds without news of a key after which it counts as let go.  Updates come every 20 to 50 ms,
and the end three times."""
MOST_KEYS = 20
"""A second; more than any finger, and a limit for what a flood can set off."""


class TelephoneEvent(Struct, frozen=True, gc=False):
    event: int
    end: bool
    duration: int
    """Samples."""


class KeyPressed(Struct, frozen=True, gc=False):
    digit: str


class KeyReleased(Struct, frozen=True, gc=False):
    digit: str
    duration: int
    """Samples."""
    timestamp: int
    """Of the press."""


Key: TypeAlias = KeyPressed | KeyReleased


def parse(payload: bytes) -> TelephoneEvent:
    """Raises BadPacket.  Further events in the same packet (§2.3.5 forbids them) are ignored."""
    if len(payload) < 4:
        raise BadPacket("expected 4 bytes of telephone-event")
    return TelephoneEvent(payload[0], payload[1] > 0x7F, payload[2] << 8 | payload[3])


class Held(Struct, gc=False):
    event: int
    pressed_at: int
    segment: int
    """Timestamp of the segment that lasts."""
    before: int
    """Samples of the segments before it."""
    duration: int
    heard: float


class Keypad:
    """The keys of one RTP source.  Pure: the time is passed in, in seconds."""

    def __init__(self) -> None:
        self.held: Held | None = None
        """The key that is pressed now."""
        self._newest: int | None = None
        self._presses: deque[float] = deque(maxlen=MOST_KEYS)
        self.ignored = 0
        """Keys above the limit, and events that are no keys."""

    def hear(self, timestamp: int, payload: bytes, now: float) -> list[Key]:
        """Raises BadPacket."""
        told = parse(payload)
        held = self.held
        if held is not None and told.event == held.event:
            if timestamp == held.segment:
                return self._update(held, told, now)
            if held.duration >= _LONGEST and timestamp == (held.segment + _LONGEST) & 0xFFFFFFFF:
                held.before += held.duration
                held.segment = self._newest = timestamp
                held.duration = 0
                return self._update(held, told, now)
        if self._newest is not None and -_OVERTAKEN < later(timestamp, self._newest) <= 0:
            return []  # repeats of an end, and what was overtaken
        return self._press(timestamp, told, now)

    def restart(self) -> list[Key]:
        """The source counts from elsewhere now."""
        keys = self._release()
        self._newest = None
        return keys

    def expire(self, now: float) -> list[Key]:
        """Let go of a key whose end must have been lost."""
        if self.held is not None and now - self.held.heard >= END_IS_LOST:
            return self._release()
        return []

    def _press(self, timestamp: int, told: TelephoneEvent, now: float) -> list[Key]:
        keys = self._release()
        self._newest = timestamp
        if told.event >= len(_KEYS):
            self.ignored += 1
            return keys
        if len(self._presses) == MOST_KEYS and now - self._presses[0] < 1.0:
            self.ignored += 1
            return keys
        self._presses.append(now)
        held = self.held = Held(told.event, timestamp, timestamp, 0, 0, now)
        keys.append(KeyPressed(_KEYS[told.event]))
        keys += self._update(held, told, now)
        return keys

    def _update(self, held: Held, told: TelephoneEvent, now: float) -> list[Key]:
        held.heard = now
        held.duration = max(held.duration, told.duration)
        return self._release() if told.end else []

    def _release(self) -> list[Key]:
        held, self.held = self.held, None
        if held is None:
            return []
        return [KeyReleased(_KEYS[held.event], held.before + held.duration, held.pressed_at)]
