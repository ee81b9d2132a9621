"""The journal's tail: what has been appended and is not on the disk, where it outlives the core.

The supervisor has a piece of memory open, and hands it to each core that it starts.  An event lies
in it before anything that follows from it leaves the process; so SIGKILL, at whatever instant,
costs none: the next core writes to the disk what it finds there.  Only when the machine stops, or
the supervisor with it, is lost what the disk had not.

It is memory of no file: a disk that is slow or full cannot hold up who writes into it.  Two halves
take turns, one for the events of the commit that is under way, one for those that come meanwhile.
A half that is full keeps nothing more until a commit has gone well.
"""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Iterator
from typing import TypeAlias
from zlib import crc32

BYTES = 16 * 1024 * 1024
"""In each half some 20,000 events: seconds of a busy day, where a commit takes milliseconds."""
_HEAD = struct.Struct("@QqII")
"""Number, microseconds since 1970, length of the payload, checksum.  As this machine has integers:
no other ever sees them, and in an order of our own they are packed in thrice the time."""
_SIZE, _pack = _HEAD.size, _HEAD.pack

Kept: TypeAlias = tuple[int, int, bytes]
"""Sequence number, microseconds since 1970, payload."""


class Tail:
    """``memory``: the same in each run.  What is found there must be on the disk, and forgotten,
    before anything is kept.
    """

    def __init__(self, memory: mmap.mmap | bytearray) -> None:
        self._memory = memory
        self._half = len(memory) // 2
        self._at = self._end = 0
        self._in_commit = False
        """The other half holds events that the disk may not have."""
        self._begin(0)

    def keep(self, seq: int, at: int, payload: bytes) -> None:
        """What SIGKILL cuts short is not found: its checksum is wrong."""
        begins, length = self._at, len(payload)
        ends = begins + _SIZE + length
        if ends > self._end:
            self._at = self._end  # nor what comes after it: there are no gaps
            return
        checksum = crc32(payload, seq ^ at)  # as `_checksum` has it
        self._memory[begins:ends] = _pack(seq, at, length, checksum) + payload
        self._at = ends

    def commit_begins(self) -> None:
        """Of all that has been kept."""
        if not self._in_commit:
            self._in_commit = True
            self._begin(self._half if self._end == self._half else 0)

    def commit_succeeded(self) -> None:
        """The disk has what had been kept as it began."""
        self._in_commit = False

    def found(self, after: int) -> list[Kept]:
        """What an earlier run has kept, with numbers from ``after`` + 1 on, without a gap."""
        kept = {one[0]: one for half in (0, self._half) for one in self._read(half)}
        rows: list[Kept] = []
        while (row := kept.get(after + len(rows) + 1)) is not None:
            rows.append(row)
        return rows

    def forget(self) -> None:
        """Whatever was found."""
        for half in (0, self._half):
            _HEAD.pack_into(self._memory, half, 0, 0, 0, 0)

    def _begin(self, half: int) -> None:
        self._at, self._end = half, half + self._half

    def _read(self, begins: int) -> Iterator[Kept]:
        """Up to what is older than what stands before it, or was never finished."""
        ends, last = begins + self._half, 0
        while begins + _HEAD.size <= ends:
            seq, at, length, checksum = _HEAD.unpack_from(self._memory, begins)
            begins += _HEAD.size
            payload = bytes(self._memory[begins : min(begins + length, ends)])
            if seq <= last or len(payload) < length or _checksum(seq, at, payload) != checksum:
                return
            yield seq, at, payload
            last, begins = seq, begins + length


def _checksum(seq: int, at: int, payload: bytes) -> int:
    """Of the payload, and of the lower halves of both numbers: each is written as one word, so that
    no half of it is cut short alone.
    """
    return crc32(payload, seq ^ at)


def make_memory() -> int | None:
    """The descriptor of a tail's memory, which a process started with it can open; None: this
    system has no such memory.
    """
    if not hasattr(os, "memfd_create"):
        return None
    descriptor = os.memfd_create("ccserver journal tail")
    os.truncate(descriptor, BYTES)
    return descriptor


def open_tail(descriptor: int) -> Tail:
    """In the process that was started with it.  Raises OSError and ValueError."""
    return Tail(mmap.mmap(descriptor, BYTES))
