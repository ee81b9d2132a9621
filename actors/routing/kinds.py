"""Of which kind each contact and each agent is, and which kinds fit which.

Contacts of one queue that need the same are of one kind, and so are agents who can the same.
Whether a kind of agents serves a kind of contacts is worked out once, when either is first seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from actors.ids import AgentId, QueueName
from actors.messages import AgentAvailable, ContactWaits
from actors.routing.expressions import Expression, all_of, matches, names_in
from actors.routing.limits import Limits
from actors.routing.lines import ContactLine, SkillClass
from actors.routing.policy import QueuePolicy
from actors.routing.sides import Idle, InLine

_ClassName: TypeAlias = tuple[tuple[tuple[str, int], ...], int, tuple[tuple[str, ...], ...]]


class Kinds:
    """``waiting`` and ``idle`` are the two sides; ``limits`` hears of each line that is opened."""

    def __init__(self, limits: Limits) -> None:
        self.waiting, self.idle = InLine(), Idle()
        self._limits = limits
        self._lines: dict[tuple[QueueName, int, Expression], ContactLine] = {}
        self._classes: dict[_ClassName, SkillClass] = {}
        self._class_of: dict[AgentId, tuple[Mapping[str, int], int, SkillClass]] = {}
        self._groups: dict[tuple[str, ...], frozenset[str]] = {}
        """The sets of agents that formulas name."""

    def line_of(self, contact: ContactWaits, rules: QueuePolicy, ring: int) -> ContactLine:
        """Where it stands in this ring of its queue."""
        key = (contact.queue, ring, contact.needs)
        line = self._lines.get(key)
        if line is None:
            needs = all_of((rules.rings[ring].needs, contact.needs))
            for group in names_in(needs):
                self._name(group)
            line = self._lines[key] = ContactLine(len(self.waiting.lines), rules, needs)
            classes = self.idle.lines
            self.waiting.open(
                line, classes, [matches(needs, each.skills, each.sample) for each in classes]
            )
            self._limits.open(contact.queue, line.bit)
        return line

    def class_of(self, agent: AgentAvailable) -> SkillClass:
        known = self._class_of.get(agent.agent)
        if known is not None and known[0] is agent.skills and known[1] == agent.weight:
            return known[2]
        groups = sorted(names for names, group in self._groups.items() if agent.agent in group)
        name = (tuple(sorted(agent.skills.items())), agent.weight, tuple(groups))
        line = self._classes.get(name)
        if line is None:
            line = SkillClass(len(self.idle.lines), agent, name, self.idle.orders)
            self._classes[name] = line
            lines = self.waiting.lines
            self.idle.open(
                line, lines, [matches(each.needs, agent.skills, agent.agent) for each in lines]
            )
        self._class_of[agent.agent] = agent.skills, agent.weight, line
        return line

    def enter(self, agent: AgentAvailable) -> None:
        line = self.class_of(agent)
        line.enter(agent)
        self.idle.noted(line)

    def leave(self, agent: AgentAvailable) -> None:
        line = self.class_of(agent)
        line.leave(agent)
        self.idle.noted(line)

    def _name(self, group: tuple[str, ...]) -> None:
        """A formula that names agents tells apart those who were alike."""
        if group in self._groups:
            return
        agents = [agent for each in self.idle.lines for agent in each.agents.values()]
        self._groups[group] = frozenset(group)
        self.idle, self._classes, self._class_of = Idle(), {}, {}
        for line in self.waiting.lines:
            line.fitting = 0
        for agent in agents:
            self.enter(agent)
