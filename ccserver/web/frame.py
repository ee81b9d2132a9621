"""Around every request: limits of size and kind, headers of every answer, errors that say nothing.

Plain ASGI, for what it must not touch: WebSockets pass it untouched.
"""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from typing import Any

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from actors.reasons import WebRefusal
from ccserver.web.refusals import Refused

log = logging.getLogger(__name__)

LONGEST_BODY = 64 * 1024
_HEADERS: list[tuple[bytes, bytes]] = [
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
]
_STRICT_TRANSPORT = (b"strict-transport-security", b"max-age=31536000")


class Frame:
    def __init__(self, app: ASGIApp, *, secure: bool) -> None:
        self._app = app
        self._headers = [*_HEADERS, _STRICT_TRANSPORT] if secure else _HEADERS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        started = False

        async def answer(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                given = {name for name, _ in message["headers"]}
                more = [pair for pair in self._headers if pair[0] not in given]
                message["headers"] = [*message["headers"], *more]
            await send(message)

        try:
            _require_json(scope)
            await self._app(scope, _limited(receive), answer)
        except Refused as refused:
            await _refuse(answer, refused)
        except Exception:
            log.exception("a request failed")
            if not started:
                await _refuse(answer, internal())


def internal() -> Refused:
    return Refused(WebRefusal.INTERNAL, "our fault: the log has it")


def _require_json(scope: Scope) -> None:
    headers: MutableMapping[bytes, bytes] = dict(scope["headers"])
    length = headers.get(b"content-length", b"0")
    if length.isdigit() and int(length[:20]) > LONGEST_BODY:
        raise _too_large()
    if length == b"0" and b"transfer-encoding" not in headers:
        return
    kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if kind != b"application/json" or b"content-encoding" in headers:
        detail = "expected Content-Type: application/json, not compressed"
        raise Refused(WebRefusal.NOT_JSON, detail)


def _limited(receive: Receive) -> Receive:
    had = 0

    async def limited() -> Message:
        nonlocal had
        message = await receive()
        had += len(message.get("body", b""))
        if had > LONGEST_BODY:
            raise _too_large()
        return message

    return limited


def _too_large() -> Refused:
    return Refused(WebRefusal.TOO_LARGE, f"expected at most {LONGEST_BODY} bytes")


async def _refuse(send: Send, refused: Refused) -> None:
    body = orjson.dumps(refused.body)
    headers: list[tuple[bytes, bytes]] = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        *((name.lower().encode(), value.encode()) for name, value in refused.headers.items()),
    ]
    start: dict[str, Any] = {"status": refused.status, "headers": headers}
    await send({"type": "http.response.start", **start})
    await send({"type": "http.response.body", "body": body})
