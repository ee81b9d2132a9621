"""``ccserver run``: the life of the server's processes."""

from __future__ import annotations

import fcntl
import logging
import math
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TextIO, TypeAlias

import trio

from ccserver.journal.tail import make_memory
from ccserver.settings import Loaded
from ccserver.settings.kinds import port_shares
from ccserver.supervisor.keeper import (
    HOPELESS,
    Effect,
    EndProcess,
    EndWanted,
    GiveUp,
    Keeper,
    KillProcess,
    Message,
    ProcessEnded,
    StartProcess,
    describe,
)
from ccserver.supervisor.processes import (
    Command,
    Process,
    audit_command,
    core_command,
    media_commands,
    open_process,
    store_command,
    web_command,
)
from sip.machine import CancelTimer, StartTimer, Stop, TimerFired

log = logging.getLogger(__name__)

PATIENCE = 5.0
"""Seconds that a process has, beyond what it was promised, to end by itself."""
LOCK = "supervisor.lock"
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""SIGHUP, also of a terminal that is closed, ends nothing: the configuration is read again."""


class CannotStart(Exception):
    """The text says which setting does not fit this machine as it is now."""


def run(config: Path, overrides: Sequence[str], loaded: Loaded, environ: Mapping[str, str]) -> int:
    """Until a signal or a process ends it.  Returns the exit status.

    Raises CannotStart.
    """
    data = Path(loaded.settings.data.dir)
    with _opened(data) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CannotStart(f"data.dir: another ccserver runs on {data}") from None
        settings = loaded.settings.media
        for address in settings.listen:
            _require_own_address(address)
            for first, last in port_shares(settings.ports, settings.processes):
                _require_a_free_pair(address, first, last)
        media = [Child(command) for command in media_commands(loaded, environ)]
        core = Child(core_command(config, overrides, environ, make_memory()))
        beside = [Child(web_command(config, overrides, environ))]
        if loaded.settings.store.enabled:
            beside.append(Child(store_command(config, overrides, environ)))
        if loaded.settings.audit.enabled:
            beside.append(Child(audit_command(config, overrides, environ)))
        return trio.run(supervise, media, core, beside, loaded.settings.drain.seconds + PATIENCE)


def _opened(data: Path) -> TextIO:
    """The lock of the data directory, which is made if it is not there."""
    try:
        data.mkdir(parents=True, exist_ok=True)
        return (data / LOCK).open("w")
    except OSError as error:
        reason = f"expected a directory that can be written, got {data}: {error.strerror}"
        raise CannotStart(f"data.dir: {reason}") from None


def _require_own_address(address: str) -> None:
    """Else every call would fail, and the server would seem to be ready for them."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError as error:
            reason = f"cannot listen on {address}: {error.strerror or error}"
            raise CannotStart(f"media.listen: {reason}") from None


