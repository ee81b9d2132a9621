from __future__ import annotations

import socket
import time

import pytest
import trio

from loadtest import stamped
from loadtest.stamped import StampedUdp
from sip.transport.path import Path
from sip.transport.udp import UdpTransport

HOUR = 3600.0


async def test_a_datagram_that_is_read_late_came_when_it_came(monkeypatch: pytest.MonkeyPatch):
    """An hour late, by the clock on the wall."""
    monkeypatch.setattr(stamped, "time", lambda: time.time() + HOUR)
    transport, read = StampedUdp(0, "127.0.0.1", 0), trio.Event()

    def receive(data: bytes, path: Path) -> None:
        assert (data, path) == (b"one", Path("udp", 0, peer.getsockname()))
        read.set()

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        peer.sendto(b"one", transport.local)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(transport.run, receive, lambda path, data: None)
            with trio.fail_after(30):
                await read.wait()
            nursery.cancel_scope.cancel()

    assert transport.came_at < trio.current_time() - HOUR / 2


async def test_where_nothing_is_stamped_it_came_when_it_was_read(autojump_clock):
    transport = StampedUdp(0, "127.0.0.1", 0)
    with transport._socket, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        transport._socket.setsockopt(socket.SOL_SOCKET, stamped._OPTION, 0)
        peer.sendto(b"one", transport.local)
        await trio.sleep(5)

        assert transport._reader()(100)[0] == b"one"
        assert transport.came_at == trio.current_time()


async def test_a_datagram_goes_when_it_is_handed_over(
    autojump_clock, monkeypatch: pytest.MonkeyPatch
):
    """The server may have it, and we lose the core to it, before the call that sends it returns."""
    seen = []
    monkeypatch.setattr(UdpTransport, "send", lambda self, data, path: seen.append(self.sent_at))
    transport = StampedUdp(0, "127.0.0.1", 0)
    with transport._socket:
        await trio.sleep(5)

        transport.send(b"one", Path("udp", 0, transport.local))

    assert seen == [trio.current_time()]
