"""The door: commands from outside, one JSON object a line over a Unix socket.

``{"id": 1, "op": "agent.set_idle", "args": {"agent": "1001", "code": "lunch"}, "expect": null}``
is answered ``{"id": 1, "ok": true, "version": 7, ...}`` or
``{"id": 1, "refused": "UNKNOWN_IDLE_CODE", "state": "available", "allowed": [...]}``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import trio

from actors import messages as m
from actors.effects import TellAgent
from actors.ids import AgentId
from actors.reasons import Refusal

log = logging.getLogger(__name__)

LONGEST_LINE = 64 * 1024
DEADLINE = 5.0
"""A command is answered within so many seconds, or refused."""


class Door:
    """``agents`` are the known ones; ``status`` gives what ``status`` answers."""

    def __init__(
        self,
        agents: Callable[[AgentId], bool],
        tell_agent: Callable[[TellAgent], None],
        status: Callable[[], dict[str, Any]],
    ) -> None:
        self._known, self._tell_agent, self._status = agents, tell_agent, status
        self._waiting: dict[str, trio.MemorySendChannel[object]] = {}
        self._asked = 0

    def reply(self, reply_to: str, answer: object) -> None:
        """An actor has answered; whoever asked and left hears nothing."""
        channel = self._waiting.get(reply_to)
        if channel is not None:
            channel.send_nowait(answer)

    async def serve(self, path: Path) -> None:
        """Until cancelled.  Only this user may connect."""
        place = trio.Path(path)
        await place.unlink(missing_ok=True)
        listener = trio.socket.socket(trio.socket.AF_UNIX, trio.socket.SOCK_STREAM)
        await listener.bind(str(path))
        await place.chmod(0o600)
        listener.listen(16)
        try:
            await trio.serve_listeners(self._converse, [trio.SocketListener(listener)])
        finally:
            with trio.CancelScope(shield=True):
                await place.unlink(missing_ok=True)

    async def _converse(self, stream: trio.abc.Stream) -> None:
        buffer = b""
        async with stream:
            try:
                while data := await stream.receive_some(65536):
                    *lines, buffer = (buffer + data).split(b"\n")
                    for line in lines:
                        answer = await self.answer(line)
                        await stream.send_all(orjson.dumps(answer) + b"\n")
                    if len(buffer) > LONGEST_LINE:
                        return
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return  # the asker has gone

    async def answer(self, line: bytes) -> dict[str, Any]:
        """One command; whatever is wrong with it is a refusal."""
        try:
            request = orjson.loads(line)
        except orjson.JSONDecodeError:
            return _refused(None, Refusal.BAD_REQUEST, "expected a JSON object on one line")
        if not isinstance(request, dict):
            return _refused(None, Refusal.BAD_REQUEST, "expected a JSON object")
        name = request.get("id")
        args = request.get("args") or {}
        expect = request.get("expect")
        if not isinstance(args, dict) or not (expect is None or isinstance(expect, int)):
            return _refused(name, Refusal.BAD_REQUEST, "expected args {} and expect number or null")
        if request.get("op") == "status":
            return {"id": name, "ok": True, **self._status()}
        command = _command(request.get("op"), args)
        if command is None:
            return _refused(name, Refusal.UNKNOWN_COMMAND, str(request.get("op")))
        agent = args.get("agent")
        if not isinstance(agent, str) or not self._known(AgentId(agent)):
            return _refused(name, Refusal.UNKNOWN_AGENT, str(agent))
        return await self._ask(name, AgentId(agent), command, expect)

    async def _ask(
        self,
        name: object,
        agent: AgentId,
        command: m.AgentCommand,
        expect: int | None,
    ) -> dict[str, Any]:
        self._asked += 1
        reply_to = f"door/{self._asked}"
        send, receive = trio.open_memory_channel[object](1)
        self._waiting[reply_to] = send
        answer: object = None
        try:
            received = m.AgentCommandReceived(command, reply_to, expect)
            self._tell_agent(TellAgent(agent, received))
            with trio.move_on_after(DEADLINE):
                answer = await receive.receive()
        finally:
            del self._waiting[reply_to]
        match answer:
            case m.Done(version, state, code, pending, allowed):
                shown = {"version": version, "state": state, "code": code, "pending": pending}
                return {"id": name, "ok": True, **shown, "allowed": allowed}
            case m.Refused(reason, state, allowed):
                return {"id": name, "refused": reason, "state": state, "allowed": allowed}
            case _:
                return _refused(name, Refusal.NO_ANSWER, f"agent {agent} did not answer in time")


def _command(op: object, args: dict[str, Any]) -> m.AgentCommand | None:
    code = args.get("code")
    code = code if isinstance(code, str) else None
    match op:
        case "agent.set_available":
            return m.SetAvailable()
        case "agent.set_idle":
            return m.SetIdle(code or "")
        case "agent.sign_out":
            return m.SignOut()
        case "agent.end_wrap_up":
            return m.EndWrapUp(code)
        case _:
            return None


def _refused(name: object, code: Refusal, detail: str) -> dict[str, Any]:
    return {"id": name, "refused": code, "detail": detail}
