"""What is counted during a run: outcomes, latencies, and a row for each interval.

Latencies begin at the *intended* instant and stand in the row of that instant, so a server, or a
generator, that is late cannot hide what came meanwhile (coordinated omission).
"""

from __future__ import annotations

from collections import Counter

from msgspec import Struct

from loadtest.histogram import Latencies
from loadtest.scenario.values import LATENCIES

MOST_ROWS = 600
FAILED = frozenset(("refused", "timeout", "transport", "dropped", "not_started"))
"""Outcomes that are somebody's fault; ``unfinished`` is the test's own."""


class Row(Struct):
    """One interval."""

    started: int = 0
    answered: int = 0
    """By the server."""
    connected: int = 0
    handled: int = 0
    abandoned: int = 0
    failed: int = 0
    latencies: dict[str, Latencies] = {}


class Tally:
    """``seconds``: how long the run is to last; ``begin``: when it does, by the run's clock.

    Times are instants of that clock.
    """

    def __init__(self, begin: float, seconds: float) -> None:
        self.begin = begin
        self.interval = max(1.0, -(-seconds // MOST_ROWS))
        self.rows: list[Row] = []
        self.outcomes: Counter[str] = Counter()
        """Of measured calls; ``handled``, ``refused``, ..."""
        self.statuses: Counter[int] = Counter()
        """Of measured calls that were refused."""
        self.latencies = {name: Latencies() for name in LATENCIES}
        self.started = self.alive = self.most_alive = 0
        self.answered = self.connected = 0
        self.unmeasured = 0
        self.rung = self.overtaken = 0
        self.offers: Counter[str] = Counter()
        """What agents did with the calls they were offered."""
        self.registered = 0
        self.registrations_failed: Counter[str] = Counter()
        self.lateness = Latencies()
        """How much later than intended we began calls: ours, not the server's."""

    def row(self, at: float) -> Row:
        index = min(max(0, int((at - self.begin) / self.interval)), 100 * MOST_ROWS)
        while len(self.rows) <= index:
            self.rows.append(Row())
        return self.rows[index]

    def call_started(self, intended: float, now: float) -> None:
        self.started += 1
        self.alive += 1
        self.most_alive = max(self.most_alive, self.alive)
        self.lateness.record(now - intended)
        self.row(intended).started += 1

    def call_not_started(self, intended: float, measured: bool) -> None:
        row = self.row(intended)
        row.started += 1
        row.failed += 1
        self.started += 1
        if measured:
            self.outcomes["not_started"] += 1
        else:
            self.unmeasured += 1

    def call_answered(self, now: float) -> None:
        self.answered += 1
        self.row(now).answered += 1

    def call_connected(self, now: float) -> None:
        self.connected += 1
        self.row(now).connected += 1

    def call_gone(self, now: float, outcome: str, status: int | None, measured: bool) -> None:
        self.alive -= 1
        row = self.row(now)
        if outcome == "handled":
            row.handled += 1
        elif outcome == "abandoned":
            row.abandoned += 1
        elif outcome in FAILED:
            row.failed += 1
        if not measured:
            self.unmeasured += 1
            return
        self.outcomes[outcome] += 1
        if outcome == "refused" and status is not None:
            self.statuses[status] += 1

    def took(self, name: str, intended: float, now: float, measured: bool = True) -> None:
        """A latency, by its name in `LATENCIES`."""
        row = self.row(intended)
        found = row.latencies.get(name)
        if found is None:
            found = row.latencies[name] = Latencies()
        found.record(now - intended)
        if measured:
            self.latencies[name].record(now - intended)

    @property
    def calls(self) -> int:
        """Measured calls that are over."""
        return self.outcomes.total()

    @property
    def failed(self) -> int:
        return sum(self.outcomes[outcome] for outcome in FAILED)
