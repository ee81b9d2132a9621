"""Who may come in: sessions, roles, origins, tokens, rates; before anything of a body is read.

A route is a ``GuardedRoute``, and its row in ``rights.py`` says who may; without a row, nobody.
"""

from __future__ import annotations

import hmac
import json
import logging
from collections.abc import Callable, Coroutine
from typing import Any

import orjson
from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.requests import HTTPConnection

from actors.reasons import Refusal, WebRefusal
from ccserver.web.limits import Limit
from ccserver.web.model import Model, Viewer
from ccserver.web.refusals import Refused
from ccserver.web.rights import PUBLIC, RIGHTS, V1
from ccserver.web.sessions import Sessions, SignedIn
from ccserver.web.store import Account

log = logging.getLogger(__name__)

SAFE = frozenset(("GET", "HEAD"))
COOKIE = "ccserver"
CSRF = "X-CSRF-Token"
DEEPEST = 16


class Guard:
    """``origins``: where pages that may use a cookie come from.  ``secure``: only by HTTPS."""

    def __init__(
        self,
        sessions: Sessions,
        model: Model,
        limit: Limit,
        origins: frozenset[str],
        *,
        secure: bool,
    ) -> None:
        self.sessions, self._model, self._limit = sessions, model, limit
        self._origins, self.secure = origins, secure

    @property
    def cookie(self) -> str:
        """Its name; the prefix makes the browser hold to Secure, Path=/ and no Domain."""
        return f"__Host-{COOKIE}" if self.secure else COOKIE

    def admit(self, connection: HTTPConnection, method: str, path: str) -> None:
        """Raises Refused.  ``connection.state`` has ``viewer`` and ``signed_in`` thereafter."""
        rights = RIGHTS.get((method, path), frozenset())
        self._require_own_page(connection, method)
        if rights is PUBLIC:
            return
        signed_in = self._signed_in(connection, method)
        account = signed_in.account
        connection.state.signed_in = signed_in
        connection.state.viewer = viewer = self.viewer(account)
        if wait := self._limit.take(account.name):
            detail = f"too many requests: try again in {wait} s"
            raise Refused(WebRefusal.RATE_LIMITED, detail, retry_after=wait)
        if viewer.account.role not in rights:
            log.warning("%s (%s) asked for %s %s", account.name, account.role, method, path)
            raise Refused(WebRefusal.FORBIDDEN, f"the role {account.role} never has this right")

    def viewer(self, account: Account) -> Viewer:
        teams = self._model.centre.get("teams", ())
        members = {
            agent for team in teams if team["name"] in account.teams for agent in team["agents"]
        }
        limited = account.role == "supervisor" and account.teams
        return Viewer(account, frozenset(members) if limited else None)

    def _signed_in(self, connection: HTTPConnection, method: str) -> SignedIn:
        scheme, _, token = connection.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            found = self.sessions.find(token.strip())
            if found is None:
                raise Refused(WebRefusal.NOT_SIGNED_IN, "this session has ended, or never was")
            return found
        found = self.sessions.find(connection.cookies.get(self.cookie, ""))
        if found is None:
            raise Refused(WebRefusal.NOT_SIGNED_IN, f"expected a session: POST {V1}/session")
        if method not in SAFE:
            self._require_proof(connection, method, found)
        return found

    def _require_own_page(self, connection: HTTPConnection, method: str) -> None:
        """A page of somebody else's may not even try, whatever it has in its hands."""
        origin = connection.headers.get("origin")
        if method not in SAFE and origin is not None and origin not in self._origins:
            raise Refused(WebRefusal.FOREIGN_ORIGIN, f"not from pages of {origin[:100]}")

    def _require_proof(self, connection: HTTPConnection, method: str, found: SignedIn) -> None:
        """The browser sends the cookie by itself: that its user wanted this must be shown."""
        if "origin" not in connection.headers:
            raise Refused(WebRefusal.FOREIGN_ORIGIN, "expected the header Origin beside a cookie")
        if method == "WEBSOCKET":
            return  # a page cannot set headers there; the origin is its proof
        given = connection.headers.get(CSRF, "").encode()
        if not hmac.compare_digest(given, found.session.csrf.encode()):
            raise Refused(WebRefusal.NO_CSRF_TOKEN, f"expected the session's token in {CSRF}")


def guard_of(connection: HTTPConnection) -> Guard:
    guard: Guard = connection.app.state.guard
    return guard


class StrictRequest(Request):
    """Its JSON means one thing only: no NaN, no name twice, no half characters, not too deep."""

    _strict: Any = None

    async def read(self) -> None:
        """Before FastAPI does, which would answer in its own words.  Raises Refused."""
        body = await self.body()
        if body:
            self._strict = strict_json(body)

    async def json(self) -> Any:
        return self._strict


def strict_json(body: bytes) -> Any:
    """Raises Refused."""
    try:
        orjson.loads(body)  # UTF-8, no NaN, no lone surrogates
        if _depth(body) > DEEPEST:
            raise ValueError(f"more than {DEEPEST} levels")
        return json.loads(body, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise Refused(Refusal.BAD_REQUEST, f"expected JSON: {error}") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return found


def _depth(body: bytes) -> int:
    """Brackets that are open at once; those in texts count too, which nobody needs so many of."""
    deepest = depth = 0
    for byte in body:
        if byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"]}":
            depth -= 1
    return deepest


class GuardedRoute(APIRoute):
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            guard_of(request).admit(request, request.method, self.path)
            strict = StrictRequest(request.scope, request.receive)
            await strict.read()
            return await handle(strict)

        return guarded
