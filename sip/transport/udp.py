"""SIP over UDP: a drain loop over a plain socket.

Waiting until readable and then receiving without waiting costs a third of awaited calls.
"""

from __future__ import annotations

import errno
import logging
import socket
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Any

import trio

from sip.transport.path import Path

log = logging.getLogger(__name__)

BATCH = 64
"""Datagrams received before other tasks get their turn,"""
BATCH_SECONDS = 0.005
"""or as many as are handled in this time: 64 REGISTERs with a digest take ten times as long."""
BACKLOG = 4096
"""Datagrams kept while the socket's buffer is full; older ones are lost, as UDP may."""
RECEIVE_BUFFER = 4 * 1024 * 1024
REOPEN_PAUSE = 0.2
MAXIMUM = 65535

Receive = Callable[[bytes, Path], None]
Failed = Callable[[Path, bytes], None]


class UdpTransport:
    """One bound socket.  ``local`` is its host and port; port 0 lets the system choose."""

    kind = "udp"

    def __init__(self, index: int, host: str, port: int) -> None:
        self._index = index
        self._family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = self._open(host, port)
        self.local: tuple[str, int] = self._socket.getsockname()[:2]
        self._backlog: deque[tuple[bytes, tuple[str, int]]] = deque(maxlen=BACKLOG)
        self._writable = trio.Event()
        self.lost = 0
        self.begins: Callable[[], None] = lambda: None
        self.ends: Callable[[], None] = lambda: None
        """Told of each burst of datagrams that is received in one go."""

    def _open(self, host: str, port: int) -> socket.socket:
        opened = socket.socket(self._family, socket.SOCK_DGRAM)
        try:
            opened.setblocking(False)
            if self._family == socket.AF_INET6:
                opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, RECEIVE_BUFFER)
            opened.bind((host, port))
        except BaseException:
            opened.close()
            raise
        return opened

    def path_to(self, host: str, port: int) -> Path:
        return Path("udp", self._index, (host, port))

    def send(self, data: bytes, path: Path) -> None:
        """Now, or when the buffer has room.  What cannot be sent is lost: timers send it again."""
        if self._backlog:
            self._keep(data, path.remote)
            return
        try:
            self._socket.sendto(data, path.remote)
        except (BlockingIOError, InterruptedError):
            self._keep(data, path.remote)
        except OSError:
            self.lost += 1

    def _keep(self, data: bytes, remote: tuple[str, int]) -> None:
        if len(self._backlog) == BACKLOG:
            self.lost += 1
        self._backlog.append((data, remote))
        self._writable.set()

    async def run(self, receive: Receive, failed: Failed) -> None:
        """Until cancelled.  ``failed`` is for the connected transports' sake: UDP never knows."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._flush)
                while True:
                    try:
                        await self._receive(receive)
                    except OSError as error:
                        log.warning("UDP %s: %s; opening it again", self.local, error)
                        await self._reopen()
        finally:
            self._socket.close()

    async def _receive(self, receive: Receive) -> None:
        while True:
            await trio.lowlevel.wait_readable(self._socket)
            self.begins()
            try:
                self._drain(receive)
            finally:
                self.ends()

    def _drain(self, receive: Receive) -> None:
        index, receive_from = self._index, self._reader()
        until = monotonic() + BATCH_SECONDS
        for _ in range(BATCH):
            try:
                data, remote = receive_from(MAXIMUM)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                if error.errno in (errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH):
                    continue  # an ICMP error about something sent before
                raise
            receive(data, Path("udp", index, (remote[0], remote[1])))
            if monotonic() > until:
                return

    def _reader(self) -> Callable[[int], tuple[bytes, tuple[Any, ...]]]:
        """What takes the next datagram, of at most so many bytes, and says from where it is."""
        return self._socket.recvfrom

    async def _reopen(self) -> None:
        self._socket.close()
        while True:
            try:
                self._socket = self._open(*self.local)
                return
            except OSError as error:
                log.warning("UDP %s cannot be opened: %s", self.local, error)
                await trio.sleep(REOPEN_PAUSE)

    async def _flush(self) -> None:
        while True:
            await self._writable.wait()
            while self._backlog:
                data, remote = self._backlog[0]
                try:
                    self._socket.sendto(data, remote)
                except (BlockingIOError, InterruptedError):
                    await trio.lowlevel.wait_writable(self._socket)
                    continue
                except OSError:
                    self.lost += 1
                self._backlog.popleft()
            self._writable = trio.Event()
