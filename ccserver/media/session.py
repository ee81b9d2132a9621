"""One leg's RTP: what is heard from it, and what it is sent.

A pure object, without socket and clock: datagrams and times come in, datagrams go out as return
values, events go to `emit`.  Bad media is counted and never ends anything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from enum import StrEnum

from msgspec import Struct

from ccserver.media import rtcp, rtp
from ccserver.media.address_rules import Address, AddressRules
from ccserver.media.dtmf import Key, Keypad, KeyPressed
from ccserver.media.flow import MIXED, UNCONNECTED, Flow, Flows, Sent
from ccserver.media.g711 import translate
from ccserver.media.player import Player
from ccserver.media.protocol import (
    DigitHeard,
    Event,
    PlayFinished,
    RtpSilent,
    SessionReleased,
    SessionState,
    SetRemote,
)
from ccserver.media.reception import Reception
from ccserver.media.speech import FRAME, Next
from ccserver.media.stream import OutStream

_STATIC = {0: "PCMU", 8: "PCMA"}
_LAWS = frozenset(_STATIC.values())
TELEPHONE_EVENT = "telephone-event"
_ENOUGH = 800
"""Bytes of G.722: 100 ms."""
_UNSPECIFIED = ("0.0.0.0", "::")


class Drop(StrEnum):
    """Why a packet went no further."""

    MALFORMED = "malformed"
    STRANGER = "stranger"
    PAYLOAD_TYPE = "payload_type"
    NO_REMOTE = "no_remote"
    """Before it is known who should be heard, and in what form."""
    DIRECTION = "direction"
    """The direction that was negotiated rules it out."""
    UNHEARD = "unheard"
    """Nobody listens."""
    LATE = "late"
    """Its turn in the mix was over, or it came twice."""
    NO_TELEPHONE_EVENT = "no_telephone_event"
    """The receiver takes no keys."""
    KEYS = "keys"
    """More keys than fingers press, or none of the sixteen: not told, though passed on."""
    RTCP_MALFORMED = "rtcp_malformed"
    RTCP_STRANGER = "rtcp_stranger"
    SEND_FAILED = "send_failed"


class Line(Struct, frozen=True):
    """A socket that is connected to a phone."""

    descriptor: int
    peer: Address


class Session:
    """`name` is the leg's id; `address` and `port` are where it hears.  `drops` counts for all
    sessions together."""

    def __init__(
        self,
        name: str,
        address: str,
        port: int,
        out: OutStream,
        emit: Callable[[Event], None],
        drops: Counter[str],
        *,
        silence: float,
        now: float,
    ) -> None:
        self.name = name
        self.address = address
        self.port = port
        self.out = out
        self.sources: list[Session] = []
        """Whom it hears."""
        self.listeners: list[Session] = []
        """Who hears it."""
        self.relays: list[Session] = []
        """Those of them who are sent its packets as they come: see `relay_to`."""
        self.line: Line | None = None
        """Where its phone's packets come, and no others: see `connect`."""
        self.flow: Flow[Session] | None = None
        """That carries its packets, while each is just the next."""
        self.latest = b""
        """The end of what was heard, in `codec`: a packet of G.711, or as much of G.722 as a
        decoder needs to find its way."""
        self.player: Player | None = None
        self.remote: SetRemote | None = None
        self.reception = Reception()
        self.next_report = now + rtcp.INTERVAL
        self.may_send = False
        self.send_to: Address | None = None
        """Where RTP goes; None if none may be sent."""
        self.keypad = Keypad()
        self._emit = emit
        self._drops = drops
        self._silence = silence
        self._heard_at = now
        self._rules: AddressRules | None = None
        self._heard_as: dict[int, str] = {}
        self._flows_as = ""
        """The codec of what the flow carries."""
        self._may_hear = False
        self._expected_since: float | None = None
        self._ever_heard = False
        self._silent = False
        self._sender_report: tuple[int, float] | None = None
        """The middle of the last one's NTP time, and when it came."""
        self._reported_packets = 0

    # --- what the other side is ---------------------------------------------------------------

    def set_remote(self, remote: SetRemote, now: float) -> None:
        self._end_flows()
        before = self.remote
        self.remote = remote
        if before is not None and before.codec != remote.codec:
            self.latest = b""
        held = remote.address in _UNSPECIFIED
        self.may_send = remote.direction in ("sendrecv", "sendonly") and not held
        self._may_hear = remote.direction in ("sendrecv", "recvonly")
        signalled = (remote.address, remote.port)
        rules = self._rules
        if rules is None or (not held and rules.signalled != signalled):
            self._rules = AddressRules(signalled, now, remote.learn_from)
        else:
            rules.learn_from = remote.learn_from
        self.send_to = self._rules.send_to if self.may_send and self._rules is not None else None
        # Either law may come at any time; of another sampling rate nothing may.
        static = _STATIC if remote.codec in _LAWS else {}
        self._heard_as = {**static, remote.payload_type: remote.codec}
        for number in (remote.telephone_event, remote.heard_telephone_event):
            if number is not None:
                self._heard_as[number] = TELEPHONE_EVENT
        expected = remote.direction == "sendrecv" and not held
        if not expected:
            self._expected_since = None
        elif self._expected_since is None or before is None or before.port != remote.port:
            self._expected_since = now
        self._silent = False

    @property
    def codec(self) -> str | None:
        """None until it is known."""
        return None if self.remote is None else self.remote.codec

    @property
    def reports_to(self) -> Address | None:
        """Where RTCP goes, whatever the direction (RFC 3264 §5.1); None for a held address."""
        if self.remote is None or self._rules is None or self.remote.address in _UNSPECIFIED:
            return None
        host, port = self._rules.send_to
        if (host, port) == self._rules.signalled and self.remote.rtcp_port is not None:
            return host, self.remote.rtcp_port
        return (host, port + 1) if port < 65535 else None

    @property
    def source(self) -> Address | None:
        """Who is heard, and nobody else; None while that may change."""
        return None if self._rules is None else self._rules.source

    # --- what comes in ------------------------------------------------------------------------

    def receive(self, data: bytes, source: Address, now: float) -> tuple[rtp.Packet, str] | None:
        """A packet that the listeners should get, and its codec or ``telephone-event``.

        Keys are reported here, whether or not anybody listens.
        """
        self.end_flow()
        try:
            packet = rtp.parse(data)
        except rtp.BadPacket:
            self._drops[Drop.MALFORMED] += 1
            return None
        if self._rules is None or self.remote is None:
            self._drops[Drop.NO_REMOTE] += 1
            return None
        kind = self._heard_as.get(packet.payload_type)
        if kind is None:
            self._drops[Drop.PAYLOAD_TYPE] += 1
            return None
        if not self._rules.hear(source, packet, now):
            self._drops[Drop.STRANGER] += 1
            return None
        if self.may_send and self.send_to != self._rules.send_to:
            self.send_to = self._rules.send_to
            self._end_flows()
        self._heard_at = now
        self._ever_heard = True
        self._silent = False
        timed = kind is not TELEPHONE_EVENT
        if self.reception.hear(packet.ssrc, packet.sequence, packet.timestamp, now, timed=timed):
            self._report_keys(self.keypad.restart())
        if timed:
            if kind in _LAWS:
                law = self.remote.codec
                self.latest = (
                    packet.payload if kind == law else translate(packet.payload, kind, law)
                )
            else:
                self.latest = (self.latest + packet.payload)[-_ENOUGH:]
        elif not self._hear_key(packet, now):
            return None
        if not self._may_hear:
            self._drops[Drop.DIRECTION] += 1
            return None
        if not self.listeners:
            self._drops[Drop.UNHEARD] += 1
            return None
        return packet, kind

    def _hear_key(self, packet: rtp.Packet, now: float) -> bool:
        """False if it is none."""
        ignored = self.keypad.ignored
        try:
            self._report_keys(self.keypad.hear(packet.timestamp, packet.payload, now))
        except rtp.BadPacket:
            self._drops[Drop.MALFORMED] += 1
            return False
        if self.keypad.ignored != ignored:
            self._drops[Drop.KEYS] += 1
        return True

    def expire_key(self, now: float) -> None:
        self._report_keys(self.keypad.expire(now))

    def _report_keys(self, keys: list[Key]) -> None:
        for key in keys:
            if isinstance(key, KeyPressed):
                if self.player is not None and self.player.barge_in:
                    self.finish_playing()
            else:
                milliseconds = key.duration * 1000 // 8000
                self._emit(DigitHeard(self.name, key.digit, milliseconds, key.timestamp))

    def receive_report(self, data: bytes, source: Address, now: float) -> None:
        """Only its sender reports are of use: the next report of ours refers to them."""
        target = self.reports_to
        if target is None or source[0] != target[0]:
            self._drops[Drop.RTCP_STRANGER] += 1
            return
        try:
            parts = rtcp.parse(data)
        except rtp.BadPacket:
            self._drops[Drop.RTCP_MALFORMED] += 1
            return
        for part in parts:
            if isinstance(part, rtcp.Report) and part.ntp_middle is not None:
                self._sender_report = part.ntp_middle, now

    # --- what goes out ------------------------------------------------------------------------

    def relay(self, packet: rtp.Packet, kind: str, now: float) -> bytes | None:
        """The datagram for a packet of a source; None if it is not to be sent."""
        remote = self.remote
        if remote is None or not self.may_send:
            self._drops[Drop.DIRECTION] += 1
            return None
        if kind is TELEPHONE_EVENT:
            if remote.telephone_event is None:
                self._drops[Drop.NO_TELEPHONE_EVENT] += 1
                return None
            return self.out.relay(packet, remote.telephone_event, packet.payload, now)
        codec = remote.codec
        payload = packet.payload if kind == codec else translate(packet.payload, kind, codec)
        return self.out.relay(packet, remote.payload_type, payload, now)

    def relay_key(self, packet: rtp.Packet, now: float) -> bytes | None:
        """The datagram for a packet of a source's key, amid frames of our own."""
        remote = self.remote
        if remote is None or not self.may_send:
            self._drops[Drop.DIRECTION] += 1
            return None
        if remote.telephone_event is None:
            self._drops[Drop.NO_TELEPHONE_EVENT] += 1
            return None
        return self.out.event(packet, remote.telephone_event, now)

    def frame(self, payload: bytes, now: float) -> bytes | None:
        """The datagram for a frame of our own, in its codec."""
        if self.remote is None or not self.may_send:
            return None
        return self.out.play(self.remote.payload_type, payload, now)

    def next_frame(self) -> Next | None:
        """What `frame` would send next, if nothing about it is to be decided."""
        remote, line, out = self.remote, self.line, self.out
        if remote is None or line is None or not self.may_send or line.peer != self.send_to:
            return None
        if not out.may_be_spoken_to:
            return None
        out.take_stock()
        return Next(
            line.descriptor,
            remote.payload_type,
            out.sequence + 1 & 0xFFFF,
            out.timestamp + FRAME & 0xFFFFFFFF,
            out.ssrc,
        )

    def play_frame(self, now: float) -> bytes | None:
        """The next frame of what plays.  It goes on, unheard, while nothing may be sent."""
        player, remote = self.player, self.remote
        if player is None:
            return None
        codec = "PCMU" if remote is None else remote.codec
        payload = player.frame(codec)
        if player.finished:
            self.finish_playing()
        if remote is None or not self.may_send:
            return None
        return self.out.play(remote.payload_type, payload, now)

    def play(self, player: Player) -> None:
        self.player = player

    def stop_playing(self, token: str | None) -> None:
        """As the core has asked, which needs no answer."""
        if self.player is not None and token in (None, self.player.token):
            self.player = None

    def finish_playing(self) -> None:
        """It was played to its end, or cut short by a key: this is told."""
        if self.player is not None:
            finished, self.player = self.player, None
            self._emit(PlayFinished(self.name, finished.token))

    # --- the flow -----------------------------------------------------------------------------

    def begin_flow(
        self, flows: Flows[Session], packet: rtp.Packet, kind: str, source: Address, *, mixed: bool
    ) -> None:
        """Let what follows `packet`, which came from `source` and was passed on, go the short way,
        if one listener is relayed to, or all are mixed to, and all is of G.711, and in order."""
        remote = self.remote
        if remote is None or kind not in _LAWS or len(self.relays) != (0 if mixed else 1):
            return
        if not self.reception.is_at(packet.ssrc, packet.sequence):
            return
        way = MIXED
        sent = Sent(packet.payload_type, packet.sequence, packet.timestamp, packet.ssrc)
        if not mixed:
            (listener,) = self.relays
            remote, out = listener.remote, listener.out
            if remote is None or remote.codec not in _LAWS or not listener.may_send:
                return
            if not out.is_at(packet):
                return
            way = listener._way()
            sent = Sent(remote.payload_type, out.sequence, out.timestamp, out.ssrc)
        self._flows_as = kind
        self.flow = flows.begin(
            self,
            packet,
            source,
            (kind, remote.codec),
            sent=sent,
            way=way,
            transit=self.reception.transit,
            jitter=self.reception.jitter,
            line=self._line_from(source),
        )

    def end_flow(self) -> None:
        """What comes next goes the long way."""
        if self.flow is not None:
            self._take_stock()
            self.flow.end()
            self.flow = None

    def connect(self, line: Line | None) -> None:
        """Its phone's packets come by this line from now on, and go there; flows go on."""
        if line == self.line:
            return
        self.line = line
        self.out.end_speech()
        if self.flow is not None:
            self.flow.comes_by(self._line_from(self.flow.source))
        for source in self.sources:
            if source.flow is not None and self in source.relays:
                source.flow.goes_by(self._way())

    def _line_from(self, source: Address) -> int | None:
        line = self.line
        return line.descriptor if line is not None and line.peer == source else None

    def _way(self) -> int:
        """That of a flow whose packets are sent here."""
        line = self.line
        return UNCONNECTED if line is None or line.peer != self.send_to else line.descriptor

    def _end_flows(self) -> None:
        """From here, and to here."""
        self.out.end_speech()
        self.end_flow()
        for source in self.sources:
            source.end_flow()

    def take_stock(self) -> None:
        """Count what flows have carried, from here and to here, and what was said here."""
        self.out.take_stock()
        self._take_stock()
        for source in self.sources:
            source._take_stock()

    def _take_stock(self) -> None:
        carried = None if self.flow is None else self.flow.take()
        if carried is None or self.remote is None or self._rules is None:
            return
        self._heard_at = carried.at
        self.latest = translate(carried.payload, self._flows_as, self.remote.codec)
        self.reception.go_on(carried.packets, carried.lost, carried.transit, carried.jitter)
        self._rules.go_on(carried.sequence, carried.at)
        for listener in self.relays:  # the one, if it is not mixed
            listener.out.go_on(
                carried.packets, carried.sent_sequence, carried.sent_timestamp, carried.at
            )

    # --- who hears whom -----------------------------------------------------------------------

    def hear(self, sources: list[Session]) -> None:
        """These and no other, from now on."""
        if sources == self.sources:
            return
        for source in self.sources:
            source.end_flow()
            source.listeners.remove(self)
        for source in sources:
            source.listeners.append(self)
        self.sources = sources
        self.out.break_off()

    def relay_to(self, listener: Session) -> None:
        """It is sent the packets as they come, from now on."""
        self.end_flow()
        self.relays.append(listener)

    def stop_relaying_to(self, listener: Session) -> None:
        self.end_flow()
        self.relays.remove(listener)

    # --- time ---------------------------------------------------------------------------------

    def check_silence(self, now: float) -> None:
        """Only who has spoken can fall silent: a peer that never sends may be a test or a fax."""
        if self._expected_since is None or self._silent or not self._ever_heard:
            return
        self._take_stock()
        lasts = now - max(self._expected_since, self._heard_at)
        if lasts >= self._silence:
            self._silent = True
            self._emit(RtpSilent(self.name, lasts))

    def report(self, now: float, wall: float) -> bytes | None:
        """The RTCP of this interval, for `reports_to`; None if that is nowhere.

        `wall` is the Unix time in seconds.
        """
        self.next_report = now + rtcp.INTERVAL
        if self.reports_to is None:
            return None
        self.take_stock()
        sent: rtcp.Sent | None = None
        if self.out.packets != self._reported_packets:
            self._reported_packets = self.out.packets
            sent = rtcp.Sent(
                rtcp.ntp(wall), self.out.timestamp_at(now), self.out.packets, self.out.octets
            )
        received: rtcp.Received | None = None
        if self.reception.ssrc is not None:
            last, delay = 0, 0
            if self._sender_report is not None:
                last, came = self._sender_report
                delay = int((now - came) * 65536)
            received = rtcp.Received(self.reception.ssrc, self.reception.interval(), last, delay)
        return rtcp.build(self.out.ssrc, f"{self.out.ssrc:08x}@{self.address}", sent, received)

    def state(self, now: float) -> SessionState:
        self.take_stock()
        return SessionState(
            session=self.name,
            address=self.address,
            port=self.port,
            hears=[source.name for source in self.sources],
            playing=None if self.player is None else self.player.token,
            packets_in=self.reception.received,
            packets_out=self.out.packets,
            silent=now - self._heard_at >= self._silence,
        )

    def release(self) -> None:
        """The end: what was held is let go, and the last word is said."""
        self._end_flows()
        self._report_keys(self.keypad.restart())
        self.player = None
        self._emit(
            SessionReleased(
                self.name,
                self.reception.received,
                self.out.packets,
                self.reception.lost,
                self.reception.jitter_ms,
            )
        )
