"""The media process's end of the control socket, spoken by hand."""

from __future__ import annotations

import socket
from pathlib import Path

import trio
from trio.testing import wait_all_tasks_blocked

from ccserver.media.protocol import (
    Command,
    Event,
    SessionState,
    decode_commands,
    encode_frames,
)


class MediaEnd:
    """Where a `MediaClient` connects to, at `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._listener: socket.socket | None = None
        self._connection: socket.socket | None = None

    async def comes_up(self) -> None:
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener.bind(str(self.path))
        self._listener.listen()
        self._listener.setblocking(False)
        await trio.lowlevel.wait_readable(self._listener)
        self._connection, _ = self._listener.accept()
        self._connection.setblocking(False)
        await wait_all_tasks_blocked()

    def goes_down(self) -> None:
        for sock in (self._connection, self._listener):
            if sock is not None:
                sock.close()
        self.path.unlink(missing_ok=True)

    async def frames(self) -> list[list[Command]]:
        await wait_all_tasks_blocked()
        assert self._connection is not None
        found = []
        while True:
            try:
                frame = self._connection.recv(65536)
            except BlockingIOError:
                return found
            if not frame:
                return found  # the client has gone
            found.append(decode_commands(frame))

    async def says(self, *events: Event) -> None:
        assert self._connection is not None
        for frame in encode_frames(events):
            self._connection.send(frame)
        await trio.sleep(0.01)


def listed(name: str, *, silent: bool = False) -> SessionState:
    return SessionState(name, "192.0.2.1", 20000, [], None, 0, 0, silent)
