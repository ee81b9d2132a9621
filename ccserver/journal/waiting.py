"""What was expected of a wait, and what came of it: who was sent elsewhere, or assigned by hand."""

from __future__ import annotations

from collections.abc import Iterable
from typing import get_args

from msgspec import Struct

from actors import events as ev
from actors.diversion import When
from actors.estimate import Estimate
from actors.ids import ContactId, QueueName
from actors.reasons import Outcome
from ccserver.journal.histogram import Histogram, HistogramFigures

OUTCOMES = ("within_p50", "within_p90", "beyond_p90", "unknown")
"""Up to P50, from there to P90, longer; and what nothing was known of."""
GRAIN = 1.0
"""Seconds by which a wait may be longer, and still as expected."""
CONDITIONS: tuple[str, ...] = get_args(When)
ERROR_BOUNDS = (1.0, 5.0, 10.0, 20.0, 30.0, 60.0, 90.0, 120.0, 180.0, 300.0, 600.0, 1800.0)


class WaitingFigures(Struct, frozen=True):
    estimates: dict[str, dict[str, int]]
    """By queue and outcome."""
    error: HistogramFigures
    """How far the wait was from P50, in seconds."""
    diverted: dict[str, dict[str, int]]
    """By queue and condition."""
    regained: dict[str, int]
    """By queue: callers who came back, and had their place again."""
    assigned: dict[str, dict[str, int]] = {}
    """From outside, by queue and outcome: ``given``, or why not."""


class SavedWaiting(Struct, frozen=True):
    """All that the fold holds: with it, it goes on as if it had never stopped."""

    figures: WaitingFigures
    expected: dict[ContactId, tuple[QueueName, Estimate | None]]


class WaitingFold:
    """A wait is held against what was expected as it began: when an agent's phone has rung for it
    and was answered, or when it has lasted longer than nine of ten should.  Who leaves before that
    proves nothing.
    """

    def __init__(self, queues: Iterable[QueueName]) -> None:
        self._estimates: dict[str, dict[str, int]] = {}
        self._diverted: dict[str, dict[str, int]] = {}
        self._assigned: dict[str, dict[str, int]] = {}
        for name in queues:
            self._estimates[name] = dict.fromkeys(OUTCOMES, 0)
            self._diverted[name] = dict.fromkeys(CONDITIONS, 0)
            self._assigned[name] = {"given": 0}
        self._error = Histogram(ERROR_BOUNDS)
        self._regained: dict[str, int] = dict.fromkeys(self._estimates, 0)
        self._expected: dict[ContactId, tuple[QueueName, Estimate | None]] = {}

    def queued(self, event: ev.ContactQueued) -> None:
        if event.regained is not None:
            self._regained[event.queue] = self._regained.get(event.queue, 0) + 1
        if not event.again and event.position is not None:
            self._expected[event.contact.id] = event.queue, event.estimate

    def connected(self, event: ev.ContactConnected) -> None:
        queue, estimate = self._expected.pop(event.contact.id, (event.queue, None))
        if queue != event.queue:
            return
        if estimate is None:
            self._count(queue, "unknown")
            return
        waited = event.waited - event.rang
        self._error.observe(abs(waited - estimate.p50))
        if waited <= estimate.p50 + GRAIN:
            self._count(queue, "within_p50")
        else:
            early = waited <= estimate.p90 + GRAIN
            self._count(queue, "within_p90" if early else "beyond_p90")

    def diverted(self, event: ev.ContactDiverted) -> None:
        counted = self._diverted.setdefault(event.queue, dict.fromkeys(CONDITIONS, 0))
        counted[event.when] += 1
        if event.onward:
            self._gave_up(event.contact.id, event.waited or 0.0)

    def ended(self, event: ev.ContactEnded) -> None:
        waited = event.waited if event.outcome is not Outcome.HANDLED else 0.0
        self._gave_up(event.contact.id, waited)

    def assigned(self, event: ev.ContactAssigned) -> None:
        if event.decision.by is not None:
            self._count_assignment(event.queue, "given")

    def assignment_refused(self, event: ev.AssignmentRefused) -> None:
        self._count_assignment(event.queue, event.reason)

    def _count_assignment(self, queue: QueueName, outcome: str) -> None:
        counted = self._assigned.setdefault(queue, {})
        counted[outcome] = counted.get(outcome, 0) + 1

    def figures(self) -> WaitingFigures:
        return WaitingFigures(
            {name: dict(outcomes) for name, outcomes in self._estimates.items()},
            self._error.figures(),
            {name: dict(conditions) for name, conditions in self._diverted.items()},
            dict(self._regained),
            {name: dict(outcomes) for name, outcomes in self._assigned.items()},
        )

    def saved(self) -> SavedWaiting:
        return SavedWaiting(self.figures(), dict(self._expected))

    def go_on(self, saved: SavedWaiting) -> None:
        """From where an earlier run's fold stood."""
        for name, outcomes in saved.figures.estimates.items():
            self._estimates[name] = dict.fromkeys(OUTCOMES, 0) | outcomes
        for name, conditions in saved.figures.diverted.items():
            self._diverted[name] = dict.fromkeys(CONDITIONS, 0) | conditions
        self._regained.update(saved.figures.regained)
        self._assigned.update(saved.figures.assigned)
        self._error.go_on(saved.figures.error)
        self._expected = dict(saved.expected)

    def _gave_up(self, contact: ContactId, waited: float) -> None:
        queue, estimate = self._expected.pop(contact, (QueueName(""), None))
        if estimate is not None and waited > estimate.p90 + GRAIN:
            self._count(queue, "beyond_p90")

    def _count(self, queue: QueueName, outcome: str) -> None:
        self._estimates.setdefault(queue, dict.fromkeys(OUTCOMES, 0))[outcome] += 1
