"""The RTP stream that one receiver gets: one SSRC, one sequence, one timeline, whatever is fed in.

Music, sums and relayed sources come and go; each is laid behind what was sent before, with the
marker bit on its first packet, so that the receiver's jitter buffer never has to begin anew.
"""

from __future__ import annotations

from ccserver.media.reception import CLOCK_RATE
from ccserver.media.rtp import Packet, build
from ccserver.media.speech import FRAME, Speech

_MISPLACED = 3000
"""Packets: a greater jump is a source that begins anew (MAX_DROPOUT of RFC 3550 §A.1)."""
_ASTRAY = 10 * CLOCK_RATE
"""Samples by which a timestamp may differ from the time that passed."""
_OURS = -1
"""Stands for the SSRC of what we make ourselves: music, and sums of voices."""


class OutStream:
    """Pure: the time is passed in, in seconds.  `ssrc`, `sequence` and `timestamp` should be
    random (RFC 3550 §5.1)."""

    def __init__(self, ssrc: int, sequence: int, timestamp: int) -> None:
        self.ssrc = ssrc
        self.packets = 0
        self.octets = 0
        self.sequence = sequence
        """The highest that was sent."""
        self.timestamp = timestamp
        """That belongs to it."""
        self.sent_at: float | None = None
        self._source: int | None = None
        self._length = FRAME
        """Of what was sent last, in samples."""
        self._event: tuple[int, int] | None = None
        """SSRC and timestamp of the key that is passed on, and below the one it is given."""
        self._event_at = 0
        self._sequence_shift = 0
        self._timestamp_shift = 0
        self._speech: Speech | None = None
        self._said = 0
        """How many of its frames are counted here."""

    def relay(self, packet: Packet, payload_type: int, payload: bytes, now: float) -> bytes:
        """The datagram for a packet of another stream: its losses and order show through."""
        self.end_speech()
        sequence = packet.sequence + self._sequence_shift & 0xFFFF
        timestamp = packet.timestamp + self._timestamp_shift & 0xFFFFFFFF
        marker = packet.marker
        # As ``rtp.ahead`` and ``rtp.later`` have it; this is done for each packet.
        step = (sequence - self.sequence + 0x8000 & 0xFFFF) - 0x8000
        moved = (timestamp - self.timestamp + 0x80000000 & 0xFFFFFFFF) - 0x80000000
        elapsed = 0.0 if self.sent_at is None else (now - self.sent_at) * CLOCK_RATE
        if (
            packet.ssrc != self._source
            or not -_MISPLACED < step < _MISPLACED
            or not -_ASTRAY <= moved - elapsed <= _ASTRAY
        ):
            self._source = packet.ssrc
            sequence, timestamp = self._next(now)
            self._sequence_shift = sequence - packet.sequence
            self._timestamp_shift = timestamp - packet.timestamp
            marker = True
            step = 1
        return self._send(payload_type, marker, sequence, timestamp, payload, now, step)

    def play(self, payload_type: int, payload: bytes, now: float) -> bytes:
        """The datagram for the next frame of our own."""
        self.end_speech()
        if self._source == _OURS:
            sequence = self.sequence + 1 & 0xFFFF
            timestamp = self.timestamp + self._length & 0xFFFFFFFF
            return self._send(payload_type, False, sequence, timestamp, payload, now, 1)
        self._source = _OURS
        sequence, timestamp = self._next(now)
        return self._send(payload_type, True, sequence, timestamp, payload, now, 1)

    def event(self, packet: Packet, payload_type: int, now: float) -> bytes:
        """The datagram for a packet of a key, amid frames of our own.

        All packets of a key have one timestamp, that of its press (RFC 4733 §2.1), and the frames
        go on beside it.
        """
        self.end_speech()
        key = packet.ssrc, packet.timestamp
        marker = key != self._event
        if marker:
            self._event = key
            self._event_at = self.timestamp_at(now)
        self.sequence = self.sequence + 1 & 0xFFFF
        self.packets += 1
        self.octets += len(packet.payload)
        return build(payload_type, marker, self.sequence, self._event_at, self.ssrc, packet.payload)

    def is_at(self, packet: Packet) -> bool:
        """Whether this packet, relayed, is the furthest that was sent."""
        self.end_speech()
        return (
            packet.ssrc == self._source
            and packet.sequence + self._sequence_shift & 0xFFFF == self.sequence
            and packet.timestamp + self._timestamp_shift & 0xFFFFFFFF == self.timestamp
        )

    def go_on(self, packets: int, sequence: int, timestamp: int, now: float) -> None:
        """So many packets were relayed in their order, each as long as the one before them; the
        last one, at `now`, had this sequence number and timestamp."""
        self.end_speech()
        self.packets += packets
        self.octets += packets * self._length
        self.sequence = sequence
        self.timestamp = timestamp
        self.sent_at = now

    def break_off(self) -> None:
        """Whatever comes next is a new source, even if it is the one that was there before."""
        self.end_speech()
        self._source = None

    def timestamp_at(self, now: float) -> int:
        """What the timeline reads at `now`, for a sender report."""
        self.take_stock()
        elapsed = 0.0 if self.sent_at is None else now - self.sent_at
        return self.timestamp + int(elapsed * CLOCK_RATE) & 0xFFFFFFFF

    # --- frames of our own, without asking for each -------------------------------------------

    @property
    def may_be_spoken_to(self) -> bool:
        """Whether the next frame of our own just follows the one before it."""
        return self._source == _OURS and self._length == FRAME

    def is_spoken_to(self, speech: Speech) -> None:
        """It has the next frames of this stream, from the one that follows now."""
        self._speech, self._said = speech, speech.frames

    def end_speech(self) -> None:
        """Something else comes."""
        if self._speech is not None:
            self.take_stock()
            self._speech.is_over = True
            self._speech = None

    def take_stock(self) -> None:
        """Count what was said."""
        if self._speech is None or self._said == self._speech.frames:
            return
        frames, self._said = self._speech.frames - self._said, self._speech.frames
        self.sequence = self.sequence + frames & 0xFFFF
        self.timestamp = self.timestamp + frames * FRAME & 0xFFFFFFFF
        self.packets += frames
        self.octets += frames * FRAME
        self.sent_at = self._speech.at

    def _next(self, now: float) -> tuple[int, int]:
        """What follows without a pause, unless there was one of more than a frame: a tick does not
        come just when a source's next packet would have."""
        elapsed = 0 if self.sent_at is None else int((now - self.sent_at) * CLOCK_RATE)
        length = max(FRAME, self._length)
        timestamp = self.timestamp + (length if elapsed < length + FRAME else elapsed)
        return self.sequence + 1 & 0xFFFF, timestamp & 0xFFFFFFFF

    def _send(
        self,
        payload_type: int,
        marker: bool,
        sequence: int,
        timestamp: int,
        payload: bytes,
        now: float,
        step: int,
    ) -> bytes:
        if step > 0:
            self.sequence = sequence
            self.timestamp = timestamp
            self.sent_at = now
            self._length = len(payload)
        self.packets += 1
        self.octets += len(payload)
        return build(payload_type, marker, sequence, timestamp, self.ssrc, payload)
