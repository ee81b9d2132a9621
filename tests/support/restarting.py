"""A centre whose server is killed and started again, while phones, network and media live on.

Killed is killed: not one datagram, command or event leaves the old server after that instant,
whatever its tasks still do as they are cancelled.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path as FilePath
from typing import Any, ClassVar

import trio
import trio.lowlevel

from actors import events as ev
from ccserver.core.app import Core, World
from ccserver.core.clock import SteadyWall
from ccserver.inputs.recorder import Recorder
from ccserver.journal.log import Entry, Journal
from ccserver.journal.storage import MemoryStorage, Piece, Row
from ccserver.journal.tail import Tail
from ccserver.media import protocol as media
from ccserver.settings import Loaded, Settings
from sip.transport.path import Path
from tests.support.centre import DEFAULT, LONGEST_STORY, Centre, WallClock
from tests.support.media import MediaInMemory
from tests.support.model import check_decisions
from tests.support.network import MemoryTransport, Network, Weather
from tests.support.recording import close_down

TAIL_BYTES = 2 * 1024 * 1024
AWAY = 0.8
"""Seconds from the death of the server to the next one: a Python starts, and imports."""


class Life:
    """One run of the server, until it is killed.  ``serves``: it has taken over, and lives."""

    def __init__(self) -> None:
        self.over = self.serves = False
        self.scope = trio.CancelScope()
        self.settled = trio.Event()
        """It serves, or is dead."""
        self.ended = trio.Event()

    def kill(self) -> None:
        self.over, self.serves = True, False
        self.scope.cancel()

    def started(self, value: None = None) -> None:
        """As a ``trio.TaskStatus``."""
        self.serves = not self.over
        self.settled.set()

    def end(self) -> None:
        self.over, self.serves = True, False
        self.ended.set()
        self.settled.set()


class Disk(MemoryStorage):
    """What was written stays; ``written`` is told how many rows there are after each write."""

    immediate: ClassVar[bool] = True

    def __init__(self) -> None:
        super().__init__()
        self.written: Callable[[int], None] = lambda count: None

    def loses(self, kept: int) -> None:
        """All but the first rows; and a checkpoint that was written behind those."""
        del self.rows[kept:]
        if self._checkpoint is not None and self._checkpoint[0] > self.last_seq():
            self._checkpoint = None


class _Journal:
    """The disk as one run sees it."""

    def __init__(self, disk: Disk, life: Life) -> None:
        self._disk, self._life = disk, life
        self.immediate = disk.immediate

    def write(self, rows: Sequence[Row]) -> None:
        if not self._life.over:
            self._disk.write(rows)
            self._disk.written(len(self._disk.rows))

    def save(self, pieces: Sequence[Piece]) -> None:
        if not self._life.over:
            self._disk.save(pieces)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._disk, name)


class _Tail(Tail):
    """The memory behind the journal, as one run sees it."""

    def __init__(self, memory: bytearray, life: Life) -> None:
        super().__init__(memory)
        self._life = life

    def keep(self, seq: int, at: int, payload: bytes) -> None:
        if not self._life.over:
            super().keep(seq, at, payload)

    def commit_begins(self) -> None:
        if not self._life.over:
            super().commit_begins()


class _Media:
    """The media process as one run sees it."""

    def __init__(self, plane: MediaInMemory, life: Life) -> None:
        self._plane, self._life = plane, life

    def listen(self, on_event: Callable[[media.Event], None], at_end: object) -> None:
        self._plane.listen(lambda event: None if self._life.over else on_event(event), at_end)

    def send(self, command: media.Command) -> None:
        if not self._life.over:
            self._plane.send(command)

    async def run(self) -> None:
        await trio.sleep_forever()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._plane, name)


class _Transport(MemoryTransport):
    def __init__(self, network: Network, life: Life, left: Callable[[], None]) -> None:
        super().__init__(network)
        self._life, self._left = life, left

    def send(self, data: bytes, path: Path) -> None:
        if not self._life.over:
            super().send(data, path)
            self._left()

    async def run(self, receive: Any, failed: Any) -> None:
        def alive(data: bytes, path: Path) -> None:
            if not self._life.over:
                receive(data, path)

        try:
            await super().run(alive, failed)
        finally:
            if self._life.over:
                self._network.unbind(self.local)


class MortalCentre(Centre):
    """As ``Centre``; ``events`` go on over restarts, and ``entries`` are what a reader of the
    journal has: what had not reached the disk as the server died has not happened.
    """

    def __init__(
        self,
        nursery: trio.Nursery,
        settings: Settings,
        network: Network,
        plane: MediaInMemory,
        disk: Disk,
        recorded: FilePath | None = None,
        tail: bool = False,
    ) -> None:
        self._nursery, self.file, self._recorded = nursery, settings, recorded
        self._tail = bytearray(TAIL_BYTES) if tail else None
        self.disk = disk
        self.runs = 0
        self.datagrams = 0
        """That have left any of its runs."""
        self.left: Callable[[int], None] = lambda count: None
        """Is told how many there are as soon as one has left."""
        self.boots = 1
        """How often the machine has been started."""
        self.entries: list[Entry] = []
        self.heard_at: list[float] = []
        """When each of ``entries`` was written, in virtual time."""
        self.witness: Callable[[Entry], None] = lambda entry: None
        """Is shown each entry, and may kill the server."""
        self.begins: list[Callable[[], None]] = []
        """Are called as a run begins, before its first event."""
        self._plane = plane
        self._network = network
        self._clock = WallClock()
        self.life = Life()
        self.life.over = True

    async def start(self) -> None:
        """A new run of the server, on what the last one left."""
        self.runs += 1
        self.life = life = Life()
        wall = SteadyWall(self._clock, trio.current_time)
        recorder = None if self._recorded is None else Recorder(wall)
        tail = None if self._tail is None else _Tail(self._tail, life)
        journal = Journal(_Journal(self.disk, life), wall, recorder, tail=tail)
        del self.entries[journal.last_seq :], self.heard_at[journal.last_seq :]
        world = World(
            transports=[_Transport(self._network, life, self._count_datagram)],
            media=_Media(self._plane, life),
            journal=journal,
            wall=wall,
            was_set=wall.look,
            epoch=self._network.seed + self.runs,
            secret=b"0123456789abcdef",
            seed=self._network.seed,
            turns=recorder,
            boot=f"boot {self.boots}",
            load=self._load_again,
        )
        core = Core(self.file, world)
        if recorder is not None and self._recorded is not None:
            recorder.open(self._recorded, core.beginning(), 1.0)
        self.core = core
        if self.runs == 1:
            super().__init__(core, self._network, self._plane, self._clock)
        else:
            self._listen_to(journal)
        for begin in self.begins:
            begin()
        self._nursery.start_soon(self._live, core, life, recorder)
        await life.settled.wait()

    def _count_datagram(self) -> None:
        self.datagrams += 1
        self.left(self.datagrams)

    def _listen_to(self, journal: Journal) -> None:
        life = self.life
        journal.listen(lambda entry: None if life.over else self._heard(entry))

    def _heard(self, entry: Entry) -> None:
        super()._heard(entry)
        self.entries.append(entry)
        self.heard_at.append(trio.current_time())
        self.witness(entry)

    async def _load_again(self) -> Loaded:
        return Loaded(self.file, (), FilePath())

    async def _live(self, core: Core, life: Life, recorder: Recorder | None) -> None:
        with life.scope:
            try:
                async with trio.open_nursery() as nursery:
                    if not self.disk.immediate:
                        nursery.start_soon(core.journal.run)
                    await core.run(task_status=life)
            finally:
                if recorder is not None:
                    close_down(recorder, core.journal)
                life.end()

    def is_configured(self, **changes: Any) -> None:
        """From the next start on."""
        self.file = Settings.model_validate({**DEFAULT, **changes})

    async def is_killed(self, *, lost: int = 0) -> None:
        """Now; the last ``lost`` events had not reached the disk."""
        self.life.kill()
        if lost:
            self.disk.loses(len(self.disk.rows) - lost)
        await self.life.ended.wait()

    def dies_at(self, fatal: Callable[[ev.AnyEvent], bool]) -> None:
        """Killed as the first such event is written."""

        def sees(entry: Entry) -> None:
            if fatal(entry.event):
                self.witness = lambda entry: None
                self.life.kill()

        self.witness = sees

    async def has_no_power(self) -> None:
        """The whole machine: the media process has gone, too, and another boot begins."""
        self.life.kill()
        self._plane.is_gone()
        self.boots += 1
        if self._tail is not None:
            self._tail = bytearray(TAIL_BYTES)
        await self.life.ended.wait()

    async def comes_back(self, *, after: float = AWAY) -> None:
        """After that many seconds."""
        await trio.sleep(after)
        await self.start()
        await trio.sleep(0.05)

    async def restarts(self, *, after: float = AWAY, lost: int = 0) -> None:
        await self.is_killed(lost=lost)
        await self.comes_back(after=after)


@asynccontextmanager
async def mortal_centre(
    *,
    seed: int = 0,
    weather: Weather | None = None,
    disk: Disk | None = None,
    longest: float = LONGEST_STORY,
    recorded: FilePath | None = None,
    prints_ladder: bool = True,
    tail: bool = False,
    **changes: Any,
) -> AsyncIterator[MortalCentre]:
    """Open one with ``DEFAULT`` settings, whole sections of which may be replaced.

    ``recorded``: the directory in which the inputs of its runs are written down.  ``tail``: the
    next run finds what the disk did not have, unless the whole machine has lost its power.
    """
    settings = Settings.model_validate({**DEFAULT, **changes})
    async with trio.open_nursery() as nursery:
        network = Network(nursery, seed, weather or Weather())
        plane = MediaInMemory()
        nursery.start_soon(plane.run)
        await trio.lowlevel.checkpoint()
        opened = MortalCentre(nursery, settings, network, plane, disk or Disk(), recorded, tail)
        await opened.start()
        await trio.sleep(0.001)
        try:
            with trio.fail_after(longest):
                yield opened
        except BaseException:
            if prints_ladder:
                print(network.ladder())
            raise
        check_decisions(opened.events)
        nursery.cancel_scope.cancel()
