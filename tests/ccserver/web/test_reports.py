"""Reports over REST: the same as from the command line, and for whom."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from actors.ids import AgentId
from actors.reasons import Outcome
from ccserver.journal.reports import Report, Rules
from ccserver.web import reports
from tests.support.reporting import ADA, Chronicle, Customer
from tests.support.web import Site, site

CLEO = AgentId("1003")
"""Of the red team."""
WHEN = {"from": "2026-03-02T09:00", "to": "2026-03-02T10:00"}


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Site]:
    told = Chronicle(Report(Rules(ZoneInfo("UTC"))), datetime(2026, 3, 2, 9, tzinfo=UTC))
    for number, agent in enumerate((ADA, CLEO)):
        told.agent(0, agent, "available")
        one = Customer(told, f"c{number}", 0)
        one.waits(0)
        one.rings(5 + 20 * number, agent)
        one.talks(10 + 20 * number, agent)
        one.hangs_up(60, Outcome.HANDLED, agent=agent)
    gone = Customer(told, "gone", 100)
    gone.waits(100)
    gone.hangs_up(110, Outcome.ABANDONED)
    told.write(tmp_path / "journal.sqlite")
    with site(tmp_path, reports={"time_zone": "UTC", "service_level_seconds": 15}) as found:
        yield found


def asked(opened: Site, name: str, kind: str, **more: Any) -> Any:
    return opened.signed_in(name).get(f"/reports/{kind}", params={**WHEN, **more})


def test_a_supervisor_is_told_what_happened_and_by_which_rule(opened: Site):
    told = asked(opened, "sue", "queues").json()

    assert (told["report"], told["service_level_seconds"]) == ("queues", 15.0)
    (support,) = (row for row in told["rows"] if row["queue"] == "support")
    assert (support["offered"], support["handled"], support["abandoned"]) == (3, 2, 1)
    assert support["service_level"] == 0.3333

    ignoring = asked(opened, "sue", "queues", abandons="ignored", service_level=30).json()
    assert {row["service_level"] for row in ignoring["rows"]} == {None, 1.0}


def test_csv_is_csv(opened: Site):
    answer = asked(opened, "root", "contacts", format="csv")

    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert [row["contact"] for row in rows] == ["c0", "c1", "gone"]


def test_a_supervisor_of_a_team_is_shown_its_agents_and_what_they_or_nobody_had(opened: Site):
    agents = asked(opened, "red", "agents").json()["rows"]
    contacts = asked(opened, "red", "contacts").json()["rows"]

    assert [row["agent"] for row in agents] == [CLEO]
    assert [row["contact"] for row in contacts] == ["c1", "gone"]


@pytest.mark.parametrize(
    ("kind", "wrong", "field"),
    [
        ("queues", {"from": "noon"}, "from"),
        ("queues", {"to": "2026-03-02T08:00"}, "to"),
        ("queues", {"from": "2026-01-01"}, "to"),
        ("queues", {"interval": "7"}, "interval"),
        ("queues", {"service_level": 0}, "service_level"),
        ("weather", {}, "report"),
    ],
)
def test_what_is_wrong_with_the_question_is_named(opened: Site, kind, wrong, field):
    refused = asked(opened, "sue", kind, **wrong)

    assert (refused.status_code, refused.json()["refused"]) == (422, "BAD_REQUEST")
    assert [one["field"] for one in refused.json()["errors"]] == [field]


def test_a_report_of_too_many_rows_is_refused(opened: Site, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(reports, "MOST_ROWS", 2)

    assert asked(opened, "sue", "contacts").status_code == 422
    assert asked(opened, "sue", "contacts", **{"from": "2026-03-02T09:01:30"}).status_code == 200


def test_without_a_journal_there_is_no_report_now(tmp_path: Path):
    with site(tmp_path) as nothing:
        refused = asked(nothing, "sue", "queues")

        assert (refused.status_code, refused.json()["refused"]) == (503, "NO_ANSWER")
