"""The jitter buffer: a source's packets in order, a frame of 20 ms every time one is asked for.

Of every codec we speak, a byte lasts as long as a step of the RTP clock: payloads are cut and put
together without knowing which one it is.  Pure: time is the number of frames taken.

The delay follows the source.  It begins with two packets; where packets come too late more than
once, it grows by as much as they lacked, and where all of them come early for seconds it shrinks by
a frame.  So a source whose clock is a little faster or slower than ours is followed as well.
"""

from __future__ import annotations

from collections import deque

from ccserver.media.rtp import later

FRAME = 160
"""Bytes, and steps of the RTP clock: 20 ms."""
LONGEST = 20 * FRAME
"""No source is delayed by more: 400 ms."""

_START = 2 * FRAME
_PATIENCE = 2
"""Frames to wait for the second packet; then one will do."""
_SPARE = 2 * FRAME
"""What came so early all the time need not wait so long."""
_WINDOW = 250
"""Frames over which that is judged: 5 s."""
_MOST_PACKETS = 64
_BEGINS_ANEW = 10
"""So many frames without a packet, or packets out of time, and the source begins anew."""
_MASK = 0xFFFFFFFF


class JitterBuffer:
    """`put` what comes, in any order; `take` a frame every 20 ms."""

    def __init__(self) -> None:
        self.spliced = False
        """Whether the frame taken last does not continue the one before it."""
        self._ssrc: int | None = None
        self._packets: dict[int, bytes] = {}
        """By timestamp."""
        self._next: int | None = None
        """Timestamp of the frame to be taken next; None: the buffer is filling."""
        self._missed: deque[int] = deque(maxlen=LONGEST // FRAME)
        """Timestamps of frames that were not there when they were due."""
        self._missing = 0
        """Frames in a row."""
        self._untimely = 0
        """Packets in a row."""
        self._hold = 0
        """Frames by which the delay is to grow."""
        self._waited = 0
        self._taken = 0
        self._margin: int | None = None
        """The least time by which a packet came early in this window, in steps of the clock."""
        self._late = 0
        """Packets in this window."""

    def __len__(self) -> int:
        """How many packets wait."""
        return len(self._packets)

    @property
    def plays(self) -> bool:
        """It has begun, and is not filling."""
        return self._next is not None

    def put(self, ssrc: int, timestamp: int, payload: bytes) -> bool:
        """False if it came too late, or twice, or is one too many."""
        if ssrc != self._ssrc:
            self._ssrc = ssrc
            self._restart()
        if self._next is None:
            return self._fill(timestamp, payload)
        early = later(timestamp, self._next)
        if early < 0:
            return self._too_late(timestamp, payload, early)
        if early > LONGEST:
            self._restart()
            return self._fill(timestamp, payload)
        self._untimely = 0
        if self._margin is None or early < self._margin:
            self._margin = early
        return self._keep(timestamp, payload)

    def take(self) -> bytes | None:
        """The next 20 ms; None if they are not there: then the listener is to be consoled."""
        self.spliced = False
        if self._next is None and not self._begin():
            return None
        at = self._next
        assert at is not None
        self._taken += 1
        if self._taken >= _WINDOW:
            at = self._adapt(at)
        if self._hold:
            self._hold -= 1
            return None
        self._next = at + FRAME & _MASK
        frame = self._packets.pop(at, None)
        if frame is None or len(frame) != FRAME:
            frame = self._assemble(at, frame)
            if frame is None:
                self._miss(at)
                return None
        self._missing = 0
        return frame

    def pending(self) -> list[bytes]:
        """What waits, in order, without taking it."""
        first = self._next if self._next is not None else self._earliest()
        if first is None:
            return []
        order = sorted((later(timestamp, first), timestamp) for timestamp in self._packets)
        return [self._packets[timestamp] for early, timestamp in order if early >= 0]

    # --- filling ------------------------------------------------------------------------------

    def _fill(self, timestamp: int, payload: bytes) -> bool:
        first = self._earliest()
        if first is not None and abs(later(timestamp, first)) > LONGEST:
            self._restart()
        return self._keep(timestamp, payload)

    def _keep(self, timestamp: int, payload: bytes) -> bool:
        if not payload:
            return True  # some phones keep their binding alive so
        if timestamp in self._packets or len(self._packets) >= _MOST_PACKETS:
            return False
        self._packets[timestamp] = payload
        return True

    def _begin(self) -> bool:
        if not self._packets:
            return False
        self._waited += 1
        if sum(map(len, self._packets.values())) < _START and self._waited <= _PATIENCE:
            return False
        self._next = self._earliest()
        self._waited = self._taken = self._late = 0
        self._margin = None
        self.spliced = True
        return True

    def _earliest(self) -> int | None:
        if not self._packets:
            return None
        anyone = next(iter(self._packets))
        return min(self._packets, key=lambda timestamp: later(timestamp, anyone))

    # --- what is not as it should be ----------------------------------------------------------

    def _restart(self) -> None:
        """The source is another one, or counts from elsewhere now."""
        self._packets.clear()
        self._next = None
        self._missed.clear()
        self._missing = self._untimely = self._hold = self._waited = 0
        self._margin = None

    def _too_late(self, timestamp: int, payload: bytes, early: int) -> bool:
        self._untimely += 1
        if self._untimely >= _BEGINS_ANEW:
            self._restart()
            return self._fill(timestamp, payload)
        if timestamp not in self._missed:
            return False  # its turn was not missed: it has come twice, or in other pieces
        self._late += 1
        frames = -(early // FRAME)
        if self._late > 1 and len(self._packets) * FRAME + frames * FRAME < LONGEST:
            self._hold = max(self._hold, frames)
        return False

    def _miss(self, at: int) -> None:
        self._missed.append(at)
        self._missing += 1
        if self._missing >= _BEGINS_ANEW and not self._packets:
            self._restart()

    def _adapt(self, at: int) -> int:
        """Once in a window: a frame is skipped if all packets came early.  The frame to take."""
        spare = self._margin is not None and self._margin >= _SPARE and not self._late
        self._taken = self._late = 0
        self._margin = None
        if not spare:
            return at
        self._assemble(at, self._packets.pop(at, None))
        self.spliced = True
        return at + FRAME & _MASK

    def _assemble(self, at: int, piece: bytes | None) -> bytes | None:
        """A frame out of packets of other lengths; None, and its pieces are gone, if some lack."""
        frame = b""
        while True:
            if piece is None:
                piece = self._cut(at + len(frame) & _MASK)
            if piece is None:
                return None
            wanted = FRAME - len(frame)
            frame += piece[:wanted]
            if len(piece) > wanted:
                self._packets[at + FRAME & _MASK] = piece[wanted:]
            if len(frame) == FRAME:
                return frame
            piece = self._packets.pop(at + len(frame) & _MASK, None)

    def _cut(self, at: int) -> bytes | None:
        """The rest from `at` on of a packet that begins before; packets wholly before it go."""
        found: bytes | None = None
        for timestamp, payload in list(self._packets.items()):
            begun = later(at, timestamp)
            if begun > 0:
                del self._packets[timestamp]
                if begun < len(payload):
                    found = payload[begun:]
        return found
