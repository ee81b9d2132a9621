"""What was found, run by run: rows of a CSV file that are only ever added to."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from loadtest.bench.measures import MEASURES

COLUMNS = ("began", "commit", "machine", "load", "measure", "value", "goal", "met")


class Row(Struct, frozen=True):
    """A measure in a run."""

    began: str
    """When the run did: ISO 8601, UTC."""
    commit: str
    """Shortened; with a ``+`` when there were changes that it does not have."""
    machine: str
    load: float
    """Average of the minute before its part: how much else went on."""
    measure: str
    value: float
    goal: float
    """As it was then."""
    met: bool


def read(path: Path) -> list[Row]:
    """Oldest first; what is no measure any more is left out.  None yet: an empty list."""
    if not path.exists():
        return []
    known = {measure.key for measure in MEASURES}
    with path.open(newline="") as file:
        return [
            Row(
                row["began"],
                row["commit"],
                row["machine"],
                float(row["load"]),
                row["measure"],
                float(row["value"]),
                float(row["goal"]),
                row["met"] == "yes",
            )
            for row in csv.DictReader(file)
            if row["measure"] in known
        ]


def add(path: Path, rows: Sequence[Row]) -> None:
    is_new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if is_new:
            writer.writerow(COLUMNS)
        for row in rows:
            figures = (f"{row.load:.1f}", row.measure, f"{row.value:.6g}", f"{row.goal:g}")
            met = "yes" if row.met else "no"
            writer.writerow((row.began, row.commit, row.machine, *figures, met))
