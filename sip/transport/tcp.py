"""SIP over TCP: one task a connection, framed by Content-Length."""

from __future__ import annotations

import logging
import socket
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from typing import TypeAlias

import trio

from sip.message import refuse
from sip.transport.framing import KEEP_ALIVE, Framer, FramingError
from sip.transport.path import Path
from sip.transport.udp import Failed, Receive

Closed: TypeAlias = Callable[[Path], None]

log = logging.getLogger(__name__)

PER_HOST = 50
HEADER_PATIENCE = 10.0
"""A message that has begun must be complete within this many seconds."""
CONNECT_PATIENCE = 5.0
PARTING_PATIENCE = 1.0
"""How long a peer that is cut off has to read why."""
BACKLOG_BYTES = 4 * 1024 * 1024
PONG = b"\r\n"


class Connection:
    """One stream.  ``send`` never waits; a peer that does not read is cut off."""

    def __init__(self, path: Path, stream: trio.SocketStream | None) -> None:
        self.path = path
        self.stream = stream
        self.scope = trio.CancelScope()
        self._backlog: deque[bytes] = deque()
        self._size = 0
        self._wake = trio.Event()
        self._written = trio.Event()

    def send(self, data: bytes) -> bool:
        """False: the peer is too far behind, and the connection is being closed."""
        if self._size + len(data) > BACKLOG_BYTES:
            self.scope.cancel()
            return False
        self._backlog.append(data)
        self._size += len(data)
        self._wake.set()
        return True

    async def write(self) -> None:
        assert self.stream is not None
        while True:
            await self._wake.wait()
            while self._backlog:
                data = b"".join(self._backlog)
                self._backlog.clear()
                self._size = 0
                await self.stream.send_all(data)
            self._wake = trio.Event()
            self._written.set()

    async def wait_written(self) -> None:
        """Until all that was to be sent has gone."""
        while self._wake.is_set():
            self._written = trio.Event()
            await self._written.wait()

    def unsent(self) -> list[bytes]:
        return list(self._backlog)


class TcpTransport:
    """A listening socket and every connection accepted on it or opened from it."""

    kind = "tcp"

    def __init__(self, index: int, host: str, port: int) -> None:
        self._index = index
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listener.bind((host, port))
            listener.listen(512)
        except BaseException:
            listener.close()
            raise
        self._listener = trio.SocketListener(trio.socket.from_stdlib_socket(listener))
        self.local: tuple[str, int] = listener.getsockname()[:2]
        self._connections: dict[int, Connection] = {}
        self._by_remote: dict[tuple[str, int], Connection] = {}
        self._per_host: Counter[str] = Counter()
        self._made = 0
        self._nursery: trio.Nursery | None = None
        self._receive: Receive = lambda data, path: None
        self._failed: Failed = lambda path, data: None
        self.closed: Closed = lambda path: None
        """Told of every connection that ends, but not when all of them do, with ``run``."""

    def path_to(self, host: str, port: int) -> Path:
        return Path("tcp", self._index, (host, port))

    def send(self, data: bytes, path: Path) -> None:
        """On the path's connection; if it has gone, or there is none, on one to its address."""
        connection = self._connections.get(path.connection) or self._by_remote.get(path.remote)
        if connection is None:
            connection = self._connect(path)
        if connection is None or not connection.send(data):
            self._fail_later(path, data)

    def _fail_later(self, path: Path, data: bytes) -> None:
        """Whoever sends hears of it when he has said all that he has to say."""

        async def fail() -> None:
            self._failed(path, data)

        if self._nursery is not None:
            self._nursery.start_soon(fail)

    def _connect(self, path: Path) -> Connection | None:
        if self._nursery is None:
            return None
        connection = self._remember(path.remote, None)
        self._nursery.start_soon(self._open, connection)
        return connection

    def _remember(self, remote: tuple[str, int], stream: trio.SocketStream | None) -> Connection:
        self._made += 1
        connection = Connection(Path("tcp", self._index, remote, self._made), stream)
        self._connections[self._made] = connection
        self._by_remote[remote] = connection
        return connection

    def _forget(self, connection: Connection) -> None:
        self._connections.pop(connection.path.connection, None)
        if self._by_remote.get(connection.path.remote) is connection:
            del self._by_remote[connection.path.remote]
        for data in connection.unsent():
            self._failed(connection.path, data)

    async def run(self, receive: Receive, failed: Failed) -> None:
        """Until cancelled."""
        self._receive, self._failed = receive, failed
        async with trio.open_nursery() as self._nursery:
            await trio.serve_listeners(self._accept, [self._listener])

    async def _accept(self, stream: trio.SocketStream) -> None:
        try:
            remote = stream.socket.getpeername()[:2]
        except OSError:
            await stream.aclose()
            return
        if self._per_host[remote[0]] >= PER_HOST:
            await trio.aclose_forcefully(stream)
            return
        self._per_host[remote[0]] += 1
        try:
            await self._serve(self._remember(remote, stream))
        finally:
            self._per_host[remote[0]] -= 1
            if not self._per_host[remote[0]]:
                del self._per_host[remote[0]]

    async def _open(self, connection: Connection) -> None:
        host, port = connection.path.remote
        try:
            with trio.fail_after(CONNECT_PATIENCE):
                connection.stream = await trio.open_tcp_stream(host, port)
        except (OSError, trio.TooSlowError):
            self._forget(connection)
            return
        await self._serve(connection)

    async def _serve(self, connection: Connection) -> None:
        assert connection.stream is not None
        try:
            async with connection.stream:
                with connection.scope:
                    async with trio.open_nursery() as nursery:
                        nursery.start_soon(self._write, connection)
                        await self._read(connection)
                        nursery.cancel_scope.cancel()
        finally:
            self._forget(connection)
        self.closed(connection.path)

    async def _write(self, connection: Connection) -> None:
        try:
            await connection.write()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            connection.scope.cancel()

    async def _read(self, connection: Connection) -> None:
        assert connection.stream is not None
        framer = Framer()
        begun_at = 0.0
        while True:
            patience = begun_at + HEADER_PATIENCE if framer.pending else float("inf")
            with trio.move_on_at(patience) as waiting:
                try:
                    data = await connection.stream.receive_some(65536)
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    return
            if waiting.cancelled_caught or not data:
                return
            was_pending = framer.pending
            try:
                messages = framer.feed(data)
            except FramingError as error:
                log.info("TCP %s closed: %s", connection.path.remote, error)
                await self._part(connection, error)
                return
            if messages or not was_pending:
                begun_at = trio.current_time()
            for message in messages:
                if message is KEEP_ALIVE:
                    connection.send(PONG)
                else:
                    self._receive(message, connection.path)

    async def _part(self, connection: Connection, error: FramingError) -> None:
        """The answer, and time to read it: closing with bytes unread would take it back."""
        assert connection.stream is not None
        answer = refuse(error.head, error.status, source=connection.path.remote)
        if answer is None or not connection.send(answer):
            return
        with trio.move_on_after(PARTING_PATIENCE), suppress(trio.BrokenResourceError):
            await connection.wait_written()
            await connection.stream.send_eof()
            while await connection.stream.receive_some(65536):
                pass
