"""The WebSocket: ``GET /api/v1/events``, a snapshot and then what changes."""

from __future__ import annotations

from enum import Enum, auto
from typing import Annotated

import anyio
from fastapi import APIRouter, Query, WebSocket
from starlette.websockets import WebSocketDisconnect

from actors.reasons import WebRefusal
from ccserver.web.desktop import Desktop, Desktops
from ccserver.web.guard import guard_of
from ccserver.web.refusals import Refused, as_response
from ccserver.web.rights import V1

router = APIRouter(prefix=V1)

MOST_DESKTOPS = 8
"""WebSockets that one account may have open."""
SESSION_ENDED, TRY_AGAIN = 4401, 1013
"""Why we close a WebSocket (RFC 6455, 7.4)."""
GONE = (WebSocketDisconnect, RuntimeError, KeyError, OSError)
"""What is raised when the other side is no longer there, or speaks bytes."""


class Over(Enum):
    GONE = auto()
    TOO_SLOW = auto()
    SIGNED_OUT = auto()


@router.websocket("/events")
async def events(
    websocket: WebSocket, after: Annotated[int | None, Query(ge=0, le=2**62)] = None
) -> None:
    """A snapshot, or what has changed behind ``after``; then what changes."""
    desktops: Desktops = websocket.app.state.desktops
    try:
        _admit(websocket, desktops)
    except Refused as refused:
        return await websocket.send_denial_response(as_response(refused))
    await websocket.accept()
    desktop = desktops.open(websocket.state.viewer)
    try:
        over = await _serve(websocket, desktop, after)
    finally:
        desktops.close(desktop)
    with anyio.move_on_after(1):
        if over is Over.TOO_SLOW:
            await _close(websocket, TRY_AGAIN, "you read too slowly")
        elif over is Over.SIGNED_OUT:
            await _close(websocket, SESSION_ENDED, "the session has ended")


def _admit(websocket: WebSocket, desktops: Desktops) -> None:
    guard_of(websocket).admit(websocket, "WEBSOCKET", f"{V1}/events")
    if not websocket.app.state.link.up.is_set():
        raise Refused(WebRefusal.CORE_DOWN, "the core is being started again", retry_after=1)
    if desktops.of(websocket.state.viewer.account.name) >= MOST_DESKTOPS:
        detail = f"expected at most {MOST_DESKTOPS} desktops of one account"
        raise Refused(WebRefusal.RATE_LIMITED, detail, retry_after=1)


async def _serve(websocket: WebSocket, desktop: Desktop, after: int | None) -> Over:
    over = Over.GONE
    async with anyio.create_task_group() as tasks:

        def end(why: Over) -> None:
            nonlocal over
            over = why
            tasks.cancel_scope.cancel()

        async def tell() -> None:
            try:
                await desktop.run(websocket.send_text, after)
            except TimeoutError:
                end(Over.TOO_SLOW)
            except GONE:
                end(Over.GONE)

        async def hear() -> None:
            """Desktops have nothing to say here: commands are requests, which are answered."""
            try:
                while True:
                    await websocket.receive_text()
            except GONE:
                end(Over.GONE)

        async def watch() -> None:
            await websocket.state.signed_in.ended.wait()
            end(Over.SIGNED_OUT)

        for work in (tell, hear, watch):
            tasks.start_soon(work)
    return over


async def _close(websocket: WebSocket, code: int, reason: str) -> None:
    try:
        await websocket.close(code, reason)
    except GONE:
        return
