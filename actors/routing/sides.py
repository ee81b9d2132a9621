"""The two sides that are to be paired, each with all of its lines; and which fit which."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import itemgetter
from typing import Any, Generic, TypeAlias, TypeVar

from actors.routing.expressions import wanted_skills
from actors.routing.lines import ContactLine, Line, SkillClass, Standing
from actors.routing.strategies import LONGEST, Order, Strategy

LineT = TypeVar("LineT", bound=Line)
Pick: TypeAlias = Callable[[list[Any]], tuple[Any, ...]]
"""Of a list that has an item for each line of a side, those of some lines."""


class Side(Generic[LineT]):
    """All lines of one kind, and which of them hold somebody.

    A line is kept when it is empty: what is asked and what is known come from the configuration,
    so there are few, and whom a line fits need not be worked out again.  ``counts`` and ``heads``
    have an item for each: how many it holds, and its first, or None.  A decision reads those that
    fit out of such flat lists, without a step for each.
    """

    __slots__ = ("counts", "heads", "lines", "occupied")

    def __init__(self) -> None:
        self.lines: list[LineT] = []
        self.occupied = 0
        self.counts: list[int] = []
        self.heads: list[Any] = []

    def open(self, line: LineT, others: Iterable[Line], fits: Iterable[bool]) -> None:
        """A new line; ``fits`` says it of each of ``others``."""
        self.lines.append(line)
        self.counts.append(0)
        self.heads.append(None)
        for other, fit in zip(others, fits, strict=True):
            if fit:
                line.fitting |= other.bit
                other.fitting |= line.bit

    def noted(self, line: LineT) -> None:
        """It has gained or lost somebody."""
        number, count, counts = line.number, len(line), self.counts
        if not count:
            self.occupied &= ~line.bit
        elif not counts[number]:
            self.occupied |= line.bit
        counts[number] = count
        self.heads[number] = line.head

    def among(self, bits: int) -> list[LineT]:
        """Those of ``bits``, in the order in which they were first seen."""
        found = []
        lines = self.lines
        while bits:
            lowest = bits & -bits
            found.append(lines[lowest.bit_length() - 1])
            bits ^= lowest
        return found


class InLine(Side[ContactLine]):
    """The lines of contacts that wait."""

    __slots__ = ("_picks",)

    def __init__(self) -> None:
        super().__init__()
        self._picks: dict[int, tuple[int, Pick]] = {}
        """By the number of a class: which lines fit it, and what picks them."""

    def pick(self, one: SkillClass) -> Pick:
        """Of all lines, those that fit these agents."""
        known = self._picks.get(one.number)
        if known is None or known[0] != one.fitting:
            known = self._picks[one.number] = one.fitting, _pick(self.among(one.fitting))
        return known[1]


class Fits:
    """The classes that fit a line, by their names: an order that does not depend on who was seen
    first.  ``at``: where its order is among those of the classes.
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


class Idle(Side[SkillClass]):
    """The classes of available agents.  An order is kept from the first time it is asked for.

    ``heads_by``: in each of ``orders``, who is first in each class, or None; the first of them, by
    the length of availability, is ``heads``.
    """

    __slots__ = ("_fits", "heads_by", "orders")

    def __init__(self) -> None:
        super().__init__()
        self.orders: list[Order] = [LONGEST]
        self.heads_by: list[list[Any]] = [self.heads]
        self._fits: dict[int, Fits] = {}
        """By the number of a line of contacts."""

    def open(self, line: SkillClass, others: Iterable[Line], fits: Iterable[bool]) -> None:
        super().open(line, others, fits)
        for heads in self.heads_by[1:]:
            heads.append(None)

    def noted(self, line: SkillClass) -> None:
        super().noted(line)
        if len(self.heads_by) > 1:
            number = line.number
            for heads, standing in zip(self.heads_by, line.standings, strict=True):
                heads[number] = standing.head

    def fits(self, line: ContactLine) -> Fits:
        known = self._fits.get(line.number)
        if known is None or known.bits != line.fitting:
            known = Fits(line, self.among(line.fitting), self._at(line.order))
            self._fits[line.number] = known
        return known

    def _at(self, order: Order) -> int:
        if order not in self.orders:
            self.orders.append(order)
            for each in self.lines:
                each.standings.append(Standing(map(order.key, each.agents.values())))
            self.heads_by.append([each.standings[-1].head for each in self.lines])
        return self.orders.index(order)


def _pick(lines: list[Any]) -> Pick:
    numbers = [each.number for each in lines]
    if len(numbers) > 1:
        return itemgetter(*numbers)
    return lambda listed: tuple(listed[number] for number in numbers)
