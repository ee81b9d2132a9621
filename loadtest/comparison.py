"""Two results side by side: what was measured before, what after, and the ratio."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from loadtest.result import Result

SHOWN = ("p50", "p99", "max")


class Line(Struct, frozen=True):
    what: str
    before: float
    after: float

    @property
    def ratio(self) -> float | None:
        """After over before; None where nothing was before."""
        return self.after / self.before if self.before else None


def compare(before: Result, after: Result) -> list[Line]:
    """What both measured: shares, latencies and CPU a call in ms, memory in MB."""
    one, other = dict(_figures(before)), dict(_figures(after))
    return [Line(name, value, other[name]) for name, value in one.items() if name in other]


def different(before: Result, after: Result) -> list[str]:
    """``arrivals.phases.0.rate: 5, then 10``: what of the scenarios is not the same."""
    one, other = dict(_keys(before.wanted)), dict(_keys(after.wanted))
    names = [name for name in {**one, **other} if one.get(name) != other.get(name)]
    return [f"{name}: {one.get(name)}, then {other.get(name)}" for name in names]


def _keys(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every key of the scenario with its value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for name, one in inner:
        key = f"{path}.{name}" if path else str(name)
        if isinstance(one, dict | list):
            yield from _keys(one, key)
        else:
            yield key, one


def to_text(lines: list[Line]) -> str:
    rows = [("", "before", "after", "ratio")]
    for line in lines:
        ratio = "" if line.ratio is None else f"{line.ratio:.2f}"
        rows.append((line.what, f"{line.before:.5g}", f"{line.after:.5g}", ratio))
    first, *widths = (max(len(row[column]) for row in rows) for column in range(4))
    return "\n".join(
        "  ".join(
            [row[0].ljust(first)]
            + [cell.rjust(width) for cell, width in zip(row[1:], widths, strict=True)]
        )
        for row in rows
    )


def _figures(result: Result) -> Iterator[tuple[str, float]]:
    yield "calls/s begun", result.offered_rate
    for outcome in ("handled", "abandoned", "refused", "timeout", "dropped", "not_started"):
        yield f"{outcome} share", result.outcomes.get(outcome, 0) / max(1, result.calls)
    for name, latency in result.latencies.items():
        for at in SHOWN:
            if at in latency.at:
                yield f"{name} {at} ms", latency.at[at] * 1e3
    last = result.server[-1] if result.server else None
    for process in last.cpu if last is not None else ():
        used = since = 0.0
        for sample in (one for one in result.server if one.at > 0):
            used += sample.cpu.get(process, 0.0) * (sample.at - since)
            since = sample.at
        yield f"{process} CPU ms a call", used * 1e3 / max(1, result.started)
        if last is not None:
            yield f"{process} memory MB", last.memory.get(process, 0) / 1e6
    if result.audio is not None and result.audio.streams:
        yield "RTP lost share", result.audio.lost_share
        yield "MOS p5", result.audio.mos_p5
    yield "generator CPU share", result.own.cpu
