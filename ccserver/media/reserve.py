"""Port pairs that are open already, for sessions to come.

The core knows them, and names one as it creates a session: so it need not wait to be told where
the session hears, and a call is answered a process's turn sooner.
"""

from __future__ import annotations

from collections.abc import Sequence

from ccserver.media.pairs import PortPairs
from ccserver.media.ports import PortsExhausted
from ccserver.media.protocol import PortsReady
from ccserver.media.sockets import Pair, Place

AT_ONCE = 16
"""Pairs taken in one go, of each family: one that must be opened costs some 0.1 ms, and RTP waits
meanwhile."""
TOLD_AT_ONCE = 16
"""Pairs of which the core is told in one go, or a quarter of those it wants: each time it wakes."""


class Reserve:
    """Of each of `places` as many pairs as ``wanted`` says; none, until the core wants some.

    `most`: of each; ports that wait here are not free for others.
    """

    def __init__(self, pairs: PortPairs, places: Sequence[Place], most: int) -> None:
        self._pairs = pairs
        self._most = most
        self._wanted = 0
        self._ready: dict[Place, dict[int, Pair]] = {place: {} for place in places}
        self._untold: dict[Place, list[int]] = {place: [] for place in places}

    def want(self, pairs: int) -> list[PortsReady]:
        """So many of each from now on; all that there are already."""
        self._wanted = min(pairs, self._most)
        for untold in self._untold.values():
            untold.clear()
        return [_told(place, list(ready)) for place, ready in self._ready.items() if ready]

    @property
    def is_short(self) -> bool:
        """Whether more than a quarter of what is wanted is missing."""
        fewest = min(map(len, self._ready.values()))
        return self._wanted - fewest > self._wanted // 4

    def fill(self, now: float) -> list[PortsReady]:
        """Take some of what is missing.  What the core should hear of now: new ones when they are
        some, or when there are no more.
        """
        told = []
        enough = min(TOLD_AT_ONCE, self._wanted // 4 + 1)
        for place, ready in self._ready.items():
            count = min(self._wanted - len(ready), AT_ONCE)
            if count > 0:
                new = self._take(place, count, now)
                ready.update(new)
                untold = self._untold[place]
                untold.extend(new)
                if untold and (len(untold) >= enough or len(new) < count):
                    told.append(_told(place, untold.copy()))
                    untold.clear()
        return told

    def take(self, port: int, *, ipv6: bool) -> Pair | None:
        """The pair with this port; None: it is not here."""
        for place, ready in self._ready.items():
            if place.ipv6 == ipv6 and port in ready:
                return ready.pop(port)
        return None

    def close(self, now: float) -> None:
        for ready in self._ready.values():
            while ready:
                self._pairs.close(ready.popitem()[1], now)

    def __len__(self) -> int:
        return sum(map(len, self._ready.values()))

    def _take(self, place: Place, count: int, now: float) -> dict[int, Pair]:
        new: dict[int, Pair] = {}
        try:
            while len(new) < count:
                pair = self._pairs.take(ipv6=place.ipv6, now=now)
                new[pair.port] = pair
        except PortsExhausted:
            pass  # what there is serves; the rest comes as calls end
        return new


def _told(place: Place, ports: list[int]) -> PortsReady:
    return PortsReady(place.ipv6, place.advertise, ports)
