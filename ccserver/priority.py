"""Who goes first on a machine that is busy: calls, then desktops, then all that can wait."""

from __future__ import annotations

import os
from contextlib import suppress


def give_way(nice: int) -> None:
    """Be so much nicer than the server was started, and leave a real-time policy to the core.

    A policy is inherited, and ``nice`` means nothing within one: a process that computes for a
    tenth of a second would hold up the calls for as long.  To be called before threads are made.
    """
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    os.nice(nice)
