"""``ccserver what-if``: a day in a journal, held against other rules and other staffing."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner, Result

from ccserver.cli import app
from ccserver.settings import Settings
from ccserver.whatif.telling import Row
from loadtest.bench_what_if import PROMPTS, to_toml
from loadtest.invented_day import rules, write_day

CALLS, AGENTS = 300, 4
BEGINS = datetime(2026, 3, 2, 8, tzinfo=UTC)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a centre that had one day, the second of March."""
    directory = tmp_path_factory.mktemp("centre")
    tree = rules(AGENTS, directory) | {"media": {"prompts": str(PROMPTS)}}
    write_day(Settings.model_validate(tree), BEGINS, CALLS, seed=7)
    (directory / "ccserver.toml").write_text(to_toml(tree))
    return directory


def what_if(directory: Path, *arguments: str, day: str = "2026-03-02", **changes: Any) -> Result:
    """``changes``: whole sections of a new configuration."""
    path = directory / "ccserver.toml"
    if changes:
        tree = rules(AGENTS, directory) | {"media": {"prompts": str(PROMPTS)}} | changes
        path = directory / "new.toml"
        path.write_text(to_toml(tree))
    given = ("what-if", day, "--config", str(path), "--processes", "1")
    return CliRunner().invoke(app, [*given, *arguments])


def found(directory: Path, *arguments: str, **changes: Any) -> dict[str, Any]:
    result = what_if(directory, "--json", *arguments, **changes)
    assert result.exit_code == 0, result.stdout + result.stderr
    decoded: dict[str, Any] = msgspec.json.decode(result.stdout)
    return decoded


def figure(result: dict[str, Any], name: str, queue: str = "") -> dict[str, Any]:
    return next(row for row in result["figures"][queue] if row["name"] == name)


def test_the_same_configuration_changes_nothing(directory):
    same = found(directory)
    assert same["old"] == same["new"]
    assert (same["comparison"]["astray"], same["comparison"]["differences"]) == (0, [])
    for rows in same["figures"].values():
        for row in rows:
            assert row["difference"] in (0.0, None)
            assert row["old"] == pytest.approx(row["recorded"], abs=0.001), row["name"]


def test_one_agent_more_is_worth_something_and_is_said_to_be_like_another(directory):
    more = found(directory, "--agents", "+1:sales")
    assert figure(more, "service level")["difference"] > 0.02
    assert figure(more, "average speed of answer", "sales")["difference"] < 0
    assert figure(more, "occupancy of agents")["difference"] < 0
    assert figure(more, "abandoned")["difference"] < 0
    assert more["assumed"][-1] == "1002-2 is added, like 1002 and with the same hours."
    assert more["comparison"]["astray"] == 0


def test_a_schedule_says_who_works_when_in_place_of_the_hours_of_that_day(directory, tmp_path):
    path = tmp_path / "schedule.csv"
    ids = [str(1001 + number) for number in range(AGENTS)]
    path.write_text("\n".join(["agent,from,to", *(f"{name},00:00,24:00" for name in ids)]))
    always = found(directory, "--schedule", str(path))
    assert figure(always, "service level")["difference"] > 0.05
    assert figure(always, "occupancy of agents")["difference"] < 0
    said = f"{AGENTS} agents are there by the schedule, {24 * AGENTS}.0 h in all"
    assert any(text.startswith(said) for text in always["assumed"])

    path.write_text("agent,from,to\n1001,late,early")
    wrong = what_if(directory, "--schedule", str(path))
    assert (wrong.exit_code, wrong.stdout) == (2, "")
    assert f"{path}:2: from: expected 09:00" in wrong.stderr


def test_agents_may_be_fewer_or_as_many_as_one_says(directory):
    fewer = found(directory, "--agents", "-2:billing")
    assert figure(fewer, "service level")["difference"] < 0
    as_many = found(directory, "--agents", "1:billing")
    assert fewer["figures"] == as_many["figures"]  # of three who may serve it
    assert as_many["assumed"][-1] == "not there: 1002, 1004."


def test_a_rule_that_sends_people_on_sends_those_who_wait_so_long(directory):
    tree = rules(AGENTS, directory)
    sales, *others = tree["queues"]
    sales = {**sales, "overflows": [{"when": "waited", "seconds": 20, "queue": "support"}]}
    onward = found(directory, queues=[sales, *others])

    moved = [one for one in onward["comparison"]["differences"] if one["new"]["diverted"]]
    assert moved
    for one in moved:
        assert one["dialled"] == "2001"
        assert one["new"]["diverted"] == ["queue:support"]
        assert one["new"]["queue"] == "support"
        assert one["new"]["waited"] >= 20
        assert one["old"]["diverted"] == []
    assert figure(onward, "overflowed", "sales")["new"] == len(moved)


def test_an_agent_whom_the_day_does_not_know_has_the_hours_of_one_like_him(directory):
    tree = rules(AGENTS, directory)
    new = {"id": "3001", "secret": "s", "skills": tree["agents"][1]["skills"]}
    hired = found(directory, agents=[*tree["agents"][1:], new])
    assert hired["assumed"][-2:] == [
        "3001, who was not there that day, has the hours of 1002.",
        "1001: there that day, and not in this configuration.",
    ]


