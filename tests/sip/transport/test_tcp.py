"""Streams of peers who are slow, wrong, many, or gone (P04, P05, T10)."""

from __future__ import annotations

from contextlib import aclosing, asynccontextmanager, suppress

import pytest
import trio
from trio.testing import memory_stream_pair, wait_all_tasks_blocked

from sip.message import parse
from sip.transport.framing import HEAD_LIMIT
from sip.transport.path import Path
from sip.transport.tcp import BACKLOG_BYTES, HEADER_PATIENCE, PER_HOST, TcpTransport
from tests.support.builders import make_request
from tests.support.datagrams import PATIENCE

REGISTER = b"REGISTER sip:x SIP/2.0\r\nContent-Length: 0\r\n\r\n"
INFO = make_request("INFO", to_tag="t").encode()
REMOTE = ("192.0.2.1", 5060)


class Ends:
    """What a transport told: the paths of messages, and of connections that closed."""

    def __init__(self, transport: TcpTransport) -> None:
        self.messages: list[bytes] = []
        self.unsent: list[tuple[Path, bytes]] = []
        self._heard, self._arrivals = trio.open_memory_channel[Path](2000)
        self._closed, self._ends = trio.open_memory_channel[Path](2000)
        transport.closed = self._closed.send_nowait

    def receive(self, data: bytes, path: Path) -> None:
        self.messages.append(data)
        self._heard.send_nowait(path)

    def failed(self, path: Path, data: bytes) -> None:
        self.unsent.append((path, data))

    async def message(self) -> Path:
        with trio.fail_after(PATIENCE):
            return await self._arrivals.receive()

    async def end(self) -> Path:
        with trio.fail_after(PATIENCE):
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


# --- streams that cannot be cut -------------------------------------------------------------------


@asynccontextmanager
async def running(host: str = "127.0.0.1"):
    """A transport at work, and what it tells."""
    transport = TcpTransport(1, host, 0)
    ends = Ends(transport)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(transport.run, ends.receive, ends.failed)
        await wait_all_tasks_blocked()
        yield transport, ends
        nursery.cancel_scope.cancel()


async def all_from(stream: trio.abc.ReceiveStream) -> bytes:
    with trio.fail_after(PATIENCE):
        return b"".join([chunk async for chunk in stream])


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
@pytest.mark.parametrize(
    "lengths",
    [
        ["-1"],
        ["+5"],
        [f"{2**31}"],
        [f"{10**18}"],
        ["1", "2"],
        [],
    ],
    ids=str,
)
async def test_a_message_without_a_clear_length_is_answered_and_the_stream_closed_p04(
    host, lengths
) -> None:
    fields = b"".join(b"Content-Length: %s\r\n" % length.encode() for length in lengths)
    data = INFO.replace(b"Content-Length: 0\r\n", fields)
    async with running(host) as (transport, ends):
        async with aclosing(await trio.open_tcp_stream(*transport.local)) as stream:
            await stream.send_all(data + INFO)
            answer = parse(await all_from(stream))
            assert answer.status == 400
            assert answer.via.branch == make_request("INFO").branch
            await stream.send_eof()
        await ends.end()
        assert ends.messages == []


async def test_endless_headers_are_answered_with_513_while_they_still_come_p05() -> None:
    head = INFO.removesuffix(b"\r\n")
    async with running() as (transport, ends):
        async with (
            aclosing(await trio.open_tcp_stream(*transport.local)) as stream,
            trio.open_nursery() as nursery,
        ):
            nursery.start_soon(stream.send_all, head + b"X: " + b"y" * 1_000_000)
            answer = parse(await all_from(stream))
            assert answer.status == 513
        await ends.end()


