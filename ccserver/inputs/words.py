"""What is written down of what comes from outside: how a run began, and each of its turns.

A turn is all that follows from one cause (``actors.base.Post``).  With the two clocks' readings as
it began, and what was asked of the world meanwhile, it can be taken again, and comes to the same.
"""

from __future__ import annotations

from typing import Any, TypeAlias
from zlib import crc32

import msgspec
from msgspec import Struct

from actors.events import ConfigurationChange
from ccserver.door import Request
from ccserver.media import protocol as media
from sip.authentication import Verdict
from sip.transport.path import Path
from sip.usage_messages import ServerKey

FORMAT = 6
"""Raised whenever what is written is another: a recording of another format is not replayed."""


class Start(Struct, frozen=True):
    """The first of a recording."""

    format: int
    version: str
    """Of the server."""
    seq: int
    """The journal's last event before this run."""
    boot: str
    epoch: int
    seed: int
    """As ``ccserver.core.app.World`` has them."""
    listeners: tuple[tuple[str, str, int], ...]
    """Transport, host and port of each."""
    settings: dict[str, Any]
    """Without secrets."""
    state: bytes | None
    """What the journal came to (``ccserver.journal.folds``); None: it was empty."""
    rescued: int = 0
    """As ``server.started`` has it."""


class Turn(Struct, frozen=True, array_like=True, tag=0):
    what: str
    now: float
    """Monotonic seconds."""
    at: float
    """Seconds since 1970."""
    words: Any = ()
    """What was said, as its kind has it (``words_of``)."""


class Answered(Struct, frozen=True, array_like=True, tag=1):
    """What was asked while the turn before it lasted."""

    what: str
    value: Any = None


class Said(Struct, frozen=True, array_like=True, tag=2):
    """What the turn before it has said to others, if anything: of each word, in its order, the last
    16 bits of the running checksum of its kind.
    """

    sent: list[int] = []
    """Messages by the network (``mark_of_message``)."""
    told: list[int] = []
    """Commands to the media process, and answers to commands (``mark_of_word``)."""


Record: TypeAlias = Turn | Answered | Said

WORDS: dict[str, Any] = {
    "message": tuple[bytes, Path],
    "unsent": tuple[Path],
    "closed": tuple[Path],
    "media": tuple[media.Event],
    "recover": tuple[dict[str, media.SessionState] | None],
    "command": tuple[Request, str],
    "configure": tuple[dict[str, Any], str, tuple[ConfigurationChange, ...]],
    "trying": tuple[ServerKey],
    "late": tuple[bool],
    "clock set": tuple[float],
    "ended": tuple[str],
    "again": tuple[str],
    "parting": tuple[str],
    "dropped": tuple[str],
}
"""Of each kind of turn that has any."""
VALUES: dict[str, Any] = {
    "verdict": tuple[Verdict, str | None],
    "nonce": str,
    "route": str,
    "port": tuple[str, int] | None,
}
"""Of each question, what it may be answered with."""


MARK = 0xFFFF


def mark_of_message(before: int, data: bytes, remote: tuple[str, int]) -> int:
    """The checksum of a run's messages so far, with this one: CRC-32 of host, port and bytes.

    It runs on: where one message was another, all that follow have other marks, too.
    """
    host, port = remote
    return crc32(data, crc32(host.encode(), before ^ port))


def mark_of_word(before: int, word: Struct) -> int:
    """The same of what a run has told, as MessagePack."""
    return crc32(_encode(word), before)


_encode = msgspec.msgpack.Encoder(enc_hook=repr).encode
"""Whatever a word may hold, to write it down costs nobody his call."""


def words_of(turn: Turn) -> tuple[Any, ...]:
    """Raises msgspec.ValidationError."""
    kind = WORDS.get(turn.what)
    words: tuple[Any, ...] = () if kind is None else msgspec.convert(turn.words, kind)
    return words


def value_of(answered: Answered) -> Any:
    """Raises msgspec.ValidationError."""
    return msgspec.convert(answered.value, VALUES[answered.what])
