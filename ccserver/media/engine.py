"""The shell around the sessions: sockets, the clock and one loop.

RTP is relayed the moment it arrives; players and the mixer are served every 20 ms, by deadlines
that do not drift.  Sockets whose packets would only wait for the next tick are read there, all at
once.  One packet is read per socket and turn, and no more than `PACKETS_PER_TICK` per socket and
tick: a flood at one port costs that port its quality and no other one.  A phone that has been heard
for a while is given a socket of its own at the port, connected to it: there the system need not say
of each packet where it came from, nor be told where one goes; strangers come to the other one.
"""

from __future__ import annotations

import select
import time
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import assert_never

from msgspec import Struct

from ccserver.media import protocol
from ccserver.media.control import ControlSocket
from ccserver.media.matrix import Matrix
from ccserver.media.pairs import NoSuchFamily, PortPairs
from ccserver.media.player import Player
from ccserver.media.ports import PortPool, PortsExhausted
from ccserver.media.protocol import (
    Command,
    CreateSession,
    GetStatistics,
    Hear,
    KeepReady,
    ListSessions,
    Play,
    PlayFailed,
    Release,
    SessionCreated,
    SessionRefused,
    SessionReleased,
    Sessions,
    SetRemote,
    Statistics,
    StopPlay,
)
from ccserver.media.reserve import Reserve
from ccserver.media.session import Drop, Session
from ccserver.media.sockets import Pair, Place, PortSocket, is_reachable
from ccserver.media.stream import OutStream
from ccserver.media.wav import BadPrompt, Library

TICK = 0.02
"""Seconds."""
PACKETS_PER_TICK = 32
"""Of one socket; a phone sends one, or a burst after a stall."""
LATENESS_BOUNDS = (0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5)
"""Seconds: upper bounds of the buckets of the tick's lateness."""

_TICKS_TO_CATCH_UP = 5
_ROUND = 50
"""Ticks in which every session is looked after once: a second."""
_EVENTS_PER_TURN = 64
_DATAGRAM = 2048
_UNHURRIED = 10
"""Ticks that news may wait for which nobody waits: each time it wakes the core."""
_ALL_EVERY = 16
"""Ticks."""
_SESSIONS_PER_EVENT = 256
_WORTH_A_SOCKET = 100
"""Packets that were heard: two seconds."""
_CONNECTED_AT_ONCE = 8
"""Sockets at a tick: RTP waits meanwhile."""
_ONE_WAITS_OF = 8
"""Port pairs: a family has this share of them at most in reserve, and as many open beside it."""


class Settings(Struct, frozen=True):
    socket: Path
    places: tuple[Place, ...]
    """At most one of a family."""
    first_port: int
    last_port: int
    prompts: Path
    random_ports: bool = True
    rtp_timeout: float = 20.0
    """Seconds."""
    most_open: int = 10_000
    """Sockets; beyond that none stays open that is nobody's."""


class _Leg:
    """A session and its sockets."""

    __slots__ = ("ear", "pair", "released", "session")

    def __init__(self, session: Session, pair: Pair) -> None:
        self.session = session
        self.pair = pair
        self.ear = pair.rtp
        """Where its phone's packets come: a connected one, or that of the pair."""
        self.released = False


