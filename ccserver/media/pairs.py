"""Pairs of ports for sessions that come and go: opened seldom, for they are used again.

A pair whose session has ended keeps its sockets.  It rests, watched, so that what the old call
still sends is noticed: a pair to which something came rests once more, and one at which something
comes even then is closed.  Who sends to that is told so by the system, and its port rests anew.
So is a rested pair that something comes to.  Only pairs at which nothing came are used again; and
whatever comes is heard only from the address that was signalled (`address_rules`).
"""

from __future__ import annotations

import select
from collections import deque
from collections.abc import Callable, Sequence
from random import Random

from ccserver.media.address_rules import Address
from ccserver.media.ports import REST, PortPool, PortsExhausted
from ccserver.media.session import Session
from ccserver.media.sockets import Pair, Place, PortSocket, bind_pair, connected

CHOICE = 64
"""Pairs out of which one is used again; with fewer a new one is opened, so that a port that was
somebody's a while ago can hardly be foretold to be the next one's."""
_ATTEMPTS = 8
"""Ports tried for one session, where another program sits on some of them."""
_MOVED_AT_ONCE = 64
_CLOSED_AT_ONCE = 4
"""Pairs at a tick: RTP waits meanwhile."""


class NoSuchFamily(Exception):
    """We listen at no address of this family."""


