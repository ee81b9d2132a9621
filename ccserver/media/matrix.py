"""Who hears whom, and by which way: the sessions' rows of the matrix, and how each is served.

A single source in a codec that the listener understands is *relayed*: its packets are passed on as
they come.  A player alone *plays*: its frames are cut from the file.  Everything else is *mixed*.
A listener who leaves the mixer stays for a frame that fades to what he will hear (or a few, until
that has begun), and is given what then waits in the jitter buffer: he loses nothing on his way, and
hears no click.

Pure: times come in, datagrams go out to `send`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from enum import Enum, auto
from struct import Struct as Layout

from ccserver.media import g711, rtp
from ccserver.media.address_rules import Address
from ccserver.media.batch import Batch
from ccserver.media.flow import MIXED, UNCONNECTED, Flows
from ccserver.media.jitter import JitterBuffer
from ccserver.media.mixer import WIDE, Mixed, Mixer, Voice
from ccserver.media.player import Player
from ccserver.media.protocol import SetRemote
from ccserver.media.session import TELEPHONE_EVENT, Drop, Session
from ccserver.media.speech import Speech

_TIMES = Layout("!II")
"""Timestamp and SSRC, behind the first four bytes."""
_TRIED_AGAIN = 25
"""Ticks after which it is seen whether more can be spoken to together."""
_LONGEST_STAY = 5
"""Frames in which a source that speaks at all has begun."""


class Way(Enum):
    """How a listener is served."""

    NOTHING = auto()
    RELAYED = auto()
    PLAYS = auto()
    MIXED = auto()


class Matrix:
    """`send` sends a datagram to a session's phone, `write` many of them by the lines that sessions
    have; `drops` counts for all sessions."""

    def __init__(
        self,
        send: Callable[[Session, bytes | memoryview], None],
        write: Callable[[Iterable[tuple[int, memoryview]]], None],
        drops: Counter[str],
    ) -> None:
        self.mixer: Mixer[Session] = Mixer()
        self.changes = 0
        """Goes up when a session may have become, or ceased to be, one that is only mixed."""
        self.flows: Flows[Session] = Flows()
        self._send = send
        self._write = write
        self._drops = drops
        self._buffers: dict[Session, JitterBuffer] = {}
        self._players: dict[Session, Player] = {}
        """Who has a player, until it is known that it ended."""
        self._leaving: dict[Session, int] = {}
        """Who need not be mixed any more, and for how many frames he may yet stay."""
        self._keys_held: dict[Session, None] = {}
        self._ears: Sequence[Session] = ()
        """Of G.711, as the mixer had them last: together in a speech, or apart."""
        self._speech = Speech([])
        self._together: list[int] = []
        self._apart: list[int] = []
        self._ticks_said = 0

    # --- what is asked for --------------------------------------------------------------------

    def set_remote(self, session: Session, remote: SetRemote, now: float) -> None:
        codec = session.codec
        session.set_remote(remote, now)
        if codec != session.codec:
            for listener in (session, *session.listeners):
                self._arrange(listener)

    def hear(self, listener: Session, sources: list[Session]) -> None:
        if sources != listener.sources:
            before = _relayed_from(listener)
            self._stop_relaying(listener)
            listener.hear(sources)
            self._arrange(listener, before)

    def play(self, session: Session, player: Player) -> None:
        session.play(player)
        self._players[session] = player
        self._arrange(session)

    def stop_playing(self, session: Session, token: str | None) -> None:
        session.stop_playing(token)
        self._arrange(session)

    def release(self, session: Session) -> None:
        """It is heard for one frame more by those who mix it, and then it is gone."""
        listeners = list(session.listeners)
        self.hear(session, [])
        self.mixer.forget(session)
        self._players.pop(session, None)
        self._keys_held.pop(session, None)
        for listener in listeners:
            self.hear(listener, [source for source in listener.sources if source is not session])
        session.release()

    # --- packets and time ---------------------------------------------------------------------

    def carry(self, batch: Batch, now: float) -> None:
        """Datagrams of flows, to everybody who hears them; then the batch is empty."""
        ways, datagrams = self.flows.carry(batch, now), batch.cut()
        if min(ways) >= 0:
            self._write(zip(ways, datagrams, strict=False))
            batch.clear()
            return
        # All flows are found first: what goes the long way may end those of others.
        rows = [row for row, way in enumerate(ways) if way < 0]
        flows = [self.flows[batch.flows[row]] for row in rows]
        self._write([each for each in zip(ways, datagrams, strict=False) if each[0] >= 0])
        for row, flow in zip(rows, flows, strict=True):
            way = ways[row]
            if way == MIXED:
                timestamp, ssrc = _TIMES.unpack_from(batch.into[row], 4)
                payload = batch.datagram(row, rtp.HEADER_BYTES)
                if not self._buffers[flow.key].put(ssrc, timestamp, payload):
                    self._drops[Drop.LATE] += 1
            elif way == UNCONNECTED:
                self._send(flow.key.relays[0], datagrams[row])
            else:
                self.receive(flow.key, batch.datagram(row), flow.source, now)
        batch.clear()

    def receive(self, session: Session, data: bytes, source: Address, now: float) -> None:
        """A packet that came for `session`, to everybody who hears it: the long way."""
        heard = session.receive(data, source, now)
        if session.keypad.held is not None:
            self._keys_held[session] = None
        if heard is not None:
            packet, kind = heard
            self._deliver(session, packet, kind, now)
            mixed = session in self._buffers
            session.begin_flow(self.flows, packet, kind, source, mixed=mixed)

    def _deliver(self, session: Session, packet: rtp.Packet, kind: str, now: float) -> None:
        for listener in session.relays:
            datagram = listener.relay(packet, kind, now)
            if datagram is not None:
                self._send(listener, datagram)
        buffer = self._buffers.get(session)
        if buffer is None or session.codec is None:
            return
        if kind is not TELEPHONE_EVENT:
            payload = g711.translate(packet.payload, kind, session.codec)
            if not buffer.put(packet.ssrc, packet.timestamp, payload):
                self._drops[Drop.LATE] += 1
            return
        for listener in session.listeners:
            if listener in self.mixer:
                self._out(listener, listener.relay_key(packet, now))

    def is_short(self, session: Session) -> bool:
        """Whether its jitter buffer could do with a packet more than it has."""
        buffer = self._buffers.get(session)
        return buffer is not None and len(buffer) < 2

    def only_mixed(self) -> list[Session]:
        """Sessions whose packets wait for the next tick anyway."""
        return [session for session in self._buffers if not session.relays]

    @property
    def is_busy(self) -> bool:
        """Whether something is played or mixed, or a key pressed: then the next tick is needed."""
        return bool(self._players or self._keys_held or self.mixer.ears or self.mixer.rows)

    def tick(self, now: float) -> None:
        """20 ms for everybody who is played or mixed to, or presses a key."""
        for session in self._players:
            if session not in self.mixer:
                self._out(session, session.play_frame(now))
        mixed = self.mixer.tick()
        for session, payload in mixed.wide:
            self._out(session, session.frame(payload, now))
        self._say(mixed, now)
        for session, player in list(self._players.items()):
            if player.finished and session.player is player:
                session.finish_playing()
            if session.player is not player:
                # Ended, stopped, or cut short by a key.
                if session.player is None:
                    del self._players[session]
                else:
                    self._players[session] = session.player
                self._arrange(session)
        self._let_go(now)
        for session in list(self._keys_held):
            session.expire_key(now)
            if session.keypad.held is None:
                del self._keys_held[session]

    def _say(self, mixed: Mixed[Session], now: float) -> None:
        """To those who hear G.711: at one go, but for those whose streams do not just go on."""
        self._ticks_said += 1
        if (
            mixed.narrow is not self._ears
            or self._speech.is_over
            or (self._apart and self._ticks_said >= _TRIED_AGAIN)
        ):
            self._begin_speech(mixed.narrow)
        for row in self._apart:
            self._out(mixed.narrow[row], mixed.narrow[row].frame(mixed.frames[row].tobytes(), now))
        frames = mixed.frames[self._together] if self._apart else mixed.frames
        self._write(self._speech.say(frames, now))

    def _begin_speech(self, ears: Sequence[Session]) -> None:
        for session in self._ears:
            session.out.end_speech()
        following = [session.next_frame() for session in ears]
        self._speech = Speech([each for each in following if each is not None])
        self._ears, self._ticks_said = ears, 0
        self._apart = [row for row, each in enumerate(following) if each is None]
        self._together = [row for row, each in enumerate(following) if each is not None]
        for row in self._together:
            ears[row].out.is_spoken_to(self._speech)

    def _out(self, session: Session, datagram: bytes | None) -> None:
        if datagram is not None:
            self._send(session, datagram)

    # --- the way of each listener -------------------------------------------------------------

    def _arrange(self, listener: Session, before: Session | None = None) -> None:
        """Let it hear what it should, by the way that this takes.  `before`: the source that it
        was relayed until now, if that is another one."""
        way = _way(listener)
        before = before or _relayed_from(listener)
        if way is Way.RELAYED and before is listener.sources[0] and listener not in self.mixer:
            if listener not in before.relays:
                before.relay_to(listener)
            return
        self._stop_relaying(listener)
        self.changes += 1
        if way is Way.MIXED or listener in self.mixer:
            self._mix(listener, before)
            if way is not Way.MIXED:
                self._leaving[listener] = _LONGEST_STAY
        elif way is Way.RELAYED:
            listener.sources[0].relay_to(listener)

    def _stop_relaying(self, listener: Session) -> None:
        for source in listener.sources:
            if listener in source.relays:
                source.stop_relaying_to(listener)
                if listener.codec == WIDE:
                    self.mixer.has_heard(listener, source.latest)

    def _mix(self, listener: Session, before: Session | None) -> None:
        codec = listener.codec
        assert codec is not None  # _way saw to it
        relayed = None if before is None else self._voice(before, before.latest)
        voices = [voice for source in listener.sources if (voice := self._voice(source))]
        self.mixer.hear(listener, codec, voices, listener.player, relayed)

    def _voice(self, source: Session, heard: bytes = b"") -> Voice[Session] | None:
        """None while nothing is known of it: it cannot be heard yet."""
        codec = source.codec
        if codec is None:
            return None
        voice = self.mixer.voice(source)
        if voice is None or voice.codec != codec:
            source.end_flow()
            buffer = self._buffers[source] = JitterBuffer()
            voice = self.mixer.add(source, codec, buffer, heard)
        return voice

    def _let_go(self, now: float) -> None:
        """Those who have had their last frame of the mixer; and voices that nobody hears."""
        for listener, stay in list(self._leaving.items()):
            way = _way(listener)
            if listener not in self.mixer or way is Way.MIXED:
                # It was released, or is to be mixed after all.
                del self._leaving[listener]
                continue
            if way is Way.RELAYED and stay > 1 and not self._plays(listener.sources[0]):
                self._leaving[listener] = stay - 1
                continue
            del self._leaving[listener]
            self.mixer.leave(listener)
            self.changes += 1
            if way is Way.RELAYED:
                self._send_what_waits(listener, listener.sources[0], now)
                listener.sources[0].relay_to(listener)
        for session in self.mixer.closed:
            session.end_flow()
            del self._buffers[session]
            self.changes += 1
        self.mixer.closed.clear()

    def _plays(self, source: Session) -> bool:
        buffer = self._buffers.get(source)
        return buffer is not None and buffer.plays

    def _send_what_waits(self, listener: Session, source: Session, now: float) -> None:
        buffer = self._buffers.get(source)
        if buffer is None or source.codec is None or listener.codec is None:
            return
        for payload in buffer.pending():
            translated = g711.translate(payload, source.codec, listener.codec)
            self._out(listener, listener.frame(translated, now))


def _way(listener: Session) -> Way:
    codec = listener.codec
    if not listener.sources or codec is None:
        if listener.player is None:
            return Way.NOTHING
        return Way.PLAYS if codec is None or codec in g711.SILENCE else Way.MIXED
    if listener.player is None and len(listener.sources) == 1:
        theirs = listener.sources[0].codec
        if theirs is None or theirs == codec or {theirs, codec} <= g711.SILENCE.keys():
            return Way.RELAYED
    return Way.MIXED


def _relayed_from(listener: Session) -> Session | None:
    for source in listener.sources:
        if listener in source.relays:
            return source
    return None
