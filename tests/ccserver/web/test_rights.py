"""W05: every route for every role.  The table here is read by people; the other one by the server.

A route without a row in both fails; so does a row without a route.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.routing import WebSocketRoute
from starlette.testclient import WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect

from ccserver.journal.storage import SqliteStorage
from ccserver.web.app import ROUTERS
from ccserver.web.guard import GuardedRoute
from ccserver.web.limits import Limit
from ccserver.web.openapi import describe
from ccserver.web.rights import RIGHTS
from tests.support.web import (
    V1,
    Site,
    arrives,
    has_in_hand,
    is_offered,
    site,
    stored,
    talks,
)

ROLES = ("nobody", "agent", "supervisor", "administrator", "read_only")
ACCOUNT = {"agent": "ada", "supervisor": "sue", "administrator": "root", "read_only": "eye"}
BODIES = {
    "idle": {"code": "lunch"},
    "consult": {"to": {"kind": "agent", "agent": "1002"}},
    "call": {"number": "+4930123456"},
    "change-monitoring": {"mode": "listen"},
    "assign": {"agent": "1003"},
    "session": {"name": "nobody", "password": "wrong"},
}
#                                              nobody agent superv admin read_only
EXPECTED = """
    GET       /healthz                          yes   yes   yes   yes   yes
    GET       /readyz                           yes   yes   yes   yes   yes
    GET       /api/v1/openapi.json              yes   yes   yes   yes   yes
    POST      /api/v1/session                   yes   yes   yes   yes   yes
    GET       /api/v1/session                   no    yes   yes   yes   yes
    DELETE    /api/v1/session                   no    yes   yes   yes   yes
    WEBSOCKET /api/v1/events                    no    yes   yes   yes   yes
    GET       /api/v1/agents                    no    yes   yes   yes   yes
    GET       /api/v1/agents/1001               no    yes   yes   yes   yes
    GET       /api/v1/contacts                  no    yes   yes   yes   yes
    GET       /api/v1/contacts/c1               no    yes   yes   yes   yes
    GET       /api/v1/contacts/c1/timeline      no    yes   yes   yes   yes
    GET       /api/v1/contacts/c1/why           no    no    yes   yes   no
    GET       /api/v1/history/contacts          no    yes   yes   yes   yes
    GET       /api/v1/history/contacts/c1       no    yes   yes   yes   yes
    GET       /api/v1/contacts/c1/candidates    no    no    yes   yes   no
    POST      /api/v1/contacts/c1/assign        no    no    yes   yes   no
    GET       /api/v1/queues/support/waiting    no    no    yes   yes   no
    PUT       /api/v1/queues/support/router     no    no    yes   yes   no
    DELETE    /api/v1/queues/support/router     no    no    yes   yes   no
    GET       /api/v1/queues                    no    yes   yes   yes   yes
    GET       /api/v1/queues/support            no    yes   yes   yes   yes
    GET       /api/v1/teams                     no    yes   yes   yes   yes
    GET       /api/v1/entry-points              no    yes   yes   yes   yes
    GET       /api/v1/directory                 no    yes   yes   yes   yes
    GET       /api/v1/codes/idle                no    yes   yes   yes   yes
    GET       /api/v1/codes/wrap-up             no    yes   yes   yes   yes
    GET       /api/v1/trunks                    no    no    yes   yes   yes
    GET       /api/v1/journal                   no    no    no    yes   no
    GET       /api/v1/reports/queues            no    no    yes   yes   no
    POST      /api/v1/configuration/reload      no    no    no    yes   no
    POST      /api/v1/agents/1001/available     no    yes   yes   yes   no
    POST      /api/v1/agents/1001/idle          no    yes   yes   yes   no
    POST      /api/v1/agents/1001/sign-out      no    yes   yes   yes   no
    POST      /api/v1/agents/1001/end-wrap-up   no    yes   yes   yes   no
    POST      /api/v1/agents/1001/call          no    yes   yes   yes   no
    POST      /api/v1/contacts/c1/hold          no    yes   yes   yes   no
    POST      /api/v1/contacts/c1/resume        no    yes   yes   yes   no
    POST      /api/v1/contacts/c1/consult       no    yes   yes   yes   no
    POST      /api/v1/contacts/c1/end-consult   no    yes   yes   yes   no
    POST      /api/v1/contacts/c1/conference    no    yes   yes   yes   no
    POST      /api/v1/contacts/c1/transfer      no    yes   yes   yes   no
    POST      /api/v1/contacts/c1/exit-conference no  yes   yes   yes   no
    POST      /api/v1/contacts/c1/end           no    yes   yes   yes   no
    POST      /api/v1/contacts/c1/monitor       no    no    yes   yes   no
    POST      /api/v1/contacts/c1/change-monitoring no no   yes   yes   no
    POST      /api/v1/contacts/c1/stop-monitoring no  no    yes   yes   no
    PUT       /api/v1/monitoring/agent/1001     no    no    yes   yes   no
    DELETE    /api/v1/monitoring/agent/1001     no    no    yes   yes   no
