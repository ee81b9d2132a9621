"""The history as a table and plots, as docs/benchmarks.md has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ccserver.drawing.svg import Line, chart, standing_alone
from loadtest.bench.history import Row
from loadtest.bench.measures import MEASURES, Measure, Part

BEGIN, END = "<!-- make bench writes from here -->", "<!-- to here -->"
PLOTS: Mapping[str, tuple[Part, ...]] = {
    "calls": (Part.CALLS, Part.LATENCY, Part.HOLD),
    "growth": (Part.REGISTRAR, Part.BINDINGS, Part.GROWTH),
    "media": (Part.MEDIA, Part.MEMORY, Part.SOAK),
}
"""Pictures, and the parts whose measures are drawn in each."""


def table(rows: Sequence[Row]) -> str:
    """Markdown: each measure as it was found last."""
    last = {row.measure: row for row in rows}
    lines = ["| measure | goal | found | | measured |", "|---|---|---|---|---|"]
    for measure in MEASURES:
        if (row := last.get(measure.key)) is None:
            lines.append(f"| {measure.text} | {_goal(measure)} | | not measured yet | |")
            continue
        found = f"**{_figure(row.value)}{_unit(measure)}**"
        when = f"{row.began[:16].replace('T', ' ')}, {row.commit}, load {row.load:.1f}"
        met = "met" if row.met else "**missed**"
        lines.append(f"| {measure.text} | {_goal(measure)} | {found} | {met} | {when} |")
    machines = dict.fromkeys(row.machine for row in last.values())
    return "\n".join([*(f"Measured on {machine}." for machine in machines), "", *lines, ""])


def plots(rows: Sequence[Row]) -> dict[str, str]:
    """By name, SVG: run by run, how many times its goal each measure is missed; 1 and less: met.

    Only runs on the machine of the last one are drawn.  A measure whose goal is none at all, as a
    lost call, is not.
    """
    here = [row for row in rows if row.machine == rows[-1].machine]
    runs = {began: number for number, began in enumerate(dict.fromkeys(r.began for r in here), 1)}
    drawn = {}
    for name, parts in PLOTS.items():
        lines = []
        for measure in (each for each in MEASURES if each.part in parts):
            points = [
                (float(runs[row.began]), times)
                for row in here
                if row.measure == measure.key
                and (times := measure.times_the_goal(row.value)) is not None
            ]
            lines.append(Line(measure.key, points))
        if picture := chart(lines, "x", x_unit="", first=1.0):
            drawn[name] = standing_alone(picture)
    return drawn


def put(page: str, text: str) -> str:
    """The page with this in place of what stands between its marks.  Raises ValueError: it has
    none."""
    before, found, rest = page.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not found or not ended:
        raise ValueError(f"expected {BEGIN!r} and {END!r} in the page")
    return f"{before}{BEGIN}\n\n{text}\n{END}{after}"


def write(rows: Sequence[Row], page: Path, directory: Path) -> None:
    """Plots go to ``directory``, which is beside the page or below it."""
    drawn = plots(rows)
    for name, picture in drawn.items():
        (directory / f"{name}.svg").write_text(picture)
    where = directory.relative_to(page.parent)
    shown = "\n".join(
        f"![{', '.join(PLOTS[name])}: times the goal, run by run]({where}/{name}.svg)\n"
        for name in drawn
    )
    page.write_text(put(page.read_text(), f"{table(rows)}\n{shown}"))


def _goal(measure: Measure) -> str:
    return f"{'≥' if measure.at_least else '≤'} {measure.goal:,g}{_unit(measure)}"


def _unit(measure: Measure) -> str:
    return f" {measure.unit}" if measure.unit else ""


def _figure(value: float) -> str:
    """Three digits that count, and all of a whole number."""
    return f"{value:,.0f}" if value >= 100 or value == round(value) else f"{value:.3g}"
