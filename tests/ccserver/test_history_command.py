"""``ccserver history``: the store, for people at a terminal."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner, Result

from actors.reasons import Outcome
from ccserver.cli import app
from tests.support.web import arrives, ends, has_in_hand, is_offered, stored, waits


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    stored(
        tmp_path,
        arrives("c1"),
        waits("c1"),
        has_in_hand("1001", "c1", "reserved"),
        is_offered("c1", "1001"),
        ends("c1", Outcome.HANDLED),
        arrives("c2", "+44123456"),
    )
    return tmp_path


def history(directory: Path, *arguments: str) -> Result:
    where = ["--config", "config/ccserver.toml", "--set", f"data.dir={directory}"]
    return CliRunner().invoke(app, ["history", *arguments, *where])


def test_what_happened_to_the_calls_of_a_number(directory: Path) -> None:
    shown = history(directory, "--number", "+4930123456", "--from", "1970-01-01")
    assert shown.exit_code == 0
    assert "c1" in shown.stdout
    assert "1970-01-01 00:00:01" in shown.stdout
    assert "handled" in shown.stdout
    assert "c2" not in shown.stdout


def test_one_contact_with_its_parts(directory: Path) -> None:
    shown = history(directory, "c1").stdout
    for word in ("flow", "ringing", "withdrawn", "reserved"):
        assert word in shown


def test_programs_have_all_of_it_page_by_page(directory: Path) -> None:
    first = orjson.loads(history(directory, "--json", "--limit", "1").stdout)
    assert [one["id"] for one in first["contacts"]] == ["c2"]
    second = orjson.loads(history(directory, "--json", "--before", first["next"]).stdout)
    assert [one["id"] for one in second["contacts"]] == ["c1"]
    assert second["seq"] == 6


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("nobody",), 1, "no contact nobody in the store"),
        (("--before", "x"), 2, "--before: expected"),
        (("--from", "x"), 2, "--from: expected today, yesterday, a date"),
        (("--set", "store.url=sqlite:////nowhere/store.sqlite"), 1, "/nowhere/store.sqlite"),
    ],
)
def test_what_cannot_be_answered_is_said(
    directory: Path, arguments: tuple[str, ...], status: int, said: str
) -> None:
    shown = history(directory, *arguments)
    assert shown.exit_code == status
    assert said in shown.stderr


def test_the_store_says_how_it_is(directory: Path) -> None:
    where = ["--config", "config/ccserver.toml", "--set", f"data.dir={directory}"]
    shown = CliRunner().invoke(app, ["store", "status", *where])
    assert "folded up to event 6; the journal has 0" in shown.stdout
