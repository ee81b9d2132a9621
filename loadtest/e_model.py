"""What a listener would think: ITU-T G.107's E-model, with its defaults for all that is not ours.

Of its impairments two are left here: loss, by G.107 §7.5 with the values of G.113 appendix I for
G.711 with packet loss concealment, and delay, by G.107 §7.4.  Echo, noise and loudness are taken as
they are by default, which makes R 93.2 at best.
"""

from __future__ import annotations

import math

BEST = 93.2
"""R with every default of G.107 (its table 3)."""
ROBUSTNESS = 25.1
"""Bpl of G.711 with concealment; its Ie is 0 (G.113, table I.4)."""
PACKET = 0.020
"""Seconds of audio in each."""
SHORTEST_BUFFER = 0.040
"""Seconds that a phone's jitter buffer is taken to hold back at least."""


def mos_of_stream(lost: float, jitter: float, burst: float = 1.0) -> float:
    """From the share of packets lost and the jitter of RFC 3550 in seconds.

    The delay is a packet and a jitter buffer of twice the jitter; the network's own is not known at
    one end, and is left out: over a LAN it is a millisecond or less.
    """
    return mos(rating(lost, PACKET + max(SHORTEST_BUFFER, 2 * jitter), burst))


def rating(lost: float, delay: float, burst: float = 1.0) -> float:
    """R, from a share of packets lost and the mouth-to-ear delay in seconds.

    ``burst`` is BurstR: 1 where packets are lost by chance, more where they go in rows.
    """
    return BEST - _delay_impairment(delay) - _loss_impairment(lost * 100, burst)


def mos(rating: float) -> float:
    """The mean opinion score of an R: 1 to 4.5 (G.107, annex B)."""
    if rating <= 0:
        return 1.0
    if rating >= 100:
        return 4.5
    score = 1 + 0.035 * rating + rating * (rating - 60) * (100 - rating) * 7e-6
    return max(1.0, score)


def _loss_impairment(percent: float, burst: float) -> float:
    """Ie,eff (equation 7-29)."""
    return 95.0 * percent / (percent / burst + ROBUSTNESS)


def _delay_impairment(delay: float) -> float:
    """Idd (equations 7-27 and 7-28): nothing up to 100 ms."""
    if delay <= 0.1:
        return 0.0
    x = math.log2(delay / 0.1)
    return 25 * (math.pow(1 + x**6, 1 / 6) - 3 * math.pow(1 + (x / 3) ** 6, 1 / 6) + 2)
