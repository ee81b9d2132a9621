"""What `ccserver check` says of diversions: each error with file, line and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from actors.speech import PIECES
from ccserver.settings import ConfigurationError, load

CENTRE = """\
[media]
prompts = "."

[[hours]]
name = "office"
time_zone = "Europe/Sofia"
weekly = ["mon-fri 09:00-18:00"]

[[agents]]
id = "7"
secret = "s"

[[queues]]
name = "support"
{support}

[[queues]]
name = "sales"
{sales}

[[entry_points]]
name = "support"
{entry}

[[entry_points]]
name = "sales"

[[trunks]]
name = "pstn"
from = ["192.0.2.1"]
gateway = "192.0.2.1:5060"

[[dial_plan]]
prefix = "0"
trunk = "pstn"

[[dial_plan]]
prefix = "09"
"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    for name in ("greeting.wav", "music.wav", "ringback.wav", "closed.wav"):
        (tmp_path / name).touch()
    return tmp_path


def said(directory: Path, support: str = "", sales: str = "", entry: str = "") -> list[str]:
    """Errors, and warnings without any; the place and the key, and what is said."""
    path = directory / "ccserver.toml"
    path.write_text(CENTRE.format(support=support, sales=sales, entry=entry))
    try:
        found = load(path).warnings
    except ConfigurationError as error:
        found = error.problems
    return [str(problem).removeprefix(f"{path}:") for problem in found]


def test_rules_that_fit_are_no_matter(directory) -> None:
    support = """hours = "office"
diversions = [
  { when = "closed", message = "closed.wav" },
  { when = "waiting", contacts = 20, busy = 486 },
  { when = "no_agents", queue = "sales" },
]
overflows = [{ when = "waited", seconds = 60, number = "0123" }]"""
    entry = 'diversions = [{ when = "closed", entry_point = "sales" }]'
    assert said(directory, support, entry=entry) == []


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (
            '{ when = "waiting", queue = "sales" }',
            'queues.0.diversions.0: expected contacts, for that is what "waiting" counts',
        ),
        (
            '{ when = "no_agents", seconds = 5, queue = "sales" }',
            'queues.0.diversions.0.seconds: expected nothing with when = "no_agents"',
        ),
        (
            '{ when = "waited", seconds = 5, queue = "sales" }',
            'queues.0.diversions.0.when: expected "waited" in overflows only: nobody has waited at '
            "the door",
        ),
        (
            '{ when = "no_agents" }',
            "queues.0.diversions.0: expected exactly one of queue, entry_point, number, message, "
            "busy, got none",
        ),
        (
            '{ when = "no_agents", queue = "sales", busy = 486 }',
            "queues.0.diversions.0: expected exactly one of queue, entry_point, number, message, "
            "busy, got queue and busy",
        ),
        (
            '{ when = "no_agents", queue = "sails" }',
            "queues.0.diversions.0.queue: expected the name of a queue (sales, support), got "
            '"sails"',
        ),
        (
            '{ when = "no_agents", entry_point = "night" }',
            "queues.0.diversions.0.entry_point: expected the name of an entry point (sales, "
            'support), got "night"',
        ),
        (
            '{ when = "no_agents", number = "0900" }',
            "queues.0.diversions.0.number: expected a number that the dial plan leads to a "
            'gateway, got "0900"',
        ),
        (
            '{ when = "no_agents", number = "x" }',
            "queues.0.diversions.0.number: expected a number that the dial plan leads to a "
            'gateway, got "x"',
        ),
        (
            '{ when = "closed", busy = 486 }',
            "queues.0.diversions.0.when: expected hours beside it: without them it is never closed",
        ),
    ],
)
def test_a_rule_that_does_not_fit_is_said_with_its_line(directory, rule, text) -> None:
    assert said(directory, f"diversions = [\n  {rule}\n]") == [f"16: {text}"]


