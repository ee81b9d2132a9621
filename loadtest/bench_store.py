"""What the store costs: CPU for each event and call, and how long its questions take.

    python -m loadtest.bench_store --calls 20000
    python -m loadtest.bench_store --url postgresql+psycopg://...   # an empty database

The journal is that of ``loadtest.bench_reports``: the real core's events of a day.  The fold is
timed alone (read, decoded, folded), and then as the store's process does it, into the database.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from ccserver.journal import codec
from ccserver.journal.reading import JOURNAL
from ccserver.journal.storage import read_rows
from ccserver.store.database import FILE, Database
from ccserver.store.fold import StoreFold
from ccserver.store.history import Past
from ccserver.store.wanted import Wanted
from ccserver.store.worker import BATCH, UNFOLDED, Worker
from loadtest.bench_reports import BEGIN, write_day

HOUR = 3_600_000_000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--agents", type=int, default=100)
    parser.add_argument("--url", help="In place of a SQLite file; it must be empty.")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ccserver-bench-") as directory:
        data = Path(directory)
        entries = write_day(data, arguments.calls, arguments.agents)
        print(f"{arguments.calls} calls, {entries} entries, {entries / arguments.calls:.1f} a call")
        _fold(data / JOURNAL, entries, arguments.calls)
        database = Database(arguments.url or f"sqlite:///{data / FILE}")
        _store(data / JOURNAL, database, entries, arguments.calls)
        _ask(Past(database))
        database.close()
        size = (data / FILE).stat().st_size / 2**20 if arguments.url is None else None
    if size is not None:
        print(f"size {size:.0f} MB, {size * 2**20 / arguments.calls:.0f} bytes a call")
    return 0


def _fold(path: Path, entries: int, calls: int) -> None:
    fold, after = StoreFold(), 0
    began = time.process_time()
    while rows := read_rows(path, after, BATCH):
        for seq, at, payload in rows:
            if not payload.startswith(UNFOLDED):
                fold.apply(seq, at, codec.decode(payload))
        fold.take()
        after = rows[-1][0]
    _say("fold alone", time.process_time() - began, entries, calls)


def _store(path: Path, database: Database, entries: int, calls: int) -> None:
    worker = Worker(path, database, lambda progress: None)
    longest, more = 0.0, True
    worker.step()  # makes the tables
    began, cpu = time.perf_counter(), time.process_time()
    while more:
        step = time.perf_counter()
        more = worker.step()
        longest = max(longest, time.perf_counter() - step)
    done = entries - BATCH
    took = time.perf_counter() - began
    _say(f"into {database.name.partition(' ')[0]}", time.process_time() - cpu, done, calls)
    print(f"{done / took:.0f} entries a second; the longest batch of {BATCH} took {longest:.2f} s")


def _say(what: str, cpu: float, entries: int, calls: int) -> None:
    each = cpu / entries * 1e6
    print(f"{what}: {cpu:.2f} s of CPU, {each:.1f} us an entry, {cpu / calls * 1e6:.0f} us a call")


def _ask(past: Past) -> None:
    page = past.find(Wanted(limit=1))
    number, contact = page.contacts[0]["ani"], page.contacts[0]["id"]
    noon = BEGIN + 4 * HOUR
    questions: dict[str, Callable[[], object]] = {
        "the latest 50": lambda: past.find(Wanted(limit=50)),
        "50 of a number": lambda: past.find(Wanted(number=number, limit=50)),
        "50 of an agent, in an hour": lambda: past.find(
            Wanted(agent="1001", begins=noon, ends=noon + HOUR, limit=50)
        ),
        "one contact with its parts": lambda: past.story(contact, Wanted()),
    }
    for what, question in questions.items():
        times = []
        for _ in range(20):
            began = time.perf_counter()
            question()
            times.append(time.perf_counter() - began)
        print(f"{what}: {sorted(times)[10] * 1000:.1f} ms")


if __name__ == "__main__":
    sys.exit(main())
