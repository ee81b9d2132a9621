"""Curves over several powers of ten, as an SVG file of its own: no library."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from msgspec import Struct

from ccserver.drawing.svg import COLOURS

WIDTH, HEIGHT = 760, 420
LEFT, RIGHT, TOP, BOTTOM = 70, 250, 34, 46


class Curve(Struct, frozen=True):
    """``points`` are (x, y), both above 0, x rising."""

    name: str
    points: Sequence[tuple[float, float]]


def plot(title: str, x_name: str, y_name: str, curves: Sequence[Curve]) -> str:
    """Both axes are logarithmic, from one power of ten to another."""
    xs = [x for curve in curves for x, _ in curve.points]
    ys = [y for curve in curves for _, y in curve.points]
    x_low, x_high = _powers(xs)
    y_low, y_high = _powers(ys)

    def place(x: float, y: float) -> tuple[float, float]:
        across = (math.log10(x) - x_low) / (x_high - x_low)
        up = (math.log10(y) - y_low) / (y_high - y_low)
        return LEFT + (WIDTH - LEFT - RIGHT) * across, TOP + (HEIGHT - TOP - BOTTOM) * (1 - up)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        f"<title>{escape(title)}</title>",
        "<style>text{font:12px sans-serif;fill:#333}path{stroke:#ddd}polyline{fill:none;"
        "stroke-width:2}</style>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        f'<text x="{LEFT}" y="20">{escape(title)}</text>',
        f'<text x="{LEFT}" y="{HEIGHT - 8}">{escape(x_name)}; up: {escape(y_name)}</text>',
    ]
    for power in range(x_low, x_high + 1):
        x, y = place(10.0**power, 10.0**y_low)
        parts.append(f'<path d="M{x:.1f} {TOP}V{y:.1f}"/>')
        parts.append(
            f'<text x="{x:.1f}" y="{y + 16:.1f}" text-anchor="middle">{10**power:,}</text>'
        )
    for power in range(y_low, y_high + 1):
        x, y = place(10.0**x_low, 10.0**power)
        parts.append(f'<path d="M{x:.1f} {y:.1f}H{WIDTH - RIGHT}"/>')
        label = f"{10.0**power:,g}"
        parts.append(f'<text x="{x - 6:.1f}" y="{y + 4:.1f}" text-anchor="end">{label}</text>')
    for number, curve in enumerate(curves):
        colour = COLOURS[number % len(COLOURS)]
        dots = " ".join("{:.1f},{:.1f}".format(*place(x, y)) for x, y in curve.points)
        parts.append(f'<polyline points="{dots}" stroke="{colour}"/>')
        for x, y in curve.points:
            across, down = place(x, y)
            parts.append(f'<circle cx="{across:.1f}" cy="{down:.1f}" r="3" fill="{colour}"/>')
        line = TOP + 18 * number
        parts.append(
            f'<rect x="{WIDTH - RIGHT + 14}" y="{line}" width="10" height="10" fill="{colour}"/>'
        )
        name = escape(curve.name)
        parts.append(f'<text x="{WIDTH - RIGHT + 30}" y="{line + 10}">{name}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _powers(values: Sequence[float]) -> tuple[int, int]:
    low = math.floor(math.log10(min(values)))
    return low, max(low + 1, math.ceil(math.log10(max(values))))
