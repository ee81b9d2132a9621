"""The highest rate of queued calls that holds, and how the server fares at it for ten minutes.

    python -m loadtest.bench_hold                         # searches, and holds what it found
    python -m loadtest.bench_hold --rate 250 --seconds 600

A rate holds if no call failed and the server answered 99 of 100 callers within 100 ms.  Callers and
agents are ccserver-load's, on the same machine.  The rate that is held for long is a little below
the one that was found, for a trial is short and a machine has other things to do now and then; if
it does not hold, a lower one is tried.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from msgspec import Struct

from loadtest.bench_load import TALK
from loadtest.own_server import FIRST_AGENT, QUEUE, OwnServer
from loadtest.realtime import ask_for_priority
from loadtest.result import Result, machine
from loadtest.scenario.model import Scenario
from loadtest.search import RateSearch
from loadtest.searching import at_rate
from loadtest.session import perform
from loadtest.tally import FAILED

LOWEST, HIGHEST = 100.0, 1000.0
"""Calls a second."""
TRIAL, PRECISION = 15.0, 0.1
MARGINS = (0.95, 0.85, 0.75)
"""Of the rate that was found: what is held for long, one after the other."""
SPARE = 2.0
"""Agents for each who talks."""


class Held(Struct, frozen=True):
    """Seconds.  CPU by process and call."""

    rate: float
    seconds: float
    calls: int
    failed: int
    setup_p99: float
    lag_p50: float
    lag_p99: float
    lag_p999: float
    """Upper bounds of the core's histogram."""
    cpu: dict[str, float]
    generator: float
    """Its share of a core."""
    holds: bool
    complaints: list[str]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, help="calls a second; without it, it is sought")
    parser.add_argument("--seconds", type=float, default=600.0)
    arguments = parser.parse_args()
    if not ask_for_priority():
        print("without real-time priority: on a busy machine the latencies are the machine's")
    print(machine())
    rates = [arguments.rate] if arguments.rate is not None else None
    held = measure(arguments.seconds, rates)
    return 0 if held is not None and held.holds else 1


def measure(seconds: float, rates: list[float] | None = None) -> Held | None:
    """The first of the rates that holds, or the last that did not; what is tried is told.

    ``rates`` None: those below what a search has found.  None: not even the lowest rate holds.
    """
    if rates is None:
        with tempfile.TemporaryDirectory(prefix="ccserver-bench-") as name:
            found = highest(Path(name))
        if found is None:
            return None
        rates = [round(found * margin) for margin in MARGINS]
    held = None
    for rate in rates:
        with tempfile.TemporaryDirectory(prefix="ccserver-bench-") as name:
            held = hold(Path(name), rate, seconds)
        report(held)
        if held.holds:
            break
    return held


def highest(data: Path) -> float | None:
    """Calls a second, of trials on one server, one after the other; None: not even the lowest.

    A rate at which the generator is late does not hold either: it is on the same machine.
    """
    search = RateSearch(LOWEST, HIGHEST, PRECISION, confirmations=1)
    with OwnServer(data, _agents(HIGHEST)) as server:
        scenario = _scenario(server, HIGHEST, TRIAL)
        while (rate := search.rate) is not None:
            result = perform(at_rate(scenario, rate), data)
            search.judged(result.verdict == "passed")
            shares = ", ".join(f"{n} {share:.0%}" for n, share in _shares(result).items())
            found = ", ".join(f"{each.measure} {each.found or 0:.3g}" for each in result.objectives)
            told = f"{rate:.0f}/s {result.verdict}: {found} ({shares}, own {result.own.cpu:.0%})"
            print(told, flush=True)
            if result.died is not None:
                break
    return search.found


def hold(data: Path, rate: float, seconds: float) -> Held:
    with OwnServer(data, _agents(rate)) as server:
        server.settle()
        before, began = server.cpu(), server.page()
        result = perform(_scenario(server, rate, seconds), data)
        used = {name: cpu - before.get(name, 0.0) for name, cpu in server.cpu().items()}
        page = server.page()
    lag = "ccserver_loop_lag_seconds"
    setup = result.latencies.get("setup")
    return Held(
        rate,
        seconds,
        result.started,
        sum(result.outcomes.get(outcome, 0) for outcome in FAILED),
        setup.at["p99"] if setup is not None else float("inf"),
        page.quantile(lag, 0.5, began),
        page.quantile(lag, 0.99, began),
        page.quantile(lag, 0.999, began),
        {name: cpu / max(1, result.started) for name, cpu in used.items()},
        result.own.cpu,
        result.verdict == "passed",
        result.complaints,
    )


def report(held: Held) -> None:
    print(
        f"{held.rate:.0f} calls/s for {held.seconds:.0f} s: {held.calls} calls, "
        f"{held.failed} failed; {'held' if held.holds else 'NOT held'}"
    )
    print(
        f"  setup p99 {held.setup_p99 * 1e3:.1f} ms; loop lag p50 <= {held.lag_p50 * 1e3:g} ms, "
        f"p99 <= {held.lag_p99 * 1e3:g}, p99.9 <= {held.lag_p999 * 1e3:g}"
    )
    parts = ", ".join(f"{name} {cpu * 1e3:.2f}" for name, cpu in sorted(held.cpu.items()))
    print(f"  CPU ms a call: {parts}; generator {held.generator:.0%} of a core")
    for complaint in held.complaints:
        print(f"  note: {complaint}", flush=True)


def _agents(rate: float) -> int:
    return int(SPARE * rate * TALK) + 20


def _shares(result: Result) -> dict[str, float]:
    """Of a core, by process, over the run."""
    samples = result.server
    return {
        name: sum(sample.cpu.get(name, 0.0) for sample in samples) / len(samples)
        for name in (samples[-1].cpu if samples else ())
    }


def _scenario(server: OwnServer, rate: float, seconds: float) -> Scenario:
    return Scenario.model_validate(
        {
            "target": {
                "address": server.address,
                "domain": "ccserver",
                "metrics": server.metrics_url,
                "processes": [str(server.pid)],
            },
            "arrivals": {"phases": [{"name": "hold", "seconds": seconds, "rate": rate}]},
            "callers": {"kinds": [{"name": "support", "dial": QUEUE, "talk": TALK}]},
            "agents": {
                "count": _agents(rate),
                "first": FIRST_AGENT,
                "secret": "s{n}",
                "register_rate": 500.0,
                "expires_seconds": 3600,
                "answer_after": 0,
            },
            "objectives": [
                {"measure": "failed_share", "at_most": 0},
                {"measure": "setup_p99_seconds", "at_most": 0.1},
            ],
            "search": {
                "lowest": LOWEST,
                "highest": HIGHEST,
                "seconds": seconds,
                "precision": PRECISION,
            },
        }
    )


if __name__ == "__main__":
    sys.exit(main())
