from __future__ import annotations

from ccserver.core.clock import SteadyWall


class Clocks:
    wall, now = 1_700_000_000.0, 50.0

    def pass_(self, seconds: float) -> None:
        self.wall += seconds
        self.now += seconds


def test_the_clock_on_the_wall_goes_on_evenly_until_somebody_looks() -> None:
    clocks = Clocks()
    steady = SteadyWall(lambda: clocks.wall, lambda: clocks.now)
    clocks.pass_(10.0)
    assert steady.look() == 0.0
    clocks.wall -= 3600.0
    clocks.pass_(1.0)
    assert steady() == 1_700_000_011.0
    assert steady.look() == -3600.0
    assert steady() == clocks.wall
    assert steady.look() == 0.0


def test_what_was_only_read_a_moment_later_is_no_setting() -> None:
    clocks = Clocks()
    steady = SteadyWall(lambda: clocks.wall, lambda: clocks.now)
    clocks.wall += 0.004
    assert steady.look() == 0.0
    clocks.wall += 0.007
    assert 0.01 < steady.look() < 0.012
