"""Desktops of agents who take calls: what a thousand of them cost the core.

    python -m loadtest.bench_web --desktops 1000 --rate 100 --seconds 20

Starts a server of its own on loopback, signs every agent in at the web process, keeps a WebSocket
for each, drives callers by SIPp, and reads the core's loop lag from the metrics port.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

from websockets.asyncio.client import connect

from loadtest import bench_calls as calls

PLACE = f"127.0.0.1:{calls.WEB}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--desktops", type=int, default=1000)
    parser.add_argument("--rate", type=int, default=100, help="calls a second")
    parser.add_argument("--seconds", type=int, default=20)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ccserver-bench-") as name:
        return _bench(arguments, Path(name))


def _bench(a: argparse.Namespace, data: Path) -> int:
    config = data / "bench.toml"
    config.write_text(calls._config(a.desktops, data) + _accounts(a.desktops))
    command = [sys.executable, "-m", "ccserver", "run", "--config", str(config)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    agents: subprocess.Popen[bytes] | None = None
    try:
        assert server.stdout is not None
        print(server.stdout.readline().strip())
        calls._register(a.desktops, data)
        agents = subprocess.Popen(
            calls._sipp("agent.xml", calls.AGENTS, 31000, "-nostdin"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=data,
        )
        return asyncio.run(_measure(a, data, server.pid))
    finally:
        if agents is not None:
            agents.kill()
            agents.wait()
        server.send_signal(signal.SIGTERM)
        server.send_signal(signal.SIGTERM)
        server.wait(30)


async def _measure(a: argparse.Namespace, data: Path, server: int) -> int:
    heard = [0, 0]
    async with asyncio.TaskGroup() as desktops:
        watching = []
        for number in range(a.desktops):
            token = await asyncio.to_thread(_sign_in, 5000 + number)
            watching.append(desktops.create_task(_watch(token, heard)))
        await asyncio.sleep(2)
        heard[:] = [0, 0]
        before = calls._cpu(calls._children(server))
        status = await _call(a, data)
        used = {
            name: after - before[name]
            for name, after in calls._cpu(calls._children(server)).items()
        }
        for desktop in watching:
            desktop.cancel()
    calls._report(a, a.rate * a.seconds, a.seconds, used, status)
    print(f"{a.desktops} desktops were sent {heard[0]} messages, {heard[1]} bytes")
    return status


def _accounts(number: int) -> str:
    rows = [
        f'\n[[accounts]]\nname = "{5000 + n}"\npassword = "p"\nrole = "agent"\nagent = "{5000 + n}"'
        for n in range(number)
    ]
    return "\n".join(rows)


def _sign_in(agent: int) -> str:
    body = json.dumps({"name": str(agent), "password": "p"}).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"http://{PLACE}/api/v1/session", body, headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        token: str = json.load(answer)["token"]
    return token


async def _watch(token: str, heard: list[int]) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    where = f"ws://{PLACE}/api/v1/events"
    async with connect(where, additional_headers=headers, proxy=None, compression=None) as desktop:
        async for message in desktop:
            heard[0] += 1
            heard[1] += len(message)


async def _call(a: argparse.Namespace, data: Path) -> int:
    options = ["-s", "2001", "-m", str(a.rate * a.seconds), "-r", str(a.rate), "-d", "1000"]
    limits = ["-l", "100000", "-nostdin", "-timeout", str(a.seconds + 60)]
    command = calls._sipp("caller.xml", calls.CALLERS, 41000, *options, *limits)
    sipp = await asyncio.create_subprocess_exec(
        *command, f"127.0.0.1:{calls.SERVER}", stdout=subprocess.DEVNULL, cwd=data
    )
    return await sipp.wait()


if __name__ == "__main__":
    sys.exit(main())
