"""The core's end of the control socket: it never waits for the media process.

What cannot be sent is refused or dropped, and counted.  Where a session hears is known before it is
there as long as port pairs are in reserve, else when the media process has opened one.  After a
reconnection the client asks what sessions there are, and tells the core which of its own are gone.
Sessions that a core before it left behind may be talking calls: they go on, and are released when
nothing is heard of them.
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeAlias

import trio

from ccserver.media.protocol import (
    DOWN,
    MAXIMUM_FRAME,
    BadFrame,
    Command,
    CreateSession,
    Event,
    KeepReady,
    ListSessions,
    PortsReady,
    Release,
    SessionRefused,
    SessionReleased,
    Sessions,
    SessionState,
    SetRemote,
    Statistics,
    decode_events,
    encode_frames,
)

GRACE = 3.0
"""Seconds a connection may be lost before the sessions count as lost too."""
MOST_COMMANDS = 10_000
"""Commands that wait for a media process that does not read; then it counts as down."""
READY = 64
"""Port pairs of each family in reserve: more than the calls that come within two ticks."""
ORPHANS_EVERY = 30.0
"""Seconds between two looks at what an earlier core left behind."""

_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 1.0
_FRAMES_PER_PASS = 64


AtEnd: TypeAlias = Callable[[Callable[[], None]], bool]
"""Has a function called when all is said that is said together; False: nothing is under way."""


class MediaClient:
    """`run` must run for anything to happen; `on_event` is called from it or at the end of a turn,
    never from `send`.  ``ready``: port pairs of each family to have in reserve.
    """

    def __init__(
        self, path: Path, on_event: Callable[[Event], None] | None = None, *, ready: int = 0
    ) -> None:
        self.dropped = 0
        """Commands that were not sent, for want of a media process."""
        self.statistics: Statistics | None = None
        """What the last GetStatistics was answered with."""
        self._path = path
        self._on_event = on_event
        self._up = trio.Event()
        self._work = trio.Event()
        self._at_end: AtEnd = lambda act: False
        self._connection: socket.socket | None = None
        self._frames: deque[bytes] = deque()
        self._refused = trio.Event()
        self._commands: deque[Command] = deque()
        self._arranged = False
        """When this turn is over, it is looked what there is to tell, and to send."""
        self._presses = False
        """One of the commands should not wait."""
        self._unborn: set[str] = set()
        """Sessions whose creation is among the commands."""
        self._ready = ready
        self._reserve: dict[bool, deque[tuple[str, int]]] = {False: deque(), True: deque()}
        """By family, whether it is IPv6: addresses and ports."""
        self._refusals: deque[SessionRefused] = deque()
        self._ours: set[str] = set()
        self._to_confirm: set[str] = set()
        """Sessions of ours that the next list must show."""
        self._listed: dict[str, SessionState] = {}
        self._orphans = False
        self._closes_orphans = False
        self._first_list = trio.Event()

    def listen(self, on_event: Callable[[Event], None], at_end: AtEnd) -> None:
        self._on_event, self._at_end = on_event, at_end

    def adopt(self, sessions: Iterable[str]) -> None:
        """Those of an earlier core that are ours now; whatever else it left is closed at once."""
        self._ours.update(sessions)
        self._closes_orphans = True

    async def adopted(self) -> Mapping[str, SessionState]:
        """Ours, as the media process listed them first; waits until it has."""
        await self._first_list.wait()
        return {name: state for name, state in self._listed.items() if name in self._ours}

    @property
    def connected(self) -> bool:
        return self._up.is_set()

    async def wait_connected(self) -> None:
        await self._up.wait()

    def send(self, command: Command) -> None:
        """Queue a command; those of one turn, or of one pass of the loop, travel in one frame.

        To wake the media process costs both more than a command does.  So what makes no difference
        to anybody's ears, a session that nobody hears yet or any more, goes with the next command
        that does; GetStatistics, asked for once a second, is one.
        """
        if self._connection is None or len(self._commands) >= MOST_COMMANDS:
            self._refuse(command)
            return
        if type(command) is CreateSession:
            self._ours.add(command.session)
            self._unborn.add(command.session)
            if command.port is None:
                self._presses = True
        elif type(command) is Release:
            self._forget(command.session)
        elif type(command) is not SetRemote or command.session not in self._unborn:
            self._presses = True
        self._commands.append(command)
        if not self._arranged:
            self._arranged = True
            if not self._at_end(self._act):
                self._work.set()

    def take(self, session: str, ipv6: bool) -> tuple[str, int] | None:
        """Address and port of a pair in reserve: this session is created by it next, or never.

        None: there is none, and ``CreateSession`` without a port is answered when one is open.
        """
        reserve = self._reserve[ipv6]
        return reserve.popleft() if reserve and len(self._commands) < MOST_COMMANDS else None

    async def run(self) -> None:
        """Connect, and connect again, until cancelled."""
        pause = _FIRST_PAUSE
        lost_at = trio.current_time()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._tell_refusals)
            while True:
                connection = self._connect()
                if connection is not None:
                    pause = _FIRST_PAUSE
                    await self._serve(connection)
                    lost_at = trio.current_time()
                elif trio.current_time() - lost_at >= GRACE:
                    self._give_up()
                await trio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)

    # --- one connection -----------------------------------------------------------------------

    def _connect(self) -> socket.socket | None:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        connection.setblocking(False)
        try:
            connection.connect(str(self._path))
        except OSError:
            connection.close()
            return None
        return connection

    async def _serve(self, connection: socket.socket) -> None:
        """Until it ends."""
        self._to_confirm = set(self._ours)
        self._listed = {}
        self._orphans = False
        self._connection = connection
        self._commands.appendleft(ListSessions())
        if self._ready:
            self._commands.append(KeepReady(self._ready))
        self._presses = True
        self._up.set()
        self._work.set()
        try:
            async with trio.open_nursery() as nursery:
                self._scope = nursery.cancel_scope
                nursery.start_soon(self._send_all, connection)
                nursery.start_soon(self._look_for_orphans)
                await self._receive_all(connection)
                self._connection = None
                nursery.cancel_scope.cancel()
        finally:
            self._up = trio.Event()
            self._connection = None
            self._frames.clear()
            for reserve in self._reserve.values():
                reserve.clear()
            trio.lowlevel.notify_closing(connection)
            connection.close()
            self._unborn.clear()
            unsent, self._commands = self._commands, deque()
            for command in unsent:
                self._refuse(command)

    def _act(self) -> None:
        """Send what should not wait, and whatever else there is with it."""
        self._arranged = False
        if self._presses or self._frames:
            self._send_now()

    def _send_now(self) -> None:
        """What the socket does not take is left to the task."""
        commands, frames = self._commands, self._frames
        while self._connection is not None and (frames or commands):
            if not frames:
                frames.extend(encode_frames(commands))
                commands.clear()
                self._unborn.clear()
                self._presses = False
            try:
                self._connection.send(frames[0])
            except BlockingIOError:
                self._work.set()
                return
            except OSError:
                self._scope.cancel()
                return
            frames.popleft()

    async def _send_all(self, connection: socket.socket) -> None:
        try:
            while True:
                await self._work.wait()
                # Woken in the pass after that of the first command: all of that pass goes together.
                self._work = trio.Event()
                self._act()
                while self._frames:
                    await trio.lowlevel.wait_writable(connection)
                    self._act()
        finally:
            self._send_now()  # the core ends: what it has released must not go on without it

    async def _receive_all(self, connection: socket.socket) -> None:
        frame = memoryview(bytearray(MAXIMUM_FRAME))
        while True:
            await trio.lowlevel.wait_readable(connection)
            for _ in range(_FRAMES_PER_PASS):
                try:
                    size = connection.recv_into(frame)
                except BlockingIOError:
                    break
                except OSError:
                    return
                if not size:
                    return
                try:
                    events = decode_events(frame[:size])
                except BadFrame:
                    return  # a process of another version: a new one may come
                for event in events:
                    self._hear(event)

    # --- whose sessions -----------------------------------------------------------------------

    def _forget(self, session: str) -> None:
        self._ours.discard(session)
        self._to_confirm.discard(session)

    def _hear(self, event: Event) -> None:
        match event:
            case SessionRefused(session):
                self._forget(session)
            case SessionReleased(session):
                self._forget(session)
                return  # as it was told to be: nobody waits for it
            case Sessions():
                self._compare(event)
            case PortsReady(ipv6, address, ports):
                self._reserve[ipv6].extend((address, port) for port in ports)
                return
            case Statistics():
                self.statistics = event
            case _:
                pass
        self._tell(event)

    def _compare(self, part: Sessions) -> None:
        for state in part.sessions:
            self._listed[state.session] = state
            if state.session not in self._ours:
                self._orphans = True
                if state.silent or self._closes_orphans:
                    self.send(Release(state.session))
        if part.last:
            self._first_list.set()
            lost, self._to_confirm = self._to_confirm - self._listed.keys(), set()
            self._lose(lost)

    async def _look_for_orphans(self) -> None:
        while True:
            await trio.sleep(ORPHANS_EVERY)
            if self._orphans:
                self._orphans = False
                self.send(ListSessions())

    # --- bad news -----------------------------------------------------------------------------

    def _refuse(self, command: Command) -> None:
        self.dropped += 1
        match command:
            case CreateSession(session):
                self._ours.discard(session)
                self._refusals.append(SessionRefused(session, DOWN))
                self._refused.set()
            case Release(session):
                self._forget(session)
            case _:
                pass

    async def _tell_refusals(self) -> None:
        while True:
            await self._refused.wait()
            self._refused = trio.Event()
            while self._refusals:
                self._tell(self._refusals.popleft())

    def _give_up(self) -> None:
        self._to_confirm = set()
        self._lose(set(self._ours))

    def _lose(self, sessions: set[str]) -> None:
        for session in sorted(sessions):
            self._ours.discard(session)
            self._tell(SessionRefused(session, DOWN))

    def _tell(self, event: Event) -> None:
        if self._on_event is not None:
            self._on_event(event)
