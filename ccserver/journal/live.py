"""The present state, folded from the journal: who waits where, who talks with whom."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from actors import events as ev
from actors.ids import AgentId, ContactId, QueueName
from ccserver.journal.log import Entry


class LiveAgent(Struct):
    state: str = "signed_out"
    code: str | None = None
    pending: str | None = None
    since: int | None = None
    """Microseconds since 1970, UTC; None: since before the server started."""
    contact: ContactId | None = None


class LiveContact(Struct):
    """``state``: flow, waiting, being_offered or in_service."""

    entry_point: str
    arrived: int
    state: str = "flow"
    since: int = 0
    queue: QueueName | None = None
    queued: int | None = None
    """When it first waited."""
    agent: AgentId | None = None


class Live:
    """``queues`` and ``agents``: the known ones."""

    def __init__(self, queues: Iterable[QueueName], agents: Iterable[AgentId]) -> None:
        self.agents: dict[AgentId, LiveAgent] = {name: LiveAgent() for name in agents}
        self.contacts: dict[ContactId, LiveContact] = {}
        self._queues = tuple(queues)

    def apply(self, entry: Entry) -> None:
        match entry.event:
            case ev.ContactArrived(ref, entry_point):
                self.contacts[ref.id] = LiveContact(entry_point, entry.at, since=entry.at)
            case ev.ContactQueued(ref, queue):
                contact = self._move(ref, "waiting", entry.at)
                if contact is not None:
                    contact.queue, contact.agent = queue, None
                    contact.queued = contact.queued or entry.at
            case ev.ContactPresented(ref, _, agent):
                self._move(ref, "being_offered", entry.at, agent)
            case ev.ContactLeftQueue(ref):
                contact = self._move(ref, "flow", entry.at)
                if contact is not None:
                    contact.queue = contact.queued = None
            case ev.ContactOfferFailed(ref) | ev.ContactReturned(ref):
                self._move(ref, "waiting", entry.at)
            case ev.ContactConnected(ref, _, agent):
                self._move(ref, "in_service", entry.at, agent)
            case ev.ContactEnded(ref):
                self.contacts.pop(ref.id, None)
            case ev.AgentStateChanged(agent, _, _, state, code, pending, _, contact_id):
                self.agents[agent] = LiveAgent(state, code, pending, entry.at, contact_id)

    def _move(
        self, ref: ev.ContactRef, state: str, at: int, agent: AgentId | None = None
    ) -> LiveContact | None:
        contact = self.contacts.get(ref.id)
        if contact is not None:
            contact.state, contact.since, contact.agent = state, at, agent
        return contact

    def waiting(self, queue: QueueName) -> list[tuple[ContactId, LiveContact]]:
        """The contacts that wait in a queue, first come first."""
        found = [
            (name, contact)
            for name, contact in self.contacts.items()
            if contact.queue == queue and contact.state == "waiting"
        ]
        return sorted(found, key=lambda item: (item[1].queued or 0, item[0]))

    def state(self) -> dict[str, Any]:
        """For JSON: ``{"agents": {id: {...}}, "queues": {name: {...}}, "contacts": number}``."""
        queues = {}
        for name in self._queues:
            waiting = self.waiting(name)
            queues[name] = {
                "waiting": [{"contact": c, "since": contact.queued} for c, contact in waiting],
                "being_offered": self._count(name, "being_offered"),
                "in_service": self._count(name, "in_service"),
            }
        agents = {
            name: {
                "state": agent.state,
                "code": agent.code,
                "pending": agent.pending,
                "since": agent.since,
                "contact": agent.contact,
            }
            for name, agent in self.agents.items()
        }
        return {"agents": agents, "queues": queues, "contacts": len(self.contacts)}

    def _count(self, queue: QueueName, state: str) -> int:
        return sum(c.queue == queue and c.state == state for c in self.contacts.values())
