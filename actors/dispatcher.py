"""The dispatcher: it alone pairs contacts with agents, so no agent is ever given twice.

It acts when something has changed, and never polls.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from msgspec.structs import replace

from actors import events as ev
from actors import messages as m
from actors.effects import Effect, Record, TellAgent, TellQueue
from actors.ids import AgentId, ContactId, agent_actor, queue_actor
from actors.routing.index import Choice, Index

Message: TypeAlias = (
    m.ContactWaits
    | m.RequirementsChanged
    | m.ContactLeft
    | m.ContactConnected
    | m.AgentAvailable
    | m.AgentUnavailable
    | m.ReservationRefused
    | m.Restarted
)


class Dispatcher:
    """``now`` gives monotonic seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.index = Index()
        self._paired: dict[ContactId, tuple[AgentId, m.ContactWaits]] = {}

    def handle(self, message: Message) -> list[Effect]:
        match message:
            case m.ContactWaits(contact):
                self._paired.pop(contact, None)  # back from an agent that did not take it
                self.index.add_contact(message)
                return self._find_agent(message)
            case m.RequirementsChanged():
                return self._judge_anew(message)
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
            case m.ReservationRefused(agent, contact):
                # Reserved as the agent became unavailable: the contact has lost nothing.
                reserved, waits = self._paired.get(contact, (None, None))
                if waits is None or reserved != agent:
                    return []  # and meanwhile the contact left, or was given to another agent
                del self._paired[contact]
                self.index.add_contact(waits)
                undone = TellQueue(waits.queue, m.PairingUndone(contact, agent))
                return [undone, *self._find_agent(waits)]
            case m.Restarted(name):
                self._forget_what_was_told_by(name)
                return []

    def _judge_anew(self, changed: m.RequirementsChanged) -> list[Effect]:
        contact, needs = changed.contact, changed.requirements
        waits = self.index.waiting.get(contact)
        if waits is not None:
            told = replace(waits, requirements=needs, at=changed.at)
            self.index.add_contact(told)
            return self._find_agent(told)
        if contact in self._paired:
            # Given away by the old rules, and that stands; if it comes back, it is by the new ones.
            agent, paired = self._paired[contact]
            self._paired[contact] = agent, replace(paired, requirements=needs)
        return []  # or it has left, or connected, as its queue told us

    def _find_agent(self, contact: m.ContactWaits) -> list[Effect]:
        return self._pair("contact", self.index.agent_for(contact))

    def _find_contact(self, agent: m.AgentAvailable) -> list[Effect]:
        return self._pair("agent", self.index.contact_for(agent))

    def _forget_what_was_told_by(self, name: str) -> None:
        """A queue or an agent has been started again; whatever still holds comes anew.

        What it said may hold no longer: it lost what lay in its mailbox, a contact's end perhaps.
        """
        for contact in list(self.index.waiting.values()):
            if queue_actor(contact.queue) == name:
                self.index.remove_contact(contact.contact)
        for paired, (_, waits) in list(self._paired.items()):
            if queue_actor(waits.queue) == name:
                del self._paired[paired]
        for agent in list(self.index.available):
            if agent_actor(agent) == name:
                self.index.remove_agent(agent)

    def _pair(self, on: str, choice: Choice | None) -> list[Effect]:
        if choice is None:
            return []
        contact, agent = choice.contact, choice.agent
        self.index.remove_contact(contact.contact)
        self.index.remove_agent(agent.agent)
        self._paired[contact.contact] = (agent.agent, contact)
        possible_at = max(contact.at, agent.at)
        assigned = ev.ContactAssigned(
            contact.contact,
            contact.queue,
            agent.agent,
            possible_at,
            self._now(),
            _explained(on, choice),
        )
        return [
            TellAgent(
                agent.agent,
                m.Reserve(contact.contact, contact.queue, possible_at, contact.channel),
            ),
            TellQueue(contact.queue, m.ContactPaired(contact.contact, agent.agent)),
            Record(assigned),
        ]


def _explained(on: str, choice: Choice) -> ev.Decision:
    contact, agent, over = choice.contact, choice.agent, choice.passed_over
    candidates = [
        ev.Candidate(
            head.id,
            "later" if place else "chosen",
            head.since,
            head.seq,
            head.priority,
            head.tried,
        )
        for place, head in enumerate(choice.heads)
    ]
    counts = (
        ("skills", over.skills),
        ("tried", over.tried),
        ("behind", over.behind),
        ("avoided", over.avoided),
    )
    return ev.Decision(
        on,
        contact.place,
        contact.requirements,
        dict(agent.skills),
        agent.since,
        agent.seq,
        tuple(candidates),
        {reason: count for reason, count in counts if count},
    )
