"""How long the reports of a day take, and how much memory.

    python -m loadtest.bench_reports --calls 20000

The journal is the real core's (``loadtest.bench_core``) for some calls, written again and again
with other contacts until it is that of a whole day, its events spread over ten hours.  What is
timed is what ``ccserver report`` does: the file is read, its events are decoded and folded, and the
rows are made.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import trio

from ccserver.journal.reading import JOURNAL
from ccserver.journal.storage import Row, SqliteStorage
from ccserver.reporting.question import Kind, question
from ccserver.reporting.reading import Form, lines, read_rows
from ccserver.settings.model import Reports
from loadtest.bench_core import Outside, running

BEGIN = 1_772_438_400_000_000
"""2026-03-02 08:00 UTC."""
HOURS = 10
PLAYED = 500
LONGEST = 14_400.0
EPOCH = b"0000000001"
"""The end of each contact's id: that of the run (``actors.ids``)."""
ASKED: tuple[tuple[Kind, Form], ...] = (
    ("queues", "csv"),
    ("agents", "csv"),
    ("intervals", "json"),
    ("contacts", "csv"),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--agents", type=int, default=100)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ccserver-bench-") as directory:
        data = Path(directory)
        entries = write_day(data, arguments.calls, arguments.agents)
        print(f"{arguments.calls} calls, {entries} entries, {entries / arguments.calls:.1f} a call")
        fresh = multiprocessing.get_context("spawn").Process(target=_read, args=(data, entries))
        fresh.start()
        fresh.join()
    return fresh.exitcode or 0


def _read(data: Path, entries: int) -> None:
    """In a process that has written nothing."""
    before = _peak()
    for kind, form in ASKED:
        _time(data, kind, form, entries)
    print(f"memory at its peak: {_peak() - before:.1f} MB more than before")


def _time(data: Path, kind: Kind, form: Form, entries: int) -> None:
    end = BEGIN + HOURS * 3_600_000_000
    asked = question(Reports(), kind, end, since="2026-03-02", interval="15")
    began = time.process_time()
    rows = size = 0
    for line in lines(asked, read_rows(data, asked, end, LONGEST), form):
        rows, size = rows + 1, size + len(line)
    took = time.process_time() - began
    each = took / entries * 1e6
    made = f"{rows} rows, {size / 1e6:.1f} MB"
    print(f"{kind:10} {took:5.2f} s of CPU, {each:.1f} us an entry; {made}")


def _peak() -> float:
    """MB that the process has had at most."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


# --- the day ------------------------------------------------------------------------------------


def write_day(data: Path, calls: int, agents: int) -> int:
    """The journal of a day; gives how many entries it has."""
    with tempfile.TemporaryDirectory(prefix="ccserver-bench-") as name:
        outside = Outside(Path(name))
        options = argparse.Namespace(calls=PLAYED, agents=agents, rate=50, no_inputs=True)
        trio.run(_play, options, Path(name), outside, clock=outside)
        with closing(sqlite3.connect(Path(name) / JOURNAL)) as db:
            played: list[Row] = db.execute("SELECT * FROM journal ORDER BY seq").fetchall()
    storage = SqliteStorage(data / JOURNAL)
    rows = 0
    for batch in _day(played, calls // PLAYED):
        storage.write(batch)
        rows += len(batch)
    storage.close()
    return rows


async def _play(options: argparse.Namespace, data: Path, outside: Outside) -> None:
    async with running(options, data, outside) as bench:
        await bench.journal.wait_durable(bench.journal.last_seq)


def _day(played: list[Row], times: int) -> Iterator[list[Row]]:
    """The same events so many times, each time of other contacts, and later."""
    first = next(n for n, row in enumerate(played) if row[2] == "contact.arrived")
    step = HOURS * 3_600_000_000 / (len(played) * times)
    seq = 0
    for number in range(times):
        rows = []
        for _, _, tag, payload in played if number == 0 else played[first:]:
            seq += 1
            name = b"%010d" % (number + 1)
            rows.append((seq, BEGIN + int(seq * step), tag, payload.replace(EPOCH, name)))
        yield rows


if __name__ == "__main__":
    sys.exit(main())
