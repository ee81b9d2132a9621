"""Signing in and out."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from actors.reasons import WebRefusal
from ccserver.web import shapes as s
from ccserver.web.guard import GuardedRoute, guard_of
from ccserver.web.limits import Limit
from ccserver.web.refusals import Refused
from ccserver.web.rights import V1
from ccserver.web.sessions import SignedIn

router = APIRouter(prefix=V1, route_class=GuardedRoute, tags=["session"])


@router.post(
    "/session",
    response_model=s.Me,
    response_model_exclude_none=True,
    status_code=201,
    responses={401: {"model": s.Refusal}, 429: {"model": s.Refusal}},
)
async def sign_in(request: Request, response: Response, body: s.SignIn) -> dict[str, Any]:
    """A new session.  An agent has one at a time: it ends the one before."""
    state = request.app.state
    where = request.client.host if request.client is not None else ""
    attempts: list[tuple[Limit, str]] = [
        (state.attempts_by_name, body.name),
        (state.attempts_from, where),
    ]
    for limit, name in attempts:
        if wait := limit.take(name):
            detail = f"too many attempts: try again in {wait} s"
            raise Refused(WebRefusal.RATE_LIMITED, detail, retry_after=wait)
    guard = guard_of(request)
    token, signed_in = await guard.sessions.sign_in(body.name, body.password)
    if not body.cookie:
        return {**_me(signed_in), "token": token}
    response.set_cookie(
        guard.cookie,
        token,
        expires=int(signed_in.session.expires),
        path="/",
        secure=guard.secure,
        httponly=True,
        samesite="strict",
    )
    return _me(signed_in)


@router.get("/session", response_model=s.Me, response_model_exclude_none=True)
async def who_am_i(request: Request) -> dict[str, Any]:
    return _me(request.state.signed_in)


@router.delete("/session", response_model=s.Ok)
async def sign_out(request: Request, response: Response) -> dict[str, Any]:
    """The session and every desktop of it end at once."""
    guard = guard_of(request)
    await guard.sessions.sign_out(request.state.signed_in)
    response.delete_cookie(guard.cookie, path="/", secure=guard.secure, httponly=True)
    return {}


def _me(signed_in: SignedIn) -> dict[str, Any]:
    account, session = signed_in.account, signed_in.session
    shown = {"name": account.name, "role": account.role, "agent": account.agent}
    return {**shown, "teams": account.teams, "expires": session.expires, "csrf": session.csrf}
