"""Priority over other programs, for a generator that has to be in time on a machine with others."""

from __future__ import annotations

import os


def ask_for_priority() -> bool:
    """SCHED_RR, the lowest of its priorities; False: the system does not let us.

    The kernel keeps a twentieth of each second for others (sched_rt_runtime_us).
    """
    try:
        lowest = os.sched_get_priority_min(os.SCHED_RR)
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(lowest))
    except (AttributeError, OSError):
        return False
    return True