def _require_a_free_pair(address: str, first: int, last: int) -> None:
    """Ports that others hold are passed over when a call needs one; but some must be left."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    for port in range(first + first % 2, last, 2):
        with (
            socket.socket(family, socket.SOCK_DGRAM) as rtp,
            socket.socket(family, socket.SOCK_DGRAM) as rtcp,
            suppress(OSError),
        ):
            rtp.bind((address, port))
            rtcp.bind((address, port + 1))
            return
    raise CannotStart(f"media.ports: cannot listen on {address}, {first}-{last}: all are taken")


async def supervise(
    media: Sequence[Child], core: Child, beside: Sequence[Child], patience: float
) -> int:
    """Calls end before the audio does: core drains, then media is ended.

    ``beside``: what no call waits for; desktops are served, and the store is written, for as long
    as there are calls.
    """
    with trio.open_signal_receiver(*SIGNALS) as signals:
        async with trio.open_nursery() as nursery:
            for child in (*media, core, *beside):
                nursery.start_soon(child.keep)
            asked = await _wait_for_the_end(signals, core, *media, *beside)
            core.end(patience if asked else PATIENCE)
            await _see_off(core, signals)
            for child in (*media, *beside):
                child.end(PATIENCE)
            for child in (*media, *beside):
                await _see_off(child, signals)
            nursery.cancel_scope.cancel()
    verdicts = (child.verdict for child in (core, *media, *beside))
    verdict = next((one for one in verdicts if one is not None), None)
    if verdict is None:
        return 0
    if verdict.reason is not None:
        print(f"ccserver: {verdict.reason}", file=sys.stderr)
    return verdict.status


async def _wait_for_the_end(signals: AsyncIterator[int], core: Child, *others: Child) -> bool:
    """Whether a signal asked for it, and no process gave up."""
    children = (core, *others)
    async with trio.open_nursery() as nursery:

        async def watch(child: Child) -> None:
            await child.ended.wait()
            nursery.cancel_scope.cancel()

        for child in children:
            nursery.start_soon(watch, child)
        async for number in signals:
            if number == signal.SIGHUP:
                core.hang_up()
                continue
            log.info("%s: ending", signal.Signals(number).name)
            nursery.cancel_scope.cancel()
            break
    return not any(child.ended.is_set() for child in children)


async def _see_off(child: Child, signals: AsyncIterator[int]) -> None:
    """Until it has ended; each further signal to end makes it hurry."""
    async with trio.open_nursery() as nursery:

        async def hurry() -> None:
            async for number in signals:
                if number != signal.SIGHUP:
                    child.end(PATIENCE)

        nursery.start_soon(hurry)
        await child.ended.wait()
        nursery.cancel_scope.cancel()


Heard: TypeAlias = tuple[Message, trio.CancelScope | None]
"""A message, and for a timer what cancels it: it may be cancelled when it has fired already."""


class Child:
    """One process: carries out what its keeper decides."""

    def __init__(self, command: Command) -> None:
        self.command = command
        self.ended = trio.Event()
        self.verdict: GiveUp | None = None
        self._keeper = Keeper(command.name, trio.current_time, vital=command.vital)
        self._tell, self._heard = trio.open_memory_channel[Heard](math.inf)
        self._process: Process | None = None
        self._timer = trio.CancelScope()

    def end(self, patience: float) -> None:
        """``ended`` says when it has.  Told again, the process hurries."""
        self._tell.send_nowait((EndWanted(patience), None))

    def hang_up(self) -> None:
        """Have it read its configuration again; one that is being started will do so anyway."""
        if self._process is not None:
            self._process.hang_up()

    async def keep(self) -> None:
        """Until cancelled; then the process is killed if it is still there."""
        async with trio.open_nursery() as nursery:
            self._perform(self._keeper.start(), nursery)
            async for message, timer in self._heard:
                if timer is None or not timer.cancel_called:
                    self._perform(self._keeper.handle(message), nursery)

    def _perform(self, effects: list[Effect], nursery: trio.Nursery) -> None:
        for effect in effects:
            match effect:
                case StartProcess():
                    nursery.start_soon(self._run)
                case EndProcess():
                    if self._process is not None:
                        self._process.terminate()
                case KillProcess():
                    log.warning("%s does not end: killing it", self.command.name)
                    if self._process is not None:
                        self._process.kill()
                case StartTimer(name, seconds):
                    self._timer.cancel()
                    self._timer = trio.CancelScope()
                    nursery.start_soon(self._fire, name, seconds, self._timer)
                case CancelTimer():
                    self._timer.cancel()
                case GiveUp():
                    self.verdict = effect
                case Stop():
                    self.ended.set()

    async def _fire(self, name: str, seconds: float, scope: trio.CancelScope) -> None:
        with scope:
            await trio.sleep(seconds)
            self._tell.send_nowait((TimerFired(name), scope))

    async def _run(self) -> None:
        if not self._keeper.wants_it():  # told to end before it could be started
            self._tell.send_nowait((ProcessEnded(0), None))
            return
        try:
            process = self._process = open_process(self.command)
        except OSError as error:
            log.error("%s cannot be started: %s", self.command.name, error)
            self._tell.send_nowait((ProcessEnded(1), None))
            return
        log.info("%s runs as process %d", self.command.name, process.pid)
        try:
            status = await process.wait()
        finally:
            process.kill()
            self._process = None
        if self._keeper.wants_it() and status != HOPELESS:  # that, it has explained itself
            log.error("%s ended unasked with %s", self.command.name, describe(status))
        self._tell.send_nowait((ProcessEnded(status), None))
