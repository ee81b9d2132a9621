"""Run the tests: ``python -m tests``; with arguments, one pytest with those.

All of them go in parts.  That of ``tests/peers`` mostly waits, for programs that others wrote and
for audio as it is played, and what it hears must come in time; all others only compute, and have
time of their own.  So the first has the processor whenever it wants it, and the others the rest: as
many of them at once as there are cores, the next one where one has ended.  The simulation's seeds
come last, for they go in as many processes by themselves: no core is idle at the end.

All have one seed, ``TESTS_SEED``, which ``tests/conftest.py`` takes the order of Trio's tasks from
and Python the order of its sets.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from tempfile import TemporaryFile
from typing import NamedTuple

from tests.conftest import SEED

PEERS = "tests/peers"
COMPUTING = (
    ("tests/sim/test_day.py",),
    ("tests/sim/test_gate.py",),
    ("tests/sim/test_corpus.py", "tests/sim/test_plants.py"),
    ("tests/properties",),
    ("tests/scenarios",),
    ("tests/ccserver",),
)
"""What takes longest first; behind these all that is in none of them, and at the end the seeds."""
SEEDS = "tests/sim/test_seeds.py"
PYTEST = (sys.executable, "-m", "pytest", "-q")
POLITE = ("nice", "-n", "10")

Command = Sequence[str]


def main(arguments: Sequence[str]) -> int:
    os.environ["TESTS_SEED"] = seed = str(SEED)
    os.environ.setdefault("PYTHONHASHSEED", seed)
    print(f"TESTS_SEED={seed}", flush=True)
    if arguments:
        return subprocess.call([*PYTEST, *arguments])
    return together([[*PYTEST, PEERS]], [[*POLITE, *PYTEST, *part] for part in computing()])


def computing() -> list[Sequence[str]]:
    """Pytest's arguments for each part, in the order in which they begin."""
    named = [path for part in COMPUTING for path in part]
    others = [f"--ignore={path}" for path in (PEERS, *named, SEEDS)]
    return [*COMPUTING, others, [SEEDS]]


def together(at_once: Sequence[Command], in_turn: Sequence[Command]) -> int:
    """Run the first beside all others, of which there are as many at a time as there are cores.

    What each has printed is shown when it has ended.  The exit status of one that failed, or 0.
    """
    began = time.monotonic()
    failed: list[Ended] = []
    beside, lanes = ThreadPoolExecutor(len(at_once)), ThreadPoolExecutor(os.cpu_count() or 1)
    try:
        running = [beside.submit(run, command) for command in at_once]
        running += [lanes.submit(run, command) for command in in_turn]
        for done in as_completed(running):
            one = done.result()
            print(f"\n{one.name}: {one.seconds:.0f} s", flush=True)
            sys.stdout.buffer.write(one.printed)
            if one.status:
                failed.append(one)
    except KeyboardInterrupt:  # those that run have it from the terminal, too
        return 130
    finally:
        for pool in (beside, lanes):
            pool.shutdown(cancel_futures=True)
    print(f"\nall: {time.monotonic() - began:.0f} s")
    for one in failed:
        print(f"failed with {one.status}: {one.name}")
    return failed[0].status if failed else 0


class Ended(NamedTuple):
    name: str
    seconds: float
    status: int
    printed: bytes


def run(command: Command) -> Ended:
    began = time.monotonic()
    with TemporaryFile() as kept:  # a pipe is read until nobody has it: also what a test has left
        status = subprocess.call(command, stdout=kept, stderr=kept)
        kept.seek(0)
        return Ended(" ".join(command), time.monotonic() - began, status, kept.read())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
