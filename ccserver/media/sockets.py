"""Sockets in pairs of ports at one of our addresses: the even one for RTP, the next for RTCP.

A process listens at one address of each family, and says in SDP what phones should send to: as a
rule the same address, another one where it listens at a wildcard or behind a NAT.
"""

from __future__ import annotations

import ipaddress
import socket
from contextlib import suppress
from functools import lru_cache

from msgspec import Struct

from ccserver.media.address_rules import Address
from ccserver.media.session import Session

_RECEIVE_BUFFER = 65_536
"""Bytes."""
_MOST_TO_DRAIN = 1024
"""Datagrams: more than the buffer holds; who sends faster than they are read is read later."""
_EXPEDITED = 46 << 2
"""DSCP EF (RFC 3246)."""


class Place(Struct, frozen=True):
    """Literal addresses of one family."""

    listen: str
    """Where RTP is awaited; may be a wildcard."""
    advertise: str
    """What is put into SDP."""

    @property
    def ipv6(self) -> bool:
        return ":" in self.listen


class PortSocket:
    """A bound socket that does not block, and whose packets come there."""

    __slots__ = (
        "connected_to",
        "descriptor",
        "ipv6",
        "is_ear",
        "peer",
        "reports",
        "session",
        "sock",
        "watched",
    )

    def __init__(self, sock: socket.socket, *, ipv6: bool, reports: bool) -> None:
        self.sock = sock
        self.descriptor = sock.fileno()
        self.ipv6 = ipv6
        self.reports = reports
        """It is of RTCP."""
        self.is_ear = not reports
        """Its session's phone is heard here, and not at another socket of the port."""
        self.peer: Address | None = None
        """The only one whose packets are here; None: each must be asked where it came from."""
        self.connected_to: Address | None = None
        """Whose packets come here, and no others since it was connected."""
        self.session: Session | None = None
        """None: it is nobody's now."""
        self.watched = True
        """The poller looks at it."""

    def drain(self) -> None:
        """Let go what has come so far, as if the socket were new."""
        with suppress(OSError):
            for _ in range(_MOST_TO_DRAIN):
                self.sock.recv(1)


class Pair:
    """Two bound sockets."""

    __slots__ = ("place", "port", "rests", "rtcp", "rtp")

    def __init__(self, place: Place, port: int, rtp: socket.socket, rtcp: socket.socket) -> None:
        self.place = place
        self.port = port
        """The even one."""
        self.rtp = PortSocket(rtp, ipv6=place.ipv6, reports=False)
        self.rtcp = PortSocket(rtcp, ipv6=place.ipv6, reports=True)
        self.rests = 0
        """How often it has rested since its last session ended."""

    @property
    def both(self) -> tuple[PortSocket, PortSocket]:
        return self.rtp, self.rtcp


def bind_pair(place: Place, port: int) -> Pair:
    """Raises OSError; then neither is bound."""
    rtp = _bind(place, port)
    try:
        return Pair(place, port, rtp, _bind(place, port + 1))
    except BaseException:
        rtp.close()
        raise


def connected(wide: PortSocket, peer: Address) -> PortSocket:
    """Another socket at the same port, to which the system gives what comes from `peer`, and that
    alone; all else comes to `wide` as before.  Raises OSError.

    What comes between its being bound and connected may be anybody's, so it has no `peer` yet.
    It is no ear yet, either.
    """
    address = wide.sock.getsockname()[:2]
    sock = socket.socket(socket.AF_INET6 if wide.ipv6 else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        _prepare(sock, ipv6=wide.ipv6)
        # For a moment two may have the port, and nobody else of another program.
        for each in (wide.sock, sock):
            each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(address)
        finally:
            for each in (wide.sock, sock):
                each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
        sock.connect(peer)
    except BaseException:
        sock.close()
        raise
    found = PortSocket(sock, ipv6=wide.ipv6, reports=False)
    found.is_ear = False
    found.connected_to = peer
    return found


@lru_cache(4096)
def is_reachable(address: str, *, ipv6: bool) -> bool:
    """Whether a socket of this family can send there, without asking a resolver.

    The unspecified address of either family will do: it stands for nowhere (RFC 3264 §8.4).
    """
    try:
        literal = ipaddress.ip_address(address)
    except ValueError:
        return False
    return literal.is_unspecified or literal.version == (6 if ipv6 else 4)


def _bind(place: Place, port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if place.ipv6 else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        _prepare(sock, ipv6=place.ipv6)
        sock.bind((place.listen, port))
    except BaseException:
        sock.close()
        raise
    return sock


def _prepare(sock: socket.socket, *, ipv6: bool) -> None:
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
    if ipv6:
        # The wildcard of IPv6 leaves that of IPv4 to us.
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    with suppress(OSError):
        if ipv6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, _EXPEDITED)
        else:
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, _EXPEDITED)
