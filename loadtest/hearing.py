"""What was heard of all streams, each judged as it ends.  Pure."""

from __future__ import annotations

from msgspec import Struct

from ccserver.media.reception import Reception
from loadtest.e_model import mos_of_stream
from loadtest.histogram import Latencies

SHORTEST = 25
"""Packets; half a second: a stream with fewer is not judged."""
MOST_JUDGED = 100_000
"""Streams whose score is kept by itself; of later ones every tenth."""


class Heard(Struct, frozen=True):
    """All that ended so far."""

    streams: int
    silent: int
    """Streams of a second or more in which nothing came."""
    packets: int
    lost: int
    jitter_p95: float
    """Seconds."""
    mos_p5: float
    mos_min: float
    mos_mean: float


class Hearing:
    def __init__(self) -> None:
        self._scores: list[float] = []
        self._ended = self._silent = self._packets = self._lost = 0
        self._jitter = Latencies()

    def ended(self, reception: Reception, seconds: float) -> None:
        """One stream is over, which could have heard something for so long."""
        if not reception.received:
            self._silent += seconds >= 1.0
            return
        self._packets += reception.received
        self._lost += reception.lost
        expected = reception.received + reception.lost
        if expected < SHORTEST:
            return
        self._ended += 1
        jitter = reception.jitter_ms / 1e3
        self._jitter.record(jitter)
        if len(self._scores) < MOST_JUDGED or self._ended % 10 == 0:
            self._scores.append(mos_of_stream(reception.lost / expected, jitter))

    def heard(self) -> Heard | None:
        """None: there was nothing to judge."""
        if not self._ended and not self._silent:
            return None
        scores = sorted(self._scores) or [1.0]
        return Heard(
            streams=self._ended,
            silent=self._silent,
            packets=self._packets,
            lost=self._lost,
            jitter_p95=self._jitter.quantile(0.95) or 0.0,
            mos_p5=scores[int(len(scores) * 0.05)],
            mos_min=scores[0],
            mos_mean=sum(scores) / len(scores),
        )
