"""A server of our own on loopback, as a user would start it, for as long as something is measured.

Its ports are whatever is free, so that measurements do not meet each other or a server that runs.
"""

from __future__ import annotations

import math
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections import defaultdict
from pathlib import Path
from types import TracebackType

HOST = "127.0.0.1"
FIRST_AGENT = 5000
"""Agents are 5000, 5001, ... with the secrets s5000, s5001, ..."""
QUEUE = "2001"
"""What callers dial."""
SETTLE = 3.0
"""Seconds after the start, until nothing more is imported."""
_PROMPTS = Path(__file__).parent.parent / "config" / "prompts"


class OwnServer:
    """One queue, no greeting, no wrap-up, and so many agents who all serve it.

    ``data``: an empty directory for its files.  ``more``: further TOML.  ``realm``: the domain of
    the agents.  ``queue``: the number that leads there.  Started by ``with``.
    """

    def __init__(
        self,
        data: Path,
        agents: int,
        more: str = "",
        *,
        realm: str = "ccserver",
        queue: str = QUEUE,
    ) -> None:
        self._realm, self._queue = realm, queue
        self.sip, self.metrics, self.web = free_port(), free_port(), free_port()
        self.data = data
        (data / "bench.toml").write_text(self._config(agents) + more)

    def __enter__(self) -> OwnServer:
        config = str(self.data / "bench.toml")
        command = [sys.executable, "-m", "ccserver", "run", "--config", config]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        told = self._process.stdout.readline().strip()
        if not told:
            raise RuntimeError(f"the server ended with status {self._process.wait()}")
        print(told, flush=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, at: TracebackType | None
    ) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.send_signal(signal.SIGTERM)  # at once: nobody waits for the calls there are
        self._process.wait(60)

    @property
    def pid(self) -> int:
        """Of the supervisor, whose children the others are."""
        return self._process.pid

    @property
    def address(self) -> str:
        return f"{HOST}:{self.sip}"

    @property
    def metrics_url(self) -> str:
        return f"http://{HOST}:{self.metrics}/metrics"

    @property
    def web_address(self) -> str:
        return f"{HOST}:{self.web}"

    def settle(self) -> None:
        time.sleep(SETTLE)

    def processes(self) -> dict[int, str]:
        """The supervisor's children by their numbers: ``core``, ``media``, ``web``, ..."""
        found = {}
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                stat = (entry / "stat").read_text().rpartition(")")[2].split()
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if int(stat[1]) == self.pid:
                module = re.search(r"-m ccserver\.(\w+)", command)
                if module is not None:
                    found[int(entry.name)] = module[1]
        return found

    def cpu(self) -> dict[str, float]:
        """Seconds of user and system time that live processes have used, by their name."""
        ticks = os.sysconf("SC_CLK_TCK")
        used: dict[str, float] = defaultdict(float)
        for process, name in self.processes().items():
            stat = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
            used[name] += (int(stat[11]) + int(stat[12])) / ticks
        return used

    def page(self) -> MetricsPage:
        with urllib.request.urlopen(self.metrics_url, timeout=10) as answer:
            return MetricsPage(answer.read().decode())

    def _config(self, agents: int) -> str:
        head = f"""
media.prompts = "{_PROMPTS}"
data.dir = "{self.data}"
sip.listen = ["udp:{self.address}"]
sip.options_seconds = 0
sip.realm = "{self._realm}"
metrics.listen = "{HOST}:{self.metrics}"
web.listen = "{self.web_address}"
routing.wrap_up_seconds = 0
drain.seconds = 1
log.level = "error"
trunks = [{{ name = "local", from = ["{HOST}"] }}]

[[queues]]
name = "support"
requirements = {{ english = 1 }}

[[entry_points]]
name = "support"
numbers = ["{self._queue}"]
flow = [{{ answer = true }}, {{ queue = "support" }}]
"""
        rows = [
            f'[[agents]]\nid = "{n}"\nsecret = "s{n}"\nskills = {{ english = 5 }}\n'
            for n in range(FIRST_AGENT, FIRST_AGENT + agents)
        ]
        return head + "\n".join(rows)


class MetricsPage:
    """What the server says of itself, for Prometheus."""

    def __init__(self, text: str) -> None:
        self._rows = text.splitlines()

    def sum(self, name: str) -> float:
        """Over all labels."""
        starts = (f"{name}{{", f"{name} ")
        return sum(float(row.rpartition(" ")[2]) for row in self._rows if row.startswith(starts))

    def quantile(self, name: str, share: float, since: MetricsPage | None = None) -> float:
        """The upper bound, in seconds, of the bucket that holds it; NaN: nothing came.

        ``since``: a page from before, and only what came after it counts."""
        counts = self._buckets(name)
        for bound, count in (since._buckets(name) if since is not None else {}).items():
            counts[bound] -= count
        total = counts.get(math.inf, 0.0)
        if not total:
            return math.nan
        return next(bound for bound, count in counts.items() if count >= share * total)

    def _buckets(self, name: str) -> dict[float, float]:
        """How many values were at or below each bound, rising."""
        found = {}
        for row in self._rows:
            if row.startswith(f'{name}_bucket{{le="'):
                bound = row.split('le="')[1].split('"')[0]
                found[float(bound)] = float(row.rpartition(" ")[2])
        return found


def free_port() -> int:
    """One that neither UDP nor TCP uses on loopback now."""
    while True:
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
            socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp,
        ):
            udp.bind((HOST, 0))
            port: int = udp.getsockname()[1]
            try:
                tcp.bind((HOST, port))
            except OSError:
                continue
            return port
