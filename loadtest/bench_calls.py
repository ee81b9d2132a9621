"""Queued calls by SIPp on both ends: how many, at what cost, how soon.

    python -m loadtest.bench_calls --rate 200 --seconds 60 --agents 300

Starts a server of its own on loopback, registers the agents, drives callers, and reads the CPU
that core and media used from /proc and the latencies from the metrics port.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from pathlib import Path

SIPP = Path(__file__).parent / "sipp"
PROMPTS = Path(__file__).parent.parent / "config" / "prompts"
SERVER, METRICS, WEB = 15060, 19464, 18080
REGISTER, AGENTS, CALLERS = 15070, 15072, 15074


def main() -> int:
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="ccserver-bench-") as name:
        return _bench(arguments, Path(name))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=200, help="calls a second")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--agents", type=int, default=300)
    parser.add_argument(
        "--register", type=int, default=0, metavar="RATE", help="REGISTERs a second, instead"
    )
    parser.add_argument("--stay", type=int, default=1000, help="milliseconds a caller stays")
    return parser.parse_args()


def _bench(a: argparse.Namespace, data: Path) -> int:
    config = data / "bench.toml"
    config.write_text(_config(a.agents, data))
    server = subprocess.Popen(
        [sys.executable, "-m", "ccserver", "run", "--config", str(config)],
        stdout=subprocess.PIPE,
        text=True,
    )
    agents: subprocess.Popen[bytes] | None = None
    try:
        assert server.stdout is not None
        print(server.stdout.readline().strip())
        _register(a.agents, data)
        agents = subprocess.Popen(
            _sipp("agent.xml", AGENTS, 31000, "-nostdin"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=data,
        )
        time.sleep(1)
        children = _children(server.pid)
        before, started = _cpu(children), time.monotonic()
        if a.register:
            status = _register(a.agents, data, a.register * a.seconds // 2, a.register // 2)
            elapsed = time.monotonic() - started
            spent = _cpu(children)["core"] - before["core"]
            each = spent / (a.register * a.seconds) * 1e6
            print(f"{a.register * a.seconds} REGISTERs, every second one with digest,")
            print(f"in {elapsed:.1f} s; SIPp status {status}; core {each:.0f} us CPU each")
            return status
        calls = a.rate * a.seconds
        options = ["-s", "2001", "-m", str(calls), "-r", str(a.rate), "-d", str(a.stay)]
        limits = ["-l", "100000", "-nostdin", "-trace_err", "-timeout", str(a.seconds + 60)]
        done = subprocess.run(
            [*_sipp("caller.xml", CALLERS, 41000, *options, *limits), f"127.0.0.1:{SERVER}"],
            stdout=subprocess.DEVNULL,
            cwd=data,
            check=False,
        )
        elapsed = time.monotonic() - started
        time.sleep(2)
        used = {name: after - before[name] for name, after in _cpu(children).items()}
        _report(a, calls, elapsed, used, done.returncode)
        _show_errors(data)
        return done.returncode
    finally:
        if agents is not None:
            agents.kill()
            agents.wait()
        server.send_signal(signal.SIGTERM)
        server.send_signal(signal.SIGTERM)
        server.wait(30)


def _config(agents: int, data: Path) -> str:
    head = f"""
media.prompts = "{PROMPTS}"
data.dir = "{data}"
sip.listen = ["udp:127.0.0.1:{SERVER}"]
sip.options_seconds = 0
metrics.listen = "127.0.0.1:{METRICS}"
web.listen = "127.0.0.1:{WEB}"
routing.wrap_up_seconds = 0
drain.seconds = 1
log.level = "error"
trunks = [{{ name = "local", from = ["127.0.0.1"] }}]

[[queues]]
name = "support"
requirements = {{ english = 1 }}

