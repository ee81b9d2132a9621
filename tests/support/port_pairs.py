"""Port pairs whose sockets are in memory: a network of datagrams to ports, and a poller that says
what an engine would be woken for."""

from __future__ import annotations

import select
from random import Random
from typing import Any

from ccserver.media.pairs import PortPairs
from ccserver.media.ports import PortPool
from ccserver.media.sockets import Pair, Place

FOUR = Place("127.0.0.1", "192.0.2.1")
SIX = Place("::1", "2001:db8::1")


class _Socket:
    def __init__(self, desk: PairsInMemory, descriptor: int) -> None:
        self._desk = desk
        self._descriptor = descriptor
        self.waiting = 0

    def fileno(self) -> int:
        return self._descriptor

    def recv(self, size: int) -> bytes:
        if not self.waiting:
            raise BlockingIOError
        self.waiting -= 1
        return b"x" * size

    def close(self) -> None:
        del self._desk.sockets[self._descriptor]


class PairsInMemory:
    """`pairs`, over the ports from `first` to `last`."""

    def __init__(
        self,
        first: int,
        last: int,
        *,
        places: tuple[Place, ...] = (FOUR,),
        most_idle: int = 100,
        most_open: int = 10_000,
        random: Random | None = None,
    ) -> None:
        self.opened = 0
        self.sockets: dict[int, _Socket] = {}
        self.watched: set[int] = set()
        self.pool = PortPool(first, last, random=random)
        poller: Any = self
        self.pairs = PortPairs(
            places,
            self.pool,
            poller,
            most_idle=most_idle,
            most_open=most_open,
            random=random,
            bind=self._bind,
        )

    def arrives(self, pair: Pair, *, report: bool = False) -> None:
        """A datagram at one of its ports; the engine, if it is woken, finds out whose it is."""
        found = pair.rtcp if report else pair.rtp
        sock = self.sockets[found.descriptor]
        sock.waiting += 1
        if found.descriptor in self.watched:
            if found.session is None:
                self.pairs.unwatch(found)
            else:
                sock.waiting -= 1

    def unread(self, pair: Pair) -> int:
        return sum(self.sockets[found.descriptor].waiting for found in pair.both)

    # --- the poller ---------------------------------------------------------------------------

    def register(self, descriptor: int, mask: int) -> None:
        assert descriptor in self.sockets
        self.modify(descriptor, mask)

    def modify(self, descriptor: int, mask: int) -> None:
        (self.watched.add if mask & select.EPOLLIN else self.watched.discard)(descriptor)

    def unregister(self, descriptor: int) -> None:
        self.watched.discard(descriptor)

    def _bind(self, place: Place, port: int) -> Pair:
        self.opened += 1
        rtp, rtcp = (self._socket(2 * self.opened + which) for which in (0, 1))
        return Pair(place, port, rtp, rtcp)

    def _socket(self, descriptor: int) -> Any:
        sock = self.sockets[descriptor] = _Socket(self, descriptor)
        return sock
