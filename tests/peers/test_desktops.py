"""Desktops over real sockets: W01 (who does not read), W02 (who comes back), W09 and W12."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest
import uvicorn
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from actors import events as ev
from actors.reasons import Outcome
from ccserver.web import desktop as desktop_module
from ccserver.web.__main__ import configuration, listen
from tests.peers.programs import LOOPBACK, until
from tests.support.web import V1, Site, arrives, ref, site

BIG = "9" * 1_000_000
"""Somebody's number: a message with a few of them fills every buffer on the way."""


class Served:
    """The web application with a played core, served as the web process serves it."""

    def __init__(self, site: Site, port: int, loop: asyncio.AbstractEventLoop) -> None:
        self.site, self.place = site, f"{LOOPBACK}:{port}"
        self._loop = loop

    def sign_in(self, name: str) -> dict[str, str]:
        """The header of a new session."""
        given = {"name": name, "password": "-".join([name] * 3)}
        answer = httpx2.post(f"http://{self.place}{V1}/session", json=given)
        return {"Authorization": f"Bearer {answer.json()['token']}"}

    def desktop(self, headers: dict[str, str], query: str = "", **more: Any) -> ClientConnection:
        where = f"ws://{self.place}{V1}/events{query}"
        return connect(where, additional_headers=headers, proxy=None, max_size=None, **more)

    def happens(self, *events: ev.AnyEvent) -> None:
        async def apply() -> None:
            self.site.tell(*events)

        asyncio.run_coroutine_threadsafe(apply(), self._loop).result(10)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with site(tmp_path) as found, listen(LOOPBACK, 0) as listener, running(found, listener) as loop:
        yield Served(found, listener.getsockname()[1], loop)


@contextmanager
def running(found: Site, listener: socket.socket) -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    server = uvicorn.Server(configuration(found.settings, found.web))
    thread = threading.Thread(target=lambda: loop.run_until_complete(server.serve([listener])))
    thread.start()
    try:
        yield loop
    finally:
        server.should_exit = True
        thread.join(10)
        loop.close()


def test_a_desktop_that_reads_nothing_is_let_go_and_the_others_see_all(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desktop_module, "PATIENCE", 0.5)
    desktops = served.site.web.desktops
    headers = served.sign_in("sue")
    with closing(deaf_desktop(served, headers)), served.desktop(headers) as reader:
        until(lambda: len(desktops) == 2, 5, "both desktops to be there")

        for number in range(40):
            served.happens(arrives(f"c{number}", BIG))
            assert read(reader, f"c{number}") is not None
            if len(desktops) == 1:
                break
        until(lambda: len(desktops) == 1, 5, "the deaf one to be let go")

        served.happens(ev.ContactEnded(ref("c0"), Outcome.HANDLED))
        assert read(reader, "c0") is None


def read(desktop: ClientConnection, contact: str) -> Any:
    """What the next message about this contact says of it."""
    while True:
        contacts = orjson.loads(desktop.recv(5))["contacts"]
        if contact in contacts:
            return contacts[contact]


def deaf_desktop(served: Served, headers: dict[str, str]) -> socket.socket:
    """It has opened its WebSocket (RFC 6455, 4.1), and reads no more."""
    deaf = socket.socket()
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    host, _, port = served.place.partition(":")
    deaf.connect((host, int(port)))
    lines = [f"GET {V1}/events HTTP/1.1", f"Host: {served.place}", "Upgrade: websocket"]
    lines += ["Connection: Upgrade", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]
    lines += ["Sec-WebSocket-Version: 13", f"Authorization: {headers['Authorization']}"]
    deaf.sendall("\r\n".join([*lines, "\r\n"]).encode())
    assert deaf.recv(12) == b"HTTP/1.1 101"
    return deaf


def test_a_connection_that_breaks_is_taken_up_where_it_ended(served: Served) -> None:
    headers = served.sign_in("sue")
    with served.desktop(headers) as desktop:
        has = orjson.loads(desktop.recv(5))
        served.happens(arrives("c1"), arrives("c2"))
        while "c2" not in has["contacts"]:
            change = orjson.loads(desktop.recv(5))
            has["contacts"] |= change["contacts"]
            has["seq"] = change["seq"]
        desktop.socket.shutdown(socket.SHUT_RDWR)  # not a word of farewell
    until(lambda: len(served.site.web.desktops) == 0, 5, "the broken one to be noticed")

    served.happens(ev.ContactEnded(ref("c1"), Outcome.HANDLED), arrives("c3"))
    with served.desktop(headers, f"?after={has['seq']}") as desktop:
        missed = orjson.loads(desktop.recv(5))

    assert missed["type"] == "change"
    assert missed["contacts"]["c1"] is None
    assert "c2" not in missed["contacts"]
    assert missed["contacts"]["c3"]["dnis"] == "2001"


def test_what_a_desktop_says_commands_nothing(served: Served) -> None:
    """W05: a role that may only look cannot write through the WebSocket."""
    with served.desktop(served.sign_in("eye")) as desktop:
        desktop.recv(5)
        desktop.send('{"op": "agent.set_idle", "args": {"agent": "1001", "code": "lunch"}}')
        served.happens(arrives("c1"))
        assert "c1" in orjson.loads(desktop.recv(5))["contacts"]

    assert served.site.core.asked == []


def test_nothing_is_unpacked_on_a_websocket_and_long_messages_end_it(served: Served) -> None:
    headers = served.sign_in("sue")
    with served.desktop(headers, compression="deflate") as desktop:
        assert desktop.protocol.extensions == []
        desktop.recv(5)
        desktop.send("x" * 5000)
        until(lambda: len(served.site.web.desktops) == 0, 5, "it to be let go")


def test_a_websocket_is_left_within_a_second_of_signing_out(served: Served) -> None:
    """W12; and W02: though the client never answers that it is closed."""
    headers = served.sign_in("sue")
    with closing(deaf_desktop(served, headers)):
        until(lambda: len(served.site.web.desktops) == 1, 5, "it to be there")

        httpx2.delete(f"http://{served.place}{V1}/session", headers=headers)

        until(lambda: len(served.site.web.desktops) == 0, 1, "it to be let go")


def test_who_is_refused_a_websocket_leaves_no_error_in_the_log(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(InvalidStatus) as refused:
        served.desktop({"Authorization": "Bearer nobody"})

    assert refused.value.response.status_code == 401
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
