"""The UDP transport when the system is against it (T15): full buffers, ICMP, a lost socket."""

from __future__ import annotations

import errno
import socket

import pytest
import trio
import trio.lowlevel

from sip.transport import udp
from sip.transport.path import Path
from sip.transport.udp import BACKLOG, UdpTransport
from tests.support.datagrams import PATIENCE, deliver

FAMILIES = [("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)]


class Unwilling:
    """A socket that fails as told, and then lets the real one do it."""

    def __init__(self, real: socket.socket, *errors: OSError) -> None:
        self._real, self.errors = real, list(errors)
        self.taken_by: OSError | None = None

    def __getattr__(self, name: str) -> object:
        return getattr(self._real, name)

    def recvfrom(self, size: int) -> tuple[bytes, object]:
        if self.taken_by is not None:
            raise self.taken_by
        return self._real.recvfrom(size)

    def sendto(self, data: bytes, remote: tuple[str, int]) -> int:
        if self.errors:
            raise self.errors.pop(0)
        return self._real.sendto(data, remote)


class Heard:
    """What a transport has received, in order."""

    def __init__(self) -> None:
        self.messages: list[tuple[bytes, Path]] = []
        self._send, self._receive = trio.open_memory_channel[bytes](100)

    def __call__(self, data: bytes, path: Path) -> None:
        self.messages.append((data, path))
        self._send.send_nowait(data)

    async def next(self) -> bytes:
        with trio.fail_after(PATIENCE):
            return await self._receive.receive()


@pytest.fixture(params=FAMILIES, ids=["IPv4", "IPv6"])
def transport(request) -> UdpTransport:
    return UdpTransport(3, request.param[0], 0)


def peer_of(transport: UdpTransport) -> socket.socket:
    family = socket.AF_INET6 if ":" in transport.local[0] else socket.AF_INET
    peer = socket.socket(family, socket.SOCK_DGRAM)
    peer.bind((transport.local[0], 0))
    peer.settimeout(PATIENCE)
    return peer


def failed(path: Path, data: bytes) -> None:
    raise AssertionError("UDP never knows")


async def test_datagrams_come_in_with_the_way_back_and_go_out_by_it(transport) -> None:
    heard = Heard()
    with peer_of(transport) as peer:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(transport.run, heard, failed)
            peer.sendto(b"one", transport.local)
            assert await heard.next() == b"one"
            _, path = heard.messages[0]
            assert path == Path("udp", 3, peer.getsockname()[:2])
            transport.send(b"two", path)
            assert peer.recv(100) == b"two"
            nursery.cancel_scope.cancel()


async def test_datagrams_that_wait_come_in_one_burst(transport) -> None:
    told: list[str] = []
    transport.begins, transport.ends = lambda: told.append("begins"), lambda: told.append("ends")
    with peer_of(transport) as peer:
        deliver(peer, transport.local, b"one", b"two", b"three")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(transport.run, lambda data, path: told.append(data.decode()), failed)
            with trio.fail_after(PATIENCE):
                while "ends" not in told:
                    await trio.lowlevel.checkpoint()
            nursery.cancel_scope.cancel()
    assert told == ["begins", "one", "two", "three", "ends"]


async def test_a_burst_that_takes_long_ends_before_all_have_been_received(
    transport, monkeypatch
) -> None:
    seconds = 0.0
    monkeypatch.setattr(udp, "monotonic", lambda: seconds)
    bursts: list[list[bytes]] = []
    done = trio.Event()

    def receive(data: bytes, path: Path) -> None:
        nonlocal seconds
        seconds += 0.4 * udp.BATCH_SECONDS
        bursts[-1].append(data)
        if sum(map(len, bursts)) == 7:
            done.set()

    transport.begins = lambda: bursts.append([])
    with peer_of(transport) as peer:
        deliver(peer, transport.local, *(b"%d" % number for number in range(7)))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(transport.run, receive, failed)
            with trio.fail_after(PATIENCE):
                await done.wait()
            nursery.cancel_scope.cancel()
    assert bursts == [[b"0", b"1", b"2"], [b"3", b"4", b"5"], [b"6"]]


@pytest.mark.parametrize("error", [BlockingIOError(), InterruptedError()])
async def test_what_does_not_go_now_goes_in_its_order_when_there_is_room(transport, error) -> None:
    transport._socket = Unwilling(transport._socket, error)
    with peer_of(transport) as peer:
        path = transport.path_to(*peer.getsockname()[:2])
        async with trio.open_nursery() as nursery:
            nursery.start_soon(transport.run, Heard(), failed)
            transport.send(b"first", path)
            transport.send(b"second", path)
            assert await trio.to_thread.run_sync(peer.recv, 100) == b"first"
            assert await trio.to_thread.run_sync(peer.recv, 100) == b"second"
            nursery.cancel_scope.cancel()
    assert transport.lost == 0


@pytest.mark.parametrize("code", [errno.ENOBUFS, errno.ENETUNREACH, errno.EPERM])
async def test_what_the_system_refuses_is_lost_and_counted(transport, code) -> None:
    """A timer sends it again."""
    transport._socket = Unwilling(transport._socket, OSError(code, "no"))
    with peer_of(transport) as peer:
        path = transport.path_to(*peer.getsockname()[:2])
        transport.send(b"lost", path)
        transport.send(b"sent", path)
        assert peer.recv(100) == b"sent"
    assert transport.lost == 1
    transport._socket.close()


async def test_a_backlog_is_bounded(transport) -> None:
    blocked = [BlockingIOError() for _ in range(2)]
    transport._socket = Unwilling(transport._socket, *blocked)
    path = transport.path_to(transport.local[0], 9)
    for number in range(BACKLOG + 10):
        transport.send(b"%d" % number, path)
    assert transport.lost == 10
    transport._socket.close()


async def test_an_icmp_error_does_not_stop_the_receiving(transport) -> None:
    heard = Heard()
    with peer_of(transport) as gone:
        nowhere = gone.getsockname()[:2]
    with peer_of(transport) as peer:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(transport.run, heard, failed)
            for _ in range(3):
                transport.send(b"to nobody", transport.path_to(*nowhere))
            peer.sendto(b"still here", transport.local)
            assert await heard.next() == b"still here"
            nursery.cancel_scope.cancel()


@pytest.mark.parametrize("code", [errno.ENETDOWN, errno.EBADF, errno.ENOTCONN])
async def test_a_socket_that_the_system_took_is_opened_again_at_its_place(transport, code) -> None:
    heard = Heard()
    place = transport.local
    transport._socket = taken = Unwilling(transport._socket)
    taken.taken_by = OSError(code, "taken")
    with peer_of(transport) as peer:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(transport.run, heard, failed)
            peer.sendto(b"lost with the socket", place)
            with trio.fail_after(PATIENCE):
                while transport._socket is taken:
                    await trio.lowlevel.checkpoint()
            peer.sendto(b"after", place)
            assert await heard.next() == b"after"
            nursery.cancel_scope.cancel()
    assert transport.local == place
    assert taken.fileno() < 0
