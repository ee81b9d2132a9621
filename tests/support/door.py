"""Somebody who knocks at the core's door, over a stream in memory."""

from __future__ import annotations

from typing import Any

import msgspec
import trio

from actors.commands import Principal
from actors.ids import AgentId
from ccserver.core.door import Door
from ccserver.door import Request


def agent(name: str) -> Principal:
    return Principal(name, "agent", AgentId(name))


class Knocker:
    """One connection."""

    def __init__(self, door: Door, nursery: trio.Nursery) -> None:
        self.stream, inside = trio.testing.memory_stream_pair()
        nursery.start_soon(door.converse, inside)
        self._buffer = b""
        self._asked = 0

    async def says(self, data: bytes) -> None:
        await self.stream.send_all(data)

    async def hears(self) -> dict[str, Any]:
        """The next line; ``{}`` at the end."""
        while b"\n" not in self._buffer:
            piece = await self.stream.receive_some()
            if not piece:
                return {}
            self._buffer += piece
        line, _, self._buffer = self._buffer.partition(b"\n")
        found: dict[str, Any] = msgspec.json.decode(line)
        return found

    async def asks(self, op: str, *, by: Principal | None = None, **more: Any) -> dict[str, Any]:
        """``expect``, ``key`` and ``deadline`` are the request's, everything else its args."""
        self._asked += 1
        own = {name: more.pop(name) for name in ("expect", "key", "deadline") if name in more}
        request = Request(op, self._asked, more, by, **own)
        await self.says(msgspec.json.encode(request) + b"\n")
        return await self.hears()
