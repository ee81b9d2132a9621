"""ccserver's REST API, as its agents' desktops use it: a thread for each request."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import quote

import trio

from loadtest.desks import Reply
from loadtest.scenario.model import Api

PATIENCE = 5.0
"""Seconds for a request."""
THREADS = 16
TRIES = 20
"""Of a sign-in that is put off (429)."""
LONGEST_WAIT = 5.0


class Rest:
    def __init__(self, api: Api) -> None:
        self._api = api
        self._tokens: dict[int, str] = {}
        self._threads = trio.CapacityLimiter(THREADS)

    async def sign_in(self, number: int) -> str | None:
        name, password = (text.format(n=number) for text in (self._api.user, self._api.password))
        for _ in range(TRIES):
            reply = await self._ask("POST", "/session", None, {"name": name, "password": password})
            if reply.refused is None:
                self._tokens[number] = str(reply.body.get("token", ""))
                return None
            if reply.refused != "RATE_LIMITED":
                return reply.refused
            await trio.sleep(min(LONGEST_WAIT, float(reply.body.get("retry_after", 1))))
        return "RATE_LIMITED"

    async def find(self, number: int, user: str) -> str | None:
        reply = await self._ask("GET", f"/contacts?agent={quote(user)}", number)
        found = reply.body.get("contacts") or [{}]
        contact = found[0].get("id")
        return None if contact is None else str(contact)

    async def command(self, number: int, contact: str, op: str, body: dict[str, Any]) -> Reply:
        return await self._ask("POST", f"/contacts/{quote(contact)}/{op}", number, body)

    async def _ask(
        self, method: str, path: str, number: int | None, body: dict[str, Any] | None = None
    ) -> Reply:
        url = f"{self._api.url.rstrip('/')}/api/v1{path}"
        headers = {"Content-Type": "application/json"}
        if number is not None:
            headers["Authorization"] = f"Bearer {self._tokens.get(number, '')}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, headers, method=method)
        return await trio.to_thread.run_sync(
            _fetch, request, limiter=self._threads, abandon_on_cancel=True
        )


def _fetch(request: urllib.request.Request) -> Reply:
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return Reply(_body(answer.read()))
    except urllib.error.HTTPError as error:
        with error:
            body = _body(error.read())
        body["retry_after"] = error.headers.get("Retry-After") or 1
        return Reply(body, str(body.get("refused", f"HTTP {error.code}")))
    except OSError as error:
        cause = getattr(error, "reason", error)  # urllib's wraps the system's
        return Reply({}, f"no answer: {getattr(cause, 'strerror', None) or cause}")


def _body(data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(data or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
