"""Queued calls by ccserver-load on both ends: what a call costs, and how soon things happen.

    python -m loadtest.bench_load --rate 100 --seconds 20

First with agents to spare: from a caller's INVITE to the agent's.  Then with too few, so that
callers wait: from an agent's last call to his next, and whether anyone is overtaken.  There is no
greeting and no wrap-up; latencies begin at the intended instant and end at the generator.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from loadtest import bench_calls as calls
from loadtest.realtime import ask_for_priority
from loadtest.result import Result, machine
from loadtest.scenario.model import Scenario
from loadtest.session import perform

TALK = 1.0
"""Seconds."""


def main() -> int:
    arguments = _arguments()
    if not ask_for_priority():
        print("without real-time priority: on a busy machine the latencies are the machine's")
    print(machine())
    with tempfile.TemporaryDirectory(prefix="ccserver-bench-") as name:
        return _bench(arguments, Path(name))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=100.0, help="calls a second")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each part")
    return parser.parse_args()


def _bench(arguments: argparse.Namespace, data: Path) -> int:
    rate, seconds = arguments.rate, arguments.seconds
    plenty, scarce = int(3 * rate * TALK), max(1, int(0.8 * rate * TALK))
    config = data / "bench.toml"
    config.write_text(calls._config(plenty, data))
    command = [sys.executable, "-m", "ccserver", "run", "--config", str(config)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        print(server.stdout.readline().strip())
        at_ease = perform(_scenario(server.pid, rate, seconds, plenty, "never"), data)
        _report("agents to spare", at_ease)
        short = perform(_scenario(server.pid, rate, seconds, scarce, "uniform 5..15"), data)
        _report("callers waiting", short)
    finally:
        server.send_signal(signal.SIGTERM)
        server.send_signal(signal.SIGTERM)
        server.wait(30)
    return 0 if at_ease.verdict == short.verdict == "passed" else 1


def _scenario(pid: int, rate: float, seconds: float, agents: int, patience: str) -> Scenario:
    warm_up = {"name": "warm-up", "seconds": 2.0, "rate": rate, "measured": False}
    steady = {"name": "steady", "seconds": seconds, "rate": rate}
    caller = {"name": "support", "dial": "2001", "talk": TALK, "patience": patience}
    return Scenario.model_validate(
        {
            "target": {
                "address": f"127.0.0.1:{calls.SERVER}",
                "domain": "ccserver",
                "metrics": f"http://127.0.0.1:{calls.METRICS}/metrics",
                "processes": [str(pid)],
            },
            "arrivals": {"phases": [warm_up, steady]},
            "callers": {"kinds": [caller]},
            "agents": {
                "count": agents,
                "first": 5000,
                "secret": "s{n}",
                "register_rate": 500.0,
                "answer_after": 0,
            },
            "objectives": [{"measure": "failed_share", "at_most": 0}],
        }
    )


def _report(what: str, result: Result) -> None:
    outcomes = ", ".join(f"{name} {count}" for name, count in sorted(result.outcomes.items()))
    print(f"{what}: {result.started} calls at {result.offered_rate:.0f}/s: {outcomes}")
    for name in ("setup", "ring", "offer"):
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
