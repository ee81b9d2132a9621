"""Memory that is free between what is used does not stay the server's."""

from __future__ import annotations

import os
from pathlib import Path

import trio

from ccserver.core.heap import PAUSE, give_back

MB = 1024 * 1024


def resident() -> int:
    """Bytes of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


async def test_what_is_free_between_what_is_used_goes_back(autojump_clock, nursery) -> None:
    pieces = [bytes(2048) for _ in range(64 * 512)]
    kept = pieces[::64]
    before = resident()
    del pieces
    assert resident() > before - 8 * MB, "the allocator gives it back by itself"
    nursery.start_soon(give_back)
    await trio.sleep(2 * PAUSE)
    nursery.cancel_scope.cancel()
    assert resident() < before - 32 * MB
    assert len(kept) == 512