async def test_endless_headers_of_nobody_end_the_stream_without_a_word_p05() -> None:
    async with running() as (transport, ends):
        async with aclosing(await trio.open_tcp_stream(*transport.local)) as stream:
            await stream.send_all(b"INFO sip:x SIP/2.0\r\n" + b"X: y\r\n" * (HEAD_LIMIT // 6))
            assert await all_from(stream) == b""
        await ends.end()


# --- streams in pieces ----------------------------------------------------------------------------


@asynccontextmanager
async def talking():
    """A connection over a stream in memory: for virtual time."""
    async with running() as (transport, ends), trio.open_nursery() as nursery:
        ours, theirs = memory_stream_pair()
        connection = transport._remember(REMOTE, ours)
        nursery.start_soon(transport._serve, connection)
        yield theirs, ends, transport, connection.path
        nursery.cancel_scope.cancel()


async def test_a_thousand_messages_in_one_piece_t10(autojump_clock) -> None:
    async with talking() as (stream, ends, _, path):
        await stream.send_all(INFO * 1000)
        paths = [await ends.message() for _ in range(1000)]
        assert ends.messages == [INFO] * 1000
        assert set(paths) == {path}


async def test_a_message_may_take_ten_seconds_and_no_longer_t10(autojump_clock) -> None:
    async with talking() as (stream, ends, _, path):
        for byte in INFO[: round(HEADER_PATIENCE) - 1]:
            await stream.send_all(bytes([byte]))
            await trio.sleep(1)
        await stream.send_all(INFO[round(HEADER_PATIENCE) - 1 :])
        await ends.message()
        assert ends.messages == [INFO]

        await trio.sleep(3600)  # between messages it may be silent
        assert ends.is_silent()
        begun = trio.current_time()
        for byte in INFO:
            if not ends.is_silent():
                break
            await stream.send_all(bytes([byte]))
            await trio.sleep(1)
        assert await ends.end() == path
        assert ends.messages == [INFO]
        assert trio.current_time() - begun >= HEADER_PATIENCE


async def test_half_a_message_is_none_t10(autojump_clock) -> None:
    async with talking() as (stream, ends, _, path):
        await stream.send_all(INFO + INFO[:-10])
        await stream.aclose()
        assert await ends.end() == path
        assert ends.messages == [INFO]


async def test_a_keep_alive_is_answered_rfc_5626(autojump_clock) -> None:
    async with talking() as (stream, ends, _, _):
        await stream.send_all(b"\r\n\r\n")
        assert await stream.receive_some() == b"\r\n"
        assert ends.messages == []


# --- sending --------------------------------------------------------------------------------------


async def test_a_peer_that_does_not_read_is_cut_off(autojump_clock) -> None:
    chunk = b"x" * 65536
    async with running() as (transport, ends):
        stream = await trio.open_tcp_stream(*transport.local)
        await stream.send_all(REGISTER)
        path = await ends.message()
        for _ in range(BACKLOG_BYTES // len(chunk)):
            transport.send(chunk, path)
        assert ends.unsent == []
        transport.send(chunk, path)
        assert ends.unsent == [], "whoever sends is not interrupted"
        assert await ends.end() == path
        assert ends.unsent[0] == (path, chunk)
        await stream.aclose()


async def test_what_has_no_connection_opens_one_and_is_answered_by_it() -> None:
    async with running() as (transport, ends), running() as (peer, heard):
        path = transport.path_to(*peer.local)
        transport.send(INFO, path)
        transport.send(REGISTER, path)
        back = await heard.message()
        await heard.message()
        assert heard.messages == [INFO, REGISTER]
        peer.send(b"SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n", back)
        assert (await ends.message()).remote == peer.local
        assert len(ends.messages) == 1


async def test_after_a_connection_has_closed_its_address_is_tried_and_may_refuse() -> None:
    async with running() as (transport, ends):
        stream = await trio.open_tcp_stream(*transport.local)
        await stream.send_all(REGISTER)
        path = await ends.message()
        await stream.aclose()
        await ends.end()
        transport.send(INFO, path)
        with trio.fail_after(PATIENCE):
            while not ends.unsent:
                await trio.lowlevel.checkpoint()
        ((lost, data),) = ends.unsent
        assert (lost.remote, data) == (path.remote, INFO)


async def test_one_host_may_not_take_all_connections_t11() -> None:
    async with running() as (transport, ends):
        streams = [await trio.open_tcp_stream(*transport.local) for _ in range(PER_HOST)]
        for stream in streams:
            await stream.send_all(REGISTER)
            await ends.message()
        one_more = await trio.open_tcp_stream(*transport.local)
        with trio.fail_after(PATIENCE):
            with suppress(trio.BrokenResourceError):  # reset: it was never served
                assert await one_more.receive_some() == b""
        await streams.pop().aclose()
        await ends.end()
        again = await trio.open_tcp_stream(*transport.local)
        await again.send_all(REGISTER)
        await ends.message()
        for stream in [*streams, one_more, again]:
            await stream.aclose()
