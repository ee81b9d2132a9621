"""Line charts as SVG text: no library, no script, readable in a hundred years."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from msgspec import Struct

WIDTH, HEIGHT = 760, 240
LEFT, RIGHT, TOP, BOTTOM = 64, 12, 12, 44
COLOURS = ("#1769aa", "#d9480f", "#2b8a3e", "#862e9c", "#c2255c", "#5c940d", "#495057", "#0b7285")
"""Told apart by most eyes; the legend names each as well."""
DASHES = ("", ' stroke-dasharray="10 6"', ' stroke-dasharray="5 5"')
"""So that a line is seen on which another one lies."""
_STYLE = (
    "<style>text{font:12px sans-serif;fill:#333}.y{text-anchor:end}.x{text-anchor:middle}"
    ".grid{stroke:#ddd}polyline{fill:none;stroke-width:2}</style>"
)


class Line(Struct, frozen=True):
    """``points`` are (x, y), x rising."""

    name: str
    points: Sequence[tuple[float, float]]


def chart(
    lines: Sequence[Line],
    unit: str,
    *,
    x_unit: str = "s",
    first: float = 0.0,
    last: float | None = None,
) -> str:
    """An ``<svg>`` of all lines that have points; empty if none has.

    ``first``: the leftmost x; ``last``: the rightmost, without it that of the last point.
    """
    drawn = [line for line in lines if line.points]
    if not drawn:
        return ""
    if last is None:
        last = max(line.points[-1][0] for line in drawn)
    width = last - first or 1.0
    highest = max((y for line in drawn for _, y in line.points), default=0.0)
    step = nice_step(highest)
    top = max(step, math.ceil(highest / step) * step)

    def place(x: float, y: float) -> tuple[float, float]:
        across = LEFT + (WIDTH - LEFT - RIGHT) * (x - first) / width
        return across, TOP + (HEIGHT - TOP - BOTTOM) * (1 - y / top)

    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(", ".join(line.name for line in drawn))}">'
    ]
    level = 0.0
    while level <= top + step / 2:
        _, y = place(first, level)
        parts.append(f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>')
        label = f"{_short(level)} {unit}".strip()
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" class="y">{escape(label)}</text>')
        level += step
    across = nice_step(width)
    tick = math.ceil(first / across) * across
    while tick <= last + 1e-9:
        x, y = place(tick, 0)
        label = f"{_short(tick)} {x_unit}"
        parts.append(f'<text x="{x:.1f}" y="{y + 16:.1f}" class="x">{escape(label)}</text>')
        tick += across
    for number, line in enumerate(drawn):
        colour = COLOURS[number % len(COLOURS)]
        dots = " ".join("{:.1f},{:.1f}".format(*place(x, y)) for x, y in line.points)
        if len(line.points) == 1:
            x, y = place(*line.points[0])
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>')
        else:
            dash = DASHES[number % len(DASHES)]
            parts.append(f'<polyline points="{dots}" stroke="{colour}"{dash}/>')
    x = float(LEFT)
    for number, line in enumerate(drawn):
        colour = COLOURS[number % len(COLOURS)]
        parts.append(
            f'<rect x="{x:.0f}" y="{HEIGHT - 14}" width="10" height="10" fill="{colour}"/>'
        )
        parts.append(f'<text x="{x + 14:.0f}" y="{HEIGHT - 5}">{escape(line.name)}</text>')
        x += 26 + 6.6 * len(line.name)
    return "\n".join([*parts, "</svg>"])


def standing_alone(drawn: str) -> str:
    """A chart as the text of a file of its own, which has no page's style around it."""
    head = '<svg xmlns="http://www.w3.org/2000/svg" '
    return drawn.replace("<svg ", head, 1).replace(">", f">{_STYLE}", 1)


def nice_step(highest: float) -> float:
    """1, 2 or 5 times a power of ten, so that 3 to 6 steps reach ``highest``."""
    if highest <= 0 or not math.isfinite(highest):
        return 1.0
    power = 10.0 ** math.floor(math.log10(highest / 5))
    steps = [power * factor for factor in (1, 2, 5, 10)]
    return next(step for step in steps if highest / step <= 5.000001)


def _short(value: float) -> str:
    return f"{value:.6g}" if abs(value) < 1e5 else f"{value / 1e3:.6g}k"
