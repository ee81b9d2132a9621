"""The figures of the interval that is being counted, and those of the intervals that are closed."""

from __future__ import annotations

from collections.abc import Callable

from actors.ids import NO_QUEUE, AgentId, QueueName
from ccserver.journal.reports.figures import (
    AgentFigures,
    QueueFigures,
    new_agent_figures,
    new_queue_figures,
)


class IntervalFigures:
    """Of one interval: from ``start`` up to ``end``, in microseconds since 1970."""

    def __init__(
        self, start: int, end: int, queues: dict[str, QueueFigures], agents: dict[str, AgentFigures]
    ) -> None:
        self.start, self.end = start, end
        self.queues, self.agents = queues, agents


class Books:
    """Whoever is known, once, has figures in every interval from then on.

    ``closed`` is given each interval as it ends.
    """

    def __init__(self, closed: Callable[[IntervalFigures], object]) -> None:
        self._closed = closed
        self._queues: dict[str, QueueFigures] = {NO_QUEUE: new_queue_figures()}
        self._agents: dict[str, AgentFigures] = {}

    def queue(self, name: QueueName | None) -> QueueFigures:
        found = self._queues.get(name or NO_QUEUE)
        if found is None:
            found = self._queues[name or NO_QUEUE] = new_queue_figures()
        return found

    def agent(self, name: AgentId) -> AgentFigures:
        found = self._agents.get(name)
        if found is None:
            found = self._agents[name] = new_agent_figures()
        return found

    def each_queue(self) -> list[tuple[str, QueueFigures]]:
        return list(self._queues.items())

    def close(self, start: int, end: int) -> None:
        """The interval is over, and all has been entered."""
        self._closed(IntervalFigures(start, end, self._queues, self._agents))
        self.discard()

    def discard(self) -> None:
        """A new interval; of the one before nothing is kept but who is where."""
        self._queues = {
            name: new_queue_figures(figures.waiting + figures.being_offered + figures.in_service)
            for name, figures in self._queues.items()
        }
        self._agents = {name: new_agent_figures() for name in self._agents}