[[entry_points]]
name = "support"
numbers = ["2001"]
flow = [{{ answer = true }}, {{ queue = "support" }}]
"""
    rows = [
        f'[[agents]]\nid = "{5000 + n}"\nsecret = "s{5000 + n}"\nskills = {{ english = 5 }}\n'
        for n in range(agents)
    ]
    return head + "\n".join(rows)


def _register(agents: int, data: Path, calls: int = 0, rate: int = 200) -> int:
    """Each user once, or so many in turn.  Every one is a challenge and a proof."""
    rows = [
        f"{5000 + n};[authentication username={5000 + n} password=s{5000 + n}]"
        for n in range(agents)
    ]
    (data / "agents.csv").write_text("SEQUENTIAL\n" + "\n".join(rows) + "\n")
    command = _sipp("register.xml", REGISTER, 30000, "-nostdin")
    command += ["-inf", "agents.csv", "-m", str(calls or agents), "-r", str(rate)]
    command += ["-key", "contact_port", str(AGENTS), f"127.0.0.1:{SERVER}"]
    return subprocess.run(command, stdout=subprocess.DEVNULL, cwd=data, check=True).returncode


def _sipp(scenario: str, port: int, media: int, *more: str) -> list[str]:
    where = ["-i", "127.0.0.1", "-p", str(port), "-mp", str(media)]
    return ["sipp", "-sf", str(SIPP / scenario), *where, *more]


def _children(parent: int) -> dict[str, int]:
    """The supervisor's processes by name."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                stat = (entry / "stat").read_text().rpartition(")")[2].split()
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if int(stat[1]) == parent:
                module = re.search(r"-m ccserver\.(\w+)", command)
                if module is not None:
                    found[module[1]] = int(entry.name)
    return found


def _cpu(processes: dict[str, int]) -> dict[str, float]:
    """Seconds of user and system time."""
    ticks = os.sysconf("SC_CLK_TCK")
    used = {}
    for name, process in processes.items():
        stat = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        used[name] = (int(stat[11]) + int(stat[12])) / ticks
    return used


def _report(
    a: argparse.Namespace, calls: int, elapsed: float, used: dict[str, float], status: int
) -> None:
    with urllib.request.urlopen(f"http://127.0.0.1:{METRICS}/metrics", timeout=10) as answer:
        metrics = answer.read().decode()
    print(f"offered {calls} calls in {elapsed:.1f} s; SIPp status {status} (0: none failed)")
    for name in ("offered", "handled", "abandoned", "failed", "overflowed"):
        print(f"  {name}: {_sum(metrics, f'ccserver_contacts_{name}_total'):.0f}")
    each = {name: seconds / calls * 1e3 for name, seconds in used.items()}
    parts = ", ".join(f"{name} {value:.3f}" for name, value in sorted(each.items()))
    print(f"CPU ms per call: {sum(each.values()):.3f} ({parts}); {sys.version.split()[0]}")
    for metric in ("ccserver_dispatch_seconds", "ccserver_loop_lag_seconds"):
        p50, p99 = _quantile(metrics, metric, 0.5), _quantile(metrics, metric, 0.99)
        print(f"{metric}: p50 <= {p50 * 1e3:g} ms, p99 <= {p99 * 1e3:g} ms")


def _show_errors(data: Path) -> None:
    """What SIPp did not expect, counted."""
    seen: Counter[str] = Counter()
    for path in data.glob("caller_*_errors.log"):
        seen.update(re.findall(r"while expecting '[^']*' .*?received '(\S+ \S+)", path.read_text()))
    for answer, number in seen.most_common(5):
        print(f"  unexpected: {number} x {answer}")


def _sum(metrics: str, name: str) -> float:
    rows = [row for row in metrics.splitlines() if row.startswith((f"{name}{{", f"{name} "))]
    return sum(float(row.rpartition(" ")[2]) for row in rows)


def _quantile(metrics: str, name: str, share: float) -> float:
    """The upper bound of the bucket that holds this quantile."""
    buckets = []
    for row in metrics.splitlines():
        if row.startswith(f'{name}_bucket{{le="'):
            bound = row.split('le="')[1].split('"')[0]
            buckets.append((float(bound), float(row.rpartition(" ")[2])))
    total = buckets[-1][1] if buckets else 0.0
    return next((bound for bound, count in buckets if count >= share * total), float("inf"))


if __name__ == "__main__":
    sys.exit(main())
