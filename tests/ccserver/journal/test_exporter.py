"""The metrics port answers what it is asked, and nothing can make it harm its server."""

from __future__ import annotations

from functools import partial

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from ccserver.journal.exporter import MOST_CONNECTIONS, Exporter, ListenError, listen
from ccserver.journal.log import Journal
from tests.support.figures import make_metrics


def exporter(**options) -> Exporter:
    return Exporter(make_metrics(Journal.in_memory(lambda: 0.0)).snapshot, **options)


async def ask(server: Exporter, request: bytes, *, close: bool = True) -> bytes:
    ours, theirs = trio.testing.memory_stream_pair()
    answer = b""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.converse, theirs)
        await ours.send_all(request)
        if close:
            await ours.send_eof()
        async for data in ours:
            answer += data
    return answer


async def test_metrics_are_served():
    answer = await ask(exporter(), b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"Content-Type: text/plain; version=" in head
    assert f"Content-Length: {len(body)}".encode() in head
    assert b"\nccserver_agents" in body


async def test_open_metrics_are_served_to_who_accepts_them():
    request = b"GET /metrics?x=1 HTTP/1.1\r\naccept: application/openmetrics-text\r\n\r\n"
    answer = await ask(exporter(), request)
    assert b"Content-Type: application/openmetrics-text" in answer
    assert answer.endswith(b"# EOF\n")


async def test_head_has_no_body():
    answer = await ask(exporter(), b"HEAD /metrics HTTP/1.1\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"\r\n\r\n")


async def test_health_is_what_the_server_says():
    request = b"GET /healthz HTTP/1.1\r\n\r\n"
    assert b" 200 OK" in await ask(exporter(), request)
    assert b" 503 " in await ask(exporter(healthy=lambda: False), request)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", b"404"),
        (b"POST /metrics HTTP/1.1\r\n\r\n", b"405"),
        (b"GET /metrics\r\n\r\n", b"400"),
        (b"GET /metrics SIP/2.0\r\n\r\n", b"400"),
        (b"GET /metrics HTTP/1.1\r\nno colon\r\n\r\n", b"400"),
        (b"GET /metrics HTTP/1.1\r\n", b"400"),
        (b"\x16\x03\x01\x02\x00\x01\x00" * 4, b"400"),
        (b"", b"400"),
        (b"GET /" + b"x" * 9000, b"400"),
    ],
)
async def test_what_is_wrong_is_refused(request_, status):
    assert (await ask(exporter(), request_)).startswith(b"HTTP/1.1 " + status + b" ")


async def test_a_client_that_sends_nothing_is_let_go(autojump_clock):
    started = trio.current_time()
    assert await ask(exporter(), b"GET /metr", close=False) == b""
    assert trio.current_time() - started == pytest.approx(5.0)


async def test_a_client_that_reads_nothing_is_let_go(autojump_clock):
    ours, theirs = trio.testing.lockstep_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(exporter().converse, theirs)
        await ours.send_all(b"GET /healthz HTTP/1.1\r\n\r\n")
    assert trio.current_time() > 0
    await ours.aclose()


async def test_too_many_clients_are_refused(autojump_clock):
    server = exporter()
    async with trio.open_nursery() as nursery:
        for _ in range(MOST_CONNECTIONS):
            nursery.start_soon(partial(ask, server, b"", close=False))
        await trio.testing.wait_all_tasks_blocked()
        answer = await ask(server, b"GET /healthz HTTP/1.1\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 503 ")
        nursery.cancel_scope.cancel()


async def test_a_failure_of_ours_ends_one_connection_and_is_logged(caplog):
    def fails():
        raise RuntimeError("no figures")

    assert await ask(Exporter(fails), b"GET /metrics HTTP/1.1\r\n\r\n") == b""
    assert "no figures" in caplog.text


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_raise(data):
    async def main() -> None:
        answer = await ask(exporter(), data + b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 ")

    trio.run(main)


async def test_a_real_client_is_served_and_a_taken_port_is_named():
    listeners = await listen("127.0.0.1", 0)
    port = listeners[0].socket.getsockname()[1]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(exporter().serve, listeners)
        stream = await trio.open_tcp_stream("127.0.0.1", port)
        await stream.send_all(b"GET /healthz HTTP/1.1\r\n\r\n")
        assert (await stream.receive_some()).startswith(b"HTTP/1.1 200")
        await stream.aclose()
        with pytest.raises(ListenError, match=f"metrics.listen 127.0.0.1:{port}: .*in use"):
            await listen("127.0.0.1", port)
        nursery.cancel_scope.cancel()
