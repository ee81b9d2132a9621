"""A report as rows, as CSV and as JSON."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from actors.reasons import Outcome
from ccserver.journal.reports import ContactFigures, Report
from ccserver.reporting.question import Kind, Question, question
from ccserver.reporting.rows import Row, as_csv, as_json, contact_row, rows_of
from ccserver.settings.model import Reports
from tests.support.reporting import ADA, BEN, Chronicle, Customer

NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)
NOW = int(NINE.timestamp() * 1e6) + 3_600_000_000


def reported(kind: Kind, **more: Any) -> tuple[Question, list[Row]]:
    """An hour in which one call was answered after 12 s, and one given up after 25 s."""
    asked = question(Reports(), kind, NOW, since="2026-03-02T09:00", **more)
    found: list[ContactFigures] = []
    report = Report(asked.rules, asked.minutes, begin=asked.begin, contacts=found.append)
    told = Chronicle(report, NINE)
    told.agent(0, ADA, "idle", code="lunch")
    told.agent(0, BEN, "idle", code="=cmd")
    one = Customer(told, "c1", 0)
    one.waits(0)
    one.rings(10)
    one.talks(12)
    one.hangs_up(72, Outcome.HANDLED, agent=ADA)
    two = Customer(told, "c2", 10)
    two.waits(10)
    two.hangs_up(35, Outcome.ABANDONED)
    told.ends(3600)
    if kind == "contacts":
        return asked, [contact_row(asked, contact) for contact in found]
    return asked, [row for interval in report.intervals() for row in rows_of(asked, interval)]


def read_csv(rows: list[Row]) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO("".join(as_csv(rows)), newline="")))


def test_a_queue_is_a_row_with_times_and_the_rule_of_its_service_level():
    _, rows = reported("queues")
    (support,) = (row for row in rows if row["queue"] == "support")
    assert (support["begin"], support["end"]) == (
        "2026-03-02T09:00:00+00:00",
        "2026-03-02T10:00:00+00:00",
    )
    assert (support["offered"], support["handled"], support["abandoned"]) == (2, 1, 1)
    assert (support["asa_seconds"], support["talk_seconds"]) == (12.0, 60.0)
    assert (support["service_level"], support["service_level_abandons"]) == (0.5, "negative")
    assert support["service_level_within_seconds"] == 20.0


def test_intervals_have_a_row_each_for_all_queues_together():
    _, rows = reported("intervals", interval="15")
    assert [row["begin"][11:16] for row in rows] == ["09:00", "09:15", "09:30", "09:45"]
    assert [row["offered"] for row in rows] == [2, 0, 0, 0]


def test_json_says_what_the_rows_are_of():
    asked, rows = reported("queues", abandons="ignored")
    shown = json.loads("".join(as_json(asked, rows)))
    assert shown["report"] == "queues"
    assert (shown["begin"], shown["time_zone"]) == ("2026-03-02T09:00:00+00:00", "UTC")
    assert (shown["service_level_seconds"], shown["abandons"]) == (20.0, "ignored")
    assert shown["rows"] == rows


def test_csv_has_the_same_as_json_with_a_column_for_every_key_of_a_table():
    _, rows = reported("agents", idle_codes=["lunch"])
    lunch, other = read_csv(rows)
    assert lunch["agent"] == "1001"
    assert (lunch["idle_codes_lunch"], lunch["idle_codes_others"]) == ("3600.0", "0")
    assert (other["idle_codes_lunch"], other["idle_codes_others"]) == ("0.0", "3600.0")
    assert (lunch["idle_codes_rona"], lunch["transfers_to_queue"]) == ("0.0", "0")
    assert [row["idle_codes"].get("=cmd") for row in rows] == [None, 3600.0]


def test_a_report_of_nothing_is_nothing_in_csv_and_no_rows_in_json():
    asked, _ = reported("contacts")
    assert list(as_csv([])) == []
    assert json.loads("".join(as_json(asked, [])))["rows"] == []


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ('=cmd|"/c calc"!A1', '\'=cmd|"/c calc"!A1'),
        ("+cmd", "'+cmd"),
        ("-2+3", "'-2+3"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("+442071838750", "+442071838750"),
        ("a,b", "a,b"),
        ('say "hi"\nand more', 'say "hi"\nand more'),
        ("", ""),
    ],
)
def test_a_name_from_outside_is_no_formula_and_no_other_cell(name, cell):
    (read,) = read_csv([{"ani": name, "next": 1}])
    assert read == {"ani": cell, "next": "1"}


def test_a_formula_in_a_list_of_names_is_none():
    (read,) = read_csv([{"queues": ["=1+1", "sales"]}])
    assert read == {"queues": "'=1+1 sales"}


def test_a_contact_is_a_row_with_instants_by_the_clock_of_the_zone():
    asked, rows = reported("contacts")
    answered = next(row for row in rows if row["contact"] == "c1")
    assert (answered["arrived"], answered["ended"]) == (
        "2026-03-02T09:00:00+00:00",
        "2026-03-02T09:01:12+00:00",
    )
    shown = json.loads("".join(as_json(asked, rows)))["rows"]
    assert {row["outcome"] for row in shown} == {"handled", "abandoned"}
    assert asked.shown(1_772_442_000_123_456) == "2026-03-02T09:00:00.123+00:00"
