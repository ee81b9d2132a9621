"""A comparison as a page of HTML with charts: the day's run, and how long people waited."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, tzinfo
from html import escape

from ccserver.drawing.page import page, section, table
from ccserver.drawing.svg import Line, chart
from ccserver.whatif.comparison import Comparison, Fate
from ccserver.whatif.courses import SECOND
from ccserver.whatif.figures import Slice
from ccserver.whatif.telling import (
    COLUMNS,
    DIFFERENCE_COLUMNS,
    difference_cells,
    queues_of,
    rows,
    summary,
)

MOST_SHOWN = 200
"""Contacts: all are in the CSV and the JSON."""
LONGEST_DRAWN = 300
"""Seconds of waiting."""


def to_html(
    period: str, terms: str, comparison: Comparison, assumptions: Sequence[str], zone: tzinfo
) -> str:
    """``period``: of when it is; ``terms``: what was compared, and how it was counted; ``zone``: of
    the clock that is shown."""
    title = f"What if: {period}"
    parts = [f"<h1>{escape(title)}</h1>", f"<p>{escape(terms)}</p>"]
    for queue in queues_of(comparison):
        parts.append(f"<h2>{escape(queue or 'All queues')}</h2>")
        parts += table(COLUMNS, [row.cells() for row in rows(comparison, queue)])
    parts += _charts(comparison, zone)
    parts += ["<h2>Contacts</h2>", f"<p>{escape(summary(comparison))}</p>"]
    parts += table(
        DIFFERENCE_COLUMNS,
        [
            difference_cells(one, lambda at: clock(at, zone))
            for one in comparison.differences[:MOST_SHOWN]
        ],
    )
    parts.append("<h2>What was assumed</h2><ul>")
    parts += [f"<li>{escape(text)}</li>" for text in assumptions]
    parts.append("</ul>")
    return page(title, parts)


def clock(at: int, zone: tzinfo | None) -> str:
    """``at`` in microseconds since 1970, as 14:00:00."""
    return f"{datetime.fromtimestamp(at / SECOND, zone):%H:%M:%S}"


def _charts(comparison: Comparison, zone: tzinfo) -> Iterator[str]:
    first = comparison.runs[0]
    days = (
        ("recorded", comparison.recorded),
        ("old rules", first.old.day),
        ("new rules", first.new.day),
    )

    def drawn(figure: Callable[[Slice], float | None], unit: str) -> str:
        lines = []
        for name, day in days:
            points = [
                (_hour(one.at, zone, days[0][1].slices[0].at), value)
                for one in day.slices
                if one.offered and (value := figure(one)) is not None
            ]
            lines.append(Line(name, points))
        begins = min((line.points[0][0] for line in lines if line.points), default=0.0)
        return chart(lines, unit, x_unit="h", first=begins)

    yield from section("Offered, each half hour", drawn(lambda one: one.offered, ""))
    yield from section(
        "Service level, each half hour", drawn(lambda one: _percent(one.service_level), "%")
    )
    yield from section(
        "Average speed of answer, each half hour", drawn(lambda one: one.speed_of_answer, "s")
    )
    yield from section("Abandoned, each half hour", drawn(lambda one: one.abandoned, ""))
    yield from section(
        "Occupancy of agents, each half hour", drawn(lambda one: _percent(one.occupancy), "%")
    )
    fates = (
        ("recorded", comparison.before),
        ("old rules", first.old.fates),
        ("new rules", first.new.fates),
    )
    lines = [Line(name, _answered_within(list(every.values()))) for name, every in fates]
    yield from section("Answered within so many seconds, of all who came", chart(lines, "%"))


def _percent(share: float | None) -> float | None:
    return None if share is None else share * 100


def _hour(at: int, zone: tzinfo, begins: int) -> float:
    """Of the clock on the wall, from that of the first midnight on."""
    first = datetime.fromtimestamp(begins / SECOND, zone)
    return first.hour + first.minute / 60 + (at - begins) / SECOND / 3600


def _answered_within(fates: Sequence[Fate]) -> list[tuple[float, float]]:
    waits = sorted(fate.waited for fate in fates if fate.agent is not None)
    points, answered = [], 0
    for seconds in range(LONGEST_DRAWN + 1):
        while answered < len(waits) and waits[answered] <= seconds:
            answered += 1
        points.append((float(seconds), 100 * answered / max(1, len(fates))))
    return points
