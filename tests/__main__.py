"""Run the tests: ``python -m tests``; with arguments, one pytest with those.

All of them go in two processes.  Those in ``tests/peers`` mostly wait, for programs that others
wrote and for audio as it is played, and what they hear must come in time; all others only compute,
and have time of their own.  So the first have the processor whenever they want it, and the others
the rest.

Both have one seed, ``TESTS_SEED``, which ``tests/conftest.py`` takes the order of Trio's tasks from
and Python the order of its sets.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from tempfile import TemporaryFile

from tests.conftest import SEED

PEERS = "tests/peers"
PYTEST = (sys.executable, "-m", "pytest", "-q")
POLITE = ("nice", "-n", "10")


def main(arguments: Sequence[str]) -> int:
    os.environ["TESTS_SEED"] = seed = str(SEED)
    os.environ.setdefault("PYTHONHASHSEED", seed)
    print(f"TESTS_SEED={seed}", flush=True)
    if arguments:
        return subprocess.call([*PYTEST, *arguments])
    return together([*POLITE, *PYTEST, f"--ignore={PEERS}"], [*PYTEST, PEERS])


def together(shown: Sequence[str], held_back: Sequence[str]) -> int:
    """Run both commands, and print what the second one printed when the first has ended.

    The exit status of one that failed, or 0.
    """
    began = time.monotonic()
    with TemporaryFile() as kept:
        with subprocess.Popen(held_back, stdout=kept, stderr=kept) as beside:
            try:
                status = subprocess.call(shown)
                if beside.poll() is None:
                    print(f"waiting for: {' '.join(held_back)}", flush=True)
                other = beside.wait()
            except KeyboardInterrupt:  # both have it from the terminal
                status, other = 130, beside.wait()
        kept.seek(0)
        print(f"\nwhat went beside it, {' '.join(held_back)}:", flush=True)
        sys.stdout.buffer.write(kept.read())
    print(f"both: {time.monotonic() - began:.0f} s", flush=True)
    return status or other


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
