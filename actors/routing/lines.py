"""Lines: those who ask the same, or can the same, in order; and which lines fit which."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Generic, TypeVar

from sortedcontainers import SortedList

from actors.messages import AgentAvailable
from actors.routing.expressions import Expression, written
from actors.routing.policy import QueuePolicy
from actors.routing.strategies import LONGEST, AgentKey, Order, order_of

LineT = TypeVar("LineT", bound="Line")


class Line:
    """``bit`` is its own; ``fitting`` has the bits of the lines on the other side that fit.

    ``head`` is the first of its members, kept beside them because every decision asks for it.
    """

    __slots__ = ("bit", "fitting", "head", "members")

    def __init__(self, bit: int) -> None:
        self.bit = bit
        self.fitting = 0
        self.members = SortedList()
        self.head: Any = None

    def __len__(self) -> int:
        return len(self.members)

    def add(self, key: tuple[Any, ...]) -> None:
        self.members.add(key)
        if self.head is None or key < self.head:
            self.head = key

    def remove(self, key: tuple[Any, ...]) -> None:
        self.members.remove(key)
        if key == self.head:
            self.head = self.members[0] if self.members else None


class ContactLine(Line):
    """Contacts of one queue that need the same."""

    __slots__ = ("needs", "number", "order", "policy", "strategy", "written")

    def __init__(self, bit: int, policy: QueuePolicy, needs: Expression) -> None:
        super().__init__(bit)
        self.policy, self.needs, self.written = policy, needs, written(needs)
        self.order = order_of(policy.strategy, policy.listed)
        self.strategy = policy.strategy
        self.number = bit.bit_length()


class SkillClass(Line):
    """Agents with the same skills, the same weight, and named by the same formulas.

    ``members`` has them by the length of their availability.  Another order is kept from the first
    time it is asked for.
    """

    __slots__ = ("_of_line", "_ordered", "agents", "name", "sample", "scores", "skills", "weight")

    def __init__(self, bit: int, agent: AgentAvailable, name: tuple[Any, ...]) -> None:
        super().__init__(bit)
        self.skills, self.weight = dict(agent.skills), agent.weight
        self.sample = agent.agent
        """Any of them: what a formula says of him, it says of all."""
        self.name = name
        """Sorts the classes in the same order whenever they were seen."""
        self.agents: dict[str, AgentAvailable] = {}
        self._ordered: dict[Order, SortedList] = {}
        self._of_line: dict[int, SortedList] = {}
        self.scores: dict[int, int] = {}
        """By the number of a line that fits: what the proficiencies it wants come to."""

    def enter(self, agent: AgentAvailable) -> None:
        self.agents[agent.agent] = agent
        self.add(LONGEST.key(agent))
        for order, members in self._ordered.items():
            members.add(order.key(agent))

    def leave(self, agent: AgentAvailable) -> None:
        del self.agents[agent.agent]
        self.remove(LONGEST.key(agent))
        for order, members in self._ordered.items():
            members.remove(order.key(agent))

    def ordered(self, line: ContactLine) -> SortedList:
        """In the order that the rules of this line's queue want."""
        if line.order == LONGEST:
            return self.members
        members = self._of_line.get(line.number)
        if members is None:
            members = self._ordered.get(line.order)
            if members is None:
                members = SortedList(map(line.order.key, self.agents.values()))
                self._ordered[line.order] = members
            self._of_line[line.number] = members
        return members

    def next_in_turn(self, line: ContactLine, last: AgentKey | None) -> tuple[int, AgentKey]:
        """0 and the first who comes after ``last``, or 1 and the first of all: a new round."""
        members = self.ordered(line)
        start = 0 if last is None else members.bisect_left((last[0] + 1,))
        return (0, members[start]) if start < len(members) else (1, members[0])

    def in_turn(self, line: ContactLine, last: AgentKey | None) -> Iterator[tuple[int, AgentKey]]:
        """Everybody so."""
        members = self.ordered(line)
        start = 0 if last is None else members.bisect_left((last[0] + 1,))
        for key in members.islice(start):
            yield 0, key
        for key in members.islice(0, start):
            yield 1, key


class Side(Generic[LineT]):
    """All lines of one kind, and which of them hold somebody.

    A line is kept when it is empty: what is asked and what is known come from the configuration,
    so there are few, and whom a line fits need not be worked out again.
    """

    __slots__ = ("lines", "occupied")

    def __init__(self) -> None:
        self.lines: list[LineT] = []
        self.occupied = 0

    @property
    def next_bit(self) -> int:
        return 1 << len(self.lines)

    def open(self, line: LineT, others: Iterable[Line], fits: Iterable[bool]) -> None:
        """A new line; ``fits`` says it of each of ``others``."""
        self.lines.append(line)
        for other, fit in zip(others, fits, strict=True):
            if fit:
                line.fitting |= other.bit
                other.fitting |= line.bit

    def noted(self, line: LineT) -> None:
        """It has gained or lost somebody."""
        if line.members:
            self.occupied |= line.bit
        else:
            self.occupied &= ~line.bit

    def among(self, bits: int) -> list[LineT]:
        """Those of ``bits``, in the order in which they were first seen."""
        found = []
        lines = self.lines
        while bits:
            lowest = bits & -bits
            found.append(lines[lowest.bit_length() - 1])
            bits ^= lowest
        return found
