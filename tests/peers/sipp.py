"""SIPp: one scenario a run, from tests/peers/sipp/."""

from __future__ import annotations

from itertools import count
from pathlib import Path

from tests.peers.programs import PATIENCE, Program, free_ports
from tests.peers.server import Server

SCENARIOS = Path(__file__).parent / "sipp"
_runs = count(1)


class Sipp:
    """A scenario towards ``server``, from the server's host unless another is said.

    ``keys`` are the scenario's own (``[name]`` in the XML); ``called`` is the scenario of a call
    that comes in meanwhile.  It runs in ``directory``, where a scenario finds what it plays.
    """

    def __init__(
        self,
        server: Server,
        directory: Path,
        scenario: str,
        *,
        service: str = "2001",
        port: int | None = None,
        host: str | None = None,
        transport: str = "u1",
        user: str = "",
        secret: str = "",
        seconds: float = PATIENCE,
        pause: float = 0.0,
        called: str = "",
        **keys: str,
    ) -> None:
        host = host or server.host
        self.port = port or free_ports(host=host)
        self.seconds = seconds
        self.name = f"{scenario}-{next(_runs)}"
        media = free_ports(4, host=host)
        arguments = ["sipp", server.address, "-sf", str(SCENARIOS / f"{scenario}.xml")]
        arguments += ["-m", "1", "-i", host, "-p", str(self.port), "-t", transport]
        arguments += ["-mi", host, "-mp", str(media), "-s", service, "-nostdin", "-nd"]
        arguments += ["-timeout", f"{seconds:.0f}s", "-timeout_error"]
        self._server = server
        self._errors = directory / f"{self.name}.errors"
        self._messages = directory / f"{self.name}.messages"
        arguments += ["-trace_err", "-error_file", str(self._errors)]
        arguments += ["-trace_msg", "-message_file", str(self._messages)]
        if called:
            arguments += ["-oocsf", str(SCENARIOS / f"{called}.xml")]
        if pause:
            arguments += ["-d", f"{pause * 1000:.0f}"]
        if user:
            arguments += ["-au", user, "-ap", secret, "-key", "user", user]
            arguments += ["-auth_uri", server.address]  # SIPp's own forgets IPv6's brackets
        for key, value in keys.items():
            arguments += ["-key", key, value]
        self.program = Program(arguments, directory / f"{self.name}.log", directory=directory)

    def finish(self) -> None:
        """Wait for its end; it must have gone as the scenario says."""
        status = self.program.wait(self.seconds + 10)
        if status != 0:
            files = (self._errors, self._messages, self._server.program.log)
            told = [f.read_text(errors="replace")[-5000:] for f in files if f.exists()]
            raise AssertionError("\n".join([f"{self.name}: status {status}", *told]))

    def messages(self) -> str:
        """All that was sent and received so far."""
        return self._messages.read_text(errors="replace")

    def stop(self) -> None:
        self.program.stop()
