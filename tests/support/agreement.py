"""Whether the reports of a journal are sound, and say what the metrics say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from zoneinfo import ZoneInfo

from ccserver.journal.fold import FoldFigures
from ccserver.journal.log import Entry
from ccserver.journal.reports import ContactFigures, IntervalFigures, Report, Rules

RULES = Rules(ZoneInfo("Asia/Kathmandu"))
GRAIN = 1e-3
"""Seconds: many small times are added up in another order."""


def disagreements(entries: Iterable[Entry], figures: FoldFigures, now: int) -> list[str]:
    """Between the entries' reports, in quarters of an hour up to ``now`` (microseconds since 1970),
    and the figures of a fold that has applied the same entries; and within the reports.
    """
    rows: list[ContactFigures] = []
    report = Report(RULES, 15, contacts=rows.append)
    for entry in entries:
        report.apply(entry)
    report.finish(now)
    found = [text for interval in report.intervals() for text in _within(interval)]
    found += _between(report, figures)
    names = [row.contact for row in rows]
    if len(set(names)) != len(names):
        found.append("a contact has two rows")
    return found


def _within(interval: IntervalFigures) -> Iterator[str]:
    for name, f in interval.queues.items():
        gone = f.handled + f.abandoned + f.short + f.overflowed + f.failed
        there = f.waiting + f.being_offered + f.in_service
        if f.carried_in + f.offered != gone + there:
            yield f"{name} at {interval.start}: {f.carried_in} + {f.offered} != {gone} + {there}"
        if f.level_answered > f.answered:
            yield f"{name} at {interval.start}: more answered in time than at all"
    seconds = (interval.end - interval.start) / 1e6
    for agent, a in interval.agents.items():
        parts = a.idle + a.available + a.reserved + a.engaged + a.wrapping_up
        if abs(a.signed_in - parts) > GRAIN or a.signed_in > seconds + GRAIN:
            yield f"{agent} at {interval.start}: signed in {a.signed_in} s, of {parts} in states"
        if a.apportioned_wrap_up > a.wrapping_up + GRAIN:
            yield f"{agent} at {interval.start}: wraps up, and is not in the state"


def _between(report: Report, figures: FoldFigures) -> Iterator[str]:
    queues = report.queues()
    for name, metrics in figures.queues.items():
        f = queues[name]
        said = {
            "offered": (f.offered, metrics.offered),
            "handled": (f.handled, metrics.handled),
            "abandoned": (f.abandoned + f.short, sum(metrics.abandoned.values())),
            "overflowed": (f.overflowed, metrics.overflowed),
            "failed": (f.failed, metrics.failed),
            "requeued": (f.requeued, metrics.returned),
            "waiting": (f.waiting, metrics.waiting),
            "being offered": (f.being_offered, metrics.being_offered),
            "in service": (f.in_service, metrics.in_service),
        }
        for what, (ours, theirs) in said.items():
            if ours != theirs:
                yield f"{name}: {ours} {what} in the report, {theirs} in the metrics"
    answered = sum(f.answered for f in queues.values())
    if answered != sum(figures.answer.counts):
        yield f"{answered} answered in the report, {sum(figures.answer.counts)} in the metrics"
    waited = sum(f.answer_wait for f in queues.values())
    if abs(waited - figures.answer.sum) > GRAIN:
        yield f"{waited} s until the answers in the report, {figures.answer.sum} in the metrics"
    agents = report.agents().values()
    wrapped = sum(a.wrap_up for a in agents)
    if abs(wrapped - figures.wrap_up.sum) > GRAIN:
        yield f"{wrapped} s of wrap-up in the report, {figures.wrap_up.sum} in the metrics"
    failed = sum(a.missed + a.rejected + a.offer_errors for a in agents)
    if failed != sum(figures.offers_failed.values()):
        yield f"{failed} offers failed in the report, not so in the metrics"
