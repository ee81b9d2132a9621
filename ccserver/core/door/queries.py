"""Questions from outside: what there is, what happens now, and what has happened."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
import trio

from actors.ids import ContactId, QueueName
from actors.reasons import Refusal
from ccserver.core.door.commands import BadArgument
from ccserver.core.door.waiting import WhoWaits
from ccserver.door import Answer
from ccserver.journal.folds import Folds
from ccserver.journal.history import read_history
from ccserver.journal.live import shown_queue
from ccserver.journal.log import Journal
from ccserver.settings import Settings

_OTHERS = frozenset(("contact", "journal", "queue.waiting", "contact.candidates", "digest"))
PAGE = 1000
"""Entries of the journal in one answer, at most."""


class Queries:
    """``figures`` are what the status has beyond the live state; ``folds`` what the journal comes
    to; ``who_waits`` looks into the dispatcher's index.
    """

    def __init__(
        self,
        settings: Settings,
        folds: Folds,
        journal: Journal,
        figures: Callable[[], dict[str, Any]],
        who_waits: WhoWaits,
    ) -> None:
        self._who_waits = who_waits
        live = folds.live
        self._folds, self._live, self._journal = folds, live, journal
        self._figures = figures
        self._one_reading = trio.CapacityLimiter(1)
        self._now: dict[str, Callable[[], Any]] = {
            "status": lambda: {**figures(), **live.state()},
            "live": live.snapshot,
            "centre": lambda: self._centre,
            **{name: partial(self._part, name) for name in centre(settings)},
            "agents": lambda: {"agents": self._agents()},
            "queues": lambda: {"queues": self._queues()},
            "contacts": lambda: {"contacts": self._contacts()},
        }

        self.configure(settings)

    def configure(self, settings: Settings) -> None:
        """What is answered from now on."""
        self._centre = centre(settings)

    def _part(self, name: str) -> dict[str, Any]:
        return {name: self._centre[name]}

    def knows(self, op: str) -> bool:
        return op in self._now or op in _OTHERS

    async def answer(self, op: str, args: dict[str, Any]) -> Answer:
        """Raises BadArgument, and JournalError."""
        if op == "contact":
            return await self._contact(_text(args, "contact"))
        if op == "queue.waiting":
            return self._waiting(_text(args, "queue"))
        if op == "contact.candidates":
            return self._who_waits.candidates(ContactId(_text(args, "contact")))
        if op == "journal":
            return await self._page(_number(args, "after", 0), _number(args, "limit", PAGE))
        if op == "digest":
            seq, digest = await self._folds.digest()
            return {"ok": True, "seq": seq, "digest": digest}
        shown: Answer = msgspec.to_builtins(self._now[op]())
        return {"ok": True, **shown}

    def _waiting(self, name: str) -> Answer:
        queue = QueueName(name)
        if queue not in self._live.queues:
            return {"refused": Refusal.UNKNOWN_QUEUE, "detail": f"no queue {name}"}
        return self._who_waits.in_queue(queue)

    def _agents(self) -> list[dict[str, Any]]:
        return [
            {**agent, **msgspec.to_builtins(self._live.agents[agent["id"]])}
            for agent in self._centre["agents"]
        ]

    def _queues(self) -> list[dict[str, Any]]:
        return [
            {**queue, **shown_queue(self._live.queues[queue["name"]])}
            for queue in self._centre["queues"]
        ]

    def _contacts(self) -> list[dict[str, Any]]:
        return [
            {"id": name, **msgspec.to_builtins(contact)}
            for name, contact in self._live.contacts.items()
        ]

    async def _contact(self, name: str) -> Answer:
        """Its state while it lives, and all that the journal says of it."""
        contact = self._live.contacts.get(ContactId(name))
        state = None if contact is None else msgspec.to_builtins(contact)
        rows = await trio.to_thread.run_sync(
            read_history, self._journal, name, limiter=self._one_reading
        )
        if contact is None and not rows:
            return {"refused": Refusal.UNKNOWN_CONTACT, "detail": f"no contact {name}"}
        return {"ok": True, "id": name, "state": state, "timeline": _entries(rows)}

    async def _page(self, after: int, limit: int) -> Answer:
        rows = await trio.to_thread.run_sync(
            self._journal.rows, after, min(limit, PAGE), limiter=self._one_reading
        )
        return {"ok": True, "entries": _entries(rows), "last": self._journal.last_seq}


def centre(settings: Settings) -> dict[str, list[Any]]:
    """What only another configuration changes, and is no secret."""
    agents = [
        {"id": a.id, "name": a.name, "team": a.team or "main", "skills": a.skills}
        for a in settings.agents
    ]
    return {
        "agents": agents,
        "teams": [
            {"name": name, "agents": [a["id"] for a in agents if a["team"] == name]}
            for name in dict.fromkeys(a["team"] for a in agents)
        ],
        "queues": [{"name": q.name, "requirements": q.requirements} for q in settings.queues],
        "entry_points": [{"name": e.name, "numbers": e.numbers} for e in settings.entry_points],
        "trunks": [
            {"name": t.name, "entry_points": t.entry_points, "outbound": t.gateway is not None}
            for t in settings.trunks
        ],
        "directory": [
            {"name": e.name, "number": e.number, "agent": e.agent} for e in settings.directory
        ],
        "idle_codes": list(settings.idle_codes),
        "wrap_up_codes": [
            {"code": code, "name": settings.wrap_up_names.get(code, code)}
            for code in settings.wrap_up_codes
        ],
        "consult_variables": list(settings.consult_variables),
    }


def _entries(rows: list[tuple[int, int, bytes]]) -> list[dict[str, Any]]:
    return [{"seq": seq, "at": at, "event": msgspec.Raw(event)} for seq, at, event in rows]


def _text(args: dict[str, Any], name: str) -> str:
    value = args.get(name)
    if not isinstance(value, str):
        raise BadArgument(name, "expected text")
    return value


def _number(args: dict[str, Any], name: str, default: int) -> int:
    value = args.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise BadArgument(name, "expected a number of 0 or more")
    return value
