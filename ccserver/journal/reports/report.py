"""A report: the journal's entries folded into figures of intervals, queues, agents and contacts.

    report = Report(Rules(zone), minutes=30, contacts=rows.append)
    for entry in entries:
        report.apply(entry)
    report.finish(at)
    report.queues()["support"].service_level("negative")

It holds who is there now and the figures, and no entry: a day of any length may be folded.  Entries
come in the order of the journal; time that goes backwards stands still.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from actors import events as ev
from actors.ids import NO_QUEUE
from ccserver.journal.log import Entry
from ccserver.journal.reports.agents import AgentAccounts
from ccserver.journal.reports.books import Books, IntervalFigures
from ccserver.journal.reports.contacts import ContactAccounts
from ccserver.journal.reports.figures import (
    AgentFigures,
    ContactFigures,
    QueueFigures,
    Rules,
    new_agent_figures,
    new_queue_figures,
)
from ccserver.journal.reports.intervals import Intervals, Minutes


class Report:
    """``minutes``: of an interval, None: all is one.  ``contacts`` is given each contact that was
    there, when it is over and wrapped up, and at the end the others.  ``intervals`` is given each
    interval as it ends; without it, they are kept.

    ``begin``, ``end``: microseconds since 1970, UTC.  What was before ``begin`` is heard, for who
    was there then is there still, and counted nowhere; what comes from ``end`` on is not heard.
    """

    def __init__(
        self,
        rules: Rules,
        minutes: Minutes | None = None,
        *,
        begin: int | None = None,
        end: int | None = None,
        contacts: Callable[[ContactFigures], object] | None = None,
        intervals: Callable[[IntervalFigures], object] | None = None,
    ) -> None:
        self.rules = rules
        self._intervals = Intervals(rules.zone, minutes)
        self._begin, self._end = begin, end
        self._sink = contacts
        self._kept: list[IntervalFigures] = []
        self._books = Books(intervals or self._kept.append)
        self._contacts = ContactAccounts(self._books, rules, self._show)
        self._agents = AgentAccounts(self._books, self._contacts)
        self._at = 0
        self._start: int | None = None
        """Of the interval that is counted; None: nothing is, yet."""
        self._until: int | None = begin
        """When something changes that no entry tells."""
        self._has_closed = self._finished = False
        self._handlers: dict[type, Callable[[int, Any], None]] = {
            **self._contacts.handlers,
            **self._agents.handlers,
            ev.WrapUpEnded: self._wrap_up_ended,
        }

    @property
    def kinds(self) -> Collection[type]:
        """Of the events that count for anything."""
        return self._handlers.keys()

    def apply(self, entry: Entry) -> None:
        handler = self._handlers.get(type(entry.event))
        if handler is None or self._finished:
            return
        if self._end is not None and entry.at >= self._end:
            return
        at = max(entry.at, self._at)
        self._reach(at)
        handler(at, entry.event)

    def finish(self, at: int) -> None:
        """Nothing more comes; the last interval ends at ``at``, or at ``end`` if that is earlier.

        It is complete only now, and hears no more.
        """
        if self._finished:
            return
        self._finished = True
        at = max(at if self._end is None else min(at, self._end), self._at)
        self._reach(at)
        self._enter(at)
        if self._start is not None and (at > self._start or not self._has_closed):
            self._books.close(self._start, at)
        self._contacts.rest()

    # --- what it says -------------------------------------------------------------------------

    def intervals(self) -> list[IntervalFigures]:
        """Those that are kept, in order, each with all queues and agents that were known."""
        return self._kept

    def queues(self) -> dict[str, QueueFigures]:
        """Of each queue over all intervals kept; ``""``: contacts that reached none."""
        found: dict[str, QueueFigures] = {}
        for interval in self.intervals():
            for name, figures in interval.queues.items():
                if name not in found:
                    found[name] = new_queue_figures(figures.carried_in)
                found[name].add(figures)
        return found

    def agents(self) -> dict[str, AgentFigures]:
        """Of each agent over all intervals kept."""
        found: dict[str, AgentFigures] = {}
        for interval in self.intervals():
            for name, figures in interval.agents.items():
                found.setdefault(name, new_agent_figures()).add(figures)
        return found

    # --- time ---------------------------------------------------------------------------------

    def _reach(self, at: int) -> None:
        """Close what ends up to this instant."""
        if self._until is None and self._start is None:
            self._open(at)
        while self._until is not None and at >= self._until:
            until = self._until
            self._enter(until)
            if self._start is None:
                self._books.discard()
            else:
                self._books.close(self._start, until)
                self._has_closed = True
            self._open(until)
        self._at = at

    def _open(self, at: int) -> None:
        start, end = self._intervals.around(at)
        self._start = start if self._begin is None and not self._has_closed else at
        self._until = end

    def _enter(self, at: int) -> None:
        self._contacts.close(at)
        self._agents.close(at)

    # --- both ---------------------------------------------------------------------------------

    def _wrap_up_ended(self, at: int, event: ev.WrapUpEnded) -> None:
        self._contacts.handlers[ev.WrapUpEnded](at, event)
        self._agents.wrap_up_ended(at, event)

    def _show(self, row: ContactFigures) -> None:
        begin = self._begin
        if self._sink is None or (begin is not None and (row.ended or begin) < begin):
            return
        if self._end is None or row.arrived < self._end:
            self._sink(row)


def together(queues: dict[str, QueueFigures]) -> QueueFigures:
    """All queues as one, with those who reached none: who was in two is offered twice."""
    names = [name for name in queues if name != NO_QUEUE]
    whole = new_queue_figures()
    for name in (NO_QUEUE, *names):
        if name in queues:
            whole.join(queues[name])
    return whole
