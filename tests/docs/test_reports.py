"""docs/reports.md shows what ``ccserver report`` prints, and docs/metrics.md names every figure."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner

from actors.reasons import Outcome
from ccserver.cli import app
from ccserver.journal.reports import AgentFigures, ContactFigures, QueueFigures, Report, Rules
from ccserver.journal.reports.terminations import TERMINATIONS
from tests.support.reporting import ADA, Chronicle, Customer

DOCS = Path("docs")


def test_the_example_is_what_the_command_prints(tmp_path: Path):
    told = Chronicle(Report(Rules(ZoneInfo("UTC"))), datetime(2026, 3, 2, 9, tzinfo=UTC))
    told.agent(0, ADA, "available")
    for name, comes, wait in (("first", 60, 12), ("second", 1750, 35)):
        one = Customer(told, name, comes)
        one.waits(comes)
        one.rings(comes + wait - 4)
        one.talks(comes + wait)
        one.hangs_up(comes + wait + 90, Outcome.HANDLED, agent=ADA)
    third = Customer(told, "third", 1780)
    third.waits(1780)
    third.hangs_up(1830, Outcome.ABANDONED)
    told.write(tmp_path / "journal.sqlite")
    _, command, shown = re.split(
        r"```\n\$ ccserver (.*)\n", (DOCS / "reports.md").read_text(), maxsplit=1
    )
    here = ["--set", f"data.dir={tmp_path}", "--set", "reports.time_zone=UTC"]
    printed = CliRunner().invoke(app, [*command.split(), *here]).stdout
    assert shown.partition("```")[0] == "\n".join(map(str.rstrip, printed.splitlines())) + "\n"


@pytest.mark.parametrize("figures", [QueueFigures, AgentFigures])
def test_every_figure_of_a_report_is_in_the_reference(figures: type):
    page = (DOCS / "metrics.md").read_text().partition("## Reports")[2]
    said = " ".join(re.findall(r"`([^`]+)`", page))
    for name in figures.__struct_fields__:  # type: ignore[attr-defined]
        stem = name.removeprefix("apportioned_")
        assert re.search(rf"\b{stem}(_|\b)", said), name


def test_every_word_of_a_contact_is_in_the_reference():
    page = (DOCS / "metrics.md").read_text().partition("### Of a contact")[2]
    named = set(re.findall(r"`(\w+)`", page))
    plain = {"contact", "direction", "arrived", "entry_point", "ani", "dnis", "ended"}
    known = {name for name in ContactFigures.__struct_fields__ if "transfers" not in name}
    assert known - plain - {"wrap_up_code"} <= named
    assert set(TERMINATIONS) <= named