class Engine:
    """`run` returns after `stop`, which a signal handler may call."""

    def __init__(
        self,
        settings: Settings,
        *,
        random: Random,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._random = random
        self._clock = clock
        self._wall = wall
        self.library = Library(settings.prompts)
        pool = PortPool(
            settings.first_port,
            settings.last_port,
            random=random if settings.random_ports else None,
        )
        self._poller = select.epoll()
        most_waiting = pool.size // _ONE_WAITS_OF
        self._pairs = PortPairs(
            settings.places,
            pool,
            self._poller,
            most_idle=most_waiting,
            most_open=settings.most_open,
            random=random if settings.random_ports else None,
        )
        self._reserve = Reserve(self._pairs, settings.places, most_waiting)
        self._control = ControlSocket(settings.socket, self._poller, self._handle)
        self._legs: dict[str, _Leg] = {}
        self._ways: dict[Session, _Leg] = {}
        """By which sockets each session's RTP is sent."""
        self._polled: dict[Session, _Leg] = {}
        """Those whose packets are read at the tick."""
        self._changes_seen = 0
        self._keys_held: dict[str, Session] = {}
        self._rounds: deque[_Leg] = deque()
        self._paused: list[PortSocket] = []
        self._tick = 0
        self._stopping = False
        self._drops: Counter[str] = Counter()
        self._matrix = Matrix(self._send_rtp, self._drops)
        self._packets_in = 0
        self._packets_out = 0
        self._lateness = [0] * (len(LATENESS_BOUNDS) + 1)
        self._lateness_sum = 0.0
        self._lateness_max = 0.0

    def stop(self) -> None:
        self._stopping = True

    def run(self) -> None:
        poll, clock, sockets = self._poller.poll, self._clock, self._pairs.sockets
        deadline = clock() + TICK
        try:
            while not self._stopping:
                ready = poll(max(0.0, deadline - clock()), _EVENTS_PER_TURN)
                now = clock()
                for descriptor, mask in ready:
                    found = sockets.get(descriptor)
                    if found is not None:
                        self._read(found, now)
                    else:
                        self._control.ready(descriptor, mask)
                ticks = now >= deadline
                if ticks:
                    deadline = self._ticks(deadline, now)
                if self._control.pressing or (ticks and self._tick % _UNHURRIED == 0):
                    self._control.flush()
        finally:
            self._close()

    def _close(self) -> None:
        for name in list(self._legs):
            self._release(name)
        self._reserve.close(self._clock())
        self._pairs.close_all(self._clock())
        self._control.flush()
        self._control.close()
        self._poller.close()

    # --- packets ------------------------------------------------------------------------------

    def _read(self, found: PortSocket, now: float) -> None:
        """What the poller has found."""
        session = found.session
        if session is None:
            self._pairs.unwatch(found)
            return
        if not self._receive(found, session, now):
            return
        if found.tick != self._tick:
            found.tick, found.left = self._tick, PACKETS_PER_TICK
        found.left -= 1
        if found.left == 0:
            self._pairs.unwatch(found)
            self._paused.append(found)

    def _receive(self, found: PortSocket, session: Session, now: float) -> bool:
        """Whether there was a packet."""
        source = found.peer
        try:
            if source is None:
                data, source = found.sock.recvfrom(_DATAGRAM)
                if found.ipv6:
                    source = source[:2]
            else:
                data = found.sock.recv(_DATAGRAM)
        except OSError:
            return False  # nothing there after all, or the ICMP error of something we sent
        self._packets_in += 1
        if found.reports:
            session.receive_report(data, source, now)
            return True
        self._matrix.receive(session, data, source, now)
        if session.keypad.held is not None:
            self._keys_held[session.name] = session
        return True

    def _receive_polled(self, now: float) -> None:
        """A packet of each, as there should be; more where the jitter buffer runs short, and all
        of them now and then, for a source may be faster than we are."""
        receive, is_short = self._receive, self._matrix.is_short
        turn = self._tick % _ALL_EVERY
        for index, (session, leg) in enumerate(self._polled.items()):
            found = leg.ear
            there = receive(found, session, now)
            left = PACKETS_PER_TICK
            while there and (index % _ALL_EVERY == turn or is_short(session)) and left > 1:
                left -= 1
                there = receive(found, session, now)

    def _send_rtp(self, session: Session, datagram: bytes) -> None:
        target = session.send_to
        if target is None:
            return
        leg = self._ways[session]
        try:
            if leg.ear.peer == target:
                leg.ear.sock.send(datagram)
            else:
                leg.pair.rtp.sock.sendto(datagram, target)
        except OSError:
            self._drops[Drop.SEND_FAILED] += 1
        else:
            self._packets_out += 1

    # --- time ---------------------------------------------------------------------------------

    def _ticks(self, deadline: float, now: float) -> float:
        """One tick, or those that were missed as well; the next deadline."""
        lateness = now - deadline
        self._lateness[bisect_left(LATENESS_BOUNDS, lateness)] += 1
        self._lateness_sum += lateness
        self._lateness_max = max(self._lateness_max, lateness)
        for _ in range(_TICKS_TO_CATCH_UP):
            self._on_tick(now)
            deadline += TICK
            if deadline > now:
                return deadline
        # The machine stood still: what was to be said in the meantime stays unsaid.
        return now + TICK

    def _on_tick(self, now: float) -> None:
        self._tick += 1
        for paused in self._paused:
            session = paused.session
            if session is None:
                continue
            polled = self._polled.get(session)
            if polled is None or polled.ear is not paused:
                self._pairs.watch(paused)
        self._paused.clear()
        if self._changes_seen != self._matrix.changes:
            self._choose_polled()
        self._receive_polled(now)
        self._matrix.tick(now)
        for session in list(self._keys_held.values()):
            session.expire_key(now)
            if session.keypad.held is None:
                del self._keys_held[session.name]
        self._look_after(-(-len(self._rounds) // _ROUND), now)
        self._pairs.tidy(now)
        if self._control.connected:
            for ready in self._reserve.fill(now):
                self._control.emit(ready)

    def _choose_polled(self) -> None:
        self._changes_seen = self._matrix.changes
        before = self._polled
        self._polled = {
            session: leg
            for session in self._matrix.only_mixed()
            if (leg := self._legs.get(session.name)) is not None and leg.session is session
        }
        for session, leg in self._polled.items():
            if session not in before:
                self._pairs.unwatch(leg.ear)
        for session, leg in before.items():
            if session not in self._polled and not leg.released:
                self._pairs.watch(leg.ear)

    def _look_after(self, count: int, now: float) -> None:
        may_connect = _CONNECTED_AT_ONCE
        for _ in range(count):
            leg = self._rounds.popleft()
            if leg.released:
                continue
            self._rounds.append(leg)
            session = leg.session
            session.check_silence(now)
            if session.source != leg.ear.peer and may_connect:
                may_connect -= self._listen_to(leg, now)
            if now >= session.next_report:
                report, target = session.report(now, self._wall()), session.reports_to
                if report is not None and target is not None:
                    try:
                        leg.pair.rtcp.sock.sendto(report, target)
                    except OSError:
                        self._drops[Drop.SEND_FAILED] += 1
                    else:
                        self._packets_out += 1

    def _listen_to(self, leg: _Leg, now: float) -> bool:
        """Let the phone that is heard have a socket of its own; whether one was opened.

        A second after that nothing is left in it that came before it was connected, and it is
        known whose packets it gives.  Race: it may be another phone that is heard by then.
        """
        session, pair, ear = leg.session, leg.pair, leg.ear
        source = session.source
        if ear is not pair.rtp:
            if ear.peer is None and ear.sock.getpeername()[:2] == source:
                ear.peer = source
                return False
            self._hear_at(leg, pair.rtp)
            self._pairs.disconnect(ear)
        if source is None or session.reception.received < _WORTH_A_SOCKET:
            return False
        # What still waits here would come after what is newer, there: it is read first.
        for _ in range(PACKETS_PER_TICK):
            if not self._receive(pair.rtp, session, now):
                break
        else:
            return False
        connected = self._pairs.connect(pair, source)
        if connected is None:
            return False
        self._hear_at(leg, connected)
        return True

    def _hear_at(self, leg: _Leg, ear: PortSocket) -> None:
        if leg.session in self._polled:
            self._pairs.watch(leg.ear)
            self._pairs.unwatch(ear)
        leg.ear = ear

    # --- commands -----------------------------------------------------------------------------

    def _handle(self, command: Command) -> None:
        now = self._clock()
        match command:
            case CreateSession():
                self._create(command, now)
            case SetRemote():
                self._set_remote(command, now)
            case Play():
                self._play(command)
            case StopPlay(name, token):
                if name in self._legs:
                    self._matrix.stop_playing(self._legs[name].session, token)
            case Hear(name, sources):
                self._hear(name, sources)
            case Release(name):
                if name in self._legs:
                    self._release(name)
                else:
                    # It went with an earlier process; who waits for its end is told.
                    self._control.emit(SessionReleased(name, 0, 0, 0, 0.0))
            case KeepReady(pairs):
                for ready in self._reserve.want(pairs):
                    self._control.emit(ready)
            case ListSessions():
                self._list(now)
            case GetStatistics():
                self._control.emit(self.statistics(now))
                self._lateness_max = 0.0
            case _:
                assert_never(command)

    def _create(self, command: CreateSession, now: float) -> None:
        name = command.session
        pair = self._pair_for(command, now)
        if isinstance(pair, str):
            self._control.emit(SessionRefused(name, pair))
            return
        number = self._random.getrandbits(80)
        out = OutStream(number >> 48, number >> 32 & 0xFFFF, number & 0xFFFFFFFF)
        session = Session(
            name,
            pair.place.advertise,
            pair.port,
            out,
            self._control.emit,
            self._drops,
            silence=self._settings.rtp_timeout,
            now=now,
        )
        leg = self._legs[name] = _Leg(session, pair)
        self._ways[session] = leg
        self._rounds.append(leg)
        self._pairs.begin(pair, session)
        if command.port is None:
            self._control.emit(SessionCreated(name, pair.place.advertise, pair.port))

    def _pair_for(self, command: CreateSession, now: float) -> Pair | str:
        """Or why there is none."""
        if command.session in self._legs:
            return protocol.DUPLICATE
        if command.port is not None:
            return self._reserve.take(command.port, ipv6=command.ipv6) or protocol.NOT_READY
        try:
            return self._pairs.take(ipv6=command.ipv6, now=now)
        except PortsExhausted:
            return protocol.FULL
        except NoSuchFamily:
            return protocol.FAMILY

    def _set_remote(self, command: SetRemote, now: float) -> None:
        leg = self._legs.get(command.session)
        if leg is None:
            self._control.emit(SessionRefused(command.session, protocol.UNKNOWN))
        elif not _reachable(command, ipv6=leg.pair.place.ipv6):
            self._control.emit(SessionRefused(command.session, protocol.UNREACHABLE))
        elif command.codec not in protocol.CODECS:
            self._control.emit(SessionRefused(command.session, protocol.CODEC))
        else:
            self._matrix.set_remote(leg.session, command, now)

    def _play(self, command: Play) -> None:
        leg = self._legs.get(command.session)
        if leg is None:
            self._control.emit(PlayFailed(command.session, command.token, protocol.UNKNOWN))
            return
        try:
            sounds = [self.library.load(name) for name in command.files]
            player = Player(command.token, sounds, loop=command.loop, barge_in=command.barge_in)
        except (BadPrompt, ValueError) as error:
            self._control.emit(PlayFailed(command.session, command.token, str(error)))
            return
        self._matrix.play(leg.session, player)

    def _hear(self, name: str, sources: list[str]) -> None:
        leg = self._legs.get(name)
        if leg is None:
            self._control.emit(SessionRefused(name, protocol.UNKNOWN))
            return
        known = dict.fromkeys(source for source in sources if source in self._legs)
        known.pop(name, None)
        self._matrix.hear(leg.session, [self._legs[source].session for source in known])

    def _release(self, name: str) -> None:
        leg = self._legs.pop(name)
        leg.released = True
        self._matrix.release(leg.session)
        del self._ways[leg.session]
        self._polled.pop(leg.session, None)
        self._keys_held.pop(name, None)
        if leg.ear is not leg.pair.rtp:
            self._pairs.disconnect(leg.ear)
        self._pairs.end(leg.pair, self._clock())

    # --- what there is to know ----------------------------------------------------------------

    def _list(self, now: float) -> None:
        states = [leg.session.state(now) for leg in self._legs.values()]
        for start in range(0, max(len(states), 1), _SESSIONS_PER_EVENT):
            stop = start + _SESSIONS_PER_EVENT
            self._control.emit(Sessions(states[start:stop], last=stop >= len(states)))

    def statistics(self, now: float) -> Statistics:
        bounds = [*map(str, LATENESS_BOUNDS), "+Inf"]
        return Statistics(
            packets_in=self._packets_in,
            packets_out=self._packets_out,
            dropped={str(reason): count for reason, count in self._drops.items()},
            tick_lateness=dict(zip(bounds, self._lateness, strict=True)),
            tick_lateness_sum=self._lateness_sum,
            sessions=len(self._legs),
            ports_used=self._pairs.taken - len(self._reserve),
            ports_free=self._pairs.free(now) + len(self._reserve),
            ports_resting=self._pairs.resting(now),
            events_dropped=self._control.dropped,
            tick_lateness_max=self._lateness_max,
        )


def _reachable(command: SetRemote, *, ipv6: bool) -> bool:
    rtcp_port = 1 if command.rtcp_port is None else command.rtcp_port
    ports_fit = 0 < command.port < 65536 and 0 < rtcp_port < 65536
    return ports_fit and is_reachable(command.address, ipv6=ipv6)
