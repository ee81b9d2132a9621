"""The web process as its users have it: calls go on without it, and desktops find it again."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import httpx2
import orjson
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from ccserver.web.__main__ import listen
from tests.peers.programs import LOOPBACK, PATIENCE, until
from tests.peers.server import Server
from tests.peers.sipp import Sipp
from tests.peers.test_command_line import processes
from tests.peers.test_sipp import register

V1 = "/api/v1"


class Desktop:
    """A browser's own idea of the centre, over one WebSocket after another."""

    def __init__(self, server: Server, name: str) -> None:
        self._place = f"{LOOPBACK}:{server.web}"
        given = {"name": name, "password": f"password-{name}"}
        answer = httpx2.post(f"http://{self._place}{V1}/session", json=given)
        self._headers = {"Authorization": f"Bearer {answer.json()['token']}"}
        self.has: dict[str, dict[str, Any]] = {"agents": {}, "contacts": {}, "queues": {}}
        self.seq: int | None = None
        self._open = ExitStack()
        self._socket: ClientConnection | None = None

    def connect(self) -> None:
        after = "" if self.seq is None else f"?after={self.seq}"
        where = f"ws://{self._place}{V1}/events{after}"
        self.close()
        opened = connect(where, additional_headers=self._headers, proxy=None)
        self._socket = self._open.enter_context(opened)

    def close(self) -> None:
        self._open.close()

    def get(self, path: str) -> httpx2.Response:
        return httpx2.get(f"http://{self._place}{V1}{path}", headers=self._headers)

    def post(self, path: str) -> httpx2.Response:
        return httpx2.post(f"http://{self._place}{V1}{path}", headers=self._headers)

    def reads(self) -> None:
        """What has come; comes back by itself when it was let down."""
        assert self._socket is not None
        try:
            while True:
                self._hears(orjson.loads(self._socket.recv(timeout=0.05)))
        except TimeoutError:
            return
        except ConnectionClosed:
            self._returns()

    def _returns(self) -> None:
        def back() -> bool:
            try:
                self.connect()
            except Exception:
                return False
            return True

        until(back, PATIENCE, "the web process to take the desktop again")

    def _hears(self, message: dict[str, Any]) -> None:
        if message["type"] == "snapshot":
            self.has = {kind: {} for kind in self.has}
        for kind, known in self.has.items():
            for name, value in message[kind].items():
                known[name] = value
                if value is None:
                    del known[name]
        self.seq = message["seq"]

    def wait(self, found: Callable[[], bool], what: str) -> None:
        def so() -> bool:
            self.reads()
            return found()

        until(so, 25, what)


def is_ready(server: Server) -> bool:
    try:
        return bool(httpx2.get(f"http://{LOOPBACK}:{server.web}/readyz").status_code == 200)
    except httpx2.TransportError:
        return False


def test_a_web_process_that_is_killed_costs_no_call_and_desktops_find_it_again(
    server: Server, sipp: Callable[..., Sipp], cleanup: ExitStack
) -> None:
    until(lambda: is_ready(server), PATIENCE, "the web process to be ready")
    sue = Desktop(server, "sue")
    sue.connect()
    cleanup.callback(sue.close)
    agent = sipp(server, "agent", port=register(sipp, server, "1001"), pause=0.1)
    customer = sipp(server, "customer", pause=8.0)
    sue.wait(lambda: sue.has["agents"]["1001"]["state"] == "engaged", "the call to be seen")

    known = sue.seq
    second = sipp(server, "agent", port=register(sipp, server, "1002"), pause=0.1)

    os.kill(processes(server, "web")[-1], signal.SIGKILL)
    other = sipp(server, "customer", pause=8.0)  # he calls while nobody serves the desktops
    until(lambda: is_ready(server), PATIENCE, "the web process to be back")
    sue.wait(lambda: len(sue.has["contacts"]) == 2, "the picture after it")
    sue.wait(lambda: sue.has["agents"]["1002"]["state"] == "engaged", "the call meanwhile")
    assert {one["agent"] for one in sue.has["contacts"].values()} == {"1001", "1002"}
    assert sue.seq > known
    for kind in ("agents", "contacts", "queues"):  # no event is missed: the picture is the whole
        key = "name" if kind == "queues" else "id"
        shown = {one[key]: one for one in sue.get(f"/{kind}").json()[kind]}
        assert shown.keys() == sue.has[kind].keys()
        assert all(one.items() <= sue.has[kind][name].items() for name, one in shown.items())
    assert sue.get("/session").status_code == 200  # nobody has to sign in again
    for party in (customer, agent, other, second):
        party.finish()
    server.wait_figure("ccserver_contacts_handled_total", 2, queue="support")
    sue.wait(lambda: sue.has["contacts"] == {}, "the end of the call to be seen")
    assert len(processes(server, "core")) == len(processes(server, "media")) == 1


def test_the_body_of_an_answer_does_not_wait_until_its_head_is_acknowledged():
    """Nagle's algorithm would make it: 40 ms, for half of all commands."""

    async def accepted() -> int:
        at_once: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def arrived(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            connection = writer.get_extra_info("socket")
            at_once.set_result(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        with listen(LOOPBACK, 0) as listener:
            place = listener.getsockname()
            server = await asyncio.start_server(arrived, sock=listener)
            async with server:
                _, client = await asyncio.open_connection(*place)
                try:
                    return await asyncio.wait_for(at_once, 5)
                finally:
                    client.close()

    assert asyncio.run(accepted()) == 1
