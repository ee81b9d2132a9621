"""In every interval of a report all are accounted for, and no second is lost or counted twice."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from actors import events as ev
from ccserver.journal.fold import Fold
from ccserver.journal.log import Entry
from ccserver.journal.reports import ContactFigures, Minutes, QueueFigures, Report, Rules
from ccserver.journal.reports.figures import QUEUE_CLOSING
from tests.properties.test_identity import AGENT, QUEUES, Customer

RULES = Rules(ZoneInfo("Europe/Sofia"), service_level_seconds=30.0, short_call_seconds=5.0)
CENTRE = {"queues": [{"name": name} for name in QUEUES], "agents": [{"id": AGENT}]}
ZERO = 1_774_738_800_000_000
"""01:00 of a Sunday on which the clock is put forward at 03:00."""

steps = st.lists(
    st.tuples(st.integers(0, 7), st.integers(0, 11), st.sampled_from([0.0, 0.5, 7, 40, 700])),
    max_size=100,
)


def a_day(moves: list[tuple[int, int, float]]) -> tuple[list[Entry], int]:
    """Eight customers who take legal steps, and when it is over."""
    entries = [Entry(1, ZERO, ev.CentreConfigured("v1", CENTRE, "start"))]
    customers = [Customer(number) for number in range(8)]
    queued: dict[int, tuple[str, int]] = {}
    at = ZERO
    for who, choice, later in moves:
        event = customers[who].step(choice)
        at += int(later * 1_000_000)
        match event:
            case None:
                continue
            case ev.ContactQueued(_, queue) if queued.get(who, ("", 0))[0] != queue:
                queued[who] = queue, at
            case ev.ContactConnected() | ev.ContactEnded() if who in queued:
                event = replace(event, waited=(at - queued[who][1]) / 1_000_000)
        entries.append(Entry(len(entries) + 1, at, event))
    return entries, at + 60_000_000


def reported(
    entries: list[Entry], end: int, minutes: Minutes | None
) -> tuple[Report, list[ContactFigures]]:
    rows: list[ContactFigures] = []
    report = Report(RULES, minutes, contacts=rows.append)
    for entry in entries:
        report.apply(entry)
    report.finish(end)
    return report, rows


def there(figures: QueueFigures) -> int:
    return figures.waiting + figures.being_offered + figures.in_service


@given(steps, st.sampled_from([15, 30, 60, 1440, None]))
def test_everybody_is_accounted_for_in_every_interval(moves, minutes):
    entries, end = a_day(moves)
    report, rows = reported(entries, end, minutes)

    before: dict[str, int] = {}
    for interval in report.intervals():
        for name, f in interval.queues.items():
            gone = f.handled + f.abandoned + f.short + f.overflowed + f.failed
            assert f.carried_in + f.offered == gone + there(f)
            assert f.carried_in == before.get(name, 0)
            before[name] = there(f)
            if name:
                assert 0 <= f.level_answered <= f.answered
    assert len({row.contact for row in rows}) == len(rows)


@given(steps, st.sampled_from([15, 60, None]))
def test_it_counts_what_the_metrics_count(moves, minutes):
    entries, end = a_day(moves)
    report, _ = reported(entries, end, minutes)
    fold = Fold(QUEUES, (AGENT,), lambda: 1000.0)
    for entry in entries:
        fold.apply(entry.event)

    counted, figures = report.queues(), fold.figures()
    for name, metrics in figures.queues.items():
        f = counted[name]
        shown = (f.offered, f.handled, f.overflowed, f.failed, f.requeued)
        assert shown == (
            metrics.offered,
            metrics.handled,
            metrics.overflowed,
            metrics.failed,
            metrics.returned,
        )
        assert f.abandoned + f.short == sum(metrics.abandoned.values())
        assert (f.waiting, f.being_offered, f.in_service) == (
            metrics.waiting,
            metrics.being_offered,
            metrics.in_service,
        )
    assert sum(f.answered for f in counted.values()) == sum(figures.answer.counts)
    failed = sum(f.missed + f.rejected + f.offer_errors for f in counted.values())
    assert failed == sum(figures.offers_failed.values())


@given(steps)
def test_long_intervals_are_the_sums_of_short_ones(moves):
    entries, end = a_day(moves)
    quarters, rows = reported(entries, end, 15)
    whole, same = reported(entries, end, None)

    assert sorted(rows, key=lambda row: row.contact) == sorted(same, key=lambda row: row.contact)
    for name, figures in whole.queues().items():
        summed = quarters.queues()[name]
        for field in QueueFigures.__struct_fields__:
            ours, theirs = getattr(figures, field), getattr(summed, field)
            assert theirs == (pytest.approx(ours) if isinstance(ours, float) else ours), field


@given(steps, st.sampled_from([15, 60]))
def test_no_second_of_a_contact_is_lost_or_counted_twice(moves, minutes):
    entries, end = a_day(moves)
    report, rows = reported(entries, end, minutes)

    for name in ("waiting", "ringing", "talk", "hold", "post_call"):
        of_intervals = sum(
            getattr(figures, f"apportioned_{name}")
            for interval in report.intervals()
            for figures in interval.queues.values()
        )
        assert of_intervals == pytest.approx(sum(getattr(row, name) for row in rows))
    for interval in report.intervals():
        seconds = (interval.end - interval.start) / 1e6
        ada = interval.agents[AGENT]
        assert ada.apportioned_talk <= 8 * seconds + 1e-6  # eight customers at most
        for figures in interval.queues.values():
            assert figures.longest_waiting <= (interval.end - ZERO) / 1e6
    closing = [name for name in QUEUE_CLOSING if name != "longest_waiting"]
    last = report.intervals()[-1].queues
    total = sum(getattr(figures, name) for figures in last.values() for name in closing)
    in_queues = {row.contact for row in rows if row.ended is None and row.queues}
    assert total == len(in_queues)
