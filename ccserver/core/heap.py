"""What the core has let go of goes back to the system.

Calls take and free some hundred kilobytes a second in pieces of half a kilobyte and more, which
are glibc's; what it has free between those that are still used it keeps.  Used were 15 MB at 20
calls a second, and free beside them 1 MB more each minute, 7 after six.
"""

from __future__ import annotations

import ctypes

import trio

PAUSE = 10.0
"""Seconds.  What a minute leaves took 0.1 to 3 ms, and once 17."""


async def give_back() -> None:
    """Until cancelled; where the system's allocator is another, at once."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    while trim is not None:
        await trio.sleep(PAUSE)
        trim(ctypes.c_size_t(0))
