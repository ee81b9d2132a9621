"""``ccserver report``: a journal's file, and no server."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner, Result

from actors.reasons import Outcome
from ccserver.cli import app
from ccserver.journal.reports import Report, Rules
from tests.support.reporting import ADA, Chronicle, Customer

NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)
WHEN = ("--from", "2026-03-02T09:00", "--to", "2026-03-02T10:00")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    told = Chronicle(Report(Rules(ZoneInfo("UTC"))), NINE)
    told.agent(0, ADA, "available")
    for name, wait in (("early", 10), ("late", 30)):
        one = Customer(told, name, 0)
        one.waits(0)
        one.rings(wait - 2)
        one.talks(wait)
        one.hangs_up(wait + 60, Outcome.HANDLED, agent=ADA)
    gone = Customer(told, "gone", 0)
    gone.waits(0)
    gone.hangs_up(8, Outcome.ABANDONED)
    told.write(tmp_path / "journal.sqlite")
    return tmp_path


def report(data: Path, *arguments: str) -> Result:
    set_ = ("--set", f"data.dir={data}", "--set", "reports.time_zone=UTC")
    return CliRunner().invoke(app, ["report", *arguments, *set_])


def test_a_table_says_what_it_is_of_and_how_abandons_count(data: Path):
    shown = report(data, "queues", *WHEN).stdout
    assert "queues from 2026-03-02T09:00:00+00:00 to 2026-03-02T10:00:00+00:00 (UTC)" in shown
    assert "service level within 20 s, abandons negative" in shown
    assert "33.3%" in shown


@pytest.mark.parametrize(
    ("abandons", "level"), [("ignored", 0.5), ("negative", 0.3333), ("positive", 0.6667)]
)
def test_the_service_level_is_that_of_the_switch(data: Path, abandons: str, level: float):
    shown = report(data, "queues", *WHEN, "--format", "json", "--abandons", abandons)
    told = json.loads(shown.stdout)
    assert told["abandons"] == abandons
    (support,) = (row for row in told["rows"] if row["queue"] == "support")
    assert support["service_level"] == level


def test_another_threshold_can_be_asked_for(data: Path):
    shown = report(data, "intervals", *WHEN, "--format", "json", "--service-level", "30")
    rows = json.loads(shown.stdout)["rows"]
    assert [row["service_level"] for row in rows] == [0.6667, None]
    assert [row["service_level_within_seconds"] for row in rows] == [30.0, 30.0]


@pytest.mark.parametrize(
    ("kind", "count"), [("queues", 3), ("agents", 2), ("intervals", 2), ("contacts", 3)]
)
def test_every_report_has_all_three_forms(data: Path, kind: str, count: int):
    assert report(data, kind, *WHEN).exit_code == 0
    told = json.loads(report(data, kind, *WHEN, "--format", "json").stdout)
    rows = list(csv.DictReader(io.StringIO(report(data, kind, *WHEN, "--format", "csv").stdout)))
    assert len(told["rows"]) == len(rows) == count
    flat = {name for name, value in told["rows"][0].items() if not isinstance(value, dict)}
    assert flat <= rows[0].keys()


def test_what_is_wrong_with_the_question_is_said(data: Path):
    refused = report(data, "queues", "--from", "noon")
    assert refused.exit_code == 2
    assert "--from: expected today, yesterday, a date" in refused.stderr


@pytest.mark.parametrize("form", ["table", "csv", "json"])
def test_of_a_time_before_the_journal_it_is_said_that_nothing_is_known(data: Path, form: str):
    before = ("--from", "2026-03-01", "--to", "2026-03-02", "--format", form)
    for kind in ("queues", "intervals"):
        shown = report(data, kind, *before)
        assert shown.exit_code == 0
        assert shown.stderr == (
            "nothing is known of that time: the journal begins at 2026-03-02T09:00:00+00:00\n"
        )


def test_of_a_time_in_which_nothing_happened_that_is_said_in_place_of_an_empty_table(data: Path):
    quiet = ("--from", "2026-03-03", "--to", "2026-03-04")
    shown = report(data, "contacts", *quiet)
    assert shown.stdout.endswith("\nnothing happened in that time\n")
    assert "arrived" not in shown.stdout
    assert shown.stderr == ""


def test_without_a_journal_there_is_no_report(tmp_path: Path):
    refused = report(tmp_path, "agents")
    assert refused.exit_code == 1
    assert "journal.sqlite" in refused.stderr
