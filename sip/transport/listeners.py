"""All the places where we listen, and the choice of one to send from."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from typing import Protocol

import trio

from sip.transport.entry import ListenError, parse_listen
from sip.transport.path import Path
from sip.transport.tcp import Closed, TcpTransport
from sip.transport.udp import Failed, Receive, UdpTransport

WILDCARDS = ("0.0.0.0", "::")


class Transport(Protocol):
    """What carries messages: a real socket, or the network of the tests."""

    kind: str
    local: tuple[str, int]

    def path_to(self, host: str, port: int) -> Path: ...

    def send(self, data: bytes, path: Path) -> None: ...

    async def run(self, receive: Receive, failed: Failed) -> None: ...


def open_listeners(entries: Sequence[str]) -> list[Transport]:
    """Raises ListenError naming the first entry that cannot be opened."""
    opened: list[Transport] = []
    for index, entry in enumerate(entries):
        kind, host, port = parse_listen(entry)
        make = UdpTransport if kind == "udp" else TcpTransport
        try:
            opened.append(make(index, host, port))
        except OSError as error:
            raise ListenError(f"cannot listen on {entry}: {error.strerror or error}") from error
    return opened


class Listeners:
    """Sends on the listener a path names; knows what address a peer should see."""

    def __init__(
        self,
        transports: Sequence[Transport],
        route: Callable[[str], str] | None = None,
        sent: Callable[[bytes, tuple[str, int]], object] = lambda data, remote: None,
    ) -> None:
        """``route``: our address on the way to a host; ``sent`` is shown whatever has been sent."""
        self._transports = list(transports)
        self._find_route = route or route_to
        self._sent = sent
        self._routed: dict[str, str] = {}
        self._vias: dict[int, str] = {}

    @property
    def transports(self) -> list[Transport]:
        return list(self._transports)

    def has(self, path: Path) -> bool:
        """Whether its listener, of its kind, is one of ours: it may be of an earlier run."""
        known = path.listener < len(self._transports)
        return known and self._transports[path.listener].kind == path.transport

    def send(self, data: bytes, path: Path) -> None:
        self._transports[path.listener].send(data, path)
        self._sent(data, path.remote)

    def path_to(self, host: str, port: int, kind: str = "udp") -> Path | None:
        """The way to an address: the first listener of its transport and family; None: no way."""
        ipv6 = ":" in host
        for transport in self._transports:
            if transport.kind == kind and (":" in transport.local[0]) == ipv6:
                return transport.path_to(host, port)
        return None

    def local_address(self, path: Path) -> tuple[str, int]:
        """Our host and port as the peer of this path should see them (Via, Contact)."""
        host, port = self._transports[path.listener].local
        if host in WILDCARDS:
            host = self._route(path.remote[0])
        return host, port

    def via(self, path: Path) -> str:
        """How a Via begins that goes by this path: transport and ``local_address``."""
        known = self._vias.get(path.listener)
        if known is None:
            host, port = self.local_address(path)
            host = f"[{host}]" if ":" in host else host
            known = f"SIP/2.0/{path.transport.upper()} {host}:{port}"
            if self._transports[path.listener].local[0] not in WILDCARDS:
                self._vias[path.listener] = known
        return known

    def hosts(self) -> set[str]:
        """Addresses at which we listen, wildcards left out; IPv6 without brackets."""
        return {transport.local[0] for transport in self._transports} - set(WILDCARDS)

    def _route(self, remote: str) -> str:
        known = self._routed.get(remote)
        if known is None:
            known = self._find_route(remote)
            if len(self._routed) >= 10_000:
                self._routed.clear()
            self._routed[remote] = known
        return known

    def watch_connections(self, closed: Closed) -> None:
        """Let ``closed`` hear of every connection that ends."""
        for transport in self._transports:
            if isinstance(transport, TcpTransport):
                transport.closed = closed

    def watch_bursts(self, begins: Callable[[], None], ends: Callable[[], None]) -> None:
        """Let these hear of each burst of datagrams that is received in one go."""
        for transport in self._transports:
            if isinstance(transport, UdpTransport):
                transport.begins, transport.ends = begins, ends

    async def run(self, receive: Receive, failed: Failed) -> None:
        async with trio.open_nursery() as nursery:
            for transport in self._transports:
                nursery.start_soon(transport.run, receive, failed)


def route_to(remote: str) -> str:
    """Our address on the way to a host, by the system's routing table."""
    family = socket.AF_INET6 if ":" in remote else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((remote, 9))  # sends nothing: asks the routing table
            return str(probe.getsockname()[0])
        except OSError:
            return "::1" if family == socket.AF_INET6 else "127.0.0.1"
