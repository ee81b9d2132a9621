"""Events to bytes and back: JSON objects with the event's tag first.

msgspec writes a struct as it stands; for orjson it would have to become a dict first, at twice
the cost (docs/decisions/).  Any JSON reader can read the result.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec
from msgspec import Struct

from actors.events import AnyEvent
from ccserver.journal.migrations import upgraded

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[AnyEvent] = msgspec.json.Decoder(AnyEvent)


class _Tagged(Struct):
    event: str


_tags = msgspec.json.Decoder(_Tagged)


def encode(event: AnyEvent) -> bytes:
    """Text that is no valid Unicode (from the wire) is kept with U+FFFD in place of the bad bytes:
    an event that cannot be written must not hold up those behind it.
    """
    try:
        return _encoder.encode(event)
    except UnicodeEncodeError:
        return encode_any(event)


def encode_any(value: Any) -> bytes:
    """Whatever msgspec can write as JSON, text of any kind included."""
    try:
        return _encoder.encode(value)
    except UnicodeEncodeError:
        return _encoder.encode(_valid(msgspec.to_builtins(value)))


def decode(payload: bytes) -> AnyEvent:
    """Raises msgspec.DecodeError for what is no event of this version, nor of one before."""
    try:
        return _decoder.decode(payload)
    except msgspec.DecodeError:
        now = upgraded(payload)
        if now is None:
            raise
        return _decoder.decode(now)


def tag_of(event: AnyEvent) -> str:
    """``contact.queued``"""
    return tag_of_kind(type(event))


def tag_in(payload: bytes) -> str:
    """As ``encode`` wrote it.  Raises msgspec.DecodeError."""
    return _tags.decode(payload).event


@cache
def tag_of_kind(kind: type[Struct]) -> str:
    """Of all events of this class."""
    return str(kind.__struct_config__.tag)


def _valid(value: Any) -> Any:
    match value:
        case str():
            return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        case dict():
            return {_valid(name): _valid(item) for name, item in value.items()}
        case list() | tuple():
            return [_valid(item) for item in value]
        case _:
            return value
