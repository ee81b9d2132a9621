"""Queued calls by ccserver-load on both ends: what a call costs, and how soon things happen.

    python -m loadtest.bench_load --rate 100 --seconds 20

First with agents to spare: from a caller's INVITE to the agent's.  Then with too few, so that
callers wait: from an agent's last call to his next, and whether anyone is overtaken.  There is no
greeting and no wrap-up; latencies begin at the intended instant and end at the generator.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from msgspec import Struct

from loadtest.own_server import FIRST_AGENT, QUEUE, OwnServer
from loadtest.processes import stolen
from loadtest.realtime import ask_for_priority
from loadtest.result import Result, machine
from loadtest.scenario.model import Scenario
from loadtest.session import perform

TALK = 1.0
"""Seconds."""
EASE, SHORT = "agents to spare", "callers waiting"


class Found(Struct, frozen=True):
    at_ease: Result
    """With agents to spare."""
    short: Result
    """With too few of them, so that callers wait."""


def main() -> int:
    arguments = _arguments()
    if not ask_for_priority():
        print("without real-time priority: on a busy machine the latencies are the machine's")
    print(machine())
    with tempfile.TemporaryDirectory(prefix="ccserver-bench-") as name:
        found = measure(Path(name), arguments.rate, arguments.seconds)
    report(found)
    return 0 if found.at_ease.verdict == found.short.verdict == "passed" else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=100.0, help="calls a second")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each part")
    return parser.parse_args()


def measure(data: Path, rate: float, seconds: float) -> Found:
    """``rate`` in calls a second, for so many seconds of each part.  Raises CannotStart."""
    plenty, scarce = int(3 * rate * TALK), max(1, int(0.8 * rate * TALK))
    with OwnServer(data, plenty) as server:
        return Found(
            _perform(EASE, _scenario(server, rate, seconds, plenty, "never"), data),
            _perform(SHORT, _scenario(server, rate, seconds, scarce, "uniform 5..15"), data),
        )


def _perform(what: str, scenario: Scenario, data: Path) -> Result:
    before = stolen()
    result = perform(scenario, data)
    if kept := stolen() - before:
        print(f"{what}: the hypervisor kept processors from us for {kept * 1e3:.0f} ms")
    return result


def _scenario(
    server: OwnServer, rate: float, seconds: float, agents: int, patience: str
) -> Scenario:
    warm_up = {"name": "warm-up", "seconds": 2.0, "rate": rate, "measured": False}
    steady = {"name": "steady", "seconds": seconds, "rate": rate}
    caller = {"name": "support", "dial": QUEUE, "talk": TALK, "patience": patience}
    return Scenario.model_validate(
        {
            "target": {
                "address": server.address,
                "domain": "ccserver",
                "metrics": server.metrics_url,
                "processes": [str(server.pid)],
            },
            "arrivals": {"phases": [warm_up, steady]},
            "callers": {"kinds": [caller]},
            "agents": {
                "count": agents,
                "first": FIRST_AGENT,
                "secret": "s{n}",
                "register_rate": 500.0,
                "answer_after": 0,
            },
            "objectives": [{"measure": "failed_share", "at_most": 0}],
        }
    )


def report(found: Found) -> None:
    _report(EASE, found.at_ease)
    _report(SHORT, found.short)


def _report(what: str, result: Result) -> None:
    outcomes = ", ".join(f"{name} {count}" for name, count in sorted(result.outcomes.items()))
    print(f"{what}: {result.started} calls at {result.offered_rate:.0f}/s: {outcomes}")
    for name in ("setup", "ring", "wire", "offer"):
        if (latency := result.latencies.get(name)) is not None:
            at = latency.at
            values = ", ".join(f"{q} {at[q] * 1e3:.1f}" for q in ("p50", "p99", "p999"))
            print(f"  {name}: {latency.count}, ms: {values}")
    print(f"  overtaken: {result.overtaken} of {result.rung}")
    for process in result.server[-1].cpu if result.server else ():
        used = sum(sample.cpu.get(process, 0.0) for sample in result.server)
        memory = result.server[-1].memory.get(process, 0)
        print(
            f"  {process}: {used / max(1, result.started) * 1e3:.2f} ms CPU a call, "
            f"{memory / 1e6:.0f} MB in the end"
        )
    own = result.own
    print(f"  generator: {own.cpu:.0%} of a core, most {own.busiest:.0%}")
    for complaint in result.complaints:
        print(f"  note: {complaint}")


if __name__ == "__main__":
    sys.exit(main())
