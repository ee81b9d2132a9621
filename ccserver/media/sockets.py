"""The sockets of a session: a pair of ports at one of our addresses.

A process listens at one address of each family, and says in SDP what phones should send to: as a
rule the same address, another one where it listens at a wildcard or behind a NAT.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache

from msgspec import Struct

from ccserver.media.ports import PortPool, PortsExhausted

_RECEIVE_BUFFER = 65_536
"""Bytes."""
_MOST_TO_DRAIN = 1024
"""Datagrams: more than the buffer holds; who sends faster than they are read is read later."""
_ATTEMPTS = 8
"""Ports tried for one session, where another program sits on some of them."""
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


class Opened(Struct, frozen=True):
    place: Place
    port: int
    """The even one, of RTP; RTCP has the next."""
    rtp: socket.socket
    rtcp: socket.socket

    def drain(self) -> None:
        """Let go what has come so far, as if the sockets were new."""
        for sock in (self.rtp, self.rtcp):
            with suppress(OSError):
                for _ in range(_MOST_TO_DRAIN):
                    sock.recv(1)


class NoSuchFamily(Exception):
    """We listen at no address of this family."""


class PortPairs:
    """Opens and closes pairs of non-blocking sockets; `places` hold at most one of a family."""

    def __init__(self, places: Sequence[Place], pool: PortPool) -> None:
        self._places = {place.ipv6: place for place in places}
        self._pool = pool

    def open(self, *, ipv6: bool, now: float) -> Opened:
        """Raises NoSuchFamily, and PortsExhausted."""
        place = self._places.get(ipv6)
        if place is None:
            raise NoSuchFamily
        for _ in range(_ATTEMPTS):
            port = self._pool.take(now)
            try:
                rtp = _bind(place, port)
            except OSError:
                self._pool.give_back(port, now)
                continue
            try:
                return Opened(place, port, rtp, _bind(place, port + 1))
            except OSError:
                rtp.close()
                self._pool.give_back(port, now)
        raise PortsExhausted

    def close(self, opened: Opened, now: float) -> None:
        opened.rtp.close()
        opened.rtcp.close()
        self._pool.give_back(opened.port, now)


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
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        if place.ipv6:
            # The wildcard of IPv6 leaves that of IPv4 to us.
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        with suppress(OSError):
            if place.ipv6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, _EXPEDITED)
            else:
                sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, _EXPEDITED)
        sock.bind((place.listen, port))
    except BaseException:
        sock.close()
        raise
    return sock
