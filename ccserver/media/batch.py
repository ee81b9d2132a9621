"""Datagrams that were read at one go, a row each, all in one piece of memory.

So their headers are looked at, and written anew, by numpy for all of them at once; and what is sent
on is sent from where it was read to.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ccserver.media.rtp import HEADER_BYTES

ROWS = 512
LONGEST = 2048
"""Bytes of a datagram; what is beyond is cut off."""

_USUAL = 8
"""Sizes of datagrams of which slices are kept."""
_STRIDE = LONGEST + 64
"""Rows would meet in the same lines of the processor's cache if it were a power of two."""


class Batch:
    """A datagram is read to `into[len(batch)]`, and then added."""

    def __init__(self) -> None:
        memory = memoryview(bytearray(ROWS * _STRIDE))
        self.bytes: NDArray[np.uint8] = np.frombuffer(memory, np.uint8).reshape(ROWS, _STRIDE)
        self.into = [memory[start : start + LONGEST] for start in range(0, len(memory), _STRIDE)]
        self.vectors = [[row] for row in self.into]
        """The same for ``os.readv``."""
        self.flows: list[int] = []
        """The numbers of the flows that the datagrams may be of; each but once."""
        self.sizes: list[int] = []
        """In bytes; as many as there are flows."""
        self._cut: dict[int, list[memoryview]] = {}

    def __len__(self) -> int:
        return len(self.flows)

    def add(self, flow: int, datagram: bytes) -> None:
        """One that was read elsewhere."""
        self.into[len(self)][: len(datagram)] = datagram
        self.flows.append(flow)
        self.sizes.append(len(datagram))

    def clear(self) -> None:
        self.flows.clear()
        self.sizes.clear()

    def heads(self) -> NDArray[np.int64]:
        """Of each row the fixed header as three numbers of 32 bits."""
        heads = np.ascontiguousarray(self.bytes[: len(self), :HEADER_BYTES])
        return heads.view(">u4").astype(np.int64)

    def datagram(self, row: int, start: int = 0) -> bytes:
        """As it was read, or written anew; from this byte on."""
        return bytes(self.into[row][start : self.sizes[row]])

    def cut(self) -> list[memoryview]:
        """All of them, where they are; there may be more rows."""
        sizes = self.sizes
        usual = sizes[0]
        rows = self._cut.get(usual)
        if rows is None:
            if len(self._cut) == _USUAL:
                self._cut.clear()
            rows = self._cut[usual] = [row[:usual] for row in self.into]
        if sizes.count(usual) == len(sizes):
            return rows
        return [
            rows[row] if size == usual else self.into[row][:size] for row, size in enumerate(sizes)
        ]


class Allowance:
    """How many packets, 256 at most, each socket may give in a tick.  Sockets are known by their
    descriptors."""

    def __init__(self, packets: int) -> None:
        self._packets = packets
        self._spent = bytearray(1024)

    def renew(self) -> None:
        """A new tick begins."""
        self._spent = bytearray(len(self._spent))

    def spend(self, descriptors: list[int]) -> list[int]:
        """A packet was read of each, of none twice.  Those that may give no more."""
        highest = max(descriptors)
        if highest >= len(self._spent):
            self._spent.extend(bytes(highest + 1))
        spent, most = self._spent, self._packets
        exhausted = []
        for descriptor in descriptors:
            packets = spent[descriptor] + 1
            if packets < most:
                spent[descriptor] = packets
            else:
                exhausted.append(descriptor)
        return exhausted
