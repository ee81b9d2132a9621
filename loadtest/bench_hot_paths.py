"""Bytecodes of the hot paths beside those of the last landing.

    python -m loadtest.bench_hot_paths

--record "why"   # what is found becomes the last row of docs/hot-paths.csv, with its plot
"""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path

from ccserver.drawing.svg import Line, chart, standing_alone
from loadtest.hot_paths import HISTORY, Row, history, measured, record

PLOT = Path("docs/hot-paths.svg")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--record", metavar="WHY", help="what has been done since the last row")
    chosen = parser.parse_args()
    now = measured()
    last = history()[-1].counts if HISTORY.exists() else {}
    for name, count in now.items():
        ratio = f"{count / last[name]:6.2f} of {last[name]}" if name in last else "   new"
        print(f"{name:<16} {count:7d}  {ratio}")
    if chosen.record:
        record(Row(f"{datetime.now(UTC):%Y-%m-%d}", now, chosen.record))
        PLOT.write_text(plot(history()))


def plot(rows: list[Row]) -> str:
    """Each path in percent of what it was when it was first measured."""
    names = dict.fromkeys(name for row in rows for name in row.counts)
    lines = []
    for name in names:
        points = [(n, row.counts[name]) for n, row in enumerate(rows, 1) if name in row.counts]
        first = points[0][1]
        lines.append(Line(name, [(n, 100 * count / first) for n, count in points]))
    return standing_alone(chart(lines, "%", x_unit=""))


if __name__ == "__main__":
    main()
