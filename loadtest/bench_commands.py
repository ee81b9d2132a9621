"""Commands over REST: how long until the other side of the server hears, or is rung.

    python -m loadtest.bench_commands --rounds 300 --rate 50

Starts a server of its own on loopback and keeps one conversation in it.  Its agent holds, resumes,
consults and ends the consult by HTTP, again and again, while SIPp makes calls beside.  From the
first byte of the request on it is measured until the customer gets the first RTP packet of the
other sound, or the consulted phone the INVITE or the CANCEL; what the clients here lose counts.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import trio

from loadtest.own_server import HOST, OwnServer
from loadtest.own_sipp import AgentPhones, callers
from loadtest.phones import Call, PhoneBank

ADA, BEN = "7001", "7002"
NUMBER = "2002"
FRAME = 0.02
HEADER = 12
"""Bytes of RTP before the sound (RFC 3550 §5.1)."""
VOICE = bytes(range(0x10, 0x10 + 80)) * 2
"""20 ms that no music sounds like: whoever gets just this is relayed what the customer said."""
PATIENCE = 5.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=300, help="of four commands")
    parser.add_argument("--rate", type=int, default=0, help="calls a second beside")
    parser.add_argument("--agents", type=int, default=75, help="for the calls beside")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ccserver-bench-") as name:
        return _bench(arguments, Path(name))


def _bench(a: argparse.Namespace, data: Path) -> int:
    with OwnServer(data, a.agents, CONFIG) as server:
        phones = AgentPhones(server)
        if not a.rate:
            measured = trio.run(_measure, server, a.rounds)
        else:
            phones.register(a.agents)
            with phones.answering(), _calling(server, a.rate):
                measured = trio.run(_measure, server, a.rounds)
    _report(measured, a.rate)
    return 0


@contextmanager
def _calling(server: OwnServer, rate: int) -> Iterator[None]:
    silent = subprocess.DEVNULL
    beside = subprocess.Popen(callers(server, rate), stdout=silent, stderr=silent, cwd=server.data)
    try:
        yield
    finally:
        beside.kill()
        beside.wait()


CONFIG = f"""
[[queues]]
name = "vip"
requirements = {{ vip = 1 }}

[[entry_points]]
name = "vip"
numbers = ["{NUMBER}"]
flow = [{{ answer = true }}, {{ play = "greeting.wav" }}, {{ queue = "vip" }}]

[[agents]]
id = "{ADA}"
secret = "s{ADA}"
skills = {{ vip = 5 }}

[[agents]]
id = "{BEN}"
secret = "s{BEN}"