class PortPairs:
    """`places` hold at most one of a family; ports come from `pool`.  `poller` watches all that is
    open.  Of each place at most `most_idle` pairs that have rested stay open; while more than
    `most_open` sockets are, what ends is closed, and its port rests without them.  Without `random`
    pairs are used in turn.
    """

    def __init__(
        self,
        places: Sequence[Place],
        pool: PortPool,
        poller: select.epoll,
        *,
        most_idle: int,
        most_open: int,
        random: Random | None = None,
        bind: Callable[[Place, int], Pair] = bind_pair,
    ) -> None:
        self.sockets: dict[int, PortSocket] = {}
        """Open, by descriptor."""
        self._places = {place.ipv6: place for place in places}
        self._pool = pool
        self._poller = poller
        self._most_idle, self._most_open = most_idle, most_open
        self._random = random
        self._bind = bind
        self._resting: deque[tuple[float, Pair]] = deque()
        self._idle: dict[Place, list[Pair]] = {place: [] for place in places}

    def take(self, *, ipv6: bool, now: float) -> Pair:
        """For a session to come.  Raises NoSuchFamily, and PortsExhausted."""
        place = self._places.get(ipv6)
        if place is None:
            raise NoSuchFamily
        if len(self._idle[place]) > CHOICE:
            pair = self._again(place, now)
            if pair is not None:
                return pair
        try:
            return self._open(place, now)
        except PortsExhausted:
            pair = self._again(place, now)
            if pair is not None:
                return pair
            if not self._make_room():
                raise
            return self._open(place, now)

    def begin(self, pair: Pair, session: Session) -> None:
        """What comes from now on is the session's; what came before, nobody's."""
        for found in pair.both:
            if not found.watched:
                found.drain()
                self.watch(found)
            found.session = session

    def end(self, pair: Pair, now: float) -> None:
        """Its session has ended."""
        if len(self.sockets) > self._most_open:
            self.close(pair, now)
            return
        pair.rests = 0
        for found in pair.both:
            found.session = None
            self.watch(found)
        self._let_rest(pair, now)

    def tidy(self, now: float) -> None:
        """At every tick: what has rested may be used again, and what is too much is closed."""
        resting = self._resting
        for _ in range(_MOVED_AT_ONCE):
            if not resting or resting[0][0] > now:
                break
            self._has_rested(resting.popleft()[1], now)
        for idle in self._idle.values():
            for _ in range(min(len(idle) - self._most_idle, _CLOSED_AT_ONCE)):
                self._close_rested(idle.pop(0))

    def close(self, pair: Pair, now: float) -> None:
        """For good; its port rests."""
        self._close_sockets(pair)
        self._pool.give_back(pair.port, now)

    def close_all(self, now: float) -> None:
        """All that are nobody's."""
        for _, pair in self._resting:
            self.close(pair, now)
        self._resting.clear()
        for idle in self._idle.values():
            while idle:
                self.close(idle.pop(), now)

    def watch(self, found: PortSocket) -> None:
        if not found.watched:
            found.watched = True
            self._poller.modify(found.descriptor, select.EPOLLIN)

    def unwatch(self, found: PortSocket) -> None:
        """Also what is done with one that is nobody's, as soon as something comes."""
        if found.watched:
            found.watched = False
            self._poller.modify(found.descriptor, 0)

    def connect(self, pair: Pair, peer: Address) -> PortSocket | None:
        """A socket at the pair's port for the packets of `peer` alone, which cost less there; None
        where the system has none to spare."""
        if len(self.sockets) >= self._most_open:
            return None
        try:
            found = connected(pair.rtp, peer)
        except OSError:
            return None
        found.session = pair.rtp.session
        self.sockets[found.descriptor] = found
        self._poller.register(found.descriptor, select.EPOLLIN)
        return found

    def disconnect(self, found: PortSocket) -> None:
        """What its peer sends comes to the pair's own socket again."""
        found.session = None
        self._close_socket(found)

    # --- how many -----------------------------------------------------------------------------

    @property
    def taken(self) -> int:
        return self._pool.used - len(self._resting) - sum(map(len, self._idle.values()))

    def free(self, now: float) -> int:
        return self._pool.free(now) + sum(map(len, self._idle.values()))

    def resting(self, now: float) -> int:
        return self._pool.resting(now) + len(self._resting)

    # --- opening, resting, closing ------------------------------------------------------------

    def _again(self, place: Place, now: float) -> Pair | None:
        """One that has rested, if there is one to which nothing came since."""
        idle = self._idle[place]
        while idle:
            chosen = 0 if self._random is None else self._random.randrange(len(idle))
            pair = idle.pop(chosen)
            if not _was_sent_to(pair):
                return pair
            self.close(pair, now)
        return None

    def _open(self, place: Place, now: float) -> Pair:
        for _ in range(_ATTEMPTS):
            port = self._pool.take(now)
            try:
                pair = self._bind(place, port)
            except OSError:
                self._pool.give_back(port, now)
                continue
            for found in pair.both:
                self.sockets[found.descriptor] = found
                self._poller.register(found.descriptor, select.EPOLLIN)
            return pair
        raise PortsExhausted

    def _make_room(self) -> bool:
        """A port is needed in one family, and held open in the other."""
        for idle in self._idle.values():
            if idle:
                self._close_rested(idle.pop(0))
                return True
        return False

    def _let_rest(self, pair: Pair, now: float) -> None:
        pair.rests += 1
        self._resting.append((now + REST, pair))

    def _has_rested(self, pair: Pair, now: float) -> None:
        if not _was_sent_to(pair):
            self._idle[pair.place].append(pair)
        elif pair.rests == 1:
            # The last packets of the call that ended, as a rule.
            for found in pair.both:
                if not found.watched:
                    found.drain()
                    self.watch(found)
            self._let_rest(pair, now)
        else:
            self.close(pair, now)

    def _close_rested(self, pair: Pair) -> None:
        self._close_sockets(pair)
        self._pool.give_back_rested(pair.port)

    def _close_sockets(self, pair: Pair) -> None:
        for found in pair.both:
            self._close_socket(found)

    def _close_socket(self, found: PortSocket) -> None:
        del self.sockets[found.descriptor]
        self._poller.unregister(found.descriptor)
        found.sock.close()


def _was_sent_to(pair: Pair) -> bool:
    """Of one that is nobody's."""
    return not (pair.rtp.watched and pair.rtcp.watched)
