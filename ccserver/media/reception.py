"""What RFC 3550 counts about a source: loss (§A.3) and jitter (§A.8)."""

from __future__ import annotations

from msgspec import Struct

CLOCK_RATE = 8000
_MISPLACED = 3000
"""Packets: a greater jump is a source that begins anew (MAX_DROPOUT of §A.1)."""


class Interval(Struct, frozen=True, gc=False):
    """A reception report block but for its SSRC and the times of the last sender report."""

    fraction_lost: int
    """Of 256, since the last interval."""
    lost: int
    highest: int
    """Extended sequence number."""
    jitter: int
    """Samples."""


class Reception:
    """Counts one source after the other; what was lost from earlier ones stays counted."""

    def __init__(self) -> None:
        self.ssrc: int | None = None
        self.received = 0
        """Of all sources."""
        self.jitter = 0.0
        """Samples."""
        self.transit = 0.0
        """Samples by which the last packet's arrival is ahead of its timestamp."""
        self._lost_before = 0
        self._first = 0
        self._highest = 0
        self._since_first = 0
        self._expected_reported = 0
        self._received_reported = 0

    def hear(
        self, ssrc: int, sequence: int, timestamp: int, now: float, *, timed: bool = True
    ) -> bool:
        """True if a source began with this packet.  The packets of a key all have the timestamp
        of its press and say nothing about jitter: they are not `timed`."""
        self.received += 1
        transit = now * CLOCK_RATE - timestamp
        if ssrc == self.ssrc:
            # As ``rtp.ahead`` has it; this is done for each packet.
            step = (sequence - self._highest + 0x8000 & 0xFFFF) - 0x8000
            if -_MISPLACED < step < _MISPLACED:
                self._since_first += 1
                if step > 0:
                    self._highest += step
                if not timed:
                    return False
                change = abs(transit - self.transit)
                self.transit = transit
                if change < CLOCK_RATE:  # not a pause, nor a timestamp that jumped or wrapped
                    self.jitter += (change - self.jitter) / 16
                return False
        self._lost_before += self._lost_here()
        self.ssrc = ssrc
        self._first = self._highest = sequence
        self._since_first = 1
        self.transit = transit
        self._expected_reported = self._received_reported = 0
        return True

    def is_at(self, ssrc: int, sequence: int) -> bool:
        """Whether this packet is the furthest that came of the source."""
        return ssrc == self.ssrc and sequence == self._highest & 0xFFFF

    def go_on(self, packets: int, lost: int, transit: float, jitter: float) -> None:
        """So many packets came in sequence, so many did not, and this is where they left transit
        and jitter."""
        self.received += packets
        self._since_first += packets
        self._highest += packets + lost
        self.transit = transit
        self.jitter = jitter

    @property
    def lost(self) -> int:
        """Packets that should have come and did not; duplicates can hide some."""
        return self._lost_before + self._lost_here()

    @property
    def jitter_ms(self) -> float:
        return self.jitter * 1000 / CLOCK_RATE

    def interval(self) -> Interval:
        """What a report says now; the next one counts from here."""
        expected = self._expected()
        newly_expected = expected - self._expected_reported
        newly_lost = newly_expected - (self._since_first - self._received_reported)
        self._expected_reported = expected
        self._received_reported = self._since_first
        fraction = 0 if newly_expected <= 0 else max(0, newly_lost) * 256 // newly_expected
        return Interval(
            min(fraction, 255), min(self.lost, 0x7FFFFF), self._highest, int(self.jitter)
        )

    def _expected(self) -> int:
        return self._highest - self._first + 1 if self.ssrc is not None else 0

    def _lost_here(self) -> int:
        return max(0, self._expected() - self._since_first)
