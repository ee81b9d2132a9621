"""Two servers behind one address, beside one alone: what the front costs, and what it takes.

    python -m loadtest.bench_front --rate 60 --seconds 15

The front is the Kamailio of docs/examples/front.  The same calls come to one server without it and,
half for each domain, to two servers with it.  Two servers, the front and the callers need more than
two cores: on two it is shown that the arrangement works and what each process uses, no rate that it
would reach on more.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from msgspec import Struct

from loadtest.own_server import FIRST_AGENT, HOST, QUEUE, OwnServer, free_port
from loadtest.realtime import ask_for_priority
from loadtest.result import Result, machine
from loadtest.scenario.model import Scenario
from loadtest.session import perform

EXAMPLE = Path(__file__).parent.parent / "docs" / "examples" / "front"
DOMAINS = {"sales.example.com": "2002", "support.example.com": QUEUE}
"""And the number of each, as in the example's table."""
TALK = 1.0
"""Seconds."""


class Found(Struct, frozen=True):
    """``cpu``: ms a call, by process."""

    results: list[Result]
    cpu: dict[str, float]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=60.0, help="calls a second, in all")
    parser.add_argument("--seconds", type=float, default=15.0, help="of each part")
    a = parser.parse_args()
    print(machine())
    alone, behind = _alone(a.rate, a.seconds), _behind(a.rate, a.seconds)
    report("one server", alone)
    report("two behind the front", behind)
    results = (*alone.results, *behind.results)
    return 0 if all(result.verdict == "passed" for result in results) else 1


def _alone(rate: float, seconds: float) -> Found:
    with ExitStack() as ended:
        server = _server(ended, rate, "ccserver", QUEUE)
        before = server.cpu()
        results = _calls(server.address, {"ccserver": QUEUE}, rate, seconds)
        return Found(results, _each([server], [before], results[0].started))


def _behind(rate: float, seconds: float) -> Found:
    with ExitStack() as ended:
        servers = [_server(ended, rate / 2, realm, queue) for realm, queue in DOMAINS.items()]
        front, address = _front(ended, servers)
        before, own = [server.cpu() for server in servers], _cpu_of(front)
        results = _calls(address, DOMAINS, rate, seconds)
        calls = sum(result.started for result in results)
        cpu = _each(servers, before, calls)
        return Found(results, {**cpu, "front": (_cpu_of(front) - own) / calls * 1e3})


def _server(ended: ExitStack, rate: float, realm: str, queue: str) -> OwnServer:
    """With agents to spare for so many calls a second."""
    data = Path(ended.enter_context(tempfile.TemporaryDirectory(prefix="ccserver-bench-")))
    server = OwnServer(data, int(3 * rate * TALK), realm=realm, queue=queue)
    ended.enter_context(server)
    server.settle()
    return server


def _front(ended: ExitStack, servers: Sequence[OwnServer]) -> tuple[int, str]:
    """Its process, and its address."""
    data = Path(ended.enter_context(tempfile.TemporaryDirectory(prefix="ccserver-bench-")))
    cores = data / "cores.list"
    cores.write_text("".join(f"{n} sip:{s.address}\n" for n, s in enumerate(servers, 1)))
    address = f"{HOST}:{free_port()}"
    command = ["kamailio", "-DD", "-E", "-f", str(EXAMPLE / "kamailio.cfg"), "-l", f"udp:{address}"]
    command += ["-A", f'CORES="{cores}"', "-m", "256", "-M", "16"]
    command += ["-Y", str(data), "-P", str(data / "kamailio.pid")]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    ended.callback(process.wait, 20)
    ended.callback(process.terminate)
    return process.pid, address


def _calls(address: str, domains: dict[str, str], rate: float, seconds: float) -> list[Result]:
    """Of each domain its share, by generators in processes of their own: their priority must not
    be handed down to a server."""
    each = rate / len(domains)
    with ProcessPoolExecutor(len(domains)) as generators:
        under_way = [
            generators.submit(_call, address, realm, queue, each, seconds)
            for realm, queue in domains.items()
        ]
        return [one.result() for one in under_way]


def _call(address: str, realm: str, queue: str, rate: float, seconds: float) -> Result:
    ask_for_priority()
    with tempfile.TemporaryDirectory(prefix="ccserver-bench-") as name:
        return perform(_scenario(address, realm, queue, rate, seconds), Path(name))


def _scenario(address: str, realm: str, queue: str, rate: float, seconds: float) -> Scenario:
    caller = {"name": "callers", "dial": queue, "talk": TALK}
    return Scenario.model_validate(
        {
            "target": {"address": address, "domain": realm},
            "arrivals": {"phases": [{"name": "steady", "seconds": seconds, "rate": rate}]},
            "callers": {"kinds": [caller]},
            "agents": {
                "count": int(3 * rate * TALK),
                "first": FIRST_AGENT,
                "secret": "s{n}",
                "register_rate": 100.0,
                "answer_after": 0,
            },
            "objectives": [{"measure": "failed_share", "at_most": 0}],
        }
    )


def _each(
    servers: Sequence[OwnServer], before: Sequence[dict[str, float]], calls: int
) -> dict[str, float]:
    """Milliseconds a call, of all servers' processes of a name together."""
    return {
        name: sum(
            server.cpu()[name] - used[name] for server, used in zip(servers, before, strict=True)
        )
        / calls
        * 1e3
        for name in ("core", "media")
    }


def _cpu_of(parent: int) -> float:
    """Seconds of this process and those that it started."""
    used = 0
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if parent in (int(entry.name), int(fields[1])):
            used += int(fields[11]) + int(fields[12])
    return used / os.sysconf("SC_CLK_TCK")


def report(what: str, found: Found) -> None:
    for result in found.results:
        outcomes = ", ".join(f"{name} {count}" for name, count in sorted(result.outcomes.items()))
        print(f"{what}: {result.started} calls at {result.offered_rate:.0f}/s: {outcomes}")
        for name in ("setup", "ring"):
            at = result.latencies[name].at
            print(f"  {name}, ms: " + ", ".join(f"{q} {at[q] * 1e3:.1f}" for q in ("p50", "p99")))
        for complaint in result.complaints:
            print(f"  note: {complaint}")
    each = ", ".join(f"{name} {value:.2f}" for name, value in found.cpu.items())
    print(f"  CPU, ms a call: {each}")


if __name__ == "__main__":
    sys.exit(main())
