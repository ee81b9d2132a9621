from __future__ import annotations

from pathlib import Path
from random import Random
from xml.etree import ElementTree as Xml

import pytest
from typer.testing import CliRunner

from ccserver.settings import ConfigurationError
from loadtest import cli
from loadtest.cli import app
from loadtest.engine import CannotStart
from loadtest.scenario.load import load
from loadtest.scenario.values import Spread, read_spread

GOOD = """
[target]
address = "127.0.0.1:5060"

[[arrivals.phases]]
name = "steady"
seconds = 10
rate = 5

[[callers.kinds]]
name = "support"
dial = "2001"
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "scenario.toml"
    path.write_text(text)
    return path


def problems(tmp_path: Path, text: str, *overrides: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load(write(tmp_path, text), overrides)
    return [str(problem).removeprefix(f"{tmp_path}/") for problem in caught.value.problems]


def test_a_few_lines_are_a_scenario(tmp_path: Path):
    scenario = load(write(tmp_path, GOOD))

    assert scenario.seconds == 10
    assert not scenario.waits_for_agents


def test_a_change_on_the_command_line_names_a_phase_by_its_name(tmp_path: Path):
    changes = ["arrivals.phases.steady.rate=50", "callers.kinds.support.patience=exponential 30"]
    scenario = load(write(tmp_path, GOOD), changes)

    assert scenario.arrivals.phases[0].rate == 50
    assert scenario.callers.kinds[0].patience == Spread("exponential", 30.0)


def test_all_errors_are_said_at_once_with_line_and_expectation(tmp_path: Path):
    text = """[target]
address = "127.0.0.1"
transprt = "udp"

[[arrivals.phases]]
name = "steady"
seconds = 10
rate = -1

[[callers.kinds]]
name = "support"
dial = "2001"
patience = "sometimes"

[[objectives]]
measure = "setup_p98_seconds"
at_most = 1
"""
    found = problems(tmp_path, text, "agents.count=many")

    places = [problem.partition(": expected")[0] for problem in found]
    assert places == [
        "scenario.toml:2: target.address",
        "scenario.toml:3: target.transprt: no such key: did you mean transport?",
        "scenario.toml:8: arrivals.phases.0.rate",
        "scenario.toml:13: callers.kinds.0.patience",
        "scenario.toml:16: objectives.0.measure",
        "--set: agents.count",
    ]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ('agents.count=0, callers.answered_by="agent"', "callers.answered_by: expected agents"),
        ("agents.ignores=0.6, agents.rejects=0.6", "expected ignores, rejects and hangs_up"),
        ("callers.kinds.support.keys=1", "callers.kinds.0.keys: expected media.audio beside it"),
        ("callers.kinds.support.talk=never", "callers.kinds.0.talk: expected a talk that ends"),
        ("arrivals.phases.steady.steps=4", "arrivals.phases.0.steps: expected from_rate beside it"),
        ("media.audio=file", "media.audio: expected media.file to name a WAV file"),
        ("media.audio=file, media.file=no.wav", "media.file: expected a file that can be read"),
        ("arrivals.process=recorded", "arrivals.process: expected arrivals.recorded"),
        (
            "arrivals.process=recorded, arrivals.recorded=no.csv",
            "arrivals.recorded: expected a file that can be read",
        ),
        ("callers.user=x", "callers.user: expected callers.secret beside it"),
        ("search.lowest=9, search.highest=3", "search.highest: expected at least search.lowest"),
        ("agents.count=1, callers.number=49", "callers.number: expected a number with {n}"),
        ("agents.count=2, agents.user=desk", "agents.user: expected a name with {n}"),
        ("arrivals.phases.stedy.rate=1", 'got "stedy": did you mean steady?'),
        (
            "agents.count=1, agents.goes_idle=0.5, agents.idle_by=dial",
            "agents.idle_by: expected agents.dial_idle beside it",
        ),
    ],
)
def test_what_does_not_fit_together_is_refused(tmp_path: Path, more: str, expected: str):
    found = problems(tmp_path, GOOD, *more.split(", "))

    assert expected in "\n".join(found)


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ("", "13: objectives.0: expected at_most or at_least, got neither"),
        ("at_most = 0\nat_least = 0", "13: objectives.0: expected at_most or at_least, got both"),
        ('at_most = "20%"', '15: objectives.0.at_most: expected a number, got "20%"'),
    ],
)
def test_an_objective_has_one_limit(tmp_path: Path, limits: str, expected: str):
    text = GOOD + f'[[objectives]]\nmeasure = "failed_share"\n{limits}\n'

    assert problems(tmp_path, text) == [f"scenario.toml:{expected}"]


def test_a_result_that_cannot_be_written_is_said_before_the_run(tmp_path: Path):
    taken = tmp_path / "taken"
    taken.write_text("")

    result = CliRunner().invoke(
        app, ["run", "loadtest/scenarios/any-server.toml", "--out", str(taken / "out")]
    )

    assert result.exit_code == 2
    assert result.output == (
        f"ccserver-load: --out {taken / 'out'}: expected a directory that can be written: "
        "Not a directory\n"
    )


@pytest.mark.parametrize(
    "text", ["-1", "uniform 5..2", "uniform 5", "exponential", "lognormal 3 9", "1e99", "", "true"]
)
def test_what_is_no_duration_is_refused(text: str):
    with pytest.raises(ValueError, match=r"^$"):
        read_spread(text)


@pytest.mark.parametrize("text", ["0", "12.5", "uniform 1..3", "exponential 60", "lognormal 9 0.5"])
def test_a_duration_reads_as_it_is_written(text: str):
    assert str(read_spread(text)) == text


@pytest.mark.parametrize("text", ["20", "uniform 10..30", "exponential 20", "lognormal 17.65 0.5"])
def test_durations_have_the_mean_they_say(text: str):
    dice, spread = Random(1), read_spread(text)
    drawn = [spread.draw(dice) for _ in range(20_000)]

    assert spread.typical == pytest.approx(20, rel=0.01)
    assert sum(drawn) / len(drawn) == pytest.approx(20, rel=0.03)
    assert min(drawn) >= 0


def test_check_says_how_long_a_recording_lasts_by_its_name():
    result = CliRunner().invoke(app, ["check", "loadtest/scenarios/direct.toml"])

    assert result.exit_code == 0
    assert result.stdout == (
        "loadtest/scenarios/direct.toml: good "
        "(1 kind of callers, 4 agents, the calls of direct.csv, 2 objectives)\n"
    )


def test_a_server_that_is_of_no_use_stands_in_the_junit_of_this_run_not_of_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def perform(*_: object) -> None:
        raise CannotStart("none of 8 agents could register: no answer")

    monkeypatch.setattr(cli, "perform", perform)
    for name in ("result.json", "report.html", "junit.xml"):
        (tmp_path / name).write_text("of the last run")

    arguments = ["run", "loadtest/scenarios/first.toml", "--out", str(tmp_path)]
    result = CliRunner().invoke(app, arguments)

    assert result.exit_code == 3
    assert [path.name for path in tmp_path.iterdir()] == ["junit.xml"]
    suite = Xml.parse(tmp_path / "junit.xml").getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("1", "1")
    failure = suite.find("testcase/failure")
    assert failure is not None
    assert failure.get("message") == "none of 8 agents could register: no answer"
