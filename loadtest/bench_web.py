"""Desktops of agents who take calls: what a thousand of them cost the core.

    python -m loadtest.bench_web --desktops 1000 --rate 100 --seconds 20
    python -m loadtest.bench_web --desktops 200 --rate 50 --kill

Starts a server of its own on loopback, signs every agent in at the web process, keeps a WebSocket
for each, drives callers by SIPp, and reads the core's loop lag from the metrics port.  With --kill
the web process is killed in the middle, and it is told how soon it was back, and the desktops.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from loadtest import bench_calls as calls

PLACE = f"127.0.0.1:{calls.WEB}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--desktops", type=int, default=1000)
    parser.add_argument("--rate", type=int, default=100, help="calls a second")
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--kill", action="store_true", help="SIGKILL for the web process")
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
    heard = [0, 0, 0]
    """Messages, their bytes, and how many desktops are connected."""
    async with asyncio.TaskGroup() as desktops:
        watching = []
        for number in range(a.desktops):
            token = await asyncio.to_thread(_sign_in, 5000 + number)
            watching.append(desktops.create_task(_watch(token, heard)))
        await asyncio.sleep(2)
        heard[:2] = [0, 0]
        before = calls._cpu(calls._children(server))
        killing = asyncio.create_task(_kill(a, server, heard)) if a.kill else None
        status = await _call(a, data)
        if killing is not None:
            await killing
            before["web"] = 0.0  # it is another process
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
    """Comes back with the last number it knows when it is let down."""
    headers = {"Authorization": f"Bearer {token}"}
    after = ""
    while True:
        where, connected = f"ws://{PLACE}/api/v1/events{after}", False
        try:
            async with connect(
                where, additional_headers=headers, proxy=None, compression=None
            ) as desktop:
                connected = True
                heard[2] += 1
                async for message in desktop:
                    heard[0] += 1
                    heard[1] += len(message)
                    after = f"?after={json.loads(message)['seq']}"
        except (OSError, WebSocketException):
            pass
        heard[2] -= connected
        await asyncio.sleep(0.2)


async def _kill(a: argparse.Namespace, server: int, heard: list[int]) -> None:
    await asyncio.sleep(a.seconds / 2)
    os.kill(calls._children(server)["web"], signal.SIGKILL)
    begun = time.monotonic()
    await _until(lambda: heard[2] < a.desktops)
    await _until(_is_ready)
    print(f"the web process was back after {time.monotonic() - begun:.2f} s", end="; ")
    await _until(lambda: heard[2] == a.desktops)
    print(f"all desktops after {time.monotonic() - begun:.2f} s")


async def _until(found: Callable[[], bool]) -> None:
    for _ in range(3000):
        if await asyncio.to_thread(found):
            return
        await asyncio.sleep(0.02)
    raise TimeoutError("waited for a minute")


def _is_ready() -> bool:
    try:
        with urllib.request.urlopen(f"http://{PLACE}/readyz", timeout=1) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


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
