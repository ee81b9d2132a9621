from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from actors import events as ev
from ccserver.journal import codec
from ccserver.settings import Settings
from ccserver.settings.content import (
    AT_START_ONLY,
    applicable,
    content_of,
    difference,
    settings_of,
    version_of,
)

CENTRE: dict[str, Any] = {
    "agents": [
        {"id": "1001", "secret": "hush-1001", "skills": {"english": 8}},
        {"id": "1002", "secret": "hush-1002", "skills": {"spanish": 3}},
    ],
    "accounts": [{"name": "ada", "password": "hush-ada", "role": "agent", "agent": "1001"}],
    "queues": [{"name": "support", "requirements": {"english": 1}}],
    "entry_points": [{"name": "support", "numbers": ["2001"]}],
    "trunks": [{"name": "lan", "from": ["10.0.1.0/24"]}],
}


def settings(**changes: Any) -> Settings:
    return Settings.model_validate({**CENTRE, **changes})


def differences(after: Settings, before: Settings | None = None) -> dict[str, str]:
    return {c.key: c.what for c in difference(before or settings(), after)}


def test_the_content_holds_every_key_and_no_secret():
    content = content_of(settings())
    assert "hush" not in str(content)
    assert content["trunks"][0]["from"] == ["10.0.1.0/24"]
    assert content["routing"]["rona_seconds"] == 18


def test_the_settings_come_back_from_the_journal_as_they_were_but_for_the_secrets():
    content = content_of(settings())
    event = ev.CentreConfigured(version_of(content), content, "start")
    back = codec.decode(codec.encode(event))
    assert isinstance(back, ev.CentreConfigured)
    again = settings_of(back.content)
    assert content_of(again) == content
    assert version_of(back.content) == event.version
    assert again.agents[0].skills == {"english": 8}


def test_the_same_content_has_the_same_version_and_another_has_another():
    twice = [version_of(content_of(settings())) for _ in range(2)]
    longer = settings(routing={"rona_seconds": 19})
    assert twice[0] == twice[1] != version_of(content_of(longer))


def test_the_order_in_which_keys_stand_in_the_file_makes_no_version():
    agents = [dict(reversed(agent.items())) for agent in CENTRE["agents"]]
    assert version_of(content_of(settings(agents=agents))) == version_of(content_of(settings()))


def test_nothing_differs_from_itself():
    assert difference(settings(), settings()) == ()


def test_what_was_added_removed_and_changed_is_named_by_the_name_of_its_element():
    agents = [
        {"id": "1003", "secret": "hush-1003"},
        {"id": "1001", "secret": "hush-1001", "skills": {"english": 9, "billing": 1}},
    ]
    assert differences(settings(agents=agents)) == {
        "agents.1002": "removed",
        "agents.1003": "added",
        "agents.1001.skills.english": "changed",
        "agents.1001.skills.billing": "added",
    }


def test_a_key_of_a_section_is_named_by_its_path():
    assert differences(settings(routing={"rona_seconds": 9})) == {"routing.rona_seconds": "changed"}


def test_another_order_of_the_same_elements_is_a_change():
    agents = list(reversed(CENTRE["agents"]))
    assert differences(settings(agents=agents)) == {"agents": "changed"}


def test_a_secret_that_is_another_is_named_and_not_shown():
    agents = [{**CENTRE["agents"][0], "secret": "hush-hush"}, CENTRE["agents"][1]]
    found = difference(settings(), settings(agents=agents))
    assert found == (ev.ConfigurationChange("agents.1001.secret", "changed"),)
    assert "hush" not in str(msgspec.to_builtins(found))


def test_each_section_is_said_to_change_at_once_or_at_the_next_start():
    page = (Path(__file__).parents[3] / "docs" / "reload.md").read_text()
    at_once, _, rest = page.partition("**At once:**")[2].partition("**At the next start only**")
    named = [
        set(re.findall(r"`(\w+)`", part)) for part in (at_once, rest.partition("Those are")[0])
    ]
    assert named == [set(Settings.model_fields) - set(AT_START_ONLY), set(AT_START_ONLY)]


def test_what_a_running_server_cannot_change_is_kept_and_named():
    wanted = settings(sip={"realm": "elsewhere"}, log={"level": "debug"}, idle_codes=["tea"])
    effective, waits = applicable(settings(), wanted)
    assert waits == ("sip.realm", "log.level")
    assert differences(effective) == {"idle_codes": "changed"}


skills = st.dictionaries(st.sampled_from(["english", "spanish"]), st.integers(1, 10))
rosters = st.dictionaries(st.sampled_from(["1001", "1002", "1003"]), skills)


@given(rosters, rosters)
def test_a_difference_is_empty_only_between_equals_and_names_each_agent_that_came_or_went(
    ours: dict[str, Any], theirs: dict[str, Any]
):
    one, other = (
        settings(agents=[{"id": i, "secret": "s", "skills": s} for i, s in each.items()])
        for each in (ours, theirs)
    )
    found = differences(other, one)
    assert bool(found) == (one != other)
    assert {k for k, what in found.items() if what == "added" and k.count(".") == 1} == {
        f"agents.{name}" for name in theirs.keys() - ours.keys()
    }
    assert {k for k, what in found.items() if what == "removed" and k.count(".") == 1} == {
        f"agents.{name}" for name in ours.keys() - theirs.keys()
    }
