"""Memory of the server's processes: idle, and for each caller who waits or talks.

    python -m loadtest.bench_memory --calls 1000
    python -m loadtest.bench_memory --calls 300 --soak 3600   # and whether it stays

Real calls without RTP: first all wait, with no agent there; then each talks with an agent of his
own.  What a call needs is what the process has grown by when all are there, over how many there
are.  ``--soak``: callers come and go for so many seconds, and memory is shown along the way.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from loadtest import bench_calls as calls
from loadtest.bench_load import TALK
from loadtest.processes import Processes
from loadtest.result import Result, machine
from loadtest.scenario.model import Scenario
from loadtest.session import perform

SETTLE = 3.0
"""Seconds after the start, until nothing more is imported."""
RATE = 50.0
"""Calls a second: slow enough to leave nothing behind that a rush would."""
ROWS = 12


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=1000, help="at once")
    parser.add_argument("--soak", type=int, default=0, metavar="SECONDS")
    arguments = parser.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory(prefix="ccserver-bench-") as name:
        data = Path(name)
        (data / "bench.toml").write_text(calls._config(arguments.calls, data))
        command = [sys.executable, "-m", "ccserver", "run", "--config", str(data / "bench.toml")]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout is not None
            print(server.stdout.readline().strip())
            time.sleep(SETTLE)
            return _bench(server.pid, arguments, data)
        finally:
            server.send_signal(signal.SIGTERM)
            server.send_signal(signal.SIGTERM)
            server.wait(60)


def _bench(pid: int, arguments: argparse.Namespace, data: Path) -> int:
    number = arguments.calls
    idle = {name: usage.memory for name, usage in Processes([str(pid)]).sample().items()}
    print("idle, MB: " + _megabytes(idle))
    waiting = perform(_scenario(pid, number, agents=0), data)
    _grown(f"{number} who wait", waiting, idle, number)
    talking = perform(_scenario(pid, number, agents=number), data)
    _grown(f"{number} who talk", talking, idle, number)
    passed = [waiting.verdict, talking.verdict]
    if arguments.soak:
        soak = perform(_soak(pid, number, arguments.soak), data)
        _along(soak)
        passed.append(soak.verdict)
    return 0 if set(passed) == {"passed"} else 1


def _scenario(pid: int, number: int, agents: int) -> Scenario:
    """All of them come, and stay until the last has been there for a while."""
    come = {"name": "come", "seconds": number / RATE, "rate": RATE}
    stay = {"name": "stay", "seconds": 10.0, "rate": 0.0}
    return _given(pid, [come, stay], agents, number / RATE + 8.0)


def _soak(pid: int, agents: int, seconds: float) -> Scenario:
    phases = [{"name": "soak", "seconds": seconds, "rate": RATE}]
    return _given(pid, phases, agents, TALK)


def _given(pid: int, phases: Sequence[Mapping[str, Any]], agents: int, stay: float) -> Scenario:
    """The server answers at once; ``stay`` is how long callers stay from then on."""
    return Scenario.model_validate(
        {
            "drain_seconds": 1.0,
            "target": {
                "address": f"127.0.0.1:{calls.SERVER}",
                "domain": "ccserver",
                "metrics": f"http://127.0.0.1:{calls.METRICS}/metrics",
                "processes": [f"{pid}"],
            },
            "arrivals": {"process": "constant", "phases": phases},
            "callers": {"kinds": [{"name": "support", "dial": "2001", "talk": stay}]},
            "agents": {
                "count": agents,
                "first": 5000,
                "secret": "s{n}",
                "register_rate": 200.0,
                "expires_seconds": 3600,
                "answer_after": 0,
            },
            "objectives": [{"measure": "failed_share", "at_most": 0}],
        }
    )


def _grown(what: str, result: Result, idle: Mapping[str, int], number: int) -> None:
    """By the highest figure of the time when all were there, against that of an idle server."""
    samples = [sample.memory for sample in result.server]
    print(f"{what}: " + ", ".join(f"{n} {c}" for n, c in sorted(result.outcomes.items())))
    for name, before in idle.items():
        most = max(sample.get(name, 0) for sample in samples)
        print(
            f"  {name}: {(most - before) / number / 1024:.1f} KB each, {most / 1e6:.0f} MB in all"
        )


def _along(result: Result) -> None:
    """Where the memory stood at equal distances."""
    print(f"soak: {result.started} calls")
    step = max(1, len(result.server) // ROWS)
    for sample in result.server[::step]:
        print(f"  after {sample.at:6.0f} s, MB: {_megabytes(sample.memory)}", flush=True)


def _megabytes(memory: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {used / 1e6:.1f}" for name, used in memory.items())


if __name__ == "__main__":
    os.nice(5)
    sys.exit(main())
