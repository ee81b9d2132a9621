from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from rich.table import Table
from typer.testing import CliRunner, Result

from ccserver.cli import COMMANDS, Lazy, app
from ccserver.cli.tables import tables


def ccserver(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_the_list_of_commands_says_of_each_what_it_says_itself(command: Lazy):
    said = command.load().help.split("\n\n")[0].replace("\n", " ")

    assert command.about == said


def test_who_looks_at_a_server_does_not_import_what_runs_one():
    code = (
        "import sys; from ccserver.cli import COMMANDS\n"
        "assert not any(name.startswith('ccserver.settings') for name in sys.modules)\n"
        "next(one for one in COMMANDS if one.name == 'status').load()\n"
        "heavy = {'trio', 'ccserver.core', 'ccserver.whatif'}\n"
        "print(heavy & sys.modules.keys())"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert found.stdout == "set()\n"


def test_check_says_that_the_demonstration_is_good():
    result = ccserver("check")

    assert result.exit_code == 0
    assert result.stdout == (
        "config/ccserver.toml: good (8 agents, 3 queues, 3 entry points, 1 trunk)\n"
    )


def test_check_says_every_error_and_exits_with_2():
    result = ccserver("check", "--set", "sip.listen=x", "--set", "media.ports=y")

    assert result.exit_code == 2
    assert result.stdout == ""
    assert "the configuration has 2 errors" in result.stderr
    assert "--set: sip.listen.0: expected" in result.stderr
    assert "--set: media.ports: expected" in result.stderr


def test_run_does_not_start_with_a_wrong_configuration(tmp_path: Path):
    result = ccserver("run", "--set", f"data.dir={tmp_path / 'data'}", "--set", "log.level=x")

    assert result.exit_code == 2
    assert not (tmp_path / "data").exists()


def test_run_does_not_start_with_an_address_for_audio_that_is_not_ours(tmp_path: Path):
    result = ccserver("run", "--set", f"data.dir={tmp_path}", "--set", "media.listen=192.0.2.7")

    assert result.exit_code == 2
    assert "media.listen: cannot listen on 192.0.2.7" in result.stderr


@pytest.mark.parametrize("command", [("status",), ("agent", "1001", "available")])
def test_a_question_to_no_server_says_so(tmp_path: Path, command: tuple[str, ...]):
    result = ccserver(*command, "--set", f"data.dir={tmp_path}")

    assert result.exit_code == 3
    assert f"no running server answers at {tmp_path}/core.sock" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("agent", "1001", "idle"), "expected an idle code"),
        (("agent", "1001", "available", "lunch"), "available takes no code"),
        (("agent", "1001", "asleep"), "'asleep' is not one of"),
    ],
)
def test_a_command_that_makes_no_sense_exits_with_2(arguments: tuple[str, ...], said: str):
    result = ccserver(*arguments)

    assert result.exit_code == 2
    assert said in result.stderr


def test_the_reference_can_be_written_to_a_file(tmp_path: Path):
    path = tmp_path / "configuration.md"

    assert ccserver("config-reference", "--write", str(path)).exit_code == 0

    assert path.read_text() == ccserver("config-reference").stdout


def test_the_estimated_wait_is_shown_in_whole_seconds():
    estimate = {"p50": 10.233039, "p90": 11.5276, "at": 1795255328977002}

    (table,) = tables({"queues": {"support": {"estimated_wait": estimate}}}).renderables

    assert isinstance(table, Table)
    cell = str(next(iter(table.columns[1].cells)))
    assert re.fullmatch(r"10 to 12 s, at \d\d:\d\d:\d\d", cell)


def test_durations_are_shown_to_a_tenth_of_a_second():
    (table,) = tables({"agents": [{"agent": "1001", "available": 26.163238282999373}]}).renderables

    assert isinstance(table, Table)
    assert str(next(iter(table.columns[1].cells))) == "26.2 s"
