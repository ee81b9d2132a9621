"""A media process under test, and phones that send to it and count what comes back.

One socket plays all phones, each with a packet every 20 ms, spread over them as real phones are.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from struct import Struct as Layout

import numpy as np
from msgspec import Struct

from ccserver.media import g711, g722
from ccserver.media.protocol import (
    Command,
    CreateSession,
    Event,
    GetStatistics,
    SessionCreated,
    Statistics,
    decode_events,
    encode_frames,
)

HOST = "127.0.0.1"
PROMPTS = Path(__file__).parent.parent / "config" / "prompts"
SLOTS = 20
"""Steps of a millisecond over which the phones are spread."""
PAYLOAD_TYPE = {"PCMU": 0, "PCMA": 8, "G722": 9}
_BUFFER = 16 * 2**20
_STAMP = Layout("!4sQ")
_HEAD = Layout("!HI")
_STAMPED = b"RTP?"
"""Begins a payload that says when it was sent."""
_SO_RCVBUFFORCE = 33


class Phone:
    """A packet that is rewritten in place, and where it goes: with `voice`, frames of 160 bytes one
    after the other, or else with the time at which it was sent."""

    def __init__(self, number: int, port: int, codec: str = "PCMU", voice: bytes = b"") -> None:
        self.to = (HOST, port)
        head = bytes((0x80, PAYLOAD_TYPE[codec])) + bytes(6) + number.to_bytes(4)
        self.packet = bytearray(head + bytes(160))
        self.sequence = 0
        self._voice = [voice[start : start + 160] for start in range(0, len(voice), 160)]

    def next(self) -> bytearray:
        self.sequence += 1
        _HEAD.pack_into(self.packet, 2, self.sequence & 0xFFFF, self.sequence * 160 & 0xFFFFFFFF)
        if self._voice:
            self.packet[12:] = self._voice[self.sequence % len(self._voice)]
        else:
            _STAMP.pack_into(self.packet, 12, _STAMPED, time.monotonic_ns())
        return self.packet


def voice(codec: str, hertz: int) -> bytes:
    """A second of a tone of a whole number of Hz, so that it goes round."""
    rate = g722.SAMPLE_RATE if codec == "G722" else 8000
    samples = (3000 * np.sin(2 * np.pi * hertz * np.arange(rate) / rate)).astype(np.int16)
    if codec == "G722":
        return g722.Encoder().encode(samples)
    return g711.encode(codec, samples.tobytes())


class Result(Struct):
    sent: int = 0
    received: int = 0
    behind: float = 0.0
    """Seconds the generator was late, at most."""
    delays: list[int] = []
    """Nanoseconds from the phone to the phone."""


class Media:
    """The process under test and its control socket."""

    def __init__(self, directory: Path, options: list[str]) -> None:
        path = directory / "media.sock"
        command = [sys.executable, "-m", "ccserver.media", "--socket", str(path)]
        command += ["--prompts", str(PROMPTS), *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        print(self.process.stdout.readline().strip())
        self._core = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._core.connect(str(path))

    def tell(self, *commands: Command) -> None:
        for frame in encode_frames(commands):
            self._core.send(frame)

    def hear(self) -> list[Event]:
        return decode_events(self._core.recv(65_536))

    def waiting(self) -> Iterator[list[Event]]:
        """What it has said meanwhile, a frame at a time."""
        while True:
            try:
                frame = self._core.recv(65_536, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            yield decode_events(frame)

    def statistics(self) -> Statistics:
        self.tell(GetStatistics())
        while True:
            for event in self.hear():
                if isinstance(event, Statistics):
                    return event

    def cpu(self) -> float:
        """Seconds this process has used, in the kernel and outside of it."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(10)

    def open(self, names: list[str]) -> dict[str, int]:
        """Sessions of these names; their ports."""
        self.tell(*map(CreateSession, names))
        ports: dict[str, int] = {}
        while len(ports) < len(names):
            for event in self.hear():
                if not isinstance(event, SessionCreated):
                    raise SystemExit(f"expected a session, got {event}")
                ports[event.session] = event.port
        return ports


def open_phones() -> socket.socket:
    """The one socket of all phones, with room for a burst."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
    except PermissionError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
    sock.bind((HOST, 0))
    sock.setblocking(False)
    return sock


def exchange(
    sock: socket.socket, phones: list[Phone], seconds: int, *, await_all: bool = True
) -> Result:
    """All phones send; `await_all`: what is still under way in the end is awaited."""
    result = Result()
    slots = [phones[slot::SLOTS] for slot in range(SLOTS)]
    begin = time.monotonic() + 0.01
    for step in range(seconds * 50 * SLOTS):
        due = begin + step * 0.02 / SLOTS
        now = time.monotonic()
        if now < due:
            time.sleep(due - now)
        else:
            result.behind = max(result.behind, now - due)
        for phone in slots[step % SLOTS]:
            sock.sendto(phone.next(), phone.to)
        result.sent += len(slots[step % SLOTS])
        _receive(sock, result)
    for _ in range(20 if await_all else 0):
        time.sleep(0.005)
        _receive(sock, result)
    return result


def _receive(sock: socket.socket, result: Result) -> None:
    buffer = bytearray(2048)
    receive_into = sock.recv_into
    try:
        while True:
            size = receive_into(buffer)
            # One that was translated or mixed says nothing; of the others every eighth is taken.
            if size == 172 and buffer[3] & 7 == 0 and buffer[12:16] == _STAMPED:
                result.delays.append(time.monotonic_ns() - _STAMP.unpack_from(buffer, 12)[1])
            result.received += 1
    except BlockingIOError:
        return


def drops(sock: socket.socket) -> int:
    """Packets the kernel dropped at our own socket."""
    port = f":{sock.getsockname()[1]:04X}"
    for line in Path("/proc/net/udp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1].endswith(port):
            return int(fields[-1])
    return 0


def quantile(buckets: dict[str, int], share: float) -> float:
    """Interpolated within its bucket; the last bound for what is beyond it."""
    wanted = share * sum(buckets.values())
    below = lower = 0.0
    for bound, count in buckets.items():
        if bound == "+Inf":
            break
        upper = float(bound)
        if below + count >= wanted and count:
            return lower + (upper - lower) * (wanted - below) / count
        below += count
        lower = upper
    return lower
