"""The web application with a centre behind it that is played by the test."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from actors import events as ev
from actors.commands import Principal
from actors.ids import AgentId, ContactId, EntryPointName, LegId, QueueName
from actors.place import Place
from actors.reasons import Outcome
from ccserver.core.door.queries import centre
from ccserver.door import Answer, Request
from ccserver.journal.live import Live, Snapshot
from ccserver.journal.log import Entry
from ccserver.settings import Settings
from ccserver.store.database import FILE, Database
from ccserver.store.fold import StoreFold
from ccserver.store.store import Position
from ccserver.store.store import Store as PastStore
from ccserver.web.app import Web
from ccserver.web.refusals import of_door
from ccserver.web.store import Store

ORIGIN = "http://127.0.0.1:8080"
V1 = "/api/v1"
SETTINGS: dict[str, Any] = {
    "web": {"requests_per_second": 1000.0},
    "agents": [
        {"id": "1001", "name": "Ada", "secret": "s", "team": "blue", "skills": {"english": 8}},
        {"id": "1002", "name": "Ben", "secret": "s", "team": "blue"},
        {"id": "1003", "name": "Cleo", "secret": "s", "team": "red"},
    ],
    "queues": [{"name": "support"}, {"name": "sales"}],
    "entry_points": [{"name": "support", "numbers": ["2001"]}],
    "trunks": [{"name": "lan", "from": ["10.0.1.0/24"]}],
    "directory": [{"name": "Night desk", "number": "4711"}],
    "wrap_up_names": {"resolved": "All is well"},
    "accounts": [
        {"name": "ada", "password": "ada-ada-ada", "role": "agent", "agent": "1001"},
        {"name": "ben", "password": "ben-ben-ben", "role": "agent", "agent": "1002"},
        {"name": "sue", "password": "sue-sue-sue", "role": "supervisor", "agent": "1003"},
        {"name": "red", "password": "red-red-red", "role": "supervisor", "teams": ["red"]},
        {"name": "root", "password": "root-root-root", "role": "administrator"},
        {"name": "eye", "password": "eye-eye-eye", "role": "read_only"},
    ],
}
DONE: Answer = {"ok": True, "version": 8, "state": "held", "allowed": ["resume"]}
AGENT_DONE: Answer = {**DONE, "code": None, "pending": None}


class PlayedCore:
    """In the link's place: keeps what is asked, and answers what the test wants."""

    def __init__(self) -> None:
        self.up = asyncio.Event()
        self.up.set()
        self.asked: list[Request] = []
        self.answer: Callable[[Request], Answer] = self._usual

    async def ask(self, request: Request) -> Answer:
        self.asked.append(request)
        return self.answer(request)

    async def done(self, request: Request) -> Answer:
        answer = await self.ask(request)
        if "refused" in answer:
            raise of_door(answer)
        return answer

    def _usual(self, request: Request) -> Answer:
        if request.op.startswith("monitor."):
            return {"ok": True, "wishes": []}
        if request.op == "contact":
            return {"ok": True, "id": request.args["contact"], "state": None, "timeline": []}
        if request.op == "journal":
            return {"ok": True, "entries": [], "last": 0}
        return dict(AGENT_DONE if request.op.startswith("agent.") else DONE)

    @property
    def by(self) -> Principal:
        """The author of the last command."""
        principal = self.asked[-1].principal
        assert principal is not None
        return principal


class Site:
    """``client`` speaks to it without a session; ``signed_in`` gives one that has one."""

    def __init__(self, settings: Settings, web: Web, live: Live) -> None:
        self.settings, self.web, self.live = settings, web, live
        self.core = PlayedCore()
        web.app.state.link = self.core
        self.client = TestClient(web.asgi, base_url=ORIGIN, raise_server_exceptions=False)

    def signed_in(self, name: str, **more: Any) -> Session:
        given = {"name": name, "password": "-".join([name] * 3), **more}
        answer = self.client.post(f"{V1}/session", json=given)
        assert answer.status_code == 201, answer.text
        return Session(self.client, answer.json())

    def happens(self, *events: ev.AnyEvent) -> None:
        """As the core's feed tells it."""

        async def apply() -> None:
            self.tell(*events)

        assert self.client.portal is not None
        self.client.portal.call(apply)

    def tell(self, *events: ev.AnyEvent) -> None:
        """The same, from within its loop."""
        for event in events:
            seq = self.web.model.seq + 1
            self.web.desktops.changed(self.web.model.apply([Entry(seq, seq * 1000, event)], seq))


