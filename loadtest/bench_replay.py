"""How many times faster than real time a day is replayed: ``python -m loadtest.bench_replay``.

The day is made here, in virtual time: the calls of ``bench_core``, spread evenly, with a journal
and inputs on the disk.  Then it is replayed from there, and must come to the same events.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import trio

from ccserver.inputs.file import recordings
from ccserver.journal.reading import JOURNAL, JournalFile
from ccserver.replay.player import replay
from loadtest.bench_core import Outside, running


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=6000)
    parser.add_argument("--hours", type=float, default=8.0)
    parser.add_argument("--agents", type=int, default=100)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ccserver-bench-") as name:
        data = Path(name)
        outside = Outside(data)
        trio.run(_play, arguments, data, outside, clock=outside)
        (path,) = recordings(data)
        sizes = [each.stat().st_size / 1e6 for each in (path, data / JOURNAL)]
        print(f"inputs {sizes[0]:.1f} MB, journal {sizes[1]:.1f} MB")
        began = time.process_time()
        found = replay(path, JournalFile(data / JOURNAL))
        used = time.process_time() - began
    if not found.is_same:
        print(f"NOT the same: {found}")
        return 1
    part = found.part
    each = used / part.contacts * 1e6
    print(
        f"{part.events} events of {part.contacts} contacts, {part.messages} messages, {part.told}"
        f" commands and answers in {part.turns} turns in {part.seconds:.0f} s: replayed in"
        f" {found.took:.1f} s,"
        f" {part.seconds / found.took:.0f} times real time; {used:.1f} s of CPU,"
        f" {each:.0f} us a contact, {part.seconds / used:.0f} times real time"
    )
    return 0


async def _play(a: argparse.Namespace, data: Path, outside: Outside) -> None:
    rate = a.calls / (a.hours * 3600.0)
    options = argparse.Namespace(calls=a.calls, rate=rate, agents=a.agents, no_inputs=False)
    async with running(options, data, outside) as bench:
        await bench.journal.wait_durable(bench.journal.last_seq)


if __name__ == "__main__":
    sys.exit(main())
