"""Lines: those who ask the same, or can the same, in order; and which lines fit which."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from operator import itemgetter
from typing import Any, Generic, TypeAlias, TypeVar

from sortedcontainers import SortedList

from actors.messages import AgentAvailable
from actors.routing.expressions import Expression, wanted_skills, written
from actors.routing.policy import QueuePolicy
from actors.routing.strategies import LONGEST, AgentKey, Order, Strategy, order_of

LineT = TypeVar("LineT", bound="Line")


class Standing:
    """Keys in order.  ``head``, the first, is kept beside them: every decision asks for it."""

    __slots__ = ("head", "members")

    def __init__(self, keys: Iterable[tuple[Any, ...]] = ()) -> None:
        self.members = SortedList(keys)
        self.head: Any = self.members[0] if self.members else None

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


class Line(Standing):
    """``bit`` is its own; ``fitting`` has the bits of the lines on the other side that fit."""

    __slots__ = ("bit", "fitting")

    def __init__(self, bit: int) -> None:
        super().__init__()
        self.bit = bit
        self.fitting = 0


class ContactLine(Line):
    """Contacts of one queue that need the same."""

    __slots__ = ("fits", "needs", "order", "policy", "strategy", "written")

    def __init__(self, bit: int, policy: QueuePolicy, needs: Expression) -> None:
        super().__init__(bit)
        self.policy, self.needs, self.written = policy, needs, written(needs)
        self.order = order_of(policy.strategy, policy.listed)
        self.strategy = policy.strategy
        self.fits: Fits | None = None
        """Worked out by ``Idle.fits`` when somebody of it is to be given an agent."""


class SkillClass(Line):
    """Agents with the same skills, the same weight, and named by the same formulas.

    ``standings`` has them in each of ``orders``, those of all classes; its first is the class
    itself, by the length of their availability.
    """

    __slots__ = ("agents", "name", "number", "orders", "sample", "skills", "standings", "weight")

    def __init__(
        self, bit: int, agent: AgentAvailable, name: tuple[Any, ...], orders: list[Order]
    ) -> None:
        super().__init__(bit)
        self.number = bit.bit_length() - 1
        self.skills, self.weight = dict(agent.skills), agent.weight
        self.sample = agent.agent
        """Any of them: what a formula says of him, it says of all."""
        self.name = name
        """Sorts the classes in the same order whenever they were seen."""
        self.agents: dict[str, AgentAvailable] = {}
        self.orders = orders
        self.standings: list[Standing] = [self, *(Standing() for _ in orders[1:])]

    def enter(self, agent: AgentAvailable) -> None:
        self.agents[agent.agent] = agent
        self.add(LONGEST.key(agent))
        if len(self.orders) > 1:
            for order, standing in self._further():
                standing.add(order.key(agent))

    def leave(self, agent: AgentAvailable) -> None:
        del self.agents[agent.agent]
        self.remove(LONGEST.key(agent))
        if len(self.orders) > 1:
            for order, standing in self._further():
                standing.remove(order.key(agent))

    def _further(self) -> Iterator[tuple[Order, Standing]]:
        return islice(zip(self.orders, self.standings, strict=True), 1, None)


def next_in_turn(standing: Standing, last: AgentKey | None) -> tuple[Any, ...]:
    """Of those who stand by position: the first who comes after ``last`` behind a 0, or the first
    of all behind a 1, for a new round.
    """
    head: AgentKey = standing.head
    if last is None or head[0] > last[0]:
        return (0, *head)
    members = standing.members
    if members[-1][0] <= last[0]:
        return (1, *head)
    return (0, *members[members.bisect_left((last[0] + 1,))])


def in_turn(standing: Standing, last: AgentKey | None) -> Iterator[tuple[Any, ...]]:
    """Everybody so."""
    members = standing.members
    start = 0 if last is None else members.bisect_left((last[0] + 1,))
    for key in members.islice(start):
        yield (0, *key)
    for key in members.islice(0, start):
        yield (1, *key)


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
        if line.head is not None:
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


Pick: TypeAlias = Callable[[list[Any]], tuple[Any, ...]]
"""Of a list that has an item for each class, those of some classes."""


class Fits:
    """The classes that fit a line, by their names: an order that does not depend on who was seen
    first.  ``at``: where its order is among those of the classes.

    A decision reads what it needs of all of them out of flat lists, without a step for each.
    """

    __slots__ = ("at", "bits", "classes", "levels", "pick", "weights")

    def __init__(self, line: ContactLine, classes: list[SkillClass], at: int) -> None:
        self.bits, self.at = line.fitting, at
        self.classes = sorted(classes, key=lambda one: one.name)
        self.pick = _pick(self.classes)
        self.weights = [each.weight for each in self.classes]
        self.levels: list[tuple[int, list[SkillClass], Pick]] = []
        """Best skill: minus the sum of the proficiencies wanted, and who has it; the best first."""
        if line.strategy is Strategy.BEST_SKILL:
            levels: dict[int, list[SkillClass]] = {}
            wanted = wanted_skills(line.needs)
            for each in self.classes:
                score = sum(each.skills.get(skill, 0) for skill in wanted)
                levels.setdefault(-score, []).append(each)
            self.levels = [(level, has, _pick(has)) for level, has in sorted(levels.items())]


def _pick(classes: list[SkillClass]) -> Pick:
    numbers = [each.number for each in classes]
    if len(numbers) > 1:
        return itemgetter(*numbers)
    return lambda listed: tuple(listed[number] for number in numbers)


class Idle(Side[SkillClass]):
    """The classes of available agents.  An order is kept from the first time it is asked for.

    ``counts``: of each class, how many are available; ``heads``: in each of ``orders``, who is
    first in each class, or None; ``longest`` is the first of them.
    """

    __slots__ = ("counts", "heads", "longest", "orders")

    def __init__(self) -> None:
        super().__init__()
        self.orders: list[Order] = [LONGEST]
        self.longest: list[Any] = []
        self.heads: list[list[Any]] = [self.longest]
        self.counts: list[int] = []

    def open(self, line: SkillClass, others: Iterable[Line], fits: Iterable[bool]) -> None:
        super().open(line, others, fits)
        self.counts.append(0)
        for heads in self.heads:
            heads.append(None)

    def noted(self, line: SkillClass) -> None:
        number, count, counts = line.number, len(line.agents), self.counts
        if not (counts[number] and count):
            super().noted(line)
        counts[number] = count
        self.longest[number] = line.head
        if len(self.heads) > 1:
            for heads, standing in zip(self.heads, line.standings, strict=True):
                heads[number] = standing.head

    def fits(self, line: ContactLine) -> Fits:
        known = line.fits
        if known is None or known.bits != line.fitting:
            known = line.fits = Fits(line, self.among(line.fitting), self._at(line.order))
        return known

    def _at(self, order: Order) -> int:
        if order not in self.orders:
            self.orders.append(order)
            for each in self.lines:
                each.standings.append(Standing(map(order.key, each.agents.values())))
            self.heads.append([each.standings[-1].head for each in self.lines])
        return self.orders.index(order)
