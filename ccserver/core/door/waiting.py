"""Who waits, and to whom each could be given: what an outside router, or a supervisor, asks.

It is read out of the dispatcher's own index, as it is at this instant, and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import nsmallest
from typing import Any

from actors.ids import AgentId, ContactId, QueueName
from actors.messages import AgentAvailable
from actors.reasons import Refusal, RoutingVerdict
from actors.routing.explanation import needs_outside, suits
from actors.routing.expressions import Expression, matches, written
from actors.routing.index import Index, Waiting
from actors.routing.outside import version_of
from actors.routing.policy import PREFERRED, ROUTED, entered_at
from ccserver.door import Answer

MOST_CONTACTS = 100
MOST_AGENTS = 200
"""In one answer: it is made on the core's loop, and no call may notice."""


class WhoWaits:
    """``index`` gives the dispatcher's; ``now`` its clock, in monotonic seconds."""

    def __init__(self, index: Callable[[], Index], now: Callable[[], float]) -> None:
        self._index, self._now = index, now

    def in_queue(self, queue: QueueName) -> Answer:
        """Those who wait in it, as its rules order them; and whoever is available, longest first.

        ``suits``: the agents of this answer to whom a contact could be assigned without force.
        """
        index, now = self._index(), self._now()
        listed = self._agents(index)
        waiting = [w for c in index.waiting_in(queue) if (w := index.look_up(c)) is not None]
        first = nsmallest(MOST_CONTACTS, waiting, key=lambda one: one.key)
        known: dict[Expression, list[AgentId]] = {}
        until = index.routed_until.get(queue)
        return {
            "ok": True,
            "queue": queue,
            "router_seconds": None if until is None else max(0.0, until - now),
            "contacts": [_contact(index, one, listed, known, now) for one in first],
            "more_contacts": len(waiting) - len(first),
            "agents": [_agent(agent, now) for agent in listed],
            "more_agents": len(index.available) - len(listed),
        }

    def candidates(self, contact: ContactId) -> Answer:
        """The verdict on each available agent: those whom it could be assigned to come first."""
        index, now = self._index(), self._now()
        waiting = index.look_up(contact)
        if waiting is None:
            return {"refused": Refusal.CONTACT_NOT_WAITING, "detail": f"{contact} does not wait"}
        verdicts = [
            (agent, suits(index, contact, agent.agent, now)) for agent in self._agents(index)
        ]
        verdicts.sort(
            key=lambda one: (one[1].code is not RoutingVerdict.SUITS, "tried" in one[1].details)
        )
        return {
            "ok": True,
            "contact": contact,
            "version": version_of(waiting.told),
            "needs": written(needs_outside(waiting, now)),
            "agents": [
                {**_agent(agent, now), "verdict": verdict.code, "details": dict(verdict.details)}
                for agent, verdict in verdicts
            ],
            "more_agents": max(0, len(index.available) - MOST_AGENTS),
        }

    def _agents(self, index: Index) -> list[AgentAvailable]:
        """Who has been available longest."""
        available = index.available.values()
        return nsmallest(MOST_AGENTS, available, key=lambda agent: (agent.since, agent.seq))


def _contact(
    index: Index,
    waiting: Waiting,
    listed: list[AgentAvailable],
    known: dict[Expression, list[AgentId]],
    now: float,
) -> dict[str, Any]:
    """``known``: who meets which needs, of contacts before it."""
    told, needs = waiting.told, needs_outside(waiting, now)
    kept = None
    outside = waiting.policy.outside
    if waiting.stage.ring == ROUTED and outside is not None:
        kept = max(0.0, entered_at(told) + outside.seconds - now)
    return {
        "contact": told.contact,
        "version": version_of(told),
        "priority": told.place.priority,
        "needs": written(needs),
        "waited": max(0.0, now - told.place.since),
        "kept_seconds": kept,
        "tried": told.tried,
        "preferred": told.preferred,
        "suits": _suiting(index, waiting, needs, listed, known),
    }


def _suiting(
    index: Index,
    waiting: Waiting,
    needs: Expression,
    listed: list[AgentAvailable],
    known: dict[Expression, list[AgentId]],
) -> list[AgentId]:
    """As ``suits`` says of each: of all contacts with the same needs at once."""
    if index.is_full(waiting.told.queue):
        return []
    if waiting.stage.ring == PREFERRED:
        fitting = [agent.agent for agent in listed if agent.agent in waiting.told.preferred]
    elif needs in known:
        fitting = known[needs]
    else:
        fitting = [a.agent for a in listed if matches(needs, a.skills, a.agent)]
        known[needs] = fitting
    avoid = waiting.told.avoid
    return [agent for agent in fitting if agent not in avoid] if avoid else fitting


def _agent(agent: AgentAvailable, now: float) -> dict[str, Any]:
    return {
        "agent": agent.agent,
        "skills": dict(agent.skills),
        "available": max(0.0, now - agent.since),
        "contacts": agent.contacts,
        "talked": agent.talked,
    }
