"""Two results side by side: what was measured before, what after, and the ratio."""

from __future__ import annotations

from collections.abc import Iterator

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
    """What both measured: shares, latencies and CPU a call in seconds, memory in bytes."""
    one, other = dict(_figures(before)), dict(_figures(after))
    return [Line(name, value, other[name]) for name, value in one.items() if name in other]


def to_text(lines: list[Line]) -> str:
    rows = [("", "before", "after", "ratio")]
    for line in lines:
        ratio = "" if line.ratio is None else f"{line.ratio:.2f}"
        rows.append((line.what, f"{line.before:.6g}", f"{line.after:.6g}", ratio))
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
                yield f"{name} {at} s", latency.at[at]
    last = result.server[-1] if result.server else None
    for process in last.cpu if last is not None else ():
        used = since = 0.0
        for sample in result.server:
            used += sample.cpu.get(process, 0.0) * (sample.at - since)
            since = sample.at
        yield f"{process} CPU s a call", used / max(1, result.started)
        if last is not None:
            yield f"{process} memory bytes", float(last.memory.get(process, 0))
    if result.audio is not None and result.audio.streams:
        yield "RTP lost share", result.audio.lost_share
        yield "MOS p5", result.audio.mos_p5
    yield "generator CPU share", result.own.cpu
