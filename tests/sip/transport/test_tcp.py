"""Who hears that a connection has ended."""

from __future__ import annotations

import trio

from sip.transport.path import Path
from sip.transport.tcp import TcpTransport

REGISTER = b"REGISTER sip:x SIP/2.0\r\nContent-Length: 0\r\n\r\n"


class Ends:
    """What a transport told: the paths of messages, and of connections that closed."""

    def __init__(self, transport: TcpTransport) -> None:
        self._heard, self._arrivals = trio.open_memory_channel[Path](10)
        self._closed, self._ends = trio.open_memory_channel[Path](10)
        transport.closed = self._closed.send_nowait

    def receive(self, data: bytes, path: Path) -> None:
        self._heard.send_nowait(path)

    def failed(self, path: Path, data: bytes) -> None:
        raise AssertionError("nothing was sent")

    async def message(self) -> Path:
        with trio.fail_after(5):
            return await self._arrivals.receive()

    async def end(self) -> Path:
        with trio.fail_after(5):
            return await self._ends.receive()

    def is_silent(self) -> bool:
        return self._ends.statistics().current_buffer_used == 0


async def test_a_peer_that_closes_is_told_by_the_path_its_messages_came_by() -> None:
    transport = TcpTransport(1, "127.0.0.1", 0)
    ends = Ends(transport)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(transport.run, ends.receive, ends.failed)
        stream = await trio.open_tcp_stream(*transport.local)
        await stream.send_all(REGISTER)
        path = await ends.message()
        assert ends.is_silent()
        await stream.aclose()
        assert await ends.end() == path
        nursery.cancel_scope.cancel()
    assert ends.is_silent()


async def test_a_peer_that_talks_nonsense_is_cut_off_and_told() -> None:
    transport = TcpTransport(1, "127.0.0.1", 0)
    ends = Ends(transport)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(transport.run, ends.receive, ends.failed)
        stream = await trio.open_tcp_stream(*transport.local)
        await stream.send_all(REGISTER)
        path = await ends.message()
        await stream.send_all(b"nonsense\r\nContent-Length: -1\r\n\r\n")
        assert await ends.end() == path
        await stream.aclose()
        nursery.cancel_scope.cancel()


async def test_when_the_server_ends_no_phone_is_said_to_have_left() -> None:
    transport = TcpTransport(1, "127.0.0.1", 0)
    ends = Ends(transport)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(transport.run, ends.receive, ends.failed)
        stream = await trio.open_tcp_stream(*transport.local)
        await stream.send_all(REGISTER)
        await ends.message()
        nursery.cancel_scope.cancel()
    assert ends.is_silent()
    await stream.aclose()
