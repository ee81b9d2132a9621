"""The door from outside: one command to a running server, and its answer."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import orjson

SOCKET = "core.sock"
DEADLINE = 10.0
"""Seconds; the server answers or refuses in less."""
LONGEST_ANSWER = 16 * 2**20


class NobodyThere(Exception):
    """No server runs on this data directory, or it does not answer."""


def ask(
    data: Path, op: str, args: dict[str, Any] | None = None, expect: int | None = None
) -> dict[str, Any]:
    """The answer of the server whose ``data.dir`` is ``data``.  Raises NobodyThere."""
    request = {"id": 1, "op": op, "args": args or {}, "expect": expect}
    path = data / SOCKET
    answer = bytearray()
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as door:
            door.settimeout(DEADLINE)
            door.connect(str(path))
            door.sendall(orjson.dumps(request) + b"\n")
            while not answer.endswith(b"\n") and len(answer) < LONGEST_ANSWER:
                piece = door.recv(65536)
                if not piece:
                    break
                answer += piece
        found = orjson.loads(bytes(answer))
    except (OSError, orjson.JSONDecodeError) as error:
        reason = getattr(error, "strerror", None) or "no answer"
        raise NobodyThere(f"no running server answers at {path}: {reason}") from None
    if not isinstance(found, dict):
        raise NobodyThere(f"what answers at {path} is no ccserver")
    return found
