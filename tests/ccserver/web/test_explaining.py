"""Over REST: why a contact went where it went, and a configuration that is loaded again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from actors import events as ev
from actors.commands import Principal
from ccserver.web.model import Model
from tests.support.web import Site, arrives, is_offered, site

MOMENT: dict[str, Any] = {
    "seq": 5,
    "at": 6_000_000,
    "on": "contact",
    "queue": "support",
    "agent": "1001",
    "given": "c1",
    "asks": "english",
    "waited": 0.0,
    "version": "v1",
    "agrees": True,
    "agents": [{"id": "1001", "verdict": "FIRST_CHOICE", "place": 1, "because": "he is free"}],
    "contacts": [],
}
STORY = [{"seq": 2, "at": 5_000_000, "text": "arrived at support"}]
WHY = {"ok": True, "contact": "c1", "story": STORY, "moments": [MOMENT]}


@pytest.fixture
def opened(tmp_path: Path):
    with site(tmp_path) as found:
        found.happens(arrives("c1"), is_offered("c1", "1001"))
        found.core.answer = lambda _: dict(WHY)
        yield found


def test_a_supervisor_asks_why_and_why_not(opened: Site):
    sue = opened.signed_in("sue")

    told = sue.get("/contacts/c1/why").json()
    not_told = sue.get("/contacts/c1/why", params={"agent": "1003"})

    assert (told["contact"], told["story"]) == ("c1", STORY)
    assert told["moments"][0]["agents"][0]["verdict"] == "FIRST_CHOICE"
    assert not_told.status_code == 200
    assert [(asked.op, asked.args) for asked in opened.core.asked[-2:]] == [
        ("why", {"contact": "c1"}),
        ("why", {"contact": "c1", "agent": "1003"}),
    ]


def test_another_teams_contact_is_explained_to_nobody_of_this_one(opened: Site):
    assert opened.signed_in("red").get("/contacts/c1/why").status_code == 404


def test_of_a_contact_that_never_was_nothing_is_explained(opened: Site):
    opened.core.answer = lambda _: {"refused": "UNKNOWN_CONTACT", "detail": "no contact c9"}

    assert opened.signed_in("sue").get("/contacts/c9/why").status_code == 404


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
