"""Queued calls by SIPp on both ends: how many, at what cost, how soon.

    python -m loadtest.bench_calls --rate 200 --seconds 60 --agents 300
    python -m loadtest.bench_calls --register 1000 --seconds 20    # REGISTERs instead

Starts a server of its own on loopback, registers the agents, drives callers, and reads the CPU
that core and media used from /proc and the latencies from the metrics port.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from loadtest.own_server import MetricsPage, OwnServer
from loadtest.own_sipp import AgentPhones, callers, unexpected

OUTCOMES = ("offered", "handled", "abandoned", "failed", "overflowed")


class Found(Struct, frozen=True):
    """Seconds; CPU by process and call.  Quantiles are upper bounds of a histogram's buckets."""

    calls: int
    elapsed: float
    status: int
    """SIPp's own; 0: no call failed."""
    outcomes: dict[str, int]
    cpu: dict[str, float]
    dispatch_p50: float
    dispatch_p99: float
    lag_p50: float
    lag_p99: float
    lag_p999: float
    idle: dict[str, float] = {}
    """CPU a second, by process, for as long as the calls then took; empty: it was not measured."""

    @property
    def failed(self) -> int:
        """Calls that did not talk to an agent."""
        return self.calls - self.outcomes["handled"]


def main() -> int:
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="ccserver-bench-") as name:
        data = Path(name)
        if arguments.register:
            return _register(arguments, data)
        found = measure(data, arguments.rate, arguments.seconds, arguments.agents, arguments.stay)
        report(found)
        for answer, number in unexpected(data).most_common(5):
            print(f"  unexpected: {number} x {answer}")
        return found.status


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=200, help="calls a second")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--agents", type=int, default=300)
    parser.add_argument(
        "--register", type=int, default=0, metavar="RATE", help="REGISTERs a second, instead"
    )
    parser.add_argument("--stay", type=int, default=1000, help="milliseconds a caller stays")
    return parser.parse_args()


def measure(
    data: Path, rate: int, seconds: int, agents: int, stay: int = 1000, *, idle: bool = False
) -> Found:
    """``rate`` in calls a second; ``stay``: milliseconds that a caller stays.  ``idle``: as many
    seconds before the calls it is measured what the server uses without."""
    with OwnServer(data, agents) as server:
        phones = AgentPhones(server)
        phones.register(agents)
        with phones.answering():
            server.settle()
            unused = _unused(server, seconds) if idle else {}
            before, began, started = server.cpu(), server.page(), time.monotonic()
            command = callers(server, rate, stay, rate * seconds)
            command += ["-trace_err", "-timeout", str(seconds + 60)]
            done = subprocess.run(command, stdout=subprocess.DEVNULL, cwd=data, check=False)
            elapsed = time.monotonic() - started
            time.sleep(2)
            found = found_of(server, rate * seconds, elapsed, before, began, done.returncode)
            return replace(found, idle=unused)


def _unused(server: OwnServer, seconds: float) -> dict[str, float]:
    """CPU a second, by process, while nobody calls."""
    before, began = server.cpu(), time.monotonic()
    time.sleep(seconds)
    after, passed = server.cpu(), time.monotonic() - began
    return {name: (used - before.get(name, 0.0)) / passed for name, used in after.items()}


def found_of(
    server: OwnServer,
    calls: int,
    elapsed: float,
    before: dict[str, float],
    began: MetricsPage,
    status: int,
) -> Found:
    """What a server says after so many calls; ``before`` and ``began``: the CPU that was used, and
    its page, before them."""
    page = server.page()
    lag, dispatch = "ccserver_loop_lag_seconds", "ccserver_dispatch_seconds"
    return Found(
        calls,
        elapsed,
        status,
        {name: int(page.sum(f"ccserver_contacts_{name}_total")) for name in OUTCOMES},
        {name: (used - before.get(name, 0.0)) / calls for name, used in server.cpu().items()},
        dispatch_p50=page.quantile(dispatch, 0.5, began),
        dispatch_p99=page.quantile(dispatch, 0.99, began),
        lag_p50=page.quantile(lag, 0.5, began),
        lag_p99=page.quantile(lag, 0.99, began),
        lag_p999=page.quantile(lag, 0.999, began),
    )


def report(found: Found) -> None:
    print(
        f"offered {found.calls} calls in {found.elapsed:.1f} s; "
        f"SIPp status {found.status} (0: none failed)"
    )
    for name, number in found.outcomes.items():
        print(f"  {name}: {number}")
    each = {name: seconds * 1e3 for name, seconds in found.cpu.items()}
    parts = ", ".join(f"{name} {value:.3f}" for name, value in sorted(each.items()))
    print(f"CPU ms per call: {sum(each.values()):.3f} ({parts}); {sys.version.split()[0]}")
    print(f"dispatch: p50 <= {found.dispatch_p50 * 1e3:g} ms, p99 <= {found.dispatch_p99 * 1e3:g}")
    print(
        f"loop lag: p50 <= {found.lag_p50 * 1e3:g} ms, p99 <= {found.lag_p99 * 1e3:g}, "
        f"p99.9 <= {found.lag_p999 * 1e3:g}"
    )


def _register(a: argparse.Namespace, data: Path) -> int:
    with OwnServer(data, a.agents) as server:
        phones = AgentPhones(server)
        phones.register(a.agents)
        server.settle()
        before, started = server.cpu(), time.monotonic()
        number = a.register * a.seconds
        status = phones.register(a.agents, number // 2, a.register // 2, check=False)
        elapsed = time.monotonic() - started
        each = (server.cpu()["core"] - before["core"]) / number * 1e6
        print(f"{number} REGISTERs, every second one with digest, in {elapsed:.1f} s:")
        print(f"{number / elapsed:.0f}/s of {a.register}; SIPp status {status} (0: none failed);")
        print(f"core {each:.0f} us CPU each")
        return status


if __name__ == "__main__":
    sys.exit(main())
