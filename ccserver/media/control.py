"""The media process's end of the control socket: one core at a time, and never waiting for it."""

from __future__ import annotations

import os
import select
import socket
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from itertools import islice
from pathlib import Path

from ccserver.media.protocol import (
    MAXIMUM_FRAME,
    BadFrame,
    Command,
    Event,
    SessionReleased,
    decode_commands,
    encode_frames,
)

MOST_EVENTS = 10_000
"""Events that wait for a core that does not read; beyond that the oldest are dropped."""

_EVENTS_PER_PASS = 256
_FRAMES_PER_PASS = 32


class ControlSocket:
    """Listens at `path` with mode 0600.  A new connection takes the place of the old one.

    `handle` is called with each command.  Events are kept only while a core is connected: a new
    one begins with ListSessions and would not know what the old ones are about.
    """

    def __init__(self, path: Path, poller: select.epoll, handle: Callable[[Command], None]) -> None:
        self.dropped = 0
        """Events that no core read."""
        self.bad_frames = 0
        self.pressing = False
        """Somebody waits for an event that is not sent yet.  Nobody waits for SessionReleased."""
        self._path = path
        self._poller = poller
        self._handle = handle
        self._events: deque[Event] = deque()
        self._unsent: deque[bytes] = deque()
        self._core: socket.socket | None = None
        self._frame = memoryview(bytearray(MAXIMUM_FRAME + 1))
        self._wants_to_send = False
        self._listener = _listen(path)
        poller.register(self._listener.fileno(), select.EPOLLIN)

    def emit(self, event: Event) -> None:
        """Sent by the next ``flush``; ``pressing`` says whether it should come soon."""
        if self._core is None:
            self.dropped += 1
            return
        if len(self._events) >= MOST_EVENTS:
            self._events.popleft()
            self.dropped += 1
        self._events.append(event)
        if type(event) is not SessionReleased:
            self.pressing = True

    @property
    def connected(self) -> bool:
        return self._core is not None

    def ready(self, descriptor: int, mask: int) -> bool:
        """Serve `descriptor` if it is one of ours."""
        if descriptor == self._listener.fileno():
            self._accept()
            return True
        if self._core is None or descriptor != self._core.fileno():
            return False
        if mask & select.EPOLLOUT:
            self.flush()
        if mask & ~select.EPOLLOUT:
            self._read()
        return True

    def flush(self) -> None:
        """Send what waits, as far as it goes without waiting."""
        core = self._core
        self.pressing = False
        if core is None or not (self._events or self._unsent):
            return
        try:
            while self._events or self._unsent:
                while self._unsent:
                    core.send(self._unsent[0])
                    self._unsent.popleft()
                batch = list(islice(self._events, _EVENTS_PER_PASS))
                self._unsent.extend(encode_frames(batch))
                for _ in batch:
                    self._events.popleft()
        except BlockingIOError:
            self._wants_to_send = True
            self._poller.modify(core.fileno(), select.EPOLLIN | select.EPOLLOUT)
        except OSError:
            self._hang_up()
        else:
            if self._wants_to_send:
                self._wants_to_send = False
                self._poller.modify(core.fileno(), select.EPOLLIN)

    def close(self) -> None:
        self._hang_up()
        self._poller.unregister(self._listener.fileno())
        self._listener.close()
        with suppress(OSError):
            self._path.unlink()

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return  # it went away again
        connection.setblocking(False)
        self._hang_up()
        self._core = connection
        self._poller.register(connection.fileno(), select.EPOLLIN)

    def _read(self) -> None:
        for _ in range(_FRAMES_PER_PASS):
            core = self._core
            if core is None:
                return
            try:
                size = core.recv_into(self._frame)
            except BlockingIOError:
                return
            except OSError:
                size = 0
            if not size:
                self._hang_up()
                return
            try:
                commands = decode_commands(self._frame[:size])
            except BadFrame:
                self.bad_frames += 1
                continue
            for command in commands:
                self._handle(command)

    def _hang_up(self) -> None:
        core, self._core = self._core, None
        if core is not None:
            self._poller.unregister(core.fileno())
            core.close()
        self.dropped += len(self._events)
        self._events.clear()
        self._unsent.clear()
        self._wants_to_send = False


def _listen(path: Path) -> socket.socket:
    if path.is_socket():
        path.unlink()  # of a process that was killed
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.setblocking(False)
    mask = os.umask(0o177)
    try:
        listener.bind(str(path))
    finally:
        os.umask(mask)
    listener.listen(4)
    return listener
