"""A large state encoded, or hashed, in pieces of some entries each: the loop may turn between them.

The state must stand still meanwhile (``ccserver.journal.standstill``), or be copied first.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import Any

import msgspec
from msgspec import Struct

from actors.past import Past

ENTRIES = 1_000
"""In a piece of a checkpoint: a millisecond or two."""
HASHED = 400
"""In a step of a digest, about as long."""
_HASH_BYTES = 32
_pack = msgspec.msgpack.Encoder().encode
_text = msgspec.json.Encoder(order="sorted").encode
"""A struct gives what the mapping gives as which it is read again, where its type is not known."""


def size_of(value: Any) -> int:
    """Entries of a mapping or a list, with those of the mappings and lists in it; else 1."""
    if isinstance(value, dict):
        return sum(map(size_of, value.values()))
    return len(value) if isinstance(value, list) else 1


def packed(state: Struct, depth: int = 2) -> Iterator[bytes]:
    """Joined they are what msgspec makes of ``state``, as MessagePack, in one go.

    What is divided are the mappings among its fields and, at ``depth`` 2, among theirs.
    """
    waiting: list[bytes] = []
    entries = 0
    for many, part in _parts(state, depth):
        waiting.append(part)
        entries += many
        if entries >= ENTRIES:
            yield b"".join(waiting)
            waiting.clear()
            entries = 0
    if waiting:
        yield b"".join(waiting)


def _parts(state: Struct, depth: int) -> Iterator[tuple[int, bytes]]:
    """Entries, and the bytes of so many."""
    names = state.__struct_fields__
    yield 0, _head(len(names))
    for name in names:
        value = getattr(state, name)
        yield 0, _pack(name)
        if isinstance(value, dict):
            yield 0, _head(len(value))
            for many, some in _slices(value, ENTRIES):
                yield many, _pack(some)[_head_bytes(len(some)) :]
        elif depth > 1 and isinstance(value, Struct):
            yield from _parts(value, depth - 1)
        else:
            yield 1, _pack(value)


def _slices(whole: Mapping[Any, Any], most: int) -> Iterator[tuple[int, dict[Any, Any]]]:
    """Its entries in their order, ``most`` or a few more at once, as they are counted."""
    some: dict[Any, Any] = {}
    entries = 0
    for key, value in whole.items():
        some[key] = value
        entries += size_of(value)
        if entries >= most:
            yield entries, some
            some, entries = {}, 0
    if some:
        yield entries, some


def _head(entries: int) -> bytes:
    """Of a map (msgpack's specification, "map format family")."""
    if entries < 16:
        return bytes([0x80 | entries])
    return (
        struct.pack(">BH", 0xDE, entries) if entries < 2**16 else struct.pack(">BI", 0xDF, entries)
    )


def _head_bytes(entries: int) -> int:
    return len(_head(entries))


# --- the digest -------------------------------------------------------------------------------


def digest(past: Past) -> str:
    """The same for the same state, in whatever order its entries came; and for no other."""
    return shown(sum(sums(past)))


def shown(total: int) -> str:
    """The digest of which ``sums`` gave the parts."""
    return f"{total % 2 ** (8 * _HASH_BYTES):0{2 * _HASH_BYTES}x}"


def sums(past: Past) -> Iterator[int]:
    """Of the hashes of all entries of ``past``: each of its mappings' is one, with the field's name
    and its key, and each other field.  The digest is their sum.
    """
    total = entries = 0
    for field in past.__struct_fields__:
        value = getattr(past, field)
        each = value.items() if isinstance(value, dict) else ((None, value),)
        for key, entry in each:
            hashed = blake2b(_text((field, key, entry)), digest_size=_HASH_BYTES)
            total += int.from_bytes(hashed.digest(), "big")
            entries += size_of(entry)
            if entries >= HASHED:
                yield total
                total = entries = 0
    yield total
