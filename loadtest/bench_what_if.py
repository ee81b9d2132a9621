"""How long it takes to hold a recorded day against another configuration.

    python -m loadtest.bench_what_if --calls 20000

The journal is that of an invented day (``loadtest.invented_day``).  What is timed is what
``ccserver what-if`` does.  With ``--keep DIR`` the day stays there, with its configuration, for
``ccserver what-if 2026-03-02 --config DIR/ccserver.toml``.

With ``--truth`` what is foretold from the journal is held against what would have been: of invented
people it is known for how long each of them would have waited and talked.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from ccserver.journal.reading import JOURNAL, JournalFile
from ccserver.journal.reports import Rules
from ccserver.settings import Settings
from ccserver.whatif.comparison import Centre, Comparison, compare
from ccserver.whatif.courses import SECOND
from ccserver.whatif.figures import ALL, Count, Figures
from ccserver.whatif.recorded import read_recorded
from ccserver.whatif.staffing import staffed
from loadtest.invented_day import HOURS, invented_day, rules, write_day

ZONE = ZoneInfo("UTC")
BEGINS = datetime(2026, 3, 2, 8, tzinfo=ZONE)

SEED = 1
TOLD: dict[str, Callable[[Figures], float]] = {
    "service level": lambda one: one.service_level or 0.0,
    "abandoned, share": lambda one: one.abandonment or 0.0,
    "average speed of answer, s": lambda one: one.speed_of_answer or 0.0,
    "wait, P90, s": lambda one: one.waits[1] if one.waits else 0.0,
    "occupancy": lambda one: one.occupancy or 0.0,
}
PROMPTS = Path(__file__).parents[1] / "config" / "prompts"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--agents", type=int, default=150)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--keep", type=Path, metavar="DIR", help="write the day there, and no more")
    parser.add_argument("--truth", action="store_true", help="hold what is foretold against it")
    arguments = parser.parse_args()
    if arguments.keep is not None:
        _keep(arguments.keep, arguments.calls, arguments.agents)
        return 0
    with tempfile.TemporaryDirectory() as directory:
        settings = Settings.model_validate(rules(arguments.agents, Path(directory)))
        events = write_day(settings, BEGINS, arguments.calls, SEED)
        if arguments.truth:
            for order in ("+2:sales", "-2:sales"):
                _hold_against_truth(settings, arguments.calls, order, arguments.processes)
        else:
            _time(settings, events, arguments.calls, arguments.processes)
    return 0


def foretold_and_true(
    settings: Settings, calls: int, order: str, runs: int, processes: int = 1
) -> tuple[Comparison, Figures]:
    """What comes of other staffing: as it is foretold from the day's journal, and as it would have
    been.
    """
    begins = int(BEGINS.timestamp()) * SECOND
    ends = begins + HOURS * 3600 * SECOND
    rules, count = Rules(ZONE), Count(Rules(ZONE), begins, ends)
    journal = JournalFile(Path(settings.data.dir) / JOURNAL)
    recorded = read_recorded(journal, begins, ends, count.hear)
    more = staffed(settings, recorded, [order])
    new = Centre(more.settings, more.wishes)
    record = count.day(recorded.courses)
    compared = compare(recorded, record, new, rules, runs=runs, processes=processes)
    people = invented_day(settings, BEGINS, calls, SEED)
    true = compare(people, record, new, rules)
    return compared, true.runs[0].new.day.queues[ALL]


def _hold_against_truth(settings: Settings, calls: int, order: str, processes: int) -> None:
    compared, true = foretold_and_true(settings, calls, order, 5, processes)
    day = compared.recorded.queues[ALL]
    news = [run.new.day.queues[ALL] for run in compared.runs]
    print(f"{order}: that day, foretold (least to most of 5 runs), true")
    for name, figure in TOLD.items():
        told = [figure(one) for one in news]
        mean = sum(told) / len(told)
        print(
            f"  {name}: {figure(day):.3f}, {mean:.3f} ({min(told):.3f} to {max(told):.3f}),"
            f" {figure(true):.3f}"
        )


def _time(settings: Settings, events: int, calls: int, processes: int) -> None:
    begins = int(BEGINS.timestamp()) * SECOND
    ends = begins + HOURS * 3600 * SECOND
    journal = JournalFile(Path(settings.data.dir) / JOURNAL)
    started, cpu = time.perf_counter(), _cpu()
    count = Count(Rules(ZONE), begins, ends)
    recorded = read_recorded(journal, begins, ends, count.hear)
    record = count.day(recorded.courses)
    read = time.perf_counter()
    more = staffed(settings, recorded, ["+2:sales"])
    new = Centre(more.settings, more.wishes)
    compared = compare(recorded, record, new, Rules(ZONE), processes=processes)
    done = time.perf_counter()
    assert compared.contacts == calls
    print(
        f"{calls} calls, {events} events: read in {read - started:.1f} s, played twice by"
        f" {processes} processes in {done - read:.1f} s; CPU {_cpu() - cpu:.1f} s;"
        f" {compared.astray} went astray"
    )


def _cpu() -> float:
    """Seconds, of this process and of those that it started and that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def _keep(directory: Path, calls: int, agents: int) -> None:
    tree = rules(agents, directory) | {"media": {"prompts": str(PROMPTS)}}
    write_day(Settings.model_validate(tree), BEGINS, calls, SEED)
    (directory / "ccserver.toml").write_text(to_toml(tree), encoding="utf-8")


def to_toml(tree: dict[str, Any]) -> str:
    """Every value in one line: TOML takes JSON's texts, numbers and arrays as they are."""
    lines = []
    for key, value in tree.items():
        tables = value if isinstance(value, list) else [value]
        for table in tables:
            lines.append(f"[[{key}]]" if isinstance(value, list) else f"[{key}]")
            lines += [f"{name} = {_inline(each)}" for name, each in table.items()]
    return "\n".join(lines)


def _inline(value: Any) -> str:
    match value:
        case dict():
            return "{" + ", ".join(f"{name} = {_inline(one)}" for name, one in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(_inline, value)) + "]"
        case _:
            return json.dumps(value)


if __name__ == "__main__":
    sys.exit(main())
