"""RTP of all calls on one socket: sent every 20 ms, heard with the kernel's own time stamps.

A packet's arrival is stamped by the kernel, so that a loop of ours that is late does not look like
jitter of the network; when ours were sent too late, that is counted and said.
"""

from __future__ import annotations

import itertools
import socket
from struct import Struct as Layout
from time import time

import trio
from msgspec import Struct

from ccserver.media import rtp
from ccserver.media.reception import Reception
from loadtest.hearing import Heard, Hearing
from loadtest.histogram import Latencies
from loadtest.voice import Voice
from sip.offer_answer import Local, Negotiated

TICK = 0.020
SLOTS = 4
"""Of a tick: streams are spread over them, as phones are."""
LATE = 0.005
"""Seconds: a packet that goes so much later is a late one."""
BATCH = 512
"""Packets heard before other tasks get their turn."""
BUFFER = 16 * 2**20
_SO_TIMESTAMPNS = 35
_SO_RCVBUFFORCE = 33
_STAMP = Layout("qq")
_HEAD = Layout("!BBHI")


class Second(Struct, frozen=True):
    """What all streams heard in a second; ``at`` an instant of the run's clock."""

    at: float
    packets: int
    lost: int
    jitter: float
    """Seconds, the mean over the streams."""


class _Stream:
    __slots__ = (
        "begun",
        "codec",
        "lost",
        "received",
        "reception",
        "slot",
        "sources",
        "to",
        "voice",
    )

    def __init__(self, slot: int, begun: float) -> None:
        self.slot, self.begun = slot, begun
        self.reception = Reception()
        self.received = self.lost = 0
        self.voice: Voice | None = None
        self.to: tuple[str, int] = ("", 0)
        self.codec = ""
        self.sources: list[tuple[tuple[str, int], bytes]] = []


