"""What a queued call without audio costs the media process: CPU a call.

    python -m loadtest.bench_media_calls --rate 200 --seconds 20

Says what the core says for such a call, in the same frames: a session for the caller and music,
one for the agent, who hears whom, and the end of both.  Nobody sends RTP.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import deque
from pathlib import Path

from ccserver.media.client import READY
from ccserver.media.protocol import (
    Command,
    CreateSession,
    Event,
    GetStatistics,
    Hear,
    KeepReady,
    Play,
    PortsReady,
    Release,
    SetRemote,
    StopPlay,
)
from loadtest.media_load import HOST, Media

CALLER, AGENT = 40_000, 40_002
"""Where they would like to hear; nobody listens there."""
TALK = 1.0
"""Seconds; the greeting is none, and a free agent answers at once."""
WARM_UP = 12
"""Seconds: until the ports of the first calls have rested, and are used again."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=200, help="calls a second")
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--ports", default="20000-29999")
    a = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ccserver-bench-") as name:
        media = Media(Path(name), ["--ports", a.ports])
        try:
            calls = Calls(media)
            calls.come(a.rate, WARM_UP)
            before, frames = media.cpu(), calls.heard
            calls.come(a.rate, a.seconds)
            number = a.rate * a.seconds
            each = (media.cpu() - before) / number
            print(f"{each * 1e3:.3f} ms of CPU a call, {number} calls at {a.rate} a second")
            print(f"{(calls.heard - frames) / number:.2f} frames a call up to the core")
        finally:
            media.end()


class Calls:
    """The core's side of them."""

    def __init__(self, media: Media) -> None:
        self.heard = 0
        """Frames."""
        self._media = media
        self._ready: deque[int] = deque()
        self._made = 0
        self._ending: deque[tuple[float, str]] = deque()
        self._over: list[Command] = []
        """Releases, which go with what is said next."""
        media.tell(KeepReady(READY))
        while not self._ready:
            self._listen(media.hear())

    def come(self, rate: int, seconds: int) -> None:
        begin = time.monotonic()
        for number in range(rate * seconds):
            due = begin + number / rate
            time.sleep(max(0.0, due - time.monotonic()))
            while self._ending and self._ending[0][0] <= due:
                call = self._ending.popleft()[1]
                self._over += [Release(f"{call}/0"), Release(f"{call}/1")]
            if number % rate == 0:
                self._over.append(GetStatistics())
            self._one(due)
            for events in self._media.waiting():
                self._listen(events)

    def _one(self, now: float) -> None:
        self._made += 1
        call = f"a0{self._made:024}"
        caller, agent = f"{call}/0", f"{call}/1"
        self._media.tell(
            *self._over,
            CreateSession(caller, port=self._port()),
            SetRemote(caller, HOST, CALLER, "PCMU", 0, 101, "sendrecv"),
            Play(caller, "p1", ["music.wav"], loop=True),
            CreateSession(agent, port=self._port()),
        )
        self._over.clear()
        self._media.tell(
            SetRemote(agent, HOST, AGENT, "PCMU", 0, 101, "sendrecv"),
            StopPlay(caller),
            Hear(caller, [agent]),
            Hear(agent, [caller]),
        )
        self._ending.append((now + TALK, call))

    def _port(self) -> int | None:
        """None: none in reserve, for one of the two is late; then a port is opened."""
        return self._ready.popleft() if self._ready else None

    def _listen(self, events: list[Event]) -> None:
        self.heard += 1
        for event in events:
            if isinstance(event, PortsReady):
                self._ready.extend(event.ports)


if __name__ == "__main__":
    main()
