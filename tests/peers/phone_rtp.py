"""A media engine in a thread, and phones that send tones to it over loopback sockets."""

from __future__ import annotations

import select
import socket
import threading
import time
from pathlib import Path
from random import Random
from typing import TypeVar

from ccserver.media import rtp
from ccserver.media.engine import Engine, Settings
from ccserver.media.protocol import (
    Command,
    CreateSession,
    Event,
    Hear,
    SessionCreated,
    SetRemote,
    decode_events,
    encode_frames,
)
from ccserver.media.sockets import Place
from tests.peers.programs import PATIENCE
from tests.support import ears

E = TypeVar("E")
HOST = "127.0.0.1"
PAYLOAD_TYPE = {"PCMU": 0, "PCMA": 8, "G722": 9}


class RunningEngine:
    """Use as a context manager; the core's end of the control socket is spoken here."""

    def __init__(
        self,
        directory: Path,
        *,
        ports: tuple[int, int],
        rtp_timeout: float = 20.0,
        hosts: tuple[str, ...] = (HOST,),
        places: tuple[Place, ...] = (),
    ) -> None:
        settings = Settings(
            socket=directory / "media.sock",
            places=places or tuple(Place(host, host) for host in hosts),
            first_port=ports[0],
            last_port=ports[1],
            prompts=directory,
            rtp_timeout=rtp_timeout,
        )
        self.path = settings.socket
        self.host = settings.places[0].listen
        self.engine = Engine(settings, random=Random(1))
        self.events: list[Event] = []
        self._thread = threading.Thread(target=self.engine.run)

    def __enter__(self) -> RunningEngine:
        self._thread.start()
        self.connect()
        return self

    def __exit__(self, *_: object) -> None:
        self.engine.stop()
        self._thread.join()
        self.core.close()

    def connect(self) -> None:
        self.core = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.core.settimeout(PATIENCE)
        self.core.connect(str(self.path))

    def tell(self, *commands: Command) -> None:
        for frame in encode_frames(commands):
            self.core.send(frame)

    def wait_for(self, kind: type[E]) -> E:
        """The next event of this kind; what comes before it goes to `events`."""
        while True:
            for index, event in enumerate(self.events):
                if isinstance(event, kind):
                    del self.events[index]
                    return event
            self.events += decode_events(self.core.recv(65536))

    def opens(self, name: str, *, ipv6: bool = False) -> int:
        self.tell(CreateSession(name, ipv6))
        return self.wait_for(SessionCreated).port

    def phone(
        self, name: str, *, codec: str = "PCMU", hertz: float | None = None, host: str = HOST
    ) -> Phone:
        phone = Phone(name, self.opens(name, ipv6=":" in host), codec, hertz, host)
        self.tell(SetRemote(name, host, phone.port, codec, PAYLOAD_TYPE[codec], 101, "sendrecv"))
        return phone


class Phone:
    """Sends a tone, or silence, and keeps what it gets."""

    def __init__(
        self, name: str, engine_port: int, codec: str, hertz: float | None, host: str = HOST
    ) -> None:
        self.name = name
        self.codec = codec
        self.heard: list[rtp.Packet] = []
        self._voice = None if hertz is None else ears.Voice(codec, hertz)
        self._to = (host, engine_port)
        self._sent = 0
        self._ssrc = engine_port
        self._rtp, self._rtcp = _pair(host)
        self.port: int = self._rtp.getsockname()[1]

    def sends_frame(self) -> None:
        payload = ears.silence(self.codec) if self._voice is None else self._voice.frame()
        self.sends(PAYLOAD_TYPE[self.codec], self._sent * ears.FRAME, payload)

    def sends(self, payload_type: int, timestamp: int, payload: bytes) -> None:
        data = rtp.build(payload_type, False, self._sent & 0xFFFF, timestamp, self._ssrc, payload)
        self._sent += 1
        self._rtp.sendto(data, self._to)

    def moves(self) -> None:
        """To another port, as behind a NAT whose binding went."""
        self.close()
        self._rtp, self._rtcp = _pair(self._to[0])
        self.port = self._rtp.getsockname()[1]

    def listens(self) -> None:
        while select.select([self._rtp], [], [], 0)[0]:
            self.heard.append(rtp.parse(self._rtp.recv(2048)))

    def wait_for_report(self) -> bytes:
        return self._rtcp.recv(2048)

    def ear(self) -> list[bytes]:
        """The payloads heard since this was asked last."""
        self.listens()
        payloads = [packet.payload for packet in self.heard if packet.payload_type != 101]
        self.heard.clear()
        return payloads

    def close(self) -> None:
        self._rtp.close()
        self._rtcp.close()


def both(one: str, other: str) -> list[Command]:
    """They hear each other."""
    return [Hear(one, [other]), Hear(other, [one])]


def talk(*phones: Phone, seconds: float) -> None:
    """Everyone sends a packet every 20 ms, and hears what comes until a little later."""
    begin = time.monotonic()
    for number in range(round(seconds / 0.02)):
        time.sleep(max(0.0, begin + number * 0.02 - time.monotonic()))
        for phone in phones:
            phone.sends_frame()
    time.sleep(0.03)
    for phone in phones:
        phone.listens()


def _pair(host: str) -> tuple[socket.socket, socket.socket]:
    """Sockets of a port and the next one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    while True:
        first = socket.socket(family, socket.SOCK_DGRAM)
        second = socket.socket(family, socket.SOCK_DGRAM)
        first.settimeout(PATIENCE)
        second.settimeout(PATIENCE)
        first.bind((host, 0))
        try:
            second.bind((host, first.getsockname()[1] + 1))
        except (OSError, OverflowError):
            first.close()
            second.close()
            continue
        return first, second
