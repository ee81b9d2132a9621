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

from loadtest.bench_calls import found_of, report
from loadtest.own_server import OwnServer
from loadtest.own_sipp import AgentPhones, callers


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
    with OwnServer(data, a.desktops, _accounts(a.desktops)) as server:
        phones = AgentPhones(server)
        phones.register(a.desktops)
        with phones.answering():
            return asyncio.run(_measure(a, server))


async def _measure(a: argparse.Namespace, server: OwnServer) -> int:
    heard = [0, 0, 0]
    """Messages, their bytes, and how many desktops are connected."""
    await _until(lambda: _is_ready(server.web_address))
    async with asyncio.TaskGroup() as desktops:
        watching = []
        for number in range(a.desktops):
            token = await asyncio.to_thread(_sign_in, server.web_address, 5000 + number)
            watching.append(desktops.create_task(_watch(server.web_address, token, heard)))
        await asyncio.sleep(2)
        heard[:2] = [0, 0]
        before, began, begun = server.cpu(), server.page(), time.monotonic()
        killing = asyncio.create_task(_kill(a, server, heard)) if a.kill else None
        status = await _call(a, server)
        if killing is not None:
            await killing
            before["web"] = 0.0  # it is another process
        elapsed = time.monotonic() - begun
        found = found_of(server, a.rate * a.seconds, elapsed, before, began, status)
        for desktop in watching:
            desktop.cancel()
    report(found)
    print(f"{a.desktops} desktops were sent {heard[0]} messages, {heard[1]} bytes")
    return status


def _accounts(number: int) -> str:
    rows = [
        f'\n[[accounts]]\nname = "{5000 + n}"\npassword = "p"\nrole = "agent"\nagent = "{5000 + n}"'
        for n in range(number)
    ]
    return "\n".join(rows)


def _sign_in(place: str, agent: int) -> str:
    body = json.dumps({"name": str(agent), "password": "p"}).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"http://{place}/api/v1/session", body, headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        token: str = json.load(answer)["token"]
    return token


async def _watch(place: str, token: str, heard: list[int]) -> None:
    """Comes back with the last number it knows when it is let down."""
    headers = {"Authorization": f"Bearer {token}"}
    after = ""
    while True:
        where, connected = f"ws://{place}/api/v1/events{after}", False
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


async def _kill(a: argparse.Namespace, server: OwnServer, heard: list[int]) -> None:
    await asyncio.sleep(a.seconds / 2)
    web = next(number for number, name in server.processes().items() if name == "web")
    os.kill(web, signal.SIGKILL)
    begun = time.monotonic()
    await _until(lambda: heard[2] < a.desktops)
    await _until(lambda: _is_ready(server.web_address))
    print(f"the web process was back after {time.monotonic() - begun:.2f} s", end="; ")
    await _until(lambda: heard[2] == a.desktops)
    print(f"all desktops after {time.monotonic() - begun:.2f} s")


async def _until(found: Callable[[], bool]) -> None:
    for _ in range(3000):
        if await asyncio.to_thread(found):
            return
        await asyncio.sleep(0.02)
    raise TimeoutError("waited for a minute")


def _is_ready(place: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://{place}/readyz", timeout=1) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


async def _call(a: argparse.Namespace, server: OwnServer) -> int:
    command = callers(server, a.rate, calls=a.rate * a.seconds)
    command += ["-timeout", str(a.seconds + 60)]
    sipp = await asyncio.create_subprocess_exec(
        *command, stdout=subprocess.DEVNULL, cwd=server.data
    )
    return await sipp.wait()


if __name__ == "__main__":
    sys.exit(main())
