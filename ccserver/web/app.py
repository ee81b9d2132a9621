"""The web application: what is there, and what holds it together."""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from actors.reasons import Refusal, WebRefusal
from ccserver import __version__
from ccserver.settings import Settings
from ccserver.settings.kinds import host_port
from ccserver.web import control, events, history, outside, reports, rest, shapes, signing_in
from ccserver.web.core_link import CoreLink
from ccserver.web.desktop import Desktops
from ccserver.web.frame import Frame, internal
from ccserver.web.guard import Guard, GuardedRoute
from ccserver.web.limits import Limit
from ccserver.web.model import Model
from ccserver.web.openapi import describe
from ccserver.web.refusals import Refused, as_response
from ccserver.web.rights import V1
from ccserver.web.sessions import Sessions
from ccserver.web.store import Account, Store

log = logging.getLogger(__name__)

ATTEMPTS_BY_NAME = (0.2, 10.0)
"""To sign in, a second and in a burst: with one name, and below from one address, behind which may
be a whole office in the morning.
"""
ATTEMPTS_FROM = (10.0, 1000.0)

operations = APIRouter(route_class=GuardedRoute, tags=["operation"])
ROUTERS = (
    *(signing_in.router, rest.router, reports.router, history.router),
    *(control.router, outside.router, events.router, operations),
)


class Web:
    """Everything of one web process.  ``run`` keeps its tasks; ``asgi`` is what uvicorn serves."""

    def __init__(self, settings: Settings, store: Store) -> None:
        web = settings.web
        secure = web.tls_certificate is not None
        self.model = Model()
        self.desktops = Desktops(self.model)
        self.link = CoreLink(Path(settings.data.dir), self.model, self.desktops.changed)
        self.sessions = Sessions(store, configured_accounts(settings), web.session_seconds)
        limit = Limit(web.requests_per_second, 3 * web.requests_per_second, time.monotonic)
        guard = Guard(self.sessions, self.model, limit, own_origins(settings), secure=secure)
        self.app = FastAPI(
            title="ccserver",
            version=__version__,
            description="Contacts, agents and queues of a contact centre, live.  See docs/api.md.",
            docs_url=None,
            redoc_url=None,
            openapi_url=None,
        )
        state = self.app.state
        state.guard, state.model, state.link = guard, self.model, self.link
        state.desktops = self.desktops
        state.data = Path(settings.data.dir)
        state.explaining = asyncio.Lock()
        """One at a time: it is work."""
        state.reporting = asyncio.Lock()
        state.reports, state.idle_codes = settings.reports, settings.idle_codes
        state.history = self.history = history.History(settings)
        state.longest_contact = settings.routing.max_contact_seconds
        state.attempts_by_name = Limit(*ATTEMPTS_BY_NAME, time.monotonic)
        state.attempts_from = Limit(*ATTEMPTS_FROM, time.monotonic)
        for router in ROUTERS:
            self.app.include_router(router)
        state.description = None
        state.describing = asyncio.Lock()
        self.app.add_exception_handler(Refused, _refused)  # type: ignore[arg-type]
        self.app.add_exception_handler(Exception, _failed)
        self.app.add_exception_handler(RequestValidationError, _invalid)  # type: ignore[arg-type]
        self.app.add_exception_handler(HTTPException, _http_error)  # type: ignore[arg-type]
        self.asgi: ASGIApp = Frame(self.app, secure=secure)

    async def run(self) -> None:
        """Until cancelled.  Raises StoreError when the accounts cannot be read at first."""
        await self.sessions.load()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.sessions.watch())
                tasks.create_task(self.link.run())
        finally:
            self.history.close()


def configured_accounts(settings: Settings) -> dict[str, tuple[Account, str]]:
    return {
        entry.name: (
            Account(entry.name, entry.role, entry.agent, tuple(entry.teams)),
            entry.password.get_secret_value(),
        )
        for entry in settings.accounts
    }


def own_origins(settings: Settings) -> frozenset[str]:
    """Pages that we serve ourselves come from where we listen."""
    host, port = host_port(settings.web.listen)
    scheme = "http" if settings.web.tls_certificate is None else "https"
    shown = f"[{host}]" if ":" in host else host
    own = {f"{scheme}://{shown}:{port}"}
    if host in ("127.0.0.1", "::1"):
        own.add(f"{scheme}://localhost:{port}")
    return frozenset(own | set(settings.web.origins))


# --- whether it works -----------------------------------------------------------------------------


@operations.get("/healthz", response_model=shapes.Ok)
async def healthz() -> dict[str, Any]:
    """This process answers."""
    return {}


@operations.get("/readyz", response_model=shapes.Ok, responses={503: {"model": shapes.Refusal}})
async def readyz(request: Request) -> dict[str, Any]:
    """It knows the present state, and commands reach the core."""
    if not rest.link_of(request).up.is_set():
        raise Refused(WebRefusal.CORE_DOWN, "the core does not answer", retry_after=1)
    return {}


@operations.get(f"{V1}/openapi.json", include_in_schema=False)
async def openapi(request: Request) -> JSONResponse:
    """Made when it is first asked for: a third of a second, that most runs do without."""
    state = request.app.state
    async with state.describing:
        if state.description is None:
            state.description = await asyncio.to_thread(describe, request.app)
    return JSONResponse(state.description)


# --- errors ---------------------------------------------------------------------------------------


async def _refused(request: Request, refused: Refused) -> Response:
    return as_response(refused)


async def _failed(request: Request, error: Exception) -> Response:
    """Starlette raises it on when this has been sent; the frame puts it into the log."""
    return as_response(internal())


async def _invalid(request: Request, error: RequestValidationError) -> Response:
    """Every field that is wrong, at once; never the value, which may be a password."""
    wrong = [
        {"field": ".".join(map(str, item["loc"][1:])), "detail": item["msg"]}
        for item in error.errors()
    ]
    return as_response(
        Refused(Refusal.BAD_REQUEST, "the request cannot be understood", errors=wrong)
    )


async def _http_error(request: Request, error: HTTPException) -> Response:
    code = {404: WebRefusal.NOT_FOUND, 405: WebRefusal.METHOD_NOT_ALLOWED}.get(error.status_code)
    if code is None:
        return as_response(Refused(Refusal.BAD_REQUEST, str(error.detail)))
    nothing = "there is nothing here"
    detail = nothing if error.status_code == 404 else f"{request.method} is nothing to do here"
    return as_response(Refused(code, detail))
