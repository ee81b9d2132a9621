"""The door's own side of the socket: who knocks, what he wants, and what he is answered.

``ccserver/door.py`` has the words.  A connection may have several requests under way; one that
follows the feed does nothing else.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import msgspec
import trio

from actors.reasons import Refusal
from ccserver.core import reloading
from ccserver.core.door.commands import OPERATIONS, BadArgument, Commands
from ccserver.core.door.feed import Feed
from ccserver.core.door.progress import AuditStanding, StoreProgress
from ccserver.core.door.queries import Queries
from ccserver.core.reloading import Reloading
from ccserver.door import LONGEST_LINE, Answer, Request
from ccserver.journal import codec
from ccserver.journal.log import Journal, JournalError

log = logging.getLogger(__name__)

MOST_CONNECTIONS = 32
MOST_UNDER_WAY = 256
"""Requests of one connection: more are read when some of them have been answered."""
SEND_SECONDS = 10.0
"""For an asker to take an answer; else he is let go."""


class Door:
    def __init__(
        self,
        commands: Commands,
        queries: Queries,
        reloading: Reloading,
        journal: Journal,
        store: StoreProgress,
        audit: AuditStanding,
    ) -> None:
        self._commands, self._queries, self._journal = commands, queries, journal
        self._reloading = reloading
        self._notes = {one.OPERATION: one.told for one in (store, audit)}
        self.feed = Feed(journal)
        self._connections = 0
        self._decoder = msgspec.json.Decoder(Request)

    @property
    def last_seq(self) -> int:
        return self._journal.last_seq

    def reply(self, reply_to: str, answer: object) -> None:
        """An actor has answered a command."""
        self._commands.reply(reply_to, answer)

    async def serve(
        self, path: Path, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Until cancelled; it has started when it can be connected to.  Only this user may."""
        place = trio.Path(path)
        await place.unlink(missing_ok=True)
        listener = trio.socket.socket(trio.socket.AF_UNIX, trio.socket.SOCK_STREAM)
        await listener.bind(str(path))
        await place.chmod(0o600)
        listener.listen(16)
        task_status.started()
        try:
            await trio.serve_listeners(self.converse, [trio.SocketListener(listener)])
        finally:
            with trio.CancelScope(shield=True):
                await place.unlink(missing_ok=True)

    async def converse(self, stream: trio.abc.Stream) -> None:
        """One connection; never raises but Cancelled."""
        self._connections += 1
        try:
            async with stream:
                if self._connections <= MOST_CONNECTIONS:
                    async with trio.open_nursery() as nursery:
                        await _Conversation(self, stream, nursery).run()
                        nursery.cancel_scope.cancel()
        except* (trio.BrokenResourceError, trio.ClosedResourceError, trio.TooSlowError):
            pass  # the asker has gone, or does not listen
        finally:
            self._connections -= 1

    async def answer(self, request: Request) -> Answer:
        """To one request that is no feed; whatever is wrong with it is a refusal."""
        try:
            if request.op in OPERATIONS:
                return await self._commands.answer(request)
            if request.op == reloading.OPERATION:
                return await self._reloading.answer(request.principal)
            if request.op in self._notes:
                return self._notes[request.op](request)
            if self._queries.knows(request.op):
                return await self._queries.answer(request.op, request.args)
        except BadArgument as error:
            return {"refused": Refusal.BAD_REQUEST, "field": error.field, "detail": str(error)}
        except JournalError as error:
            log.error("a question could not be answered: %s", error)
            return {"refused": Refusal.NO_ANSWER, "detail": "the journal cannot be read"}
        return {"refused": Refusal.UNKNOWN_COMMAND, "detail": f"no operation {request.op}"}

    def read(self, line: bytes) -> Request:
        """Raises BadArgument."""
        try:
            return self._decoder.decode(line)
        except (msgspec.DecodeError, RecursionError) as error:
            text = str(error).replace("`", "")
            raise BadArgument("", f"expected a request as JSON on one line: {text}") from None


class _Conversation:
    def __init__(self, door: Door, stream: trio.abc.Stream, nursery: trio.Nursery) -> None:
        self._door, self._stream, self._nursery = door, stream, nursery
        self._one_at_a_time = trio.Lock()
        self._room = trio.Semaphore(MOST_UNDER_WAY)
        self._follows = False

    async def run(self) -> None:
        """Until the asker has gone; what he has not been answered by then, he does not want."""
        buffer = b""
        while data := await self._stream.receive_some(65536):
            *lines, buffer = (buffer + data).split(b"\n")
            for line in lines:
                await self._hear(line)
            if len(buffer) > LONGEST_LINE:
                return await self._refuse(None, "", f"expected at most {LONGEST_LINE} bytes a line")

    async def _hear(self, line: bytes) -> None:
        try:
            request = self._door.read(line)
        except BadArgument as error:
            return await self._refuse(None, error.field, str(error))
        if request.op == "feed.follow":
            return await self._follow(request)
        await self._room.acquire()
        self._nursery.start_soon(self._answer, request)

    async def _answer(self, request: Request) -> None:
        try:
            answer = await self._door.answer(request)
        finally:
            self._room.release()
        await self._say({"id": request.id, **answer})

    async def _follow(self, request: Request) -> None:
        last = self._door.last_seq
        after = request.args.get("after")
        if not (after is None or (isinstance(after, int) and 0 <= after <= last)):
            return await self._refuse(request.id, "after", f"expected a number from 0 to {last}")
        if self._follows:
            return await self._refuse(request.id, "", "expected one feed a connection")
        self._follows = True
        await self._say({"id": request.id, "ok": True, "last": last})
        self._nursery.start_soon(self._feed, last if after is None else after)

    async def _feed(self, after: int) -> None:
        await self._door.feed.follow(after, self._send)
        await self._stream.aclose()

    async def _refuse(self, name: Any, field: str, detail: str) -> None:
        refusal = {"refused": Refusal.BAD_REQUEST, "field": field, "detail": detail}
        await self._say({"id": name, **refusal})

    async def _say(self, answer: Answer) -> None:
        with trio.fail_after(SEND_SECONDS):
            await self._send(codec.encode_any(answer) + b"\n")

    async def _send(self, data: bytes) -> None:
        async with self._one_at_a_time:
            await self._stream.send_all(data)
