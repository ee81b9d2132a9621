"""Memory of the server's processes: idle, for each caller who waits or talks, and over an hour.

    python -m loadtest.bench_memory --calls 1000
    python -m loadtest.bench_memory --calls 0 --soak 3600 --csv soak.csv --plot soak.svg

Real calls without RTP: first all wait, with no agent there; then each talks with an agent of his
own.  What a call needs is what the process has grown by when all are there, over how many there
are.  ``--soak``: for so many seconds callers come and go at a moderate rate; some lose patience,
some are hung up on, and agents ignore a call, reject one, or go idle for a while.  It is flat if
no process needs more at the end than after a quarter of the time.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from msgspec import Struct

from ccserver.drawing.svg import Line, chart, standing_alone
from loadtest.own_server import FIRST_AGENT, QUEUE, OwnServer
from loadtest.processes import Processes
from loadtest.result import Result, machine
from loadtest.scenario.model import Scenario
from loadtest.session import perform

RATE = 50.0
"""Calls a second: slow enough to leave nothing behind that a rush would."""
SOAK_RATE, SOAK_AGENTS = 20.0, 30
FEW_AGENTS = 8
"""As in the demonstration centre, which stands for an idle server."""
ROWS = 60
"""Of the memory over time."""
WINDOW = 1 / 12
"""Of the time, at the end and after its first quarter: their medians are compared."""


class Grown(Struct, frozen=True):
    """``each``: bytes a call, by process, when all calls were there; ``most``: in all."""

    number: int
    each: dict[str, float]
    most: dict[str, int]
    verdict: str


class Soak(Struct, frozen=True):
    """``rows``: seconds after the start, and bytes by process."""

    outcomes: dict[str, int]
    rows: list[tuple[float, dict[str, int]]]
    verdict: str

    @property
    def grown(self) -> dict[str, float]:
        """By how many times what each process needed after the first quarter, at the end."""
        last = self.rows[-1][0]

        def needed(name: str, begin: float) -> float:
            inside = [m[name] for at, m in self.rows if begin <= at <= begin + WINDOW * last]
            return median(inside)

        begin = {name: needed(name, last / 4) for name in self.rows[-1][1]}
        return {name: needed(name, last * (1 - WINDOW)) / was for name, was in begin.items()}


class Found(Struct, frozen=True):
    """``idle``: bytes by process of a server with few agents."""

    idle: dict[str, int]
    waiting: Grown | None
    talking: Grown | None
    soak: Soak | None

    @property
    def passed(self) -> bool:
        parts = (self.waiting, self.talking, self.soak)
        return all(part is None or part.verdict == "passed" for part in parts)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=1000, help="at once; 0: none but the soak's")
    parser.add_argument("--soak", type=int, default=0, metavar="SECONDS")
    parser.add_argument("--csv", type=Path, help="where to write the soak's memory over time")
    parser.add_argument("--plot", type=Path, help="where to draw it, as SVG")
    arguments = parser.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory(prefix="ccserver-bench-") as name:
        found = measure(Path(name), arguments.calls, arguments.soak)
    report(found)
    if found.soak is not None:
        if arguments.csv is not None:
            write(found.soak, arguments.csv)
        if arguments.plot is not None:
            arguments.plot.write_text(plot(found.soak))
    return 0 if found.passed else 1


def measure(data: Path, number: int, soak: int = 0) -> Found:
    """``number`` of calls at once, and then ``soak`` seconds of others.  Raises CannotStart."""
    (data / "few").mkdir()
    with OwnServer(data / "few", FEW_AGENTS) as server:
        idle = _settled(server)
    with OwnServer(data, max(number, SOAK_AGENTS)) as server:
        before = _settled(server)
        waiting = talking = long = None
        if number:
            waits = perform(_at_once(server, number, agents=0), data)
            waiting = _grown(waits, before, number)
            talks = perform(_at_once(server, number, agents=number), data)
            talking = _grown(talks, before, number)
        if soak:
            long = _soak_of(perform(_comings(server, soak), data))
        return Found(idle, waiting, talking, long)


def _settled(server: OwnServer) -> dict[str, int]:
    """Bytes by process, before anything happens."""
    server.settle()
    return {name: usage.memory for name, usage in Processes([str(server.pid)]).sample().items()}


def _at_once(server: OwnServer, number: int, agents: int) -> Scenario:
    """All of them come, and stay until the last has been there for a while."""
    come = {"name": "come", "seconds": number / RATE, "rate": RATE}
    stay = {"name": "stay", "seconds": 10.0, "rate": 0.0}
    caller = {"name": "support", "dial": QUEUE, "talk": number / RATE + 8.0}
    return _scenario(server, "constant", [come, stay], caller, {"count": agents, "answer_after": 0})


def _comings(server: OwnServer, seconds: float) -> Scenario:
    """What a day has in it, but sooner: nobody talks for more than a few seconds."""
    caller = {
        "name": "support",
        "dial": QUEUE,
        "patience": "exponential 5",
        "talk": "exponential 1",
    }
    agents = {
        "count": SOAK_AGENTS,
        "answer_after": "uniform 0..0.3",
        "hangs_up": 0.3,
        "talk": "exponential 1",
        "ignores": 0.001,
        "rejects": 0.005,
        "goes_idle": 0.01,
        "idle": "exponential 5",
        "idle_by": "dial",
        "dial_idle": "*52",
        "dial_available": "*51",
    }
    soak = {"name": "soak", "seconds": seconds, "rate": SOAK_RATE}
    return _scenario(server, "poisson", [soak], caller, agents)


def _scenario(
    server: OwnServer,
    process: str,
    phases: Sequence[Mapping[str, Any]],
    caller: Mapping[str, Any],
    agents: Mapping[str, Any],
) -> Scenario:
    return Scenario.model_validate(
        {
            "drain_seconds": 1.0,
            "target": {
                "address": server.address,
                "domain": "ccserver",
                "metrics": server.metrics_url,
                "processes": [f"{server.pid}"],
            },
            "arrivals": {"process": process, "phases": phases},
            "callers": {"kinds": [caller]},
            "agents": {
                "first": FIRST_AGENT,
                "secret": "s{n}",
                "register_rate": 200.0,
                **agents,
            },
            "objectives": [{"measure": "failed_share", "at_most": 0}],
        }
    )


def _grown(result: Result, idle: Mapping[str, int], number: int) -> Grown:
    """By the highest figure of the time when all were there, against that of an idle server."""
    most = {name: max(sample.memory.get(name, 0) for sample in result.server) for name in idle}
    each = {name: (most[name] - before) / number for name, before in idle.items()}
    return Grown(number, each, most, result.verdict)


def _soak_of(result: Result) -> Soak:
    """A row stands for a stretch of time: the median of what was seen in it."""
    samples = result.server
    step = max(1, len(samples) // ROWS)
    rows = []
    for first in range(0, len(samples) - step + 1, step):
        stretch = samples[first : first + step]
        names = [name for name in stretch[0].memory if all(name in s.memory for s in stretch)]
        memory = {name: int(median(s.memory[name] for s in stretch)) for name in names}
        rows.append((stretch[-1].at, memory))
    return Soak(result.outcomes, rows, result.verdict)


def report(found: Found) -> None:
    print("idle, MB: " + _megabytes(found.idle))
    for what, grown in (("wait", found.waiting), ("talk", found.talking)):
        if grown is not None:
            print(f"{grown.number} who {what}: {grown.verdict}")
            for process, each in grown.each.items():
                most = grown.most[process] / 1e6
                print(f"  {process}: {each / 1024:.1f} KB each, {most:.0f} MB in all")
    if found.soak is not None:
        _tell(found.soak)


def _tell(soak: Soak) -> None:
    outcomes = ", ".join(f"{name} {count}" for name, count in sorted(soak.outcomes.items()))
    print(f"soak: {outcomes}")
    for at, memory in soak.rows:
        print(f"  after {at:6.0f} s, MB: {_megabytes(memory)}")
    times = ", ".join(f"{name} {ratio:.3f}" for name, ratio in soak.grown.items())
    print(f"at the end, of what it was after a quarter of the time: {times}", flush=True)


def write(soak: Soak, path: Path) -> None:
    """A row for each stretch of time: seconds, and bytes of each process."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        names = list(soak.rows[0][1])
        writer.writerow(["seconds", *names])
        for at, memory in soak.rows:
            writer.writerow([f"{at:.0f}", *(memory.get(name, "") for name in names)])


def plot(soak: Soak) -> str:
    lines = [
        Line(name, [(at / 60, memory[name] / 1e6) for at, memory in soak.rows if name in memory])
        for name in soak.rows[0][1]
    ]
    return standing_alone(chart(lines, "MB", x_unit="min"))


def _megabytes(memory: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {used / 1e6:.1f}" for name, used in memory.items())


if __name__ == "__main__":
    os.nice(5)
    sys.exit(main())
