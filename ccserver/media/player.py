"""A play list, cut into frames: sample exact across files and loops.  Pure; whoever holds it
asks for one frame every 20 ms."""

from __future__ import annotations

from collections.abc import Sequence

from ccserver.media.g711 import SILENCE
from ccserver.media.wav import Sound

FRAME = 160
"""Samples: 20 ms."""


class Player:
    """Plays `sounds` one after the other, for ever if `loop`; `barge_in`: a key may end it."""

    def __init__(
        self, token: str, sounds: Sequence[Sound], *, loop: bool = False, barge_in: bool = False
    ) -> None:
        if not any(map(len, sounds)):
            raise ValueError("expected at least one sample to play")
        self.token = token
        self.barge_in = barge_in
        self._sounds = [sound for sound in sounds if len(sound)]
        self._loop = loop
        self._index = 0
        self._position = 0

    @property
    def finished(self) -> bool:
        return self._index == len(self._sounds)

    def frame(self, codec: str) -> bytes:
        """The next 160 samples; the last frame of all is filled up with silence."""
        frame = b""
        while len(frame) < FRAME and not self.finished:
            samples = self._sounds[self._index].of(codec)
            part = samples[self._position : self._position + FRAME - len(frame)]
            frame += part
            self._position += len(part)
            if self._position == len(samples):
                self._advance()
        return frame.ljust(FRAME, SILENCE[codec])

    def _advance(self) -> None:
        self._position = 0
        self._index += 1
        if self._loop and self._index == len(self._sounds):
            self._index = 0
