"""All that has a goal, measured in one run.

    python -m loadtest.bench                        # everything: some two hours
    python -m loadtest.bench --short                # less of it, in ten minutes; not recorded
    python -m loadtest.bench --only calls latency   # parts of it
    python -m loadtest.bench --list                 # the measures, their goals and parts
    python -m loadtest.bench --further              # what has no goal: told, and not recorded

What is found is added to the history beside docs/benchmarks.md, and its table and plots are made
anew.  Exit status 1: something could not be measured.  A goal that is missed is no error.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from loadtest.bench import history, parts
from loadtest.bench.history import Row
from loadtest.bench.measures import MEASURES, Part
from loadtest.bench.page import table, write
from loadtest.result import machine

PAGE = Path("docs/benchmarks.md")
DIRECTORY = Path("docs/benchmarks")
HISTORY = DIRECTORY / "history.csv"


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="loadtest.bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--short", action="store_true", help="less of everything; not recorded")
    parser.add_argument("--only", nargs="+", type=Part, choices=list(Part), metavar="PART")
    parser.add_argument("--no-record", action="store_true", help="tell what is found, and no more")
    parser.add_argument("--list", action="store_true", help="tell what would be measured")
    parser.add_argument("--further", action="store_true", help="measure the rest, instead")
    arguments = parser.parse_args()
    if arguments.further:
        return _measure_the_rest()
    if arguments.list:
        for measure in MEASURES:
            print(f"{measure.part:10} {measure.key:16} {measure.text}")
        return 0
    records = not (arguments.short or arguments.no_record)
    print(machine())
    began, commit = datetime.now(UTC).isoformat(timespec="seconds"), _commit()
    rows: list[Row] = []
    failed = False
    with tempfile.TemporaryDirectory(prefix="ccserver-bench-") as name:
        out = DIRECTORY if records else Path(name)
        out.mkdir(parents=True, exist_ok=True)
        for part in arguments.only or Part:
            load = os.getloadavg()[0]
            print(f"== {part} (load {load:.1f})", flush=True)
            try:
                values = parts.run(part, arguments.short, out)
            except Exception as error:  # the others are still worth measuring
                print(f"{part} could not be measured: {error!r}", file=sys.stderr)
                failed = True
                continue
            found = [
                Row(began, commit, machine(), load, each.key, value, each.goal, each.is_met(value))
                for each in MEASURES
                if (value := values.get(each.key)) is not None
            ]
            rows += found
            if records:
                history.add(HISTORY, found)
                write(history.read(HISTORY), PAGE, DIRECTORY)
    print(table(rows))
    return 1 if failed else 0


def further() -> list[str]:
    """The benches that no part of the table uses."""
    there = sorted(path.stem for path in Path(__file__).parent.parent.glob("bench_*.py"))
    return [name for name in there if not hasattr(parts, name)]


def _measure_the_rest() -> int:
    """Each says for itself what it found."""
    failed = []
    for name in further():
        print(f"== {name}", flush=True)
        done = subprocess.run([sys.executable, "-m", f"loadtest.{name}"], check=False)
        if done.returncode:
            failed.append(name)
    if failed:
        print(f"ended with an error: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def _commit() -> str:
    """What is checked out; ``-``: this is no checkout."""
    asked = ["git", "describe", "--always", "--exclude", "*", "--dirty=+"]
    try:
        done = subprocess.run(asked, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "-"
    return done.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
