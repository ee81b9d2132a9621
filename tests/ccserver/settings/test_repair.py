"""One wrong key hides no other error, whichever it is."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from ccserver.settings.load import load
from ccserver.settings.model import Settings
from ccserver.settings.reading import ConfigurationError
from ccserver.settings.repair import repaired

ROOMY = """
[[hours]]
name = "office"
time_zone = "UTC"
weekly = ["mon-fri 09:00-18:00"]
special_days = [{ date = "12-24" }]

[[agents]]
id = "1001"
secret = "x"

[[accounts]]
name = "ada"
password = "password-ada"
role = "agent"
agent = "1001"

[[queues]]
name = "support"
hours = "office"
rings = [{ after_seconds = 5, needs = "everybody" }]
diversions = [{ when = "waiting", contacts = 3, busy = 486 }]

[[entry_points]]
name = "support"
numbers = ["2001"]

[[trunks]]
name = "local"
from = ["127.0.0.1"]
gateway = "127.0.0.1:5080"

[[dial_plan]]
prefix = "0"
trunk = "local"

[[directory]]
name = "desk"
number = "012345"
"""
REQUIRED = [
    ("hours", 0, "name"),
    ("hours", 0, "time_zone"),
    ("hours", 0, "weekly"),
    ("hours", 0, "special_days", 0, "date"),
    ("agents", 0, "id"),
    ("agents", 0, "secret"),
    ("accounts", 0, "name"),
    ("accounts", 0, "password"),
    ("accounts", 0, "role"),
    ("queues", 0, "name"),
    ("queues", 0, "rings", 0, "after_seconds"),
    ("queues", 0, "diversions", 0, "when"),
    ("entry_points", 0, "name"),
    ("trunks", 0, "name"),
    ("trunks", 0, "from"),
    ("dial_plan", 0, "prefix"),
    ("directory", 0, "name"),
]


@pytest.mark.parametrize("key", REQUIRED, ids=lambda key: f"{key[0]}-{key[-1]}")
def test_a_tree_without_a_required_key_can_still_be_judged(key: tuple[str | int, ...]):
    tree = tomllib.loads(ROOMY)
    Settings.model_validate(tree)
    node: Any = tree
    for part in key[:-1]:
        node = node[part]
    del node[key[-1]]

    assert repaired(tree, [key], Settings) is not None


def test_a_wrong_time_zone_condition_and_step_hide_no_other_error_and_make_none(tmp_path: Path):
    text = ROOMY.replace('time_zone = "UTC"', 'time_zone = "Europe/Sofja"')
    text = text.replace('"mon-fri 09:00-18:00"', '"mon-fry 09:00-18:00"')
    text = text.replace('when = "waiting"', 'when = "wating"').replace("busy = 486", "busy = 487")
    text = text.replace("[[entry_points]]", 'treatment = [{ say = "positon" }]\n[[entry_points]]')
    text = text.replace('numbers = ["2001"]', 'numbers = ["2001"]\nflow = [{ queue = "nowhere" }]')
    for name in ("greeting.wav", "music.wav", "ringback.wav"):
        (tmp_path / name).touch()
    path = tmp_path / "ccserver.toml"
    path.write_text(text)

    with pytest.raises(ConfigurationError) as caught:
        load(path, ["media.prompts=."])

    assert [str(problem).split(": ")[1] for problem in caught.value.problems] == [
        "hours.0.time_zone",
        "hours.0.weekly.0",
        "queues.0.diversions.0.when",
        "queues.0.diversions.0.busy",
        "queues.0.treatment.0.say",
        "entry_points.0.flow.0.queue",
    ]
