"""The demonstration: a server with simulated agents and customers, and a table of what happens.

    ccserver demo [--config FILE] [--set key=value ...]

Agents answer after some seconds, talk, and now and then let it ring; customers come at random and
lose patience at random.  A phone of your own may register as one of the agents, or call 2001.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import trio
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table

from ccserver.door import NobodyThere, ask
from ccserver.settings import Settings, load
from ccserver.settings.changes import hand_down
from loadtest.phones import Call, PhoneBank, RegistrationFailed
from sip.transport.entry import parse_listen

BETWEEN_CALLS = 4.0
"""Seconds between two customers, on average; so are the next three."""
PATIENCE = 60.0
TALK = 20.0
RINGING = 3.0
ALOOF = 0.08
"""How many offers an agent lets ring."""
BREAK = 15.0
"""Seconds after which an agent who let it ring is available again."""
ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C; asked to end; the terminal was closed.  The server, in a session of its own, ends too."""


class Demonstration:
    """``own`` agents are left to the people who watch."""

    def __init__(self, settings: Settings, random: Random, own: frozenset[str]) -> None:
        self._settings, self._random = settings, random
        self._data = Path(settings.data.dir)
        self._agents = [agent for agent in settings.agents if agent.id not in own]
        server = _udp_listener(settings)
        self._phones = PhoneBank(server, settings.sip.realm, self._rung)
        self._customers = PhoneBank(server, settings.sip.realm)
        self._calls = 0

    async def run(self) -> None:
        async with trio.open_nursery() as nursery:
            await nursery.start(self._phones.run)
            await nursery.start(self._customers.run)
            for agent in self._agents:
                nursery.start_soon(self._sit_down, agent.id, agent.secret.get_secret_value())
            nursery.start_soon(self._watch)
            numbers = [
                number for e in self._settings.entry_points for number in (e.numbers or [e.name])
            ]
            while numbers:
                await trio.sleep(self._random.expovariate(1 / BETWEEN_CALLS))
                nursery.start_soon(self._customer, self._random.choice(numbers))

    async def _sit_down(self, agent: str, secret: str) -> None:
        try:
            await self._phones.register(agent, secret)
        except RegistrationFailed as error:
            print(f"ccserver demo: {error}", file=sys.stderr)

    async def _customer(self, number: str) -> None:
        self._calls += 1
        call = self._customers.call(f"customer-{self._calls}", number)
        with trio.move_on_after(self._random.expovariate(1 / PATIENCE) + 10):
            await call.ended.wait()
        call.hang_up()

    async def _rung(self, agent: str, call: Call) -> None:
        if self._random.random() < ALOOF:
            await call.ended.wait()
            await trio.sleep(BREAK)
            await self._ask("agent.set_available", {"agent": agent})
            return
        with trio.move_on_after(self._random.uniform(1, 2 * RINGING - 1)):
            await call.ended.wait()
        call.accept()
        with trio.move_on_after(self._random.expovariate(1 / TALK) + 3):
            await call.ended.wait()
        call.hang_up()

    async def _ask(self, op: str, args: dict[str, Any] | None = None) -> dict[str, Any]:
        try:
            return await trio.to_thread.run_sync(ask, self._data, op, args)
        except NobodyThere:
            return {}

    async def _watch(self) -> None:
        console = Console()
        if not console.is_terminal:
            while True:
                print(_in_a_line(await self._ask("status")), flush=True)
                await trio.sleep(5)
        with Live(console=console, auto_refresh=False) as live:
            while True:
                live.update(_tables(await self._ask("status")), refresh=True)
                await trio.sleep(0.5)


def _udp_listener(settings: Settings) -> tuple[str, int]:
    for entry in settings.sip.listen:
        kind, host, port = parse_listen(entry)
        if kind == "udp":
            return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), port
    raise SystemExit("ccserver demo: expected a udp entry in sip.listen")


def _in_a_line(status: dict[str, Any]) -> str:
    states = [agent["state"] for agent in status.get("agents", {}).values()]
    agents = ", ".join(f"{states.count(state)} {state}" for state in sorted(set(states)))
    queues = status.get("queues", {}).items()
    waiting = ", ".join(f"{name} {len(queue['waiting'])}" for name, queue in queues)
    return f"agents: {agents}; waiting: {waiting}; contacts: {status.get('contacts', 0)}"


def _tables(status: dict[str, Any]) -> Group:
    queues = Table("queue", "waiting", "ringing", "talking", title="Queues")
    for name, queue in status.get("queues", {}).items():
        waiting = "●" * len(queue["waiting"])
        queues.add_row(name, waiting, str(queue["being_offered"]), str(queue["in_service"]))
    agents = Table("agent", "state", "code", "contact", title="Agents")
    for name, agent in status.get("agents", {}).items():
        agents.add_row(name, agent["state"], agent["code"] or "", agent["contact"] or "")
    return Group(queues, agents, "Ctrl-C ends it.")


def main() -> int:
    parser = argparse.ArgumentParser(prog="ccserver demo", description=__doc__.splitlines()[0])
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--own", action="append", default=[], help="an agent left to you")
    parser.add_argument("--seed", type=int, default=None)
    arguments = parser.parse_args()
    environ = hand_down(["log.level=warning"], os.environ)
    settings = load(arguments.config, (), environ).settings
    command = [sys.executable, "-m", "ccserver", "run", "--config", str(arguments.config)]
    with subprocess.Popen(
        command,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as server:
        for ending in ENDINGS[1:]:
            signal.signal(ending, signal.default_int_handler)
        try:
            assert server.stdout is not None
            if not (ready := server.stdout.readline()):
                return server.wait()
            print(ready, end="", flush=True)
            demonstration = Demonstration(
                settings, Random(arguments.seed), frozenset(arguments.own)
            )
            trio.run(_until_asked_to_end, demonstration)
        except KeyboardInterrupt:
            pass  # before the phones began
        finally:
            server.terminate()
            with suppress(subprocess.TimeoutExpired):
                server.wait(1)
            server.terminate()  # the phones have gone: nothing is worth waiting for
    return server.returncode


async def _until_asked_to_end(demonstration: Demonstration) -> None:
    """In order: an interrupt would come in the midst of whatever Trio is doing."""
    with trio.open_signal_receiver(*ENDINGS) as signals:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(demonstration.run)
            async for _ in signals:
                nursery.cancel_scope.cancel()
                break


if __name__ == "__main__":
    sys.exit(main())