"""
ROWS = [line.split() for line in EXPECTED.strip().splitlines()]
CASES = [
    (row[0], row[1], role, said) for row in ROWS for role, said in zip(ROLES, row[2:], strict=True)
]


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    directory = tmp_path_factory.mktemp("web")
    SqliteStorage(directory / "journal.sqlite").close()
    with site(directory) as found:
        found.web.app.state.attempts_by_name = Limit(1000.0, 1000.0, time.monotonic)
        happened = arrives("c1"), is_offered("c1", "1001"), talks("c1", "1001")
        found.happens(*happened)
        stored(directory, *happened, has_in_hand("1001", "c1"))
        yield found


@pytest.mark.parametrize(("method", "path", "role", "said"), CASES)
def test_a_role_may_what_the_table_says_and_nothing_else(
    opened: Site, method: str, path: str, role: str, said: str
):
    headers = {} if role == "nobody" else opened.signed_in(ACCOUNT[role]).headers
    opened.core.asked.clear()

    status = ask(opened, method, path, headers)

    if said == "yes":
        assert status not in (401, 403) or path == f"{V1}/session", status
    else:
        assert status == (401 if role == "nobody" else 403)
        assert not opened.core.asked


def ask(opened: Site, method: str, path: str, headers: dict[str, str]) -> int:
    if method == "WEBSOCKET":
        try:
            with opened.client.websocket_connect(path, headers=headers):
                return 101
        except WebSocketDenialResponse as denied:
            return denied.status_code
        except WebSocketDisconnect:
            return 403
    body = BODIES.get(path.rpartition("/")[2], {} if method in ("POST", "PUT") else None)
    if method in ("GET", "DELETE"):
        return opened.client.request(method, path, headers=headers).status_code
    return opened.client.request(method, path, headers=headers, json=body).status_code


def test_every_route_has_a_row_and_every_row_a_route():
    routes = {
        (method, route.path)
        for router in ROUTERS
        for route in router.routes
        for method in (getattr(route, "methods", None) or {"WEBSOCKET"})
    }
    names = {"1001": "{agent}", "c1": "{contact}"}
    rows = set()
    for method, path, *_ in ROWS:
        path = path.replace("/queues/support", "/queues/{queue}")
        if path == f"{V1}/reports/queues":
            path = f"{V1}/reports/{{report}}"
        if path == f"{V1}/monitoring/agent/1001":
            path = f"{V1}/monitoring/{{kind}}/{{target}}"
        rows.add((method, "/".join(names.get(part, part) for part in path.split("/"))))

    assert rows == routes


def test_no_route_is_without_its_guard(opened: Site):
    """Only the included routers' routes are served, and each of those asks the guard."""
    for router in ROUTERS:
        for route in router.routes:
            assert isinstance(route, GuardedRoute | WebSocketRoute), route
    assert len(opened.web.app.routes) == len(ROUTERS)


def test_a_route_that_is_not_in_the_table_is_nobodys(tmp_path: Path):
    with site(tmp_path) as opened:
        opened.web.app.router.route_class = GuardedRoute

        @opened.web.app.get("/api/v1/new")
        async def new() -> dict[str, str]:
            return {}

        for name in ACCOUNT.values():
            assert opened.signed_in(name).get("/new").status_code == 403


# --- what is of one's role, but not one's own -----------------------------------------------------


def operations() -> list[tuple[str, str]]:
    """Of the API's own description: those of one agent, or of one contact."""
    app = FastAPI()
    for router in ROUTERS:
        app.include_router(router)
    return [
        (method.upper(), path)
        for path, methods in describe(app)["paths"].items()
        for method in methods
        if "{agent}" in path or "{contact}" in path
    ]


COLLEAGUE = [("ben", method, path) for method, path in operations() if "{agent}" in path]
"""Of a colleague an agent may see what he does, and the core lets him command only himself."""


@pytest.mark.parametrize(
    ("stranger", "method", "path"),
    [
        (stranger, method, path)
        for stranger in ("red", "ben")
        for method, path in operations()
        if (stranger, method, path) not in COLLEAGUE
    ],
)
def test_what_is_another_teams_or_another_agents_cannot_be_told_from_nothing(
    opened: Site, stranger: str, method: str, path: str
):
    """W05, W06: 404, the very same as for an id that never was; nothing is commanded."""
    session = opened.signed_in(stranger)
    role = "supervisor" if stranger == "red" else "agent"
    opened.core.asked.clear()
    opened.core.answer = lambda _: {"refused": "UNKNOWN_CONTACT", "detail": "the core's words"}

    def answer(agent: str, contact: str) -> tuple[int, bytes]:
        place = path.format(agent=agent, contact=contact)
        body = BODIES.get(path.rpartition("/")[2], {}) if method == "POST" else None
        found = opened.client.request(method, place, headers=session.headers, json=body)
        return found.status_code, found.content

    theirs, nobodys = answer("1001", "c1"), answer("4711", "never")

    commanded = [one for one in opened.core.asked if one.principal is not None]
    assert not [one for one in commanded if "c1" in one.args.values()]
    if role not in (RIGHTS[method, path] or ()):
        assert theirs[0] == nobodys[0] == 403
    else:
        assert theirs[0] == 404
        assert theirs == nobodys
