"""What the calls ask of the audio, if there is any."""

from __future__ import annotations

from typing import Protocol

from sip.offer_answer import Local, Negotiated


class AudioPort(Protocol):
    """Streams are named by whoever has the call; each goes to one address and hears it."""

    @property
    def local(self) -> Local:
        """Where all our audio is awaited."""

    def agree(self, call: object, audio: Negotiated) -> None:
        """Begin to send and to count, or go on elsewhere."""

    def press(self, call: object, keys: str) -> None:
        """A comma waits for a second."""

    def close(self, call: object) -> None:
        """It is over; one that was never agreed is none."""


class NoAudio:
    """Nobody speaks; what is sent to the port is let lie."""

    def __init__(self, local: Local) -> None:
        self.local = local

    def agree(self, call: object, audio: Negotiated) -> None: ...

    def press(self, call: object, keys: str) -> None: ...

    def close(self, call: object) -> None: ...
