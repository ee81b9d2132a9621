"""Each part of the table: which measurements give its figures, and how much of them is enough."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from loadtest import (
    bench_bindings,
    bench_calls,
    bench_dispatcher,
    bench_growth,
    bench_hold,
    bench_load,
    bench_media,
    bench_memory,
    bench_registrar,
)
from loadtest.bench.measures import Part
from loadtest.realtime import ask_for_priority

Values = dict[str, float]
"""By the keys of measures, in their units.  What was the generator's fault is left out."""

SOAK_CSV, SOAK_PLOT = "soak.csv", "soak.svg"


def run(part: Part, short: bool, out: Path) -> Values:
    """In a process of its own, so that no part meets another's garbage or priority.  ``short``: a
    first impression.  ``out``: where to put what is more than a figure."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as alone:
        return alone.submit(PARTS[part], short, out).result()


def calls(short: bool, out: Path) -> Values:
    with tempfile.TemporaryDirectory(prefix="ccserver-bench-") as name:
        found = bench_calls.measure(Path(name), 200, 5 if short else 20, agents=300)
    bench_calls.report(found)
    return {
        "call.cpu": (found.cpu["core"] + found.cpu["media"]) * 1e3,
        "call.failed": found.failed,
    }


def latency(short: bool, out: Path) -> Values:
    ask_for_priority()
    found = {}
    for rate in (100.0, 200.0):
        with tempfile.TemporaryDirectory(prefix="ccserver-bench-") as name:
            found[rate] = bench_load.measure(Path(name), rate, 5.0 if short else 20.0)
        bench_load.report(found[rate])
    idle, freed = found[100.0].at_ease.latencies["wire"], found[200.0].short.latencies["offer"]
    return {
        "freed.p50": freed.at["p50"] * 1e3,
        "freed.p99": freed.at["p99"] * 1e3,
        "idle.p50": idle.at["p50"] * 1e3,
        "idle.p99": idle.at["p99"] * 1e3,
        "overtaken": sum(each.short.overtaken for each in found.values()),
    }


def registrar(short: bool, out: Path) -> Values:
    found = bench_registrar.measure(10_000 if short else 100_000)
    bench_registrar.report(found)
    each = [cost.median for cost in found.by_bindings.values()]
    return {
        "register.rate": found.a_second,
        "register.memory": found.memory.registered,
        "register.stall": found.longest * 1e3,
        "register.flat": found.memory.later / found.memory.refreshed,
        "binding.growth": max(each) / min(each),
    }


def bindings(short: bool, out: Path) -> Values:
    ask_for_priority()
    with tempfile.TemporaryDirectory(prefix="ccserver-bench-") as name:
        found = bench_bindings.measure(Path(name), 5_000 if short else 100_000, 1000)
    bench_bindings.report(found)
    return {
        "bindings.lag": found.lag_max * 1e3,
        "bindings.flat": found.later / found.refreshed,
    }


def media(short: bool, out: Path) -> Values:
    ask_for_priority()
    seconds = ["--seconds", "5" if short else "20"]
    relayed = bench_media.measure(bench_media.arguments("--calls", "1200", *seconds))
    bench_media.report(relayed)
    mixed = bench_media.measure(bench_media.arguments("--conferences", "180", *seconds))
    bench_media.report(mixed)
    values: Values = {}
    if relayed.delay_p99 is not None and not relayed.is_the_generators:
        values = {"relay.lost": relayed.lost, "relay.delay": relayed.delay_p99 * 1e3}
    if not mixed.is_the_generators:
        values["conference.late"] = mixed.tick_p99 * 1e3
    return values


def growth(short: bool, out: Path) -> Values:
    grown = bench_growth.grow((10, 100, 300), 500 if short else bench_growth.CALLS)
    bench_growth.report(grown)
    few, many = (bench_dispatcher.measure(size, 100, 50) for size in (100, 100_000))
    decisions = {
        "freed": many.freed.p50 / few.freed.p50,
        "arrives": many.arrives.p50 / few.arrives.p50,
    }
    print(f"a decision, 100,000 agents beside 100: {decisions} times", flush=True)
    return {
        "call.growth": grown.times(),
        "call.growth.alone": grown.times(alone=True),
        "decision.growth": max(decisions.values()),
    }


def hold(short: bool, out: Path) -> Values:
    ask_for_priority()
    held = bench_hold.measure(20.0 if short else 600.0)
    if held is None or not held.holds:
        return {"hold.rate": 0.0}
    return {"hold.rate": held.rate, "hold.lag": held.lag_p999 * 1e3}


def memory(short: bool, out: Path) -> Values:
    number = 200 if short else 1000
    with tempfile.TemporaryDirectory(prefix="ccserver-bench-") as name:
        found = bench_memory.measure(Path(name), number)
    bench_memory.report(found)
    values = {"memory.idle": found.idle["ccserver.core"] / 1e6}
    for key, grown in (("waiting", found.waiting), ("talking", found.talking)):
        if grown is not None:
            each = grown.each["ccserver.core"] + grown.each["ccserver.media"]
            values[f"memory.{key}"] = each / 1024
    return values


def soak(short: bool, out: Path) -> Values:
    with tempfile.TemporaryDirectory(prefix="ccserver-bench-") as name:
        found = bench_memory.measure(Path(name), 0, 120 if short else 3600)
    bench_memory.report(found)
    if found.soak is None:
        return {}
    bench_memory.write(found.soak, out / SOAK_CSV)
    (out / SOAK_PLOT).write_text(bench_memory.plot(found.soak))
    return {"memory.soak": max(found.soak.grown.values())}


PARTS: Mapping[Part, Callable[[bool, Path], Values]] = {
    Part.CALLS: calls,
    Part.LATENCY: latency,
    Part.REGISTRAR: registrar,
    Part.BINDINGS: bindings,
    Part.MEDIA: media,
    Part.GROWTH: growth,
    Part.HOLD: hold,
    Part.MEMORY: memory,
    Part.SOAK: soak,
}
