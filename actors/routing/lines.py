"""Lines: those who ask the same, or can the same, in order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from sortedcontainers import SortedList

from actors.messages import AgentAvailable
from actors.routing.expressions import Expression, written
from actors.routing.policy import QueuePolicy
from actors.routing.strategies import LONGEST, Order, order_of


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
        members = self.members
        if key == self.head:
            members.pop(0)
            self.head = members[0] if members else None
        else:
            members.remove(key)


class Line(Standing):
    """``number`` and ``bit`` are its own, ``fitting`` the bits of the others' lines that fit."""

    __slots__ = ("bit", "fitting", "number")

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number, self.bit = number, 1 << number
        self.fitting = 0


class ContactLine(Line):
    """Contacts of one queue that need the same."""

    __slots__ = ("needs", "order", "policy", "strategy", "written")

    def __init__(self, number: int, policy: QueuePolicy, needs: Expression) -> None:
        super().__init__(number)
        self.policy, self.needs, self.written = policy, needs, written(needs)
        self.order = order_of(policy.strategy, policy.listed)
        self.strategy = policy.strategy


class SkillClass(Line):
    """Agents with the same skills, the same weight, and named by the same formulas.

    ``standings`` has them in each of ``orders``, those of all classes; its first is the class
    itself, by the length of their availability.
    """

    __slots__ = ("agents", "name", "orders", "sample", "skills", "standings", "weight")

    def __init__(
        self, number: int, agent: AgentAvailable, name: tuple[Any, ...], orders: list[Order]
    ) -> None:
        super().__init__(number)
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


def first_in_turn(standing: Standing, last: int) -> tuple[Any, ...]:
    """Of those who stand by position: the first who comes after this one behind a 0, or the first
    of all behind a 1, for a new round.
    """
    members = standing.members
    at = members.bisect_left((last + 1,))
    return (0, *members[at]) if at < len(members) else (1, *standing.head)


def in_turn(standing: Standing, last: int | None) -> Iterator[tuple[Any, ...]]:
    """Everybody so."""
    members = standing.members
    start = 0 if last is None else members.bisect_left((last + 1,))
    for key in members.islice(start):
        yield (0, *key)
    for key in members.islice(0, start):
        yield (1, *key)
