"""What a call costs as calls come more often, and how much of it is the idle server's."""

from __future__ import annotations

import pytest

from loadtest.bench_calls import Found
from loadtest.bench_growth import Growth

IDLE = {"core": 0.003, "media": 0.002, "web": 0.1}


def found(rate: int, core: float, media: float) -> Found:
    """Of ten seconds, in seconds of CPU a call."""
    calls, spent = 10 * rate, {"core": core, "media": media, "web": 1.0}
    return Found(calls, 10.0, 0, {"handled": calls}, spent, 0, 0, 0, 0, 0, IDLE)


def test_what_the_idle_server_uses_is_told_apart_and_left_in_the_figure() -> None:
    growth = Growth({10: found(10, 0.004, 0.001), 100: found(100, 0.002, 0.0005)})

    assert growth.idle(10) == pytest.approx(0.005)
    assert growth.each(10) == pytest.approx(0.005)
    assert growth.each(10, alone=True) == pytest.approx(0.0045)
    assert growth.times() == pytest.approx(2.0)
    assert growth.times(alone=True) == pytest.approx(0.0045 / 0.00245)
