"""When a media process wakes, and for what: here time passes only while nothing comes."""

from __future__ import annotations

import select
import socket
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from ccserver.media.engine import TICK, Engine, Settings
from ccserver.media.protocol import (
    Command,
    CreateSession,
    Event,
    Play,
    SessionCreated,
    SetRemote,
    StopPlay,
    decode_events,
    encode_frames,
)
from ccserver.media.sockets import Place
from tests.peers.phone_rtp import HOST, both
from tests.peers.programs import free_ports

REST = 10 * TICK


class Passing:
    """The poller and the clock; and what comes when, the last of it the end."""

    def __init__(self) -> None:
        self.now = 0.0
        self.wakes: list[float] = []
        """When it woke though nothing came."""
        self.script: list[tuple[float, Callable[[], object]]] = []
        self._poller = select.epoll()
        self.register, self.modify = self._poller.register, self._poller.modify
        self.unregister, self.close = self._poller.unregister, self._poller.close

    def poll(self, timeout: float, most: int) -> list[tuple[int, int]]:
        ready = self._poller.poll(0, most)
        if ready:
            return ready
        if self.script and self.script[0][0] <= self.now + timeout:
            self.now, act = self.script.pop(0)
            act()
            return self._poller.poll(5, most) if self.script else []
        self.now += timeout + 1e-6
        self.wakes.append(self.now)
        return []

    def woke(self, begin: float, end: float) -> int:
        return sum(begin < wake <= end for wake in self.wakes)


class Alone:
    """An engine that has no other time."""

    def __init__(self, directory: Path, passing: Passing) -> None:
        first = free_ports(20)
        settings = Settings(
            socket=directory / "media.sock",
            places=(Place(HOST, HOST),),
            first_port=first,
            last_port=first + 19,
            prompts=directory,
        )
        self.passing = passing
        self._engine = Engine(settings, random=Random(1), clock=lambda: passing.now)
        self._core = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._core.connect(str(settings.socket))
        self._core.settimeout(2.0)

    def tells(self, at: float, *commands: Command) -> None:
        (frame,) = encode_frames(commands)
        self.does(at, lambda: self._core.send(frame))

    def does(self, at: float, act: Callable[[], object]) -> None:
        self.passing.script.append((at, act))

    def port(self) -> int:
        """Of a session that was just made."""
        (created,) = decode_events(self._core.recv(65_536))
        assert isinstance(created, SessionCreated)
        return created.port

    def runs(self, seconds: float) -> list[Event]:
        """What it has said then."""
        self.does(seconds, self._engine.stop)
        self._engine.run()
        said: list[Event] = []
        while frame := self._core.recv(65_536):
            said += decode_events(frame)
        return said

    def close(self) -> None:
        self._core.close()


@pytest.fixture
def media(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Alone]:
    with wave.open(str(tmp_path / "music.wav"), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(1600))
    passing = Passing()
    with monkeypatch.context() as patched:
        patched.setattr(select, "epoll", lambda: passing)
        alone = Alone(tmp_path, passing)
    yield alone
    alone.close()


def session(name: str) -> list[Command]:
    return [CreateSession(name), SetRemote(name, HOST, 4000, "PCMU", 0, 101, "sendrecv")]


def test_while_nothing_is_to_be_done_it_wakes_five_times_a_second(media):
    media.tells(1.0, *session("anna"), *session("bert"), *both("anna", "bert"))

    said = media.runs(11.0)

    assert [event.session for event in said[:2]] == ["anna", "bert"]
    assert media.passing.woke(1.0, 11.0) == pytest.approx(10 / REST, abs=1)


def test_music_begins_at_the_next_tick_and_keeps_time(media):
    media.tells(3.11, *session("anna"), Play("anna", "music", ["music.wav"], loop=True))
    media.tells(4.11, StopPlay("anna"))

    *_, released = media.runs(14.1)

    assert media.passing.woke(3.11, 3.11 + TICK) == 1
    assert media.passing.woke(3.11, 4.11) == released.packets_out == pytest.approx(50, abs=1)
    assert media.passing.woke(4.2, 14.1) == pytest.approx(10 / REST, abs=1)


def test_a_packet_brings_the_next_tick(media):
    media.tells(3.05, *session("anna"))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        media.does(3.11, lambda: phone.sendto(bytes(12), (HOST, media.port())))
        media.runs(4.0)

    assert media.passing.woke(3.11, 3.11 + TICK) == 1
    assert media.passing.woke(3.2, 4.0) == pytest.approx(0.8 / REST, abs=1)
