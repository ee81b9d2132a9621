"""What a queued call costs as calls come more often: ``python -m loadtest.bench_growth``.

CPU of core and media at each rate, on a fresh server each, by SIPp at both ends.  What the same
server uses without calls, with its agents there and for as long, is measured right before and told
apart: a process that is woken a few times a second whatever happens is no part of a call, but at
few calls a second it is a part of its figure.  What a call costs more at few calls a second beyond
that is the processor's: ``bench_core --rest`` has the same turns, at once and one by one.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from loadtest.bench_calls import Found, measure
from loadtest.result import machine

RATES = (10, 100, 300)
MOST_SECONDS, CALLS = 60, 3_000
"""A rate is kept up for so many calls, but not for longer."""


class Growth(Struct, frozen=True):
    """Seconds of CPU, of core and media."""

    calls: dict[int, Found]
    """By calls a second."""

    def idle(self, rate: int) -> float:
        """Of a second, before the calls of that rate came."""
        idle = self.calls[rate].idle
        return idle["core"] + idle["media"]

    def each(self, rate: int, *, alone: bool = False) -> float:
        """Of a call; ``alone``: without what an idle server uses."""
        found = self.calls[rate]
        spent = found.cpu["core"] + found.cpu["media"]
        return spent - self.idle(rate) * found.elapsed / found.calls if alone else spent

    def times(self, *, alone: bool = False) -> float:
        """The dearest beside the cheapest."""
        costs = [self.each(rate, alone=alone) for rate in self.calls]
        return max(costs) / min(costs)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rates", type=int, nargs="+", default=RATES, help="calls a second")
    arguments = parser.parse_args()
    print(machine())
    growth = grow(arguments.rates)
    report(growth)
    return 0 if all(found.status == 0 for found in growth.calls.values()) else 1


def grow(rates: Sequence[int], calls: int = CALLS) -> Growth:
    """``calls``: how many are made at each rate, if that takes no longer than a minute."""
    found = {}
    for rate in rates:
        with tempfile.TemporaryDirectory(prefix="ccserver-bench-") as name:
            seconds = max(1, min(MOST_SECONDS, calls // rate))
            agents = rate + rate // 2 + 10
            found[rate] = measure(Path(name), rate, seconds, agents, idle=True)
    return Growth(found)


def report(growth: Growth) -> None:
    for rate, found in growth.calls.items():
        print(
            f"{rate:4d} calls/s: {growth.each(rate) * 1e3:.2f} ms a call, core and media; "
            f"{growth.each(rate, alone=True) * 1e3:.2f} without what they use idle, "
            f"{growth.idle(rate):.2%} of a core; "
            f"{found.calls} calls, {found.failed} failed"
        )
    print(
        f"the dearest beside the cheapest: {growth.times():.2f} times; "
        f"{growth.times(alone=True):.2f} without what they use idle",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
