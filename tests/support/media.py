"""A media plane in memory: who hears whom and what, without a packet."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import trio

from ccserver.media import protocol as media

ADDRESS = "10.0.0.1"
ADDRESS_IPV6 = "2001:db8::1"


@dataclass
class MediaInMemory:
    """Prompts take ``lengths[file]`` seconds, or two.  ``free`` is how many sessions may open.  A
    pair for each is in reserve, if it is not to take long: ``opens_after`` says how long one takes,
    or ``slow``, by the number of its leg.
    """

    lengths: Mapping[str, float] = field(default_factory=dict)
    free: int = 1000
    opens_after: float = 0.0
    slow: dict[str, float] = field(default_factory=dict)
    sessions: dict[str, int] = field(default_factory=dict)
    playing: dict[str, tuple[str, list[str]]] = field(default_factory=dict)
    hears: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """The matrix, row by row: a session and its sources.  One that hears nobody has no row."""
    remotes: dict[str, media.SetRemote] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    """Sessions whose phones send nothing."""
    _made: int = 0
    _log: list[media.Command] = field(default_factory=list)
    _over: bool = False
    """Cancelled: commands may still come in the same pass of the loop, and tell nothing."""
    _hear: Callable[[media.Event], None] = lambda event: None

    def listen(self, on_event: Callable[[media.Event], None], at_end: object) -> None:
        self._hear = on_event

    def adopt(self, sessions: Iterable[str]) -> None:
        kept = set(sessions)
        for session in list(self.sessions):
            if session not in kept:
                self.send(media.Release(session))

    async def adopted(self) -> dict[str, media.SessionState]:
        await trio.sleep(0.001)
        return {
            name: media.SessionState(
                name,
                ADDRESS,
                port,
                list(self.hears.get(name, ())),
                self.playing.get(name, (None,))[0],
                1,
                1,
                name in self.silent,
            )
            for name, port in self.sessions.items()
        }

    async def run(self) -> None:
        async with trio.open_nursery() as self._nursery:
            try:
                await trio.sleep_forever()
            finally:
                self._over = True

    def take(self, session: str, ipv6: bool) -> tuple[str, int] | None:
        slow = self.opens_after or session.rpartition("/")[2] in self.slow
        if slow or len(self.sessions) >= self.free:
            return None
        return self._place(ipv6=ipv6)

    def log_commands(self) -> list[media.Command]:
        """All commands from now on."""
        self._log = []
        return self._log

    def send(self, command: media.Command) -> None:
        self._log.append(command)
        match command:
            case media.CreateSession(session, ipv6, None):
                self._create(session, ipv6=ipv6)
            case media.CreateSession(session, _, port):
                self.sessions[session] = port
            case media.SetRemote():
                self.remotes[command.session] = command
            case media.Play(session, token, files, loop):
                self.playing[session] = (token, list(files))
                if not loop:
                    self._start(self._finish, session, token, files)
            case media.StopPlay(session):
                self.playing.pop(session, None)
            case media.Hear(session, sources):
                self._hear_sum(session, sources)
            case media.Release(session):
                self._hear_sum(session, [])
                for listener, heard in list(self.hears.items()):
                    self._hear_sum(listener, [name for name in heard if name != session])
                self.sessions.pop(session, None)
                self.playing.pop(session, None)
                self.silent.discard(session)

    @property
    def bridges(self) -> dict[str, str]:
        """Pairs who hear each other and nobody else, both ways round."""
        return {
            one: other
            for one, (other, *more) in self.hears.items()
            if not more and self.hears.get(other) == (one,)
        }

    def at_the_ear(self, session: str) -> set[str]:
        """Whoever is heard there, and the files that play."""
        return {*self.hears.get(session, ()), *self.playing.get(session, ("", []))[1]}

    def falls_silent(self, session: str, seconds: float = 20.0) -> None:
        """The phone of this session has stopped sending."""
        self._hear(media.RtpSilent(session, seconds))

    def is_gone(self) -> None:
        """The machine has no power: nobody is told."""
        self.sessions.clear()
        self.hears.clear()
        self.playing.clear()
        self.silent.clear()

    def refuses(self, session: str, reason: str) -> None:
        """There is no such session, though it was to be."""
        self.send(media.Release(session))
        self._hear(media.SessionRefused(session, reason))

    def is_lost(self) -> None:
        """The media process has died."""
        sessions = list(self.sessions)
        self.is_gone()
        for session in sessions:
            self._hear(media.SessionRefused(session, media.DOWN))

    def _place(self, *, ipv6: bool) -> tuple[str, int]:
        self._made += 1
        return ADDRESS_IPV6 if ipv6 else ADDRESS, 20000 + 2 * (self._made % 5000)

    def _create(self, session: str, *, ipv6: bool) -> None:
        if len(self.sessions) >= self.free:
            event: media.SessionRefused | media.SessionCreated = media.SessionRefused(
                session, media.FULL
            )
        else:
            address, port = self._place(ipv6=ipv6)
            self.sessions[session] = port
            event = media.SessionCreated(session, address, port)
        self._start(self._say, event)

    def _start(self, what: Callable[..., Awaitable[None]], *arguments: Any) -> None:
        if not self._over:
            self._nursery.start_soon(what, *arguments)

    async def _say(self, event: media.SessionRefused | media.SessionCreated) -> None:
        leg = event.session.rpartition("/")[2]
        await trio.sleep(self.slow.get(leg, self.opens_after))
        self._hear(event)

    async def _finish(self, session: str, token: str, files: list[str]) -> None:
        await trio.sleep(sum(self.lengths.get(file, 2.0) for file in files))
        if self.playing.get(session, ("",))[0] == token:
            del self.playing[session]
            self._hear(media.PlayFinished(session, token))

    def _hear_sum(self, session: str, sources: Sequence[str]) -> None:
        there = dict.fromkeys(name for name in sources if name in self.sessions)
        there.pop(session, None)
        if there and session in self.sessions:
            self.hears[session] = tuple(there)
        else:
            self.hears.pop(session, None)
