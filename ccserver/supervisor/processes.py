"""The processes under the supervisor: what they are started with, and how they are ended."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import trio
from msgspec import Struct

from ccserver.media.protocol import socket_names
from ccserver.settings import Loaded
from ccserver.settings.changes import PREFIX, hand_down
from ccserver.settings.kinds import port_shares

_PR_SET_PDEATHSIG = 1


class Command(Struct, frozen=True):
    """A process to be: ``arguments`` hold nothing secret, anybody on the machine can read them."""

    name: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    speaks: bool
    """Whether its standard output is the server's."""
    vital: bool = True
    """Whether the server ends when it cannot be kept."""
    inherits: tuple[int, ...] = ()
    """Descriptors that it has from the supervisor, by the same numbers."""


def media_commands(loaded: Loaded, environ: Mapping[str, str]) -> list[Command]:
    """One for each process, with its share of the ports."""
    media = loaded.settings.media
    ours = {name: text for name, text in environ.items() if not name.startswith(PREFIX)}
    data = Path(loaded.settings.data.dir)
    shares = port_shares(media.ports, media.processes)
    commands = []
    for name, (first, last) in zip(socket_names(media.processes), shares, strict=True):
        arguments = (
            *(sys.executable, "-m", "ccserver.media"),
            *("--socket", str(data / name)),
            *(text for address in media.listen for text in ("--listen", address)),
            *(text for address in media.advertise for text in ("--advertise", address)),
            *("--ports", f"{first}-{last}"),
            *("--prompts", str(loaded.prompts)),
            *("--rtp-timeout", f"{media.rtp_timeout_seconds:g}"),
        )
        commands.append(Command(Path(name).stem, arguments, ours, speaks=False))
    return commands


def core_command(
    config: Path,
    overrides: Sequence[str],
    environ: Mapping[str, str],
    tail: int | None = None,
) -> Command:
    """The overrides may hold secrets, and go by the environment, which only this user can read.

    ``tail``: the descriptor of the memory that each core leaves to the next.
    """
    arguments = (sys.executable, "-m", "ccserver.core", "--config", str(config))
    given = hand_down(overrides, environ)
    if tail is None:
        return Command("core", arguments, given, speaks=True)
    return Command("core", (*arguments, "--tail", str(tail)), given, speaks=True, inherits=(tail,))


def web_command(config: Path, overrides: Sequence[str], environ: Mapping[str, str]) -> Command:
    arguments = (sys.executable, "-m", "ccserver.web", "--config", str(config))
    return Command("web", arguments, hand_down(overrides, environ), speaks=False, vital=False)


def store_command(config: Path, overrides: Sequence[str], environ: Mapping[str, str]) -> Command:
    arguments = (sys.executable, "-m", "ccserver.store", "--config", str(config))
    return Command("store", arguments, hand_down(overrides, environ), speaks=False, vital=False)


def audit_command(config: Path, overrides: Sequence[str], environ: Mapping[str, str]) -> Command:
    arguments = (sys.executable, "-m", "ccserver.audit", "--config", str(config))
    return Command("audit", arguments, hand_down(overrides, environ), speaks=False, vital=False)


class Process:
    """A started process, waited for without a thread."""

    def __init__(self, popen: subprocess.Popen[bytes]) -> None:
        self._popen = popen
        self.pid = popen.pid

    async def wait(self) -> int:
        """Its exit status; negative: the signal that ended it."""
        descriptor = os.pidfd_open(self.pid)
        try:
            await trio.lowlevel.wait_readable(descriptor)
        finally:
            os.close(descriptor)
        return self._popen.wait()

    def terminate(self) -> None:
        self._popen.terminate()

    def hang_up(self) -> None:
        """SIGHUP: it reads its configuration again."""
        self._popen.send_signal(signal.SIGHUP)

    def kill(self) -> None:
        self._popen.kill()


def open_process(command: Command) -> Process:
    """In a session of its own, so that Ctrl-C reaches the supervisor alone, which ends it in order.

    The system kills it when the supervisor dies, so that nothing holds the ports of the next one.
    Linux means by that the thread that started it: hence from the main thread, and not by Trio,
    whose worker threads end when they have been idle for ten seconds.
    """
    return Process(
        subprocess.Popen(
            list(command.arguments),
            stdin=subprocess.DEVNULL,
            stdout=None if command.speaks else subprocess.DEVNULL,
            env=dict(command.environment),
            start_new_session=True,
            pass_fds=command.inherits,
            preexec_fn=_die_with(os.getpid()),
        )
    )


def _die_with(parent: int) -> Callable[[], None]:
    if not sys.platform.startswith("linux"):
        return _ignore_hang_ups
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def ask() -> None:
        _ignore_hang_ups()
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)  # it died before we asked

    return ask


def _ignore_hang_ups() -> None:
    """Until it listens for them: SIGHUP would end a process that is still being started."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
