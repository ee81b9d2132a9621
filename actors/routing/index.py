"""Who fits whom, and who is first: the dispatcher's index.  Pure; every order is total.

Contacts stand in a line with those that ask the same (their requirement signature), agents with
those that can the same (their skill class).  Whether a class serves a signature is worked out once,
when either is first seen, and kept as one bit.  A decision looks at the heads of the lines that
hold somebody and fit: it costs as many steps as there are such lines, not as many as there are
contacts or agents.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from heapq import nsmallest
from typing import TypeAlias

from msgspec import Struct
from sortedcontainers import SortedList

from actors.ids import AgentId, ContactId
from actors.messages import AgentAvailable, ContactWaits
from actors.place import Requirements

SkillClass: TypeAlias = tuple[tuple[str, int], ...]
_Key: TypeAlias = tuple[int, float, int, str]
MOST_HEADS = 16
"""Heads kept with a choice: the chosen one and those that come next."""


def fits(skills: Mapping[str, int], requirements: Requirements) -> bool:
    """Whether an agent with these skills may serve a contact that asks for this."""
    return all(skills.get(need.skill, 0) >= need.proficiency for need in requirements)


class Head(Struct, frozen=True, gc=False, order=True):
    """The first of a line that was compared.  The order of the fields is the rule of the choice."""

    tried: bool
    """The agent has failed this contact before: taken only where nobody else fits."""
    priority: int
    """A contact's; 0 for an agent, who has none."""
    since: float
    seq: int
    id: str


class PassedOver(Struct, frozen=True, gc=False):
    """How many were not chosen, by reason."""

    skills: int
    """They do not fit."""
    tried: int
    """They fit and stood in front of a head, but the pair has failed before."""
    behind: int
    """They fit, and stand behind the head of their line."""
    avoided: int = 0
    """The agent must not have the contact: he sent it away himself (V-51)."""


class Choice(Struct, frozen=True):
    """A pair, and the heads it was compared with: the chosen one first, at most ``MOST_HEADS``."""

    contact: ContactWaits
    agent: AgentAvailable
    heads: tuple[Head, ...]
    passed_over: PassedOver


class _Standing(Enum):
    """How an agent and a contact that fit stand to each other."""

    FRESH = 0
    TRIED = 1
    AVOIDED = 2


class _Line:
    """Those who ask the same, or can the same, in order: ``(priority, since, seq, id)``."""

    __slots__ = ("bit", "fitting", "members")

    def __init__(self, bit: int) -> None:
        self.bit = bit
        self.fitting = 0
        """The bits of the lines on the other side that fit."""
        self.members = SortedList()


class _Side:
    """All lines of one kind, and which of them hold somebody.

    A line is kept when it is empty: signatures and classes come from the configuration, so there
    are few, and whom a line fits need not be worked out again.
    """

    __slots__ = ("lines", "occupied")

    def __init__(self) -> None:
        self.lines: list[_Line] = []
        self.occupied = 0

    def new_line(self) -> _Line:
        line = _Line(1 << len(self.lines))
        self.lines.append(line)
        return line

    def add(self, line: _Line, key: _Key) -> None:
        line.members.add(key)
        self.occupied |= line.bit

    def remove(self, line: _Line, key: _Key) -> None:
        line.members.remove(key)
        if not line.members:
            self.occupied &= ~line.bit

    def fitting(self, other: _Line) -> Iterator[_Line]:
        """The lines that hold somebody and fit, in the order in which they were first seen."""
        bits = self.occupied & other.fitting
        while bits:
            lowest = bits & -bits
            yield self.lines[lowest.bit_length() - 1]
            bits ^= lowest


class _Heads:
    """The heads of the lines that fit, as they are found, and how many were passed over."""

    __slots__ = ("avoided", "fitting", "heads", "tried")

    def __init__(self) -> None:
        self.heads: list[Head] = []
        self.fitting = self.tried = self.avoided = 0

    def look_behind(self, line: _Line, standing: Callable[[str], _Standing]) -> None:
        """The first of this line has failed the other, or must not have him; ``standing`` says
        which, of any member.
        """
        tried: list[_Key] = []
        for member in line.members:
            match standing(member[3]):
                case _Standing.FRESH:
                    self.heads.append(Head(False, *member))
                    self.tried += len(tried)
                    return
                case _Standing.TRIED:
                    tried.append(member)
                case _Standing.AVOIDED:
                    self.avoided += 1
        if tried:
            self.heads.append(Head(True, *tried[0]))

    def passed_over(self, known: int) -> PassedOver:
        behind = self.fitting - self.tried - self.avoided - len(self.heads)
        return PassedOver(known - self.fitting, self.tried, behind, self.avoided)


