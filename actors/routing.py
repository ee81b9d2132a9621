"""Who fits whom, and who is first: the dispatcher's index.  Pure; every order is total.

Contacts are grouped by what they ask (their requirement signature), agents by what they can
(their skill class).  Within a group only the head matters, so an event looks at the heads of the
groups it can match, and costs as many steps as there are such groups, not as many as there are
contacts or agents.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from msgspec import Struct
from sortedcontainers import SortedDict

from actors.ids import AgentId, ContactId
from actors.messages import AgentAvailable, ContactWaits
from actors.place import Requirements

SkillClass: TypeAlias = tuple[tuple[str, int], ...]
_ContactKey: TypeAlias = tuple[int, float, int]
_AgentKey: TypeAlias = tuple[float, int]


def fits(skills: Mapping[str, int], requirements: Requirements) -> bool:
    """Whether an agent with these skills may serve a contact that asks for this."""
    return all(skills.get(need.skill, 0) >= need.proficiency for need in requirements)


class Head(Struct, frozen=True, gc=False):
    """The first of a group that was compared."""

    id: str
    since: float
    seq: int


class ContactChoice(Struct, frozen=True):
    """The contact for a freed agent, and the heads it was compared with, best first."""

    contact: ContactWaits
    heads: tuple[Head, ...]


class AgentChoice(Struct, frozen=True):
    """The agent for a contact, and the heads he was compared with, best first."""

    agent: AgentAvailable
    heads: tuple[Head, ...]


class Index:
    """Waiting contacts and available agents."""

    def __init__(self) -> None:
        self._contacts: dict[ContactId, ContactWaits] = {}
        self._agents: dict[AgentId, AgentAvailable] = {}
        self._waiting: dict[Requirements, SortedDict] = {}
        self._idle: dict[SkillClass, SortedDict] = {}
        self._fits: dict[tuple[SkillClass, Requirements], bool] = {}

    # --- changes ------------------------------------------------------------------------------

    def add_contact(self, contact: ContactWaits) -> None:
        self.remove_contact(contact.contact)
        self._contacts[contact.contact] = contact
        group = self._waiting.setdefault(contact.requirements, SortedDict())
        group[_contact_key(contact)] = contact

    def remove_contact(self, contact: ContactId) -> ContactWaits | None:
        known = self._contacts.pop(contact, None)
        if known is not None:
            group = self._waiting[known.requirements]
            del group[_contact_key(known)]
            if not group:
                del self._waiting[known.requirements]
        return known

    def add_agent(self, agent: AgentAvailable) -> None:
        self.remove_agent(agent.agent)
        self._agents[agent.agent] = agent
        self._idle.setdefault(_class_of(agent), SortedDict())[_agent_key(agent)] = agent

    def remove_agent(self, agent: AgentId) -> AgentAvailable | None:
        known = self._agents.pop(agent, None)
        if known is not None:
            group = self._idle[_class_of(known)]
            del group[_agent_key(known)]
            if not group:
                del self._idle[_class_of(known)]
        return known

    # --- questions ----------------------------------------------------------------------------

    def contact_for(self, agent: AgentAvailable) -> ContactChoice | None:
        """Priority, then longest waiting.  A contact that this agent has failed comes last."""
        skill_class = _class_of(agent)
        heads: list[ContactWaits] = []
        for requirements, group in self._waiting.items():
            if self._fit(skill_class, requirements):
                heads.append(_untried(group, agent.agent))
        if not heads:
            return None
        heads.sort(key=lambda c: (agent.agent in c.tried, _contact_key(c)))
        listed = tuple(Head(c.contact, c.place.since, c.place.seq) for c in heads)
        return ContactChoice(heads[0], listed)

    def agent_for(self, contact: ContactWaits) -> AgentChoice | None:
        """Longest available.  An agent that has failed this contact comes last."""
        heads: list[AgentAvailable] = []
        for skill_class, group in self._idle.items():
            if self._fit(skill_class, contact.requirements):
                heads.append(
                    next((a for a in group.values() if a.agent not in contact.tried), None)
                    or group.peekitem(0)[1]
                )
        if not heads:
            return None
        heads.sort(key=lambda a: (a.agent in contact.tried, _agent_key(a)))
        return AgentChoice(heads[0], tuple(Head(a.agent, a.since, a.seq) for a in heads))

    def _fit(self, skill_class: SkillClass, requirements: Requirements) -> bool:
        key = (skill_class, requirements)
        known = self._fits.get(key)
        if known is None:
            known = self._fits[key] = fits(dict(skill_class), requirements)
        return known

    @property
    def waiting(self) -> Mapping[ContactId, ContactWaits]:
        return self._contacts

    @property
    def available(self) -> Mapping[AgentId, AgentAvailable]:
        return self._agents


def _untried(group: SortedDict, agent: AgentId) -> ContactWaits:
    """The first that the agent has not failed; the head if he has failed all."""
    first: ContactWaits | None = next((c for c in group.values() if agent not in c.tried), None)
    if first is not None:
        return first
    head: ContactWaits = group.peekitem(0)[1]
    return head


def _class_of(agent: AgentAvailable) -> SkillClass:
    return tuple(sorted(agent.skills.items()))


def _contact_key(contact: ContactWaits) -> _ContactKey:
    return contact.place.priority, contact.place.since, contact.place.seq


def _agent_key(agent: AgentAvailable) -> _AgentKey:
    return agent.since, agent.seq
