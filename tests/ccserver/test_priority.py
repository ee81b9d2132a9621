from __future__ import annotations

import subprocess
import sys

CHILD = """
import os
from contextlib import suppress
from ccserver.priority import give_way

with suppress(OSError):  # not everybody may
    os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
before = os.nice(0)
give_way(3)
print(os.sched_getscheduler(0) == os.SCHED_OTHER, os.nice(0) - before)
"""


def test_who_gives_way_keeps_no_real_time_policy_and_is_nicer() -> None:
    done = subprocess.run([sys.executable, "-c", CHILD], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "3"]