def test_a_message_that_is_not_there_and_hours_that_nobody_wrote_are_errors(directory) -> None:
    support = 'hours = "night"\ndiversions = [{ when = "closed", message = "night.wav" }]'
    assert said(directory, support) == [
        '15: queues.0.hours: expected the name of opening hours (office), got "night"',
        f'16: queues.0.diversions.0.message: expected a file in {directory}, got "night.wav"',
    ]


def test_closed_at_an_entry_point_means_the_hours_of_the_queue_behind_it(directory) -> None:
    entry = 'diversions = [{ when = "closed", busy = 486 }]'
    assert said(directory, 'hours = "office"', entry=entry) == []
    assert len(said(directory, entry=entry)) == 1


def test_a_circle_is_an_error_at_every_rule_of_it(directory) -> None:
    support = 'diversions = [{ when = "no_agents", queue = "sales" }]'
    sales = 'overflows = [{ when = "no_agents", entry_point = "support" }]'
    assert said(directory, support, sales) == [
        '15: queues.0.diversions.0.queue: expected no way back, but it leads round: queue "support"'
        ' -> queue "sales" -> entry point "support" -> queue "support"',
        "19: queues.1.overflows.0.entry_point: expected no way back, but it leads round: queue "
        '"sales" -> entry point "support" -> queue "support" -> queue "sales"',
    ]


def test_a_queue_that_leads_to_itself_is_a_circle(directory) -> None:
    support = 'diversions = [{ when = "no_agents", queue = "support" }]'
    assert said(directory, support) == [
        '15: queues.0.diversions.0.queue: expected no way back, but it leads round: queue "support"'
        ' -> queue "support"'
    ]


def test_two_queues_that_help_each_other_after_a_while_are_a_warning(directory) -> None:
    support = 'overflows = [{ when = "waited", seconds = 60, queue = "sales" }]'
    sales = 'overflows = [{ when = "waited", seconds = 60, queue = "support" }]'
    one, other = said(directory, support, sales)
    assert one.endswith('goes round: queue "support" -> queue "sales" -> queue "support"')
    assert other.endswith('goes round: queue "sales" -> queue "support" -> queue "sales"')
    path = directory / "ccserver.toml"
    assert len(load(path).warnings) == 2


def test_a_queue_that_only_a_rule_leads_to_is_reached(directory) -> None:
    text = CENTRE.format(
        support='diversions = [{ when = "no_agents", queue = "spare" }]', sales="", entry=""
    )
    path = directory / "ccserver.toml"
    path.write_text(text + '\n[[queues]]\nname = "spare"\n')
    assert load(path).warnings == ()


# --- the treatment ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "text"),
    [
        ("{ after_seconds = 5 }", "queues.0.treatment.0: expected exactly one of play and say"),
        (
            '{ play = "closed.wav", say = "position" }',
            "queues.0.treatment.0: expected exactly one of play and say",
        ),
        (
            '{ play = "closed.wav", limit = 5 }',
            "queues.0.treatment.0.limit: expected together with say only",
        ),
        (
            '{ play = "closed.wav", round_minutes = 5 }',
            'queues.0.treatment.0.round_minutes: expected together with say = "estimated_wait" '
            "only",
        ),
        (
            '{ play = "closed.wav", times = 5 }',
            "queues.0.treatment.0.times: expected together with every_seconds",
        ),
    ],
)
def test_a_step_of_the_treatment_that_does_not_fit(directory, step, text) -> None:
    (directory / "en").mkdir()
    for piece in PIECES:
        (directory / "en" / f"{piece}.wav").touch()
    assert said(directory, f"treatment = [\n  {step}\n]") == [f"16: {text}"]


def test_what_is_to_be_spoken_must_have_been_recorded(directory) -> None:
    support = 'treatment = [{ say = "position" }]'
    assert said(directory, support) == [
        f"15: queues.0.treatment.0.say: expected the spoken pieces in {directory / 'en'}, but "
        "0.wav is missing"
    ]
