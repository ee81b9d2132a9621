"""Starting, watching and ending programs; finding ports that nobody has."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

LOOPBACK = "127.0.0.1"
PORTS = range(10_000, 30_000)
PATIENCE = 60.0
"""Seconds until what is waited for is taken for never: more than any of it takes on a machine with
much else to do, for only a failure pays for them.
"""
_next = random.randrange(PORTS.start, PORTS.stop, 2)


class Program:
    """A child process whose output goes to ``log``; ends with everything it started.

    ``directory``: where it runs; None: where we do.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        log: Path,
        *,
        environment: dict[str, str] | None = None,
        directory: Path | None = None,
    ) -> None:
        self.name = Path(arguments[0]).name
        self.log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
                cwd=directory,
            )

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def wait_for(self, text: str, seconds: float = PATIENCE) -> None:
        """Until it has said ``text``."""

        def said() -> bool:
            assert self.process.poll() is None, f"{self.name} ended:\n{self.output()}"
            return text in self.output()

        until(said, seconds, f"{self.name} to say {text!r}")

    def wait(self, seconds: float = PATIENCE) -> int:
        """Its exit status.  Raises subprocess.TimeoutExpired."""
        return self.process.wait(seconds)

    def stop(self, seconds: float = 20.0) -> int:
        """SIGTERM, and SIGKILL for all of its session if that does not do."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
        return self.process.wait(seconds)


def until(found: Callable[[], T], seconds: float, what: str) -> T:
    """What ``found`` returns as soon as that is true.  Fails after so many seconds."""
    deadline = time.monotonic() + seconds
    while True:
        result = found()
        if result:
            return result
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}; have {result!r}"
        time.sleep(0.05)


def free_ports(count: int = 1, host: str = LOOPBACK) -> int:
    """The first of ``count`` neighbouring ports, even, that are free for UDP and TCP.

    They are given in turn, so that none is given again before all the others were.
    """
    global _next
    for _ in range(PORTS.stop - PORTS.start):
        first = _next
        _next = first + count + count % 2
        if _next >= PORTS.stop:
            _next = PORTS.start
            continue
        if all(_is_free(port, host) for port in range(first, first + count)):
            return first
    raise AssertionError(f"no {count} free ports")


def _is_free(port: int, host: str) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(family, kind) as probe:
            try:
                probe.bind((host, port))
            except OSError:
                return False
    return True