[[accounts]]
name = "ada"
password = "p"
role = "agent"
agent = "{ADA}"
"""


# --- who measures ---------------------------------------------------------------------------------


class Customer(PhoneBank):
    """One phone that speaks all the time, and notes when what it hears becomes something else."""

    def __init__(self, server: tuple[str, int]) -> None:
        super().__init__(server, "ccserver")
        self.hears_agent = False
        self.since = 0.0
        self._changed = trio.Event()
        self._remote: tuple[str, int] | None = None

    async def heard(self, data: bytes, sender: tuple[str, int]) -> None:
        self._remote = sender
        hears_agent = data[HEADER:] == VOICE
        if hears_agent != self.hears_agent:
            self.hears_agent, self.since = hears_agent, trio.current_time()
            self._changed.set()
            self._changed = trio.Event()

    async def wait_hears_agent(self, wanted: bool) -> None:
        while self.hears_agent != wanted:
            await self._changed.wait()

    async def speak(self) -> None:
        number, begun = 0, trio.current_time()
        while True:
            number += 1
            if self._remote is not None:
                head = bytes((0x80, 0)) + (number & 0xFFFF).to_bytes(2, "big")
                head += (160 * number & 0xFFFFFFFF).to_bytes(4, "big") + b"talk"
                await self.audio.sendto(head + VOICE, self._remote)
            await trio.sleep_until(begun + number * FRAME)


class Desk:
    """Ada's requests, over one connection."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream, self._token = stream, ""
        self.contact = ""

    async def sign_in(self) -> None:
        answer = await self.asks("POST", "/session", {"name": "ada", "password": "p"})
        self._token = answer["token"]

    async def commands(self, what: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        return await self.asks("POST", f"/contacts/{self.contact}/{what}", body)

    async def asks(self, method: str, path: str, given: Any = None) -> dict[str, Any]:
        body = b"" if given is None else json.dumps(given).encode()
        lines = [f"{method} /api/v1{path} HTTP/1.1", "Host: bench", f"Content-Length: {len(body)}"]
        lines += ["Content-Type: application/json"] if body else []
        lines += [f"Authorization: Bearer {self._token}"] if self._token else []
        await self._stream.send_all("\r\n".join([*lines, "\r\n"]).encode() + body)
        head, _, rest = (await self._stream.receive_some(65536)).partition(b"\r\n\r\n")
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        while len(rest) < int(fields[b"content-length"]):
            rest += await self._stream.receive_some(65536)
        answer: dict[str, Any] = json.loads(rest)
        if head.split()[1] not in (b"200", b"201"):
            raise RuntimeError(f"{method} {path} was answered {answer}")
        return answer


async def _measure(own: OwnServer, rounds: int) -> dict[str, list[float]]:
    server = (HOST, own.sip)
    rung_send, rung = trio.open_memory_channel[tuple[float, Call]](10)

    async def is_rung(user: str, call: Call) -> None:
        if user == ADA:
            call.accept()
        else:
            await rung_send.send((trio.current_time(), call))

    agents, customer = PhoneBank(server, "ccserver", is_rung), Customer(server)
    async with trio.open_nursery() as nursery:
        for bank in (agents, customer):
            await nursery.start(bank.run)
        for agent in (ADA, BEN):
            nursery.start_soon(agents.register, agent, f"s{agent}")
        nursery.start_soon(customer.speak)
        desk = Desk(await _web(own))
        await desk.sign_in()
        await trio.sleep(2)
        call = customer.call("customer", NUMBER)
        with trio.fail_after(3 * PATIENCE):  # the greeting says where to send audio
            await customer.wait_hears_agent(True)
        await trio.sleep(0.5)
        desk.contact = (await desk.asks("GET", "/contacts"))["contacts"][0]["id"]
        measured = await _rounds(rounds, desk, customer, rung)
        call.hang_up()
        await trio.sleep(0.5)
        nursery.cancel_scope.cancel()
    return measured


async def _web(server: OwnServer) -> trio.SocketStream:
    """The web process, when it is there: it starts after the core."""
    while True:
        try:
            return await trio.open_tcp_stream(HOST, server.web)
        except OSError:
            await trio.sleep(0.1)


async def _rounds(
    rounds: int,
    desk: Desk,
    customer: Customer,
    rung: trio.MemoryReceiveChannel[tuple[float, Call]],
) -> dict[str, list[float]]:
    measured: defaultdict[str, list[float]] = defaultdict(list)
    random = Random(1)

    async def command(what: str, body: dict[str, Any] | None = None) -> float:
        """When its first byte was sent; at no fixed time within a frame of audio."""
        await trio.sleep(random.uniform(0.03, 0.06))
        begun = trio.current_time()
        await desk.commands(what, body)
        measured["answered"].append(trio.current_time() - begun)
        return begun

    async def heard(what: str, agent: bool) -> None:
        begun = await command(what, {})
        await customer.wait_hears_agent(agent)
        measured[f"{what}: heard"].append(customer.since - begun)

    for _ in range(rounds):
        with trio.fail_after(PATIENCE):
            await heard("hold", agent=False)
            await heard("resume", agent=True)
            begun = await command("consult", {"to": {"kind": "agent", "agent": BEN}})
            at, call = await rung.receive()
            measured["consult: INVITE"].append(at - begun)
            begun = await command("end-consult")
            await call.ended.wait()
            measured["end-consult: CANCEL"].append(trio.current_time() - begun)
            if not customer.hears_agent:
                await heard("resume", agent=True)
    return measured


def _report(measured: dict[str, list[float]], rate: int) -> None:
    print(f"from the request's first byte, {rate} calls/s beside; {sys.version.split()[0]}")
    for what, seconds in measured.items():
        found = sorted(seconds)
        p50, p99 = statistics.median(found), found[int(0.99 * (len(found) - 1))]
        figures = f"p50 {p50 * 1e3:.1f} ms, p99 {p99 * 1e3:.1f} ms, max {found[-1] * 1e3:.1f} ms"
        print(f"  {what}: {figures} ({len(found)})")


if __name__ == "__main__":
    sys.exit(main())
