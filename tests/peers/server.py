"""A real ccserver, started by its own command, on free ports and in a directory of its own."""

from __future__ import annotations

import re
import sys
import urllib.request
from pathlib import Path
from typing import Any

from ccserver.door import ask
from ccserver.journal.storage import read_rows
from tests.peers.programs import LOOPBACK, PATIENCE, Program, free_ports, until

ROOT = Path(__file__).parents[2]
DEMONSTRATION = ROOT / "config" / "ccserver.toml"
SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)


class Server:
    """Speaks SIP and RTP on ``host``; ``changes`` are settings, as for ``--set``, in place of what
    ``config`` says.
    """

    def __init__(
        self,
        directory: Path,
        prompts: Path,
        *,
        host: str = LOOPBACK,
        config: Path = DEMONSTRATION,
        **changes: str,
    ) -> None:
        self.host = host
        self.sip = free_ports(host=host)
        self.metrics = free_ports()
        self.web = free_ports()
        self.data = directory / "var"
        media = free_ports(200, host=host)
        settings = {
            "sip.listen": f'["udp:{self.address}", "tcp:{self.address}"]',
            "media.listen": host,
            "metrics.listen": f"{LOOPBACK}:{self.metrics}",
            "web.listen": f"{LOOPBACK}:{self.web}",
            "data.dir": str(self.data),
            "media.ports": f"{media}-{media + 199}",
            "media.prompts": str(prompts),
            "drain.seconds": "0",
            **{key.replace("__", "."): value for key, value in changes.items()},
        }
        arguments = [sys.executable, "-m", "ccserver", "run"]
        arguments += ["--config", str(config)]
        for key, value in settings.items():
            arguments += ["--set", f"{key}={value}"]
        self.program = Program(arguments, directory / "server.log")

    def wait_ready(self) -> None:
        self.program.wait_for("ccserver is ready")

    def stop(self) -> int:
        return self.program.stop(20)

    @property
    def address(self) -> str:
        return f"[{self.host}]:{self.sip}" if ":" in self.host else f"{self.host}:{self.sip}"

    @property
    def metrics_url(self) -> str:
        return f"http://{LOOPBACK}:{self.metrics}/metrics"

    def scrape(self) -> str:
        with urllib.request.urlopen(self.metrics_url, timeout=5) as answer:
            text: str = answer.read().decode()
        return text

    def figure(self, name: str, **labels: str) -> float:
        """The sum of the samples of this name that have these labels."""
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        return sum(
            float(value)
            for found, its_labels, value in SAMPLE.findall(self.scrape())
            if found == name and all(label in its_labels for label in wanted)
        )

    def wait_figure(
        self, name: str, value: float, seconds: float = PATIENCE, **labels: str
    ) -> None:
        what = f"{name}{labels} to be {value}"
        until(lambda: self.figure(name, **labels) == value, seconds, what)

    def status(self) -> dict[str, Any]:
        return ask(self.data, "status")

    def command(self, op: str, **args: str) -> None:
        """Through the door; it must not be refused."""
        answer = ask(self.data, op, dict(args))
        assert answer.get("ok"), answer

    def wait_agent(self, agent: str, state: str, seconds: float = PATIENCE) -> None:
        def reached() -> bool:
            return bool(self.status()["agents"][agent]["state"] == state)

        until(reached, seconds, f"agent {agent} to be {state}")

    def events(self) -> list[str]:
        """The tags of the journal's events, in order, as far as the disk has them."""
        rows = read_rows(self.data / "journal.sqlite", 0, 100_000)
        return [re.search(rb'"event":"([^"]+)"', row[2])[1].decode() for row in rows]  # type: ignore[index]
