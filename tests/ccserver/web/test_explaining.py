"""Over REST: why a contact went where it went, and a configuration that is loaded again."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from actors import events as ev
from actors.commands import Principal
from actors.ids import IdSource
from ccserver.journal import codec
from ccserver.journal.storage import SqliteStorage
from ccserver.trials.model import AgentThere, Caller, Trial
from ccserver.trials.story import Story
from ccserver.web.model import Model
from tests.support.web import Site, site

AT = datetime(2026, 3, 2, 14, tzinfo=UTC)
CONTACT = IdSource(AT.timestamp, 1).make()


@pytest.fixture
def opened(tmp_path: Path):
    """The journal has a contact, which was given to 1001."""
    with site(tmp_path) as found:
        story = Trial(
            at=AT,
            agents=[AgentThere(id="1001"), AgentThere(id="1002", available_seconds=5.0)],
            callers=[Caller(name=CONTACT, dials="2001")],
        )
        storage = SqliteStorage(tmp_path / "journal.sqlite")
        for one in Story(found.settings, story).play():
            row = one.seq, one.at, codec.tag_of(one.event), codec.encode(one.event)
            storage.write([row])
        storage.close()
        yield found


def test_a_supervisor_asks_why_and_why_not(opened: Site):
    sue = opened.signed_in("sue")

    told = sue.get(f"/contacts/{CONTACT}/why").json()
    not_told = sue.get(f"/contacts/{CONTACT}/why", params={"agent": "1002"}).json()

    assert told["contact"] == CONTACT
    assert told["story"][0]["text"] == "arrived at support"
    (moment,) = told["moments"]
    assert (moment["agent"], moment["agrees"]) == ("1001", True)
    assert [one["verdict"] for one in moment["agents"]] == [
        "FIRST_CHOICE",
        "ANOTHER_FIRST",
        "NOT_AVAILABLE",
    ]
    assert [one["id"] for one in not_told["moments"][0]["agents"]] == ["1002"]


def test_a_contact_is_explained_to_nobody_of_another_team(opened: Site):
    assert opened.signed_in("red").get(f"/contacts/{CONTACT}/why").status_code == 404


def test_of_a_contact_that_never_was_nothing_is_explained(opened: Site):
    answer = opened.signed_in("sue").get("/contacts/c9/why")

    assert (answer.status_code, answer.json()["refused"]) == (404, "UNKNOWN_CONTACT")


def test_without_a_journal_nothing_is_explained_now(tmp_path: Path):
    with site(tmp_path) as nothing:
        answer = nothing.signed_in("sue").get(f"/contacts/{CONTACT}/why")

        assert (answer.status_code, answer.json()["refused"]) == (503, "NO_ANSWER")


def test_an_administrator_reloads_and_is_told_what_has_changed(opened: Site):
    changes = [{"key": "agents.1009", "what": "added"}]
    opened.core.answer = lambda _: {
        "ok": True,
        "version": "v2",
        "changes": changes,
        "needs_restart": ["sip.realm"],
        "warnings": [],
    }

    told = opened.signed_in("root").post("/configuration/reload", {})

    assert told.status_code == 200
    assert told.json()["changes"] == changes
    assert opened.core.by == Principal("root", "administrator", None)


def test_all_that_is_wrong_with_a_file_is_in_the_answer(opened: Site):
    wrong = {"place": "ccserver.toml:7", "field": "queues.0.name", "detail": "expected a name"}
    opened.core.answer = lambda _: {
        "refused": "CONFIGURATION_WRONG",
        "detail": "1 errors",
        "errors": [wrong],
    }

    refused = opened.signed_in("root").post("/configuration/reload", {})

    assert refused.status_code == 422
    assert refused.json()["errors"] == [wrong]


def test_a_new_agent_is_shown_as_soon_as_the_configuration_has_him(opened: Site):
    model: Model = opened.web.model
    content = {
        "agents": [{"id": name} for name in ("1001", "1002", "1003", "1009")],
        "queues": [{"name": "support"}],
    }
    opened.happens(ev.CentreConfigured("v2", content, "root"))
    cards = [*model.centre["agents"], {"id": "1009", "name": "Ida", "team": "blue", "skills": {}}]

    changed = model.configure({**model.centre, "agents": cards})

    assert set(changed) == {("agents", "1009")}
    shown = opened.signed_in("sue").get("/agents/1009").json()
    assert (shown["name"], shown["state"]) == ("Ida", "signed_out")
    opened.happens(ev.AgentLeft("1009"))  # type: ignore[arg-type]
    assert opened.signed_in("sue").get("/agents/1009").status_code == 404