def test_several_runs_show_how_far_chance_goes(directory):
    several = found(directory, "--agents", "-1:sales", "--runs", "3")
    row = figure(several, "average speed of answer")
    assert len(several["comparison"]["runs"]) == 3
    assert row["least"] < row["difference"] < row["most"]
    assert several["comparison"]["runs"][1]["new"]["fates"] == {}
    text = what_if(directory, "--agents", "-1:sales", "--runs", "3").stdout
    assert "3 runs" in text
    assert f"({row['least']:+.1f} s to {row['most']:+.1f} s)" in text


def test_what_is_played_in_processes_is_what_is_played_in_one(directory):
    arguments = ("--agents", "+1:sales")
    assert found(directory, *arguments, "--processes", "2") == found(directory, *arguments)


def test_the_terminal_shows_figures_contacts_and_what_was_assumed(directory):
    text = what_if(directory, "--agents", "+1:sales").stdout
    for said in (
        "2026-03-02 00:00 to 2026-03-03 00:00 UTC: 300 contacts",
        "recorded",
        "new - old",
        "service level",
        "less long",
        "What was assumed",
        "Kaplan and Meier's estimate",
    ):
        assert said in text


def test_a_difference_that_is_nothing_when_it_is_rounded_has_no_sign():
    seconds = Row("longest wait", "seconds", 4.1, 4.1, 4.06, -0.04, -0.04, -0.04)
    share = Row("abandoned, share", "share", 0.1, 0.1, 0.1, 0.0, 0.0, 0.0)
    count = Row("offered", "count", 12.0, 12.0, 13.0, 1.0, 1.0, 1.0)

    assert [row.cells()[-1] for row in (seconds, share, count)] == ["0.0 s", "0.0 points", "+1"]


def test_the_page_and_the_table_of_contacts_have_all_of_it(directory, tmp_path):
    result = what_if(directory, "--agents", "+1:sales", "--out", str(tmp_path / "out"))
    assert result.exit_code == 0, result.stderr
    decoded = msgspec.json.decode((tmp_path / "out" / "what-if.json").read_bytes())
    differences = decoded["comparison"]["differences"]
    with (tmp_path / "out" / "contacts.csv").open(newline="") as file:
        contacts = list(csv.DictReader(file))
    assert [one["contact"] for one in contacts] == [one["contact"] for one in differences]
    assert float(contacts[0]["longer"]) == pytest.approx(differences[0]["longer"], abs=0.001)

    page = Seen()
    page.feed((tmp_path / "out" / "report.html").read_text())
    assert page.tags.count("svg") == 6
    for text in (
        "What if: 2026-03-02 00:00 to ",
        "Service level, each half hour",
        "What was assumed",
        "new rules",
    ):
        assert text in page.text


class Seen(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_a_part_of_a_day_may_be_played(directory):
    day = "2026-03-02T10:00/2026-03-02T12:00"
    part = msgspec.json.decode(what_if(directory, "--json", day=day).stdout)
    assert 30 < len(part["comparison"]["before"]) < CALLS / 2
    assert any("had come before are not played" in text for text in part["assumed"])


@pytest.mark.parametrize(
    ("day", "arguments", "status", "said"),
    [
        ("last monday", (), 2, "DAY: expected today, yesterday, a date as 2026-03-02, or a time"),
        ("2099-01-01", (), 2, "DAY: 2099-01-01 is yet to come"),
        ("2026-03-02T12:00/2026-03-02T10:00", (), 2, "DAY: expected a time after from, which"),
        ("2026-03-02", ("--service-level", "0"), 2, "up to a day, got 0\n"),
        ("2025-12-24", (), 1, "2025-12-24: no contact came then"),
        ("2026-03-02", ("--data", "/nonexistent"), 1, "/nonexistent/journal.sqlite: no such file"),
        ("2026-03-02", ("--agents", "many"), 2, 'expected "+2:sales", "-1:sales" or "12:sales"'),
        ("2026-03-02", ("--agents", "+1:night"), 2, "expected a queue (sales, support, billing)"),
        ("2026-03-02", ("--agents", "-9:sales"), 2, "only 2 who may serve sales were there"),
    ],
)
def test_what_cannot_be_done_is_said(directory, day, arguments, status, said):
    result = what_if(directory, *arguments, day=day)
    assert (result.exit_code, result.stdout) == (status, "")
    assert said in result.stderr


def test_a_configuration_without_a_place_for_those_who_came_is_refused(directory):
    tree = rules(AGENTS, directory)
    result = what_if(directory, entry_points=tree["entry_points"][1:])
    assert result.exit_code == 2
    assert "no entry point takes 2001, which 90 dialled" in result.stderr
    gone = what_if(directory, queues=tree["queues"][1:])
    assert gone.exit_code == 2
    assert "queue" in gone.stderr
