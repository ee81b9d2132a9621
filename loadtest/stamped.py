"""UDP that knows when each datagram came, however late it is read, and when one went."""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Callable
from time import time
from typing import Any

import trio

from sip.transport.path import Path
from sip.transport.udp import UdpTransport

_OPTION = 35
"""Linux's SO_TIMESTAMPNS (socket(7)), which Python's ``socket`` does not name."""
_STAMP = struct.Struct("@ll")
"""struct timespec: seconds since 1970, nanoseconds."""
_SPACE = socket.CMSG_SPACE(_STAMP.size)


class StampedUdp(UdpTransport):
    """``came_at``: when the datagram that was read last arrived at this machine, by Trio's clock.
    Where the system stamps nothing, when it was read.  ``sent_at``: when one was last handed over.
    """

    came_at = 0.0
    sent_at = 0.0

    def send(self, data: bytes, path: Path) -> None:
        self.sent_at = trio.current_time()  # before: the server may answer while we still send
        super().send(data, path)

    def _open(self, host: str, port: int) -> socket.socket:
        opened = super()._open(host, port)
        if sys.platform == "linux":
            opened.setsockopt(socket.SOL_SOCKET, _OPTION, 1)
        return opened

    def _reader(self) -> Callable[[int], tuple[bytes, tuple[Any, ...]]]:
        return self._read

    def _read(self, size: int) -> tuple[bytes, tuple[Any, ...]]:
        data, stamps, _, remote = self._socket.recvmsg(size, _SPACE)
        self.came_at = trio.current_time()
        for level, kind, stamp in stamps:
            if level == socket.SOL_SOCKET and kind == _OPTION:
                seconds, nanoseconds = _STAMP.unpack(stamp)
                self.came_at -= max(0.0, time() - seconds - nanoseconds / 1e9)
        return data, remote