class Index:
    """Waiting contacts and available agents."""

    def __init__(self) -> None:
        self._contacts: dict[ContactId, ContactWaits] = {}
        self._agents: dict[AgentId, AgentAvailable] = {}
        self._waiting, self._idle = _Side(), _Side()
        self._signatures: dict[Requirements, _Line] = {}
        self._classes: dict[SkillClass, _Line] = {}

    # --- changes ------------------------------------------------------------------------------

    def add_contact(self, contact: ContactWaits) -> None:
        self.remove_contact(contact.contact)
        self._contacts[contact.contact] = contact
        self._waiting.add(self._signature(contact.requirements), _contact_key(contact))

    def remove_contact(self, contact: ContactId) -> ContactWaits | None:
        known = self._contacts.pop(contact, None)
        if known is not None:
            self._waiting.remove(self._signature(known.requirements), _contact_key(known))
        return known

    def add_agent(self, agent: AgentAvailable) -> None:
        self.remove_agent(agent.agent)
        self._agents[agent.agent] = agent
        self._idle.add(self._class(agent.skills), _agent_key(agent))

    def remove_agent(self, agent: AgentId) -> AgentAvailable | None:
        known = self._agents.pop(agent, None)
        if known is not None:
            self._idle.remove(self._class(known.skills), _agent_key(known))
        return known

    # --- questions ----------------------------------------------------------------------------

    def contact_for(self, agent: AgentAvailable) -> Choice | None:
        """Priority, then longest waiting.  A contact that this agent has failed comes last; one
        that must avoid him is none of his.
        """
        found = _Heads()
        contacts, name = self._contacts, agent.agent

        def standing(contact: str) -> _Standing:
            return _standing(contacts[ContactId(contact)], name)

        for line in self._waiting.fitting(self._class(agent.skills)):
            found.fitting += len(line.members)
            first = line.members[0]
            contact = contacts[first[3]]
            if name in contact.tried or name in contact.avoid:
                found.look_behind(line, standing)
            else:
                found.heads.append(Head(False, *first))
        if not found.heads:
            return None
        best = _best(found.heads)
        passed_over = found.passed_over(len(contacts))
        return Choice(contacts[ContactId(best[0].id)], agent, best, passed_over)

    def agent_for(self, contact: ContactWaits) -> Choice | None:
        """Longest available.  An agent that has failed this contact comes last; one whom it must
        avoid does not come at all.
        """
        found = _Heads()
        barred = (*contact.tried, *contact.avoid)

        def standing(agent: str) -> _Standing:
            return _standing(contact, AgentId(agent))

        for line in self._idle.fitting(self._signature(contact.requirements)):
            found.fitting += len(line.members)
            first = line.members[0]
            if first[3] in barred:
                found.look_behind(line, standing)
            else:
                found.heads.append(Head(False, *first))
        if not found.heads:
            return None
        best = _best(found.heads)
        passed_over = found.passed_over(len(self._agents))
        return Choice(contact, self._agents[AgentId(best[0].id)], best, passed_over)

    @property
    def waiting(self) -> Mapping[ContactId, ContactWaits]:
        return self._contacts

    @property
    def available(self) -> Mapping[AgentId, AgentAvailable]:
        return self._agents

    # --- lines --------------------------------------------------------------------------------

    def _signature(self, requirements: Requirements) -> _Line:
        line = self._signatures.get(requirements)
        if line is None:
            line = self._signatures[requirements] = self._waiting.new_line()
            for skills, other in self._classes.items():
                _join(line, other, fits(dict(skills), requirements))
        return line

    def _class(self, skills: Mapping[str, int]) -> _Line:
        key = tuple(sorted(skills.items()))
        line = self._classes.get(key)
        if line is None:
            line = self._classes[key] = self._idle.new_line()
            for requirements, other in self._signatures.items():
                _join(line, other, fits(skills, requirements))
        return line


def _join(one: _Line, other: _Line, fit: bool) -> None:
    if fit:
        one.fitting |= other.bit
        other.fitting |= one.bit


def _standing(contact: ContactWaits, agent: AgentId) -> _Standing:
    if agent in contact.avoid:
        return _Standing.AVOIDED
    return _Standing.TRIED if agent in contact.tried else _Standing.FRESH


def _best(heads: list[Head]) -> tuple[Head, ...]:
    return tuple(nsmallest(MOST_HEADS, heads) if len(heads) > 1 else heads)


def _contact_key(contact: ContactWaits) -> _Key:
    return contact.place.priority, contact.place.since, contact.place.seq, contact.contact


def _agent_key(agent: AgentAvailable) -> _Key:
    return 0, agent.since, agent.seq, agent.agent
