"""The shell around the sessions: sockets, the clock and one loop.

RTP is relayed in turns, two milliseconds apart at least where there is enough of it, for many
packets at once cost much less than each by itself; players and the mixer are served every 20 ms, by
deadlines that do not drift.  While nothing is to be played, mixed or relayed the ticks between are
left out, but for every tenth.  Sockets whose packets would only wait for the next tick are read
there.  One packet is read per socket and turn, and no more than `PACKETS_PER_TICK` per socket and
tick: a flood at one port costs that port its quality and no other one.  A phone that has been heard
for a while is given a socket of its own (`own_sockets`).
"""

from __future__ import annotations

import os
import select
import time
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random
from typing import assert_never

from msgspec import Struct

from ccserver.media import protocol
from ccserver.media.address_rules import Address
from ccserver.media.batch import ROWS, Allowance, Batch
from ccserver.media.control import ControlSocket
from ccserver.media.flow import NOBODY
from ccserver.media.matrix import Matrix
from ccserver.media.own_sockets import Leg, OwnSockets
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
_TURN = 0.002
"""Seconds in which packets are gathered; each is delayed by half of it."""
_WORTH_GATHERING = 8
"""Packets of a tick: of fewer seldom two come within a turn, and each turn takes two wakes."""
_UNHURRIED = 10
"""Ticks that news may wait for which nobody waits: each time it wakes the core; and ticks in which
we wake but once, while nothing is to be done."""
_ALL_EVERY = 16
"""Ticks."""
_SESSIONS_PER_EVENT = 256
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
        self._legs: dict[str, Leg] = {}
        self._ways: dict[Session, PortSocket] = {}
        """By which socket each session's RTP is sent while it has no line."""
        self._own = OwnSockets(self._pairs, self._receive, self._let_move)
        self._polled: dict[int, Leg] = {}
        """Those whose packets are read at the tick, by their ears' descriptors."""
        self._changes_seen = 0
        self._rounds: deque[Leg] = deque()
        self._paused: list[PortSocket] = []
        self._allowance = Allowance(PACKETS_PER_TICK)
        self._batch = Batch()
        self._tick = 0
        self._beat = 1
        """Ticks from the last that there was to the next that there will be."""
        self._stopping = False
        self._drops: Counter[str] = Counter()
        self._matrix = Matrix(self._send_rtp, self._write, self._drops)
        self._packets_in = 0
        self._packets_out = 0
        self._came = 0
        """Packets since the last tick, but for those that had waited for it."""
        self._gathers = False
        """There were enough of them in the last tick."""
        self._lateness = [0] * (len(LATENESS_BOUNDS) + 1)
        self._lateness_sum = 0.0
        self._lateness_max = 0.0

    def stop(self) -> None:
        self._stopping = True

    def run(self) -> None:
        poll, clock = self._poller.poll, self._clock
        deadline = clock() + TICK
        try:
            while not self._stopping:
                ready = poll(max(0.0, deadline - clock()), ROWS)
                now = clock()
                packets = self._read(ready, now) if ready else 0
                if ready and self._beat > 1:
                    deadline -= self._shorten(deadline - now) * TICK
                if now >= deadline:
                    deadline = self._ticks(deadline, now)
                if self._control.pressing:
                    self._control.flush()
                if self._gathers and 0 < packets < ROWS:
                    time.sleep(max(0.0, min(now + _TURN, deadline) - clock()))
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

    def _read(self, ready: list[tuple[int, int]], now: float) -> int:
        """A packet of each socket that the poller has found; how many there were."""
        sockets = self._pairs.sockets
        # A command that came with packets was sent before them as a rule, by who let them come.
        for descriptor, mask in [each for each in ready if each[0] not in sockets]:
            self._control.ready(descriptor, mask)
        came = self._receive([found for found, _ in ready if found in sockets], now)
        if came:
            for descriptor in self._allowance.spend(came):
                self._pairs.unwatch(sockets[descriptor])
                self._paused.append(sockets[descriptor])
        self._came += len(came)
        return len(came)

    def _receive(self, descriptors: Iterable[int], now: float) -> list[int]:
        """A packet of each of these sockets, if there is one; those that had one."""
        readv, batch, on_line = os.readv, self._batch, self._matrix.flows.on_line
        into, flows, sizes = batch.vectors, batch.flows, batch.sizes
        lines = len(on_line)
        came: list[int] = []
        others: list[tuple[PortSocket, Session, bytes, Address]] = []
        for descriptor in descriptors:
            flow = on_line[descriptor] if descriptor < lines else NOBODY
            if flow == NOBODY:
                found = self._pairs.sockets[descriptor]
                if self._receive_from(found, others):
                    came.append(descriptor)
            else:
                try:
                    sizes.append(readv(descriptor, into[len(flows)]))
                except OSError:
                    continue
                flows.append(flow)
                came.append(descriptor)
            if len(flows) == ROWS:
                self._matrix.carry(batch, now)
        if flows:
            self._matrix.carry(batch, now)
        for found, session, data, source in others:
            if found.reports:
                session.receive_report(data, source, now)
            else:
                self._matrix.receive(session, data, source, now)
        self._packets_in += len(came)
        return came

    def _receive_from(
        self, found: PortSocket, others: list[tuple[PortSocket, Session, bytes, Address]]
    ) -> bool:
        """Whether there was a packet: of a flow into the batch, or else to the others."""
        session, batch = found.session, self._batch
        if session is None:
            self._pairs.unwatch(found)
            return False
        into = batch.into[len(batch)]
        source = found.peer
        try:
            if source is None:
                size, source = found.sock.recvfrom_into(into)
                if found.ipv6:
                    source = source[:2]
            else:
                size = found.sock.recv_into(into)
        except OSError:
            return False  # nothing there after all, or the ICMP error of something we sent
        flow = session.flow
        if flow is not None and found.is_ear and source == flow.source:
            batch.flows.append(flow.number)
            batch.sizes.append(size)
        else:
            others.append((found, session, bytes(into[:size]), source))
        return True

    def _receive_polled(self, now: float) -> None:
        """A packet of each, as there should be; more where the jitter buffer runs short, and all
        of them now and then, for a source may be faster than we are."""
        polled, is_short = self._polled, self._matrix.is_short
        came = self._receive(polled, now)
        all_of = set(list(polled)[self._tick % _ALL_EVERY :: _ALL_EVERY])
        for _ in range(PACKETS_PER_TICK - 1):
            more = [each for each in came if each in all_of or is_short(polled[each].session)]
            if not more:
                break
            came = self._receive(more, now)

    def _write(self, addressed: Iterable[tuple[int, memoryview]]) -> None:
        """Each by its line."""
        write = os.write
        sent = 0
        for line, datagram in addressed:
            try:
                write(line, datagram)
            except OSError:
                self._drops[Drop.SEND_FAILED] += 1
            else:
                sent += 1
        self._packets_out += sent

    def _send_rtp(self, session: Session, datagram: bytes | memoryview) -> None:
        target, line = session.send_to, session.line
        if target is None:
            return
        try:
            if line is not None and line.peer == target:
                os.write(line.descriptor, datagram)
            else:
                self._ways[session].sock.sendto(datagram, target)
        except OSError:
            self._drops[Drop.SEND_FAILED] += 1
        else:
            self._packets_out += 1

    # --- time ---------------------------------------------------------------------------------

    def _shorten(self, left: float) -> int:
        """How many ticks the next one comes sooner than in `left` seconds, for there is something
        to be done after all."""
        if self._may_rest():
            return 0
        sooner = min(max(0, int(left / TICK)), self._beat - 1)
        self._beat -= sooner
        return sooner

    def _may_rest(self) -> bool:
        """Whether the next ticks can be left out."""
        return not (
            self._came
            or self._polled
            or self._paused
            or self._own.is_busy
            or self._reserve.is_short
            or self._matrix.is_busy
        )

    def _ticks(self, deadline: float, now: float) -> float:
        """One tick, or those that were missed as well; the next deadline."""
        lateness = now - deadline
        self._lateness[bisect_left(LATENESS_BOUNDS, lateness)] += 1
        self._lateness_sum += lateness
        self._lateness_max = max(self._lateness_max, lateness)
        for _ in range(_TICKS_TO_CATCH_UP):
            self._on_tick(now)
            deadline += self._beat * TICK
            if deadline > now:
                return deadline
        # The machine stood still: what was to be said in the meantime stays unsaid.
        return now + TICK

    def _on_tick(self, now: float) -> None:
        beat = self._beat
        self._tick += beat
        self._allowance.renew()
        for paused in self._paused:
            if paused.session is not None and paused.descriptor not in self._polled:
                self._pairs.watch(paused)
        self._paused.clear()
        if self._changes_seen != self._matrix.changes:
            self._choose_polled()
        self._own.tick(now)
        self._receive_polled(now)
        self._matrix.tick(now)
        self._look_after(min(-(-len(self._rounds) * beat // _ROUND), len(self._rounds)), now)
        self._pairs.tidy(now)
        if self._control.connected:
            for ready in self._reserve.fill(now):
                self._control.emit(ready)
        if self._tick // _UNHURRIED != (self._tick - beat) // _UNHURRIED:
            self._control.flush()
        self._gathers = self._came >= _WORTH_GATHERING
        self._beat = _UNHURRIED if self._may_rest() else 1
        self._came = 0

    def _choose_polled(self) -> None:
        self._changes_seen = self._matrix.changes
        before = self._polled
        self._polled = {
            leg.ear.descriptor: leg
            for session in self._matrix.only_mixed()
            if (leg := self._legs.get(session.name)) is not None and leg.session is session
        }
        for descriptor in self._polled.keys() - before.keys():
            self._pairs.unwatch(self._pairs.sockets[descriptor])
        for descriptor in before.keys() - self._polled.keys():
            if descriptor in self._pairs.sockets:
                self._pairs.watch(self._pairs.sockets[descriptor])

    def _look_after(self, count: int, now: float) -> None:
        for _ in range(count):
            leg = self._rounds.popleft()
            if leg.released:
                continue
            self._rounds.append(leg)
            session = leg.session
            session.check_silence(now)
            self._own.look_at(leg, now)
            if now >= session.next_report:
                report, target = session.report(now, self._wall()), session.reports_to
                if report is not None and target is not None:
                    try:
                        leg.pair.rtcp.sock.sendto(report, target)
                    except OSError:
                        self._drops[Drop.SEND_FAILED] += 1
                    else:
                        self._packets_out += 1

    def _let_move(self, leg: Leg, before: PortSocket) -> None:
        """Its ear is another one than before."""
        if self._polled.pop(before.descriptor, None) is not None:
            self._polled[leg.ear.descriptor] = leg
            self._pairs.watch(before)
            self._pairs.unwatch(leg.ear)

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
        leg = self._legs[name] = Leg(session, pair)
        self._ways[session] = pair.rtp
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
        self._own.take_back(leg)
        self._polled.pop(leg.ear.descriptor, None)
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