class Session:
    """A client's requests with his token."""

    def __init__(self, client: TestClient, me: dict[str, Any]) -> None:
        self._client, self.me = client, me
        self.headers = {"Authorization": f"Bearer {me.get('token')}"}

    def get(self, path: str, **more: Any) -> Any:
        return self.asks("GET", path, **more)

    def post(self, path: str, body: Any = None, **more: Any) -> Any:
        return self.asks("POST", path, json=body, **more)

    def asks(self, method: str, path: str, **more: Any) -> Any:
        headers = {**self.headers, **more.pop("headers", {})}
        return self._client.request(method, f"{V1}{path}", headers=headers, **more)

    def desktop(self, query: str = "") -> Any:
        return self._client.websocket_connect(f"{V1}/events{query}", headers=self.headers)


@contextmanager
def site(directory: Path, **changes: Any) -> Iterator[Site]:
    settings = Settings.model_validate({**SETTINGS, "data": {"dir": str(directory)}, **changes})
    store = Store(directory)
    web = Web(settings, store)
    names = [QueueName(queue.name) for queue in settings.queues]
    live = Live(names, [AgentId(agent.id) for agent in settings.agents])
    web.model.replace(centre(settings), Snapshot(0, live.agents, live.contacts, live.queues))
    opened = Site(settings, web, live)
    with opened.client:
        yield opened
    web.history.close()
    store.close()


# --- what happens ---------------------------------------------------------------------------------


def ref(name: str) -> ev.ContactRef:
    return ev.ContactRef(ContactId(name))


def arrives(name: str, ani: str = "+4930123456") -> ev.ContactArrived:
    leg = LegId(f"{name}/0")
    return ev.ContactArrived(ref(name), EntryPointName("support"), ani, "2001", leg)


def waits(name: str, queue: str = "support") -> ev.ContactQueued:
    return ev.ContactQueued(ref(name), QueueName(queue), Place(5, 0.0, 1))


def is_offered(name: str, agent: str) -> ev.ContactPresented:
    leg = LegId(f"{name}/1")
    return ev.ContactPresented(ref(name), QueueName("support"), AgentId(agent), leg, 0.1)


def talks(name: str, *agents: str, version: int = 1, state: str = "connected") -> Any:
    customer = ev.Participant("customer", "customer", "", "connected", (), 1.0)
    shown = [ev.Participant(a, "agent", "", "connected", ("hold",), 1.0) for a in agents]
    return ev.ContactStateChanged(ref(name), version, "", state, 0.0, (customer, *shown))


def consults(name: str, by: str, asked: str) -> tuple[ev.AnyEvent, ...]:
    """One agent asks another, whose phone rings."""
    search = ContactId(f"{name}.2")
    return (
        ev.ConsultRequested(ref(name), by, f"agent:{asked}", "Ada", "blue"),
        ev.AgentStateChanged(AgentId(asked), "voice", "available", "reserved", contact=search),
    )


def has_in_hand(agent: str, contact: str, state: str = "engaged") -> ev.AgentStateChanged:
    return ev.AgentStateChanged(AgentId(agent), "voice", "x", state, contact=ContactId(contact))


def ends(name: str, outcome: Outcome) -> ev.ContactEnded:
    return ev.ContactEnded(ref(name), outcome)


def stored(directory: Path, *events: ev.AnyEvent) -> None:
    """The store of the centre in this directory has these, a second after one another."""
    database = Database(f"sqlite:///{directory / FILE}")
    database.upgrade()
    store, fold = PastStore(database), StoreFold()
    at = 0
    for seq, event in enumerate(events, start=1):
        at = seq * 1_000_000
        fold.apply(seq, at, event)
    store.write(store.position(), Position(len(events), at), fold.take())
    database.close()
