"""The dispatcher: it alone pairs contacts with agents, so no agent is ever given twice.

It acts when something has changed, and never polls.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from actors import events as ev
from actors import messages as m
from actors.effects import Effect, Record, TellAgent, TellQueue
from actors.ids import ContactId
from actors.routing import Head, Index

Message: TypeAlias = (
    m.ContactWaits
    | m.ContactLeft
    | m.ContactConnected
    | m.AgentAvailable
    | m.AgentUnavailable
    | m.ReservationRefused
)
MOST_HEADS = 16
"""Heads written into a decision: the chosen one and those that came next."""


class Dispatcher:
    """``now`` gives monotonic seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.index = Index()
        self._paired: dict[ContactId, m.ContactWaits] = {}

    def handle(self, message: Message) -> list[Effect]:
        match message:
            case m.ContactWaits(contact):
                self._paired.pop(contact, None)  # back from an agent that did not take it
                self.index.add_contact(message)
                return self._find_agent(message)
            case m.ContactLeft(contact) | m.ContactConnected(contact):
                self._paired.pop(contact, None)
                self.index.remove_contact(contact)
                return []
            case m.AgentAvailable():
                self.index.add_agent(message)
                return self._find_contact(message)
            case m.AgentUnavailable(agent):
                self.index.remove_agent(agent)
                return []
            case m.ReservationRefused(_, contact):
                # Reserved as the agent became unavailable: the contact has lost nothing.
                waits = self._paired.pop(contact, None)
                if waits is None:
                    return []  # and the contact left meanwhile
                self.index.add_contact(waits)
                return self._find_agent(waits)

    def _find_agent(self, contact: m.ContactWaits) -> list[Effect]:
        choice = self.index.agent_for(contact)
        if choice is None:
            return []
        return self._pair("contact", contact, choice.agent, choice.heads)

    def _find_contact(self, agent: m.AgentAvailable) -> list[Effect]:
        choice = self.index.contact_for(agent)
        if choice is None:
            return []
        return self._pair("agent", choice.contact, agent, choice.heads)

    def _pair(
        self,
        on: str,
        contact: m.ContactWaits,
        agent: m.AgentAvailable,
        heads: tuple[Head, ...],
    ) -> list[Effect]:
        self.index.remove_contact(contact.contact)
        self.index.remove_agent(agent.agent)
        self._paired[contact.contact] = contact
        possible_at = max(contact.at, agent.at)
        decision = ev.Decision(
            on,
            contact.place,
            contact.requirements,
            dict(agent.skills),
            agent.since,
            agent.seq,
            tuple(_candidate(head, heads[0]) for head in heads[:MOST_HEADS]),
            {"tried": len(contact.tried)} if contact.tried else {},
        )
        assigned = ev.ContactAssigned(
            contact.contact, contact.queue, agent.agent, possible_at, self._now(), decision
        )
        return [
            TellAgent(agent.agent, m.Reserve(contact.contact, contact.queue, possible_at)),
            TellQueue(contact.queue, m.ContactPaired(contact.contact, agent.agent)),
            Record(assigned),
        ]


def _candidate(head: Head, chosen: Head) -> ev.Candidate:
    return ev.Candidate(head.id, "chosen" if head is chosen else "later", head.since, head.seq)
