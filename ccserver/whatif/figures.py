"""What a day came to, as it was recorded or as it was played: its figures, by queue and together.

The formulas are those of the reports (``ccserver.journal.reports``, docs/metrics.md).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from math import ceil

from msgspec import Struct

from actors import events as ev
from actors.ids import NO_QUEUE
from ccserver.journal.log import Entry
from ccserver.journal.reports import (
    AgentFigures,
    IntervalFigures,
    Intervals,
    Minutes,
    QueueFigures,
    Report,
    Rules,
    together,
)
from ccserver.whatif.courses import SECOND, Course
from ccserver.whatif.somebody import SOMEBODY

HALF_AN_HOUR: Minutes = 30
ALL = ""
"""In place of a queue's name: all of them, and who reached none."""


class Figures(Struct, frozen=True):
    """Shares from 0 to 1, times in seconds; None: there was nothing to make it of.

    ``waits``: of those answered, how long the one waited who waited longer than half, nine tenths
    and 99 hundredths of them.  ``occupancy``: of all agents, and so of no single queue.
    """

    offered: int
    answered: int
    abandoned: int
    overflowed: int
    service_level: float | None
    speed_of_answer: float | None
    waits: tuple[float, float, float] | None
    longest_wait: float
    abandonment: float | None
    handle_time: float | None
    occupancy: float | None = None


class Slice(Struct, frozen=True):
    """Of half an hour that begins at ``at``, in microseconds since 1970: of all queues."""

    at: int
    offered: int
    abandoned: int
    service_level: float | None
    speed_of_answer: float | None
    occupancy: float | None


class Day(Struct, frozen=True):
    """``queues``: by name, ALL first."""

    queues: dict[str, Figures]
    slices: list[Slice]


class Count:
    """Hears a day's events in their order; of what was before it begins, only who was there."""

    def __init__(self, rules: Rules, begins: int, ends: int) -> None:
        self._rules, self._begins, self._ends = rules, begins, ends
        self._report = Report(rules, HALF_AN_HOUR, begin=begins, end=ends)
        self._heard = 0
        self._intervals = Intervals(rules.zone, HALF_AN_HOUR)
        self._errands: dict[int, float] = {}
        """Seconds of work with what is not played, by the beginning of the half hour."""

    def hear(self, at: int, event: ev.AnyEvent) -> None:
        self._heard += 1
        self._report.apply(Entry(self._heard, at, event))

    def works(self, since: int, until: int) -> None:
        """An agent, with what is not played, from and to these microseconds since 1970."""
        since, until = max(since, self._begins), min(until, self._ends)
        while since < until:
            start, end = self._intervals.around(since)
            part = until if end is None else min(end, until)
            start = max(start, self._begins)
            self._errands[start] = self._errands.get(start, 0.0) + (part - since) / SECOND
            since = part

    def day(self, courses: Collection[Course]) -> Day:
        """When all has been heard; ``courses``: of those who came."""
        self._report.finish(self._ends)
        queues = self._report.queues()
        occupancy = _occupancy(self._report.agents(), sum(self._errands.values()))
        whole = _figures(together(queues), self._rules, courses, occupancy)
        figures = {ALL: whole}
        for name in sorted(queues):
            if name != NO_QUEUE:
                theirs = [one for one in courses if one.spells and one.spells[0].queue == name]
                figures[name] = _figures(queues[name], self._rules, theirs, None)
        slices = [
            _slice(interval, self._rules, self._errands.get(interval.start, 0.0))
            for interval in self._report.intervals()
        ]
        return Day(figures, slices)


def _figures(
    found: QueueFigures, rules: Rules, courses: Iterable[Course], occupancy: float | None
) -> Figures:
    waits = sorted(course.spells[0].waited for course in courses if course.services)
    return Figures(
        found.offered,
        found.answered,
        found.abandoned,
        found.overflowed,
        found.service_level(rules.abandons),
        found.asa,
        (_least(waits, 0.5), _least(waits, 0.9), _least(waits, 0.99)) if waits else None,
        found.longest_wait,
        found.abandonment,
        found.aht,
        occupancy,
    )


def _least(ordered: list[float], share: float) -> float:
    """The least that is no less than this share of them."""
    return ordered[max(0, ceil(share * len(ordered)) - 1)]


def _slice(interval: IntervalFigures, rules: Rules, errands: float) -> Slice:
    whole = together(interval.queues)
    return Slice(
        interval.start,
        whole.offered,
        whole.abandoned,
        whole.service_level(rules.abandons),
        whole.asa,
        _occupancy(interval.agents, errands),
    )


def _occupancy(agents: Mapping[str, AgentFigures], errands: float) -> float | None:
    """``errands``: seconds of work that these figures do not have."""
    whole = AgentFigures(apportioned_consulted=errands)
    for name, one in agents.items():
        if name != SOMEBODY:  # what he stands for is among the errands
            whole.add(one)
    return whole.occupancy
