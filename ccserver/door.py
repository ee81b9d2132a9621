"""The door to a running server: the words of its protocol, and how to knock.

One JSON object a line, over the Unix socket ``core.sock`` in ``data.dir``.  A request,

``{"id": 1, "op": "contact.hold", "args": {"contact": "a0...", "side": "customer"},``
``"principal": {"user": "ada", "role": "agent", "agent": "1001"}, "expect": 7, "key": "k-1"}``

is answered ``{"id": 1, "ok": true, "version": 8, ...}`` or ``{"id": 1, "refused": "NOT_IN_CONTROL",
"state": "connected", "allowed": [...]}``; several may be under way at once, and are answered as
they are done.  After ``feed.follow`` the journal's entries come on the same connection, a line
each.  docs/api.md has the whole of it.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
from msgspec import Struct

from actors.commands import Principal

SOCKET = "core.sock"
DEADLINE = 5.0
"""A request is answered within so many seconds, or refused."""
LONGEST_DEADLINE = 30.0
LONGEST_LINE = 64 * 1024
"""Of a request."""
LONGEST_ANSWER = 64 * 2**20
PATIENCE = 10.0
"""Seconds to wait for an answer; the server answers or refuses in less."""
PATIENCE_WITH_A_DIGEST = 120.0
"""A large state is looked at in pieces, with pauses; and a checkpoint may come before."""

Answer: TypeAlias = dict[str, Any]


class NobodyThere(Exception):
    """No server runs on this data directory, or it does not answer."""


class Request(Struct, omit_defaults=True):
    """``principal``: on whose behalf; None: the server's operator, who may open the socket.

    ``expect``: the version that the author saw; ``key``: the same within ten minutes has one
    effect and one answer; ``deadline``: seconds after which the answer is of no use.
    """

    op: str
    id: int | str | None = None
    args: dict[str, Any] = {}
    principal: Principal | None = None
    expect: int | None = None
    key: str | None = None
    deadline: float | None = None


def ask(
    data: Path,
    op: str,
    args: dict[str, Any] | None = None,
    expect: int | None = None,
    principal: Principal | None = None,
    patience: float = PATIENCE,
) -> Answer:
    """The answer of the server whose ``data.dir`` is ``data``; within ``patience`` seconds.

    Raises NobodyThere.
    """
    request = Request(op, 1, args or {}, principal, expect)
    with _connected(data, patience) as door:
        try:
            door.sendall(msgspec.json.encode(request) + b"\n")
            return _answer(next(_lines(door), b""))
        except (OSError, msgspec.DecodeError) as error:
            raise _nobody(data, error) from None


def follow(data: Path, after: int | None = None) -> Iterator[Answer]:
    """The journal's entries as they come, ``{"seq": 7, "at": microseconds, "event": {...}}``.

    ``after``: only those behind it; None: from now on.  Ends when the server does, or when we
    read too slowly: then a last ``{"resync": {"after": 6}}`` says from where to go on.
    Raises NobodyThere.
    """
    request = Request("feed.follow", 1, {} if after is None else {"after": after})
    with _connected(data) as door:
        try:
            door.sendall(msgspec.json.encode(request) + b"\n")
            lines = _lines(door)
            yield _answer(next(lines, b""))
            door.settimeout(None)
            for line in lines:
                yield _answer(line)
        except (OSError, msgspec.DecodeError) as error:
            raise _nobody(data, error) from None


def _connected(data: Path, patience: float = PATIENCE) -> socket.socket:
    door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    door.settimeout(patience)
    try:
        door.connect(str(data / SOCKET))
    except OSError as error:
        door.close()
        raise _nobody(data, error) from None
    return door


def _lines(door: socket.socket) -> Iterator[bytes]:
    buffer = b""
    while len(buffer) < LONGEST_ANSWER:
        piece = door.recv(2**18)
        if not piece:
            return
        *lines, buffer = (buffer + piece).split(b"\n")
        yield from lines


def _answer(line: bytes) -> Answer:
    answer: Answer = msgspec.json.decode(line, type=dict[str, Any])
    return answer


def _nobody(data: Path, error: Exception) -> NobodyThere:
    reason = getattr(error, "strerror", None) or "no answer"
    return NobodyThere(f"no running server answers at {data / SOCKET}: {reason}")