class AudioBank:
    """``frames`` are what is said, by codec: 20 ms of G.711 each."""

    def __init__(self, host: str, codec: str, frames: dict[str, list[bytes]]) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, BUFFER)
        except PermissionError:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self._socket.bind((host, 0))
        self._socket.setblocking(False)
        others = [name for name in frames if name != codec]
        self._local = Local(host, self._socket.getsockname()[1], (codec, *others))
        self._frames = frames
        self._streams: dict[object, _Stream] = {}
        self._slots: list[dict[object, _Stream]] = [{} for _ in range(SLOTS)]
        self._by_address: dict[tuple[str, int], list[_Stream]] = {}
        self._sources: dict[tuple[tuple[str, int], bytes], _Stream | None] = {}
        self._next_slot = itertools.cycle(range(SLOTS))
        self._ssrcs = itertools.count(0x1000_0000)
        self._hearing = Hearing()
        self._lateness = Latencies()
        self.sent = 0
        self.unsent = 0
        """Packets that the socket did not take."""
        self.seconds: list[Second] = []

    # --- what calls ask for -------------------------------------------------------------------

    @property
    def local(self) -> Local:
        return self._local

    def agree(self, call: object, audio: Negotiated) -> None:
        stream = self._streams.get(call)
        if stream is None:
            stream = _Stream(next(self._next_slot), trio.current_time())
            self._streams[call] = self._slots[stream.slot][call] = stream
        to = (audio.remote_address, audio.remote_port)
        if stream.to != to:
            self._leave(stream)
            stream.to = to
            self._by_address.setdefault(to, []).append(stream)
        if not audio.may_send or audio.codec not in self._frames:
            stream.voice = None
        elif stream.voice is None or stream.codec != audio.codec:
            stream.codec = audio.codec
            stream.voice = Voice(
                self._frames[audio.codec],
                next(self._ssrcs) & 0xFFFFFFFF,
                audio.payload_type,
                audio.telephone_event,
            )

    def press(self, call: object, keys: str) -> None:
        stream = self._streams.get(call)
        if stream is not None and stream.voice is not None:
            stream.voice.press(keys)

    def close(self, call: object) -> None:
        stream = self._streams.pop(call, None)
        if stream is not None:
            del self._slots[stream.slot][call]
            self._leave(stream)
            self._hearing.ended(stream.reception, trio.current_time() - stream.begun)

    def _leave(self, stream: _Stream) -> None:
        there = self._by_address.get(stream.to)
        if there is not None:
            there.remove(stream)
            if not there:
                del self._by_address[stream.to]
        for source in stream.sources:
            self._sources.pop(source, None)
        stream.sources.clear()

    # --- what was found -----------------------------------------------------------------------

    def heard(self) -> Heard | None:
        return self._hearing.heard()

    @property
    def late_share(self) -> float:
        """Of our packets; by slots, all packets of which count as late when one is."""
        late = self._lateness
        return 0.0 if not late.count else late.total / late.count

    # --- the wire -----------------------------------------------------------------------------

    async def run(self) -> None:
        """Until cancelled."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._send)
                nursery.start_soon(self._receive)
                nursery.start_soon(self._count)
        finally:
            self._socket.close()

    async def _send(self) -> None:
        begin = trio.current_time()
        sendto = self._socket.sendto
        for step in itertools.count():
            due = begin + step * TICK / SLOTS
            await trio.sleep_until(due)
            streams = self._slots[step % SLOTS]
            if streams:
                self._lateness.record(float(trio.current_time() - due > LATE))
            for stream in streams.values():
                voice = stream.voice
                if voice is None:
                    continue
                try:
                    sendto(voice.next(), stream.to)
                    self.sent += 1
                except OSError:
                    self.unsent += 1

    async def _receive(self) -> None:
        receive = self._socket.recvmsg
        sources = self._sources
        while True:
            await trio.lowlevel.wait_readable(self._socket)
            for _ in range(BATCH):
                try:
                    data, ancillary, _, remote = receive(2048, 64)
                except (BlockingIOError, InterruptedError):
                    break
                except OSError:
                    continue  # an ICMP error about something sent before
                if len(data) < rtp.HEADER_BYTES or data[0] >> 6 != 2:
                    continue
                source = (remote[:2], data[8:12])
                stream = sources.get(source)
                if stream is None:
                    stream = self._meet(source)
                    if stream is None:
                        continue
                _, kind, sequence, timestamp = _HEAD.unpack_from(data)
                if 72 <= kind & 0x7F <= 76:
                    continue  # RTCP
                stream.reception.hear(
                    int.from_bytes(source[1], "big"),
                    sequence,
                    timestamp,
                    _instant(ancillary),
                    timed=kind & 0x7F < 96,
                )

    def _meet(self, source: tuple[tuple[str, int], bytes]) -> _Stream | None:
        """Whose a source is that speaks for the first time.

        Where one port serves many calls, as SIPp's, an echo bears our own SSRC; else it is of the
        first who has heard nobody yet.
        """
        address, ssrc = source
        there = self._by_address.get(address)
        if not there:
            return None
        number = int.from_bytes(ssrc, "big")
        chosen = there[0]
        if len(there) > 1:
            echo = (one for one in there if one.voice is not None and one.voice.ssrc == number)
            silent = (one for one in there if not one.sources)
            chosen = next(echo, None) or next(silent, chosen)
        chosen.sources.append(source)
        self._sources[source] = chosen
        return chosen

    async def _count(self) -> None:
        """A point of the series each second."""
        while True:
            await trio.sleep(1.0)
            packets = lost = heard = 0
            jitter = 0.0
            for stream in self._streams.values():
                reception = stream.reception
                new, gone = reception.received - stream.received, reception.lost - stream.lost
                stream.received, stream.lost = reception.received, reception.lost
                if new > 0:
                    packets += new
                    lost += max(0, gone)
                    jitter += reception.jitter_ms / 1e3
                    heard += 1
            if heard:
                self.seconds.append(Second(trio.current_time(), packets, lost, jitter / heard))
            if len(self.seconds) > 7200:
                del self.seconds[1::2]


def _instant(ancillary: list[tuple[int, int, bytes]]) -> float:
    """When the kernel took the packet, in seconds; now, where it does not say."""
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS and len(data) >= _STAMP.size:
            seconds, nanoseconds = _STAMP.unpack_from(data)
            return int(seconds) % 86_400 + int(nanoseconds) / 1e9
    return time() % 86_400
