"""Many phones that register with a real server: ``python -m loadtest.bench_bindings``.

Every phone is an agent's.  All register once, by SIPp, each with a challenge and a proof; then they
refresh.  What is told is what the core's loop was late at most, meanwhile, and what the core needs
more in memory; what the registrar alone needs is bench_registrar's.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from msgspec import Struct

from loadtest.own_server import OwnServer
from loadtest.own_sipp import AgentPhones
from loadtest.processes import Processes
from loadtest.realtime import ask_for_priority
from loadtest.result import machine

LATER = 1.5
"""REGISTERs of each phone that must need no more memory."""


class Found(Struct, frozen=True):
    """Bytes of the core; seconds."""

    phones: int
    idle: int
    registered: int
    refreshed: int
    """After a REGISTER more of each."""
    later: int
    """After 1.5 more of each again."""
    lag_p99: float
    lag_p999: float
    lag_max: float
    """Upper bound of the histogram's highest bucket that has anything."""
    cpu: float
    """Of the core, a REGISTER with its challenge."""

    @property
    def each(self) -> float:
        """Bytes a binding."""
        return (self.registered - self.idle) / self.phones


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--phones", type=int, default=100_000)
    parser.add_argument("--rate", type=int, default=1000, help="registrations a second")
    arguments = parser.parse_args()
    if not ask_for_priority():
        print("without real-time priority: on a busy machine the loop's lag is the machine's")
    print(machine())
    with tempfile.TemporaryDirectory(prefix="ccserver-bench-") as name:
        report(measure(Path(name), arguments.phones, arguments.rate))
    return 0


def measure(data: Path, phones: int, rate: int) -> Found:
    """Raises CalledProcessError: a REGISTER was not answered as it should."""
    with OwnServer(data, phones) as server:
        core, agents = Processes([str(server.pid)]), AgentPhones(server)
        server.settle()
        before, began = server.cpu()["core"], server.page()

        def needed(registers: int = 0) -> int:
            if registers:
                agents.register(phones, registers, rate)
                time.sleep(1)
            return core.sample()["ccserver.core"].memory

        memory = (needed(), needed(phones), needed(phones), needed(int(LATER * phones)))
        page, cpu = server.page(), server.cpu()["core"] - before
    lag = "ccserver_loop_lag_seconds"
    return Found(
        phones,
        *memory,
        lag_p99=page.quantile(lag, 0.99, began),
        lag_p999=page.quantile(lag, 0.999, began),
        lag_max=page.quantile(lag, 1.0, began),
        cpu=cpu / ((2 + LATER) * phones),
    )


def report(found: Found) -> None:
    print(
        f"{found.phones} phones: core {found.idle / 1e6:.0f} MB before, "
        f"{found.registered / 1e6:.0f} registered ({found.each / 1024:.2f} KB each), "
        f"{found.refreshed / 1e6:.0f} refreshed, "
        f"{found.later / 1e6:.0f} after {LATER * found.phones:.0f} REGISTERs more"
    )
    print(
        f"loop lag p99 <= {found.lag_p99 * 1e3:g} ms, p99.9 <= {found.lag_p999 * 1e3:g}, "
        f"at most <= {found.lag_max * 1e3:g}; "
        f"core {found.cpu * 1e6:.0f} us of CPU a REGISTER with its challenge",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
