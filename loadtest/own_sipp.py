"""SIPp at both ends of a server of our own: agents' phones, and callers."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from loadtest.own_server import FIRST_AGENT, HOST, QUEUE, OwnServer, free_port

SCENARIOS = Path(__file__).parent / "sipp"


class AgentPhones:
    """One SIPp that answers for all agents.  Files go to the server's directory."""

    def __init__(self, server: OwnServer) -> None:
        self._server, self.port = server, free_port()

    def register(self, agents: int, calls: int = 0, rate: int = 200, *, check: bool = True) -> int:
        """Each agent once, or so many in turn; each is a challenge and a proof.  SIPp's status: 0
        if none failed.

        Raises CalledProcessError if one did, and ``check``.
        """
        rows = [
            f"{n};[authentication username={n} password=s{n}]"
            for n in range(FIRST_AGENT, FIRST_AGENT + agents)
        ]
        (self._server.data / "agents.csv").write_text("SEQUENTIAL\n" + "\n".join(rows) + "\n")
        command = sipp("register.xml", free_port(), "-inf", "agents.csv")
        command += ["-m", str(calls or agents), "-r", str(rate)]
        command += ["-key", "contact_port", str(self.port), self._server.address]
        silent = subprocess.DEVNULL
        done = subprocess.run(command, stdout=silent, cwd=self._server.data, check=check)
        return done.returncode

    @contextmanager
    def answering(self) -> Iterator[None]:
        silent = subprocess.DEVNULL
        command = sipp("agent.xml", self.port)
        phones = subprocess.Popen(command, stdout=silent, stderr=silent, cwd=self._server.data)
        try:
            yield
        finally:
            phones.kill()
            phones.wait()


def callers(server: OwnServer, rate: int, stay: int = 1000, calls: int = 0) -> list[str]:
    """The command of callers who come at this rate, calls a second, and stay so many milliseconds;
    ``calls`` 0: for ever."""
    command = sipp("caller.xml", free_port(), "-s", QUEUE, "-r", str(rate), "-d", str(stay))
    command += ["-l", "100000", *(["-m", str(calls)] if calls else [])]
    return [*command, server.address]


def sipp(scenario: str, port: int, *more: str) -> list[str]:
    where = ["-i", HOST, "-p", str(port), "-mp", str(free_port())]
    return ["sipp", "-sf", str(SCENARIOS / scenario), *where, "-nostdin", *more]


def unexpected(data: Path) -> Counter[str]:
    """What callers with ``-trace_err`` were answered and did not expect."""
    seen: Counter[str] = Counter()
    for path in data.glob("caller_*_errors.log"):
        seen.update(re.findall(r"while expecting '[^']*' .*?received '(\S+ \S+)", path.read_text()))
    return seen
