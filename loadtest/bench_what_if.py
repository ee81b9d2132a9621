"""How long it takes to hold a recorded day against another configuration.

    python -m loadtest.bench_what_if --calls 20000

The journal is that of an invented day (``loadtest.invented_day``).  What is timed is what
``ccserver what-if`` does.  With ``--keep DIR`` the day stays there, with its configuration, for
``ccserver what-if 2026-03-02 --config DIR/ccserver.toml``.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from ccserver.journal.reading import JOURNAL, JournalFile
from ccserver.journal.reports import Rules
from ccserver.settings import Settings
from ccserver.whatif.comparison import Centre, compare
from ccserver.whatif.courses import SECOND
from ccserver.whatif.figures import Count
from ccserver.whatif.recorded import read_recorded
from ccserver.whatif.staffing import staffed
from loadtest.invented_day import HOURS, rules, write_day

ZONE = ZoneInfo("UTC")
BEGINS = datetime(2026, 3, 2, 8, tzinfo=ZONE)

PROMPTS = Path(__file__).parents[1] / "config" / "prompts"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--agents", type=int, default=150)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--keep", type=Path, metavar="DIR", help="write the day there, and no more")
    arguments = parser.parse_args()
    if arguments.keep is not None:
        _keep(arguments.keep, arguments.calls, arguments.agents)
        return 0
    with tempfile.TemporaryDirectory() as directory:
        settings = Settings.model_validate(rules(arguments.agents, Path(directory)))
        events = write_day(settings, BEGINS, arguments.calls, 1)
        _time(settings, events, arguments.calls, arguments.processes)
    return 0


def _time(settings: Settings, events: int, calls: int, processes: int) -> None:
    begins = int(BEGINS.timestamp()) * SECOND
    ends = begins + HOURS * 3600 * SECOND
    journal = JournalFile(Path(settings.data.dir) / JOURNAL)
    started = time.perf_counter()
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
        f" {processes} processes in {done - read:.1f} s; {compared.astray} went astray"
    )


def _keep(directory: Path, calls: int, agents: int) -> None:
    tree = rules(agents, directory) | {"media": {"prompts": str(PROMPTS)}}
    write_day(Settings.model_validate(tree), BEGINS, calls, 1)
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
