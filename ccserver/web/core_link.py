"""The web process's side of the core's door: commands and questions, and the feed into the model.

Two connections: an answer never waits behind the feed.  When the core goes, it is knocked at again
until it is back; what has changed meanwhile is found by comparing its state with what we knew.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec

from actors.events import CentreConfigured, ServerDraining
from actors.reasons import WebRefusal
from ccserver.door import LONGEST_ANSWER, PATIENCE, SOCKET, Answer, Request
from ccserver.journal import codec
from ccserver.journal.live import Live, Snapshot
from ccserver.journal.log import Entry
from ccserver.web.model import Changes, Model
from ccserver.web.refusals import Refused, of_door

log = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 0.05, 1.0
MOST_READ = 256 * 1024
"""Bytes of the feed at once; some 900 entries, 2 ms."""
HEARD = frozenset(
    codec.tag_of_kind(kind).encode() for kind in (*Live((), ()).kinds, ServerDraining)
)
"""The tags of the events that show anything: half of them, the others are not even decoded."""
_SEQ, _EVENT = b'{"seq":', b',"event":{"event":"'
_decoder = msgspec.json.Decoder(Entry)


class CoreLink:
    """``changed`` hears what is another than before in ``model``."""

    def __init__(self, data: Path, model: Model, changed: Callable[[Changes], None]) -> None:
        self._path, self._model, self._changed = data / SOCKET, model, changed
        self._writer: asyncio.StreamWriter | None = None
        self._waiting: dict[int, asyncio.Future[Answer]] = {}
        self._asked = 0
        self._is_ending = False
        self.up = asyncio.Event()

    async def run(self) -> None:
        """Until cancelled."""
        pause = FIRST_PAUSE
        while True:
            try:
                await self._connected()
            except (OSError, EOFError, Refused, msgspec.DecodeError, ValueError) as error:
                if self.up.is_set():
                    level = logging.INFO if self._is_ending else logging.WARNING
                    log.log(level, "the core has gone: %s", error or type(error).__name__)
                    pause = FIRST_PAUSE
            finally:
                self.up.clear()
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def ask(self, request: Request) -> Answer:
        """The core's answer, a refusal too.  Raises Refused when there is none to be had."""
        if self._writer is None:
            raise _down()
        self._asked += 1
        request.id = self._asked
        answered = asyncio.get_running_loop().create_future()
        self._waiting[request.id] = answered
        try:
            self._writer.write(msgspec.json.encode(request) + b"\n")
            async with asyncio.timeout(PATIENCE):
                await self._writer.drain()
                answer: Answer = await answered
                return answer
        except (TimeoutError, ConnectionError):
            raise _down() from None
        finally:
            self._waiting.pop(request.id, None)

    async def done(self, request: Request) -> Answer:
        """As ``ask``; a refusal is raised."""
        answer = await self.ask(request)
        if "refused" in answer:
            raise of_door(answer)
        return answer

    async def _connected(self) -> None:
        async with contextlib.AsyncExitStack() as stack:
            reader, writer = await asyncio.open_unix_connection(self._path, limit=LONGEST_ANSWER)
            stack.callback(writer.close)
            feed, feeds = await asyncio.open_unix_connection(self._path, limit=LONGEST_ANSWER)
            stack.callback(feeds.close)
            self._writer = writer
            stack.callback(self._disconnected)
            works = [
                asyncio.create_task(self._hear(reader)),
                asyncio.create_task(self._follow(feed, feeds)),
            ]
            try:
                over, _ = await asyncio.wait(works, return_when=asyncio.FIRST_COMPLETED)
                for work in over:
                    work.result()
            finally:
                for work in works:
                    work.cancel()
                await asyncio.gather(*works, return_exceptions=True)

    def _disconnected(self) -> None:
        self._writer = None
        for answered in self._waiting.values():
            if not answered.done():
                answered.set_exception(_down())
        self._waiting.clear()

    async def _hear(self, reader: asyncio.StreamReader) -> None:
        while line := await reader.readline():
            answer: dict[str, Any] = msgspec.json.decode(line)
            answered = self._waiting.get(answer.pop("id"))
            if answered is not None and not answered.done():
                answered.set_result(answer)
        raise EOFError("it closed the connection")

    async def _follow(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """The whole state, then each entry behind it."""
        centre = await self.done(Request("centre"))
        state = await self.done(Request("live"))
        snapshot = msgspec.convert(state, Snapshot)
        self._changed(self._model.replace(centre, snapshot))
        request = Request("feed.follow", 0, {"after": snapshot.seq})
        writer.write(msgspec.json.encode(request) + b"\n")
        await writer.drain()
        first = msgspec.json.decode(await reader.readline() or b"{}")
        if not first.get("ok"):
            raise EOFError(f"it gives no feed: {first}")
        self._is_ending = False
        self.up.set()
        log.info("the core is there, at event %d", snapshot.seq)
        await self.hear_feed(reader)

    async def hear_feed(self, reader: asyncio.StreamReader) -> None:
        """Each entry behind the state that the model has.  Raises EOFError in the end."""
        async for lines in _as_they_come(reader):
            if lines[-1].startswith(b'{"resync"'):
                raise EOFError("we read too slowly")
            entries = [_decoder.decode(line) for line in lines if _tag(line) in HEARD]
            changed = self._model.apply(entries, _seq(lines[-1]))
            kinds = {type(entry.event) for entry in entries}
            if ServerDraining in kinds:
                self._is_ending = True
            if CentreConfigured in kinds:
                changed |= self._model.configure(await self.done(Request("centre")))
            if changed:
                self._changed(changed)
        raise EOFError("it closed the connection")


async def _as_they_come(reader: asyncio.StreamReader) -> AsyncIterator[list[bytes]]:
    """Lines, as many at once as are there: to wait for each costs as much as to understand it."""
    begun: list[bytes] = []
    while data := await reader.read(MOST_READ):
        whole, newline, rest = data.rpartition(b"\n")
        if newline:
            yield b"".join([*begun, whole]).split(b"\n")
            begun.clear()
        begun.append(rest)


def _tag(line: bytes) -> bytes:
    """Of the event in a line of the feed, whose fields have an order (docs/api.md)."""
    begin = line.index(_EVENT) + len(_EVENT)
    return line[begin : line.index(b'"', begin)]


def _seq(line: bytes) -> int:
    return int(line[len(_SEQ) : line.index(b",")])


def _down() -> Refused:
    detail = "the core does not answer: it is being started again"
    return Refused(WebRefusal.CORE_DOWN, detail, retry_after=1)
