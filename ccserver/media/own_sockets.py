"""Sockets of phones' own: at a session's port, and connected to the phone that is heard there.

There the system need not say of each packet where it came from, nor be told where one goes, nor we
look whose it is.  Strangers come to the other socket of the port.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ccserver.media.pairs import PortPairs
from ccserver.media.session import Line, Session
from ccserver.media.sockets import Pair, PortSocket

_WORTH_IT = 25
"""Packets that were heard: half a second."""
_AT_ONCE = 16
"""Sockets at a tick: one takes 0.1 ms, and RTP waits meanwhile."""
_MOST_WAITING = 32
"""Packets of a socket that are read at one go."""


class Leg:
    """A session and its sockets."""

    __slots__ = ("ear", "pair", "released", "session")

    def __init__(self, session: Session, pair: Pair) -> None:
        self.session = session
        self.pair = pair
        self.ear = pair.rtp
        """Where its phone's packets come: a connected one, or that of the pair."""
        self.released = False


class OwnSockets:
    """`receive` reads a packet of each of these sockets, and returns those that had one; `moved`
    hears that a leg has another ear, and which it had before."""

    def __init__(
        self,
        pairs: PortPairs,
        receive: Callable[[Iterable[int], float], list[int]],
        moved: Callable[[Leg, PortSocket], None],
    ) -> None:
        self._pairs = pairs
        self._receive = receive
        self._moved = moved
        self._new: list[Leg] = []
        """Those that were given one in the last tick."""
        self._left = _AT_ONCE

    @property
    def is_busy(self) -> bool:
        """Whether the next tick is needed."""
        return bool(self._new)

    def tick(self, now: float) -> None:
        """Those of the last tick are trusted from now on."""
        self._left = _AT_ONCE
        if self._new:
            self._new = [leg for leg in self._new if not self._is_settled(leg, now)]

    def look_at(self, leg: Leg, now: float) -> None:
        """Let the phone that is heard have one, if it has none and is worth it."""
        session, pair = leg.session, leg.pair
        source = session.source
        if source == leg.ear.connected_to or not self._left:
            return
        self.take_back(leg)
        if source is None or session.reception.received < _WORTH_IT:
            return
        self._left -= 1
        # What still waits here would come after what is newer, there: it is read first.
        if not self._read_all(pair.rtp, now):
            pair.rtp.drain()
        found = self._pairs.connect(pair, source)
        if found is not None:
            self._hear_at(leg, found)
            self._new.append(leg)

    def take_back(self, leg: Leg) -> None:
        """It is heard at the pair's own socket again."""
        connected = leg.ear
        if connected is not leg.pair.rtp:
            self._hear_at(leg, leg.pair.rtp)
            self._pairs.disconnect(connected)

    def _is_settled(self, leg: Leg, now: float) -> bool:
        """Once nothing is left in a new socket that came before it was connected, it is known whose
        packets it gives.  A tick has passed, so that what was being put there is there.

        Race: it may be another phone that is heard by then, or the end, or there is a flood.
        """
        ear, source = leg.ear, leg.session.source
        if leg.released or ear.connected_to is None or ear.peer is not None:
            return True
        if source != ear.connected_to or not self._read_all(ear, now):
            return False
        ear.peer = ear.connected_to
        leg.session.connect(Line(ear.descriptor, ear.connected_to))
        return True

    def _read_all(self, found: PortSocket, now: float) -> bool:
        """Whether that was all that is there."""
        return any(not self._receive([found.descriptor], now) for _ in range(_MOST_WAITING))

    def _hear_at(self, leg: Leg, ear: PortSocket) -> None:
        leg.session.connect(None)
        before, leg.ear = leg.ear, ear
        before.is_ear = False
        ear.is_ear = True
        self._moved(leg, before)
