"""A report out of the journal's file: also of a time long after the journal began."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from actors import events as ev
from actors.reasons import Outcome
from ccserver.journal.reports import Report, Rules
from ccserver.journal.storage import JournalError
from ccserver.reporting import reading
from ccserver.reporting.question import Question, question
from ccserver.reporting.reading import TooManyRows, read_rows
from ccserver.settings.model import Reports
from tests.support.reporting import ADA, BEN, Chronicle, Customer, read_report

ZERO = datetime(2026, 3, 1, tzinfo=UTC)
HOUR, DAY = 3600.0, 86_400.0
LONGEST = 4 * HOUR
UNTIL = int((ZERO.timestamp() + 3 * DAY) * 1e6)


def asked_of(kind: Any, since: str, until: str, **more: Any) -> Question:
    return question(Reports(), kind, UNTIL, since=since, until=until, **more)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Three days; nothing happens on the second but that a call of the first goes on a while."""
    told = Chronicle(Report(Rules(ZoneInfo("UTC"))), ZERO)
    told.agent(9 * HOUR, ADA, "available")
    told.agent(10 * HOUR, BEN, "idle", code="night")
    for number in range(20):
        one = Customer(told, f"c{number}", 12 * HOUR + 60 * number)
        one.waits(12 * HOUR + 60 * number)
        one.rings(12 * HOUR + 60 * number + 5)
        one.talks(12 * HOUR + 60 * number + 8)
        one.hangs_up(12 * HOUR + 60 * number + 50, Outcome.HANDLED, agent=ADA)
    late = Customer(told, "late", DAY - 300)
    late.waits(DAY - 300)
    late.rings(DAY - 200)
    late.talks(DAY - 190)
    late.hangs_up(DAY + 600, Outcome.HANDLED, agent=ADA)
    next_one = Customer(told, "next", 2 * DAY + HOUR)
    next_one.waits(2 * DAY + HOUR)
    next_one.hangs_up(2 * DAY + HOUR + 30, Outcome.ABANDONED)
    told.write(tmp_path / "journal.sqlite")
    return tmp_path


@pytest.mark.parametrize("page", [7, 10_000])
def test_a_day_begins_with_who_was_there_and_what_agents_were(data, monkeypatch, page):
    monkeypatch.setattr(reading, "PAGE", page)
    second = asked_of("queues", "2026-03-02", "2026-03-03")
    report = read_report(data, second, UNTIL, LONGEST)
    support = report.queues()["support"]
    assert (support.carried_in, support.offered, support.handled) == (1, 0, 1)
    assert (support.talk, support.apportioned_talk) == (790.0, 600.0)
    assert report.agents()[ADA].available == DAY
    assert report.agents()[BEN].idle_codes == {"night": DAY}


def test_days_add_up(data):
    whole = read_report(data, asked_of("queues", "2026-03-01", "2026-03-04"), UNTIL, LONGEST)
    days = [
        read_report(data, asked_of("queues", f"2026-03-0{n}", f"2026-03-0{n + 1}"), UNTIL, LONGEST)
        for n in (1, 2, 3)
    ]
    for field in ("offered", "handled", "talk", "apportioned_talk", "abandoned", "level_missed"):
        parts = [getattr(day.queues()["support"], field) for day in days]
        assert sum(parts) == getattr(whole.queues()["support"], field), field
    of_all = asked_of("intervals", "2026-03-01", "2026-03-04", interval="day")
    by_day = read_report(data, of_all, UNTIL, LONGEST)
    offered = [interval.queues["support"].offered for interval in by_day.intervals()]
    assert offered == [21, 0, 1]


def test_contacts_are_those_that_were_there_at_some_time(data):
    def there(since: str, until: str) -> list[str]:
        asked = asked_of("contacts", since, until)
        return [row["contact"] for row in read_rows(data, asked, UNTIL, LONGEST)]

    assert there("2026-03-02", "2026-03-03") == ["late"]
    assert there("2026-03-03", "2026-03-04") == ["next"]
    assert len(there("2026-03-01", "2026-03-02")) == 21
    assert there("2026-03-02T12:00", "2026-03-03") == []


def test_what_has_not_been_yet_is_not_counted(data):
    """Until the end of a day that is not over."""
    asked = asked_of("agents", "2026-03-02", "2026-03-05")
    now = int((ZERO.timestamp() + 2.5 * DAY) * 1e6)
    assert read_report(data, asked, now, LONGEST).agents()[ADA].available == 1.5 * DAY


def test_only_some_agents_are_shown_with_their_contacts_and_those_that_had_none(data):
    asked = asked_of("agents", "2026-03-01", "2026-03-04")
    agents = read_rows(data, asked, UNTIL, LONGEST, only=frozenset((BEN,)))
    assert [row["agent"] for row in agents] == [BEN]
    asked = asked_of("contacts", "2026-03-01", "2026-03-04")
    contacts = read_rows(data, asked, UNTIL, LONGEST, only=frozenset((BEN,)))
    assert [row["contact"] for row in contacts] == ["next"]


@pytest.mark.parametrize("kind", ["queues", "agents", "intervals", "contacts"])
def test_no_more_rows_are_made_than_are_wanted(data, kind):
    asked = asked_of(kind, "2026-03-01", "2026-03-04", interval="day")
    count = len(list(read_rows(data, asked, UNTIL, LONGEST)))
    assert len(list(read_rows(data, asked, UNTIL, LONGEST, most=count))) == count
    with pytest.raises(TooManyRows):
        list(read_rows(data, asked, UNTIL, LONGEST, most=count - 1))


def test_rows_come_while_the_journal_is_read(data, monkeypatch):
    """A long report is never in memory as a whole."""
    monkeypatch.setattr(reading, "PAGE", 100)
    asked = asked_of("queues", "2026-03-01", "2026-03-04", interval="day")
    rows = read_rows(data, asked, UNTIL, LONGEST)
    assert next(rows)["begin"] == "2026-03-01T00:00:00+00:00"
    (data / "journal.sqlite").unlink()
    with pytest.raises(JournalError):
        list(rows)


def test_a_journal_that_is_not_there_is_said(tmp_path):
    with pytest.raises(JournalError, match=r"journal\.sqlite"):
        list(read_rows(tmp_path, asked_of("queues", "today", "tomorrow"), UNTIL, LONGEST))


def test_nobody_is_at_work_while_the_server_is_stopped(tmp_path):
    told = Chronicle(Report(Rules(ZoneInfo("UTC"))), ZERO)
    told.agent(HOUR, ADA, "available")
    told.tell(2 * HOUR, ev.ServerStopped())
    told.tell(12 * HOUR, ev.ServerStarted("1", "e"))
    told.agent(13 * HOUR, ADA, "signed_out")
    told.write(tmp_path / "journal.sqlite")
    report = read_report(tmp_path, asked_of("agents", "2026-03-01", "2026-03-02"), UNTIL, LONGEST)
    assert report.agents()[ADA].signed_in == 2 * HOUR
