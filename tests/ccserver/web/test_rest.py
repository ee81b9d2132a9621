"""What can be looked up, and by whom: W06 (others' things), W10 (hostile text), W17 (pages)."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from pydantic import ValidationError

from actors import events as ev
from actors.reasons import Outcome
from ccserver.settings import Settings
from tests.support.web import V1, Site, arrives, consults, is_offered, ref, site, talks, waits

TIMELINE = [
    {"seq": 1, "at": 1, "event": {"event": "contact.arrived", "ani": "+4930123456"}},
    {"seq": 2, "at": 2, "event": {"event": "contact.presented", "agent": "1001"}},
]
HOSTILE = ["'; DROP TABLE accounts; --", "*", ")(uid=*", "%s", "{0.__class__}", "\u202e", "%00"]


@pytest.fixture
def opened(tmp_path: Path):
    with site(tmp_path) as found:
        found.happens(arrives("c1"), waits("c1"), is_offered("c1", "1001"), talks("c1", "1001"))
        yield found


def test_an_agent_sees_himself_wholly_and_of_colleagues_what_they_do(opened: Site):
    agents = {one["id"]: one for one in opened.signed_in("ada").get("/agents").json()["agents"]}

    assert agents["1001"]["skills"] == {"english": 8}
    assert agents["1002"] == {"id": "1002", "name": "Ben", "team": "blue", "state": "signed_out"}


def test_agents_can_be_had_by_team_and_by_id(opened: Site):
    sue = opened.signed_in("sue")

    red = sue.get("/agents", params={"team": "red"}).json()["agents"]

    assert [one["id"] for one in red] == ["1003"]
    assert sue.get("/agents/1002").json()["name"] == "Ben"
    assert sue.get("/agents/4711").status_code == 404


def test_a_contact_is_shown_with_its_conversation_and_what_each_may_do(opened: Site):
    contact = opened.signed_in("ada").get("/contacts/c1").json()

    assert (contact["id"], contact["ani"], contact["queue"]) == ("c1", "+4930123456", "support")
    assert contact["conversation"]["version"] == 1
    assert contact["conversation"]["participants"][1]["allowed"] == ["hold"]


def test_contacts_are_filtered_and_come_in_pages(opened: Site):
    opened.happens(*(arrives(f"d{number}") for number in range(5)), waits("d3", "sales"))
    sue = opened.signed_in("sue")

    def ids(**wanted: object) -> list[str]:
        return [one["id"] for one in sue.get("/contacts", params=wanted).json()["contacts"]]

    assert ids(queue="sales") == ["d3"]
    assert ids(agent="1001") == ["c1"]
    assert ids(state="waiting") == ["d3"]
    first = sue.get("/contacts", params={"limit": 4}).json()
    assert [one["id"] for one in first["contacts"]] == ["c1", "d0", "d1", "d2"]
    assert ids(after=first["next"]) == ["d3", "d4"]
    assert sue.get("/contacts", params={"after": "d3"}).json()["next"] is None


def test_queues_teams_entry_points_trunks_directory_and_codes(opened: Site):
    opened.happens(arrives("c2"), waits("c2"))
    sue = opened.signed_in("sue")

    queue = sue.get("/queues/support").json()

    assert [one["contact"] for one in queue["waiting"]] == ["c2"]
    assert queue["being_offered"] == 1
    assert len(sue.get("/queues").json()["queues"]) == 2
    assert sue.get("/queues/none").status_code == 404
    assert sue.get("/teams").json()["teams"][0] == {"name": "blue", "agents": ["1001", "1002"]}
    assert sue.get("/entry-points").json()["entry_points"][0]["numbers"] == ["2001"]
    assert sue.get("/trunks").json()["trunks"][0]["name"] == "lan"
    night = {"name": "Night desk", "number": "4711", "agent": None}
    assert sue.get("/directory", params={"search": "night"}).json()["directory"] == [night]
    assert sue.get("/directory", params={"search": "day"}).json()["directory"] == []
    assert sue.get("/codes/idle").json()["codes"][0] == {"code": "break", "name": "break"}


def test_an_agent_finds_the_queues_that_he_may_consult(opened: Site):
    """V-22: their names, and nothing of what goes on in them."""
    ada = opened.signed_in("ada")

    assert ada.get("/queues").json() == {"queues": [{"name": "support"}, {"name": "sales"}]}
    assert ada.get("/queues/sales").json() == {"name": "sales"}
    assert ada.get("/queues/none").status_code == 404


def test_who_is_consulted_is_shown_who_asks_and_at_most_six_things_more(tmp_path: Path):
    """V-24: nine variables."""
    six = ["ani", "dnis", "entry_point", "queue", "queued", "arrived"]
    with site(tmp_path, consult_variables=six) as opened:
        opened.happens(arrives("c1"), talks("c1", "1001"))
        opened.happens(*consults("c1", "1001", "1002"))

        shown = opened.signed_in("ben").get("/contacts/c1").json()
        masked = opened.signed_in("eye").get("/contacts/c1").json()

    assert shown["asked"] == "1002"
    assert shown["consult"]["state"] == "requested"
    assert list(shown["consult"]["variables"].items()) == [
        *(("agent_name", "Ada"), ("agent_dn", "1001"), ("agent_team", "blue")),
        *(("ani", "+4930123456"), ("dnis", "2001"), ("entry_point", "support")),
        *(("queue", None), ("queued", None), ("arrived", 1000)),
    ]
    assert masked["consult"]["variables"]["ani"] == "***56"
    with pytest.raises(ValidationError):
        Settings(consult_variables=["ani"] * 7)


def test_whom_an_agent_called_outside_is_hidden_from_who_only_looks(opened: Site):
    number = "number:+4940777777"
    opened.happens(ev.ConsultRequested(ref("c1"), "1001", number, "Ada", "blue"))
    opened.happens(ev.ContactTransferFailed(ref("c1"), "1001", number, "USER_BUSY"))

    shown = opened.signed_in("eye").get("/contacts/c1").json()

    assert shown["consult"]["to"] == shown["transfer_failed"]["to"] == "number:***77"


def test_a_wrap_up_reason_is_found_from_three_characters_on(opened: Site):
    """V-55."""
    ada = opened.signed_in("ada")

    def search(text: str) -> list[str]:
        answer = ada.get("/codes/wrap-up", params={"search": text})
        assert answer.status_code == 200, answer.text
        return [code["code"] for code in answer.json()["codes"]]

    assert search("") == ["resolved", "call-back", "wrong-number"]
    assert search("ALL") == ["resolved", "call-back"]  # "All is well", and "call"
    assert search("wel") == ["resolved"]
    for short in ("a", "al"):
        refused = ada.get("/codes/wrap-up", params={"search": short})
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["field"] == "search"


# --- W06 ------------------------------------------------------------------------------------------


def test_what_is_not_ones_own_is_as_if_it_were_not_there(opened: Site):
    opened.core.answer = lambda _: {"ok": True, "id": "c1", "state": None, "timeline": TIMELINE}
    ben = opened.signed_in("ben")

    for path in ("/contacts/c1", "/contacts/c1/timeline"):
        others, nothing = ben.get(path), ben.get(path.replace("c1", "c9"))
        assert others.status_code == 404
        assert others.json()["refused"] == "UNKNOWN_CONTACT"
        assert path.endswith("timeline") or others.json() == nothing.json()
    assert ben.get("/contacts").json()["contacts"] == []
    opened.core.asked.clear()
    assert ben.post("/contacts/c1/hold", {}).status_code == 404
    assert not opened.core.asked


def test_a_supervisor_of_another_team_sees_and_commands_none_of_it(opened: Site):
    red = opened.signed_in("red")
    opened.core.asked.clear()

    assert red.get("/contacts/c1").status_code == 404
    assert red.get("/agents/1001").status_code == 404
    assert red.post("/agents/1001/available", {}).status_code == 404
    assert red.post("/contacts/c1/monitor", {}).status_code == 404
    assert not opened.core.asked
    assert red.post("/agents/1003/available", {}).status_code == 200


def test_who_asks_for_what_is_not_his_is_in_the_log(opened: Site, caplog):
    with caplog.at_level(logging.WARNING):
        opened.signed_in("ben").get("/contacts/c1")
        opened.signed_in("ada").get("/journal")

    assert "ben" in caplog.text
    assert "ada (agent) asked for GET /api/v1/journal" in caplog.text


def test_a_timeline_is_for_who_took_part_even_when_it_is_over(opened: Site):
    opened.happens(ev.ContactEnded(ref("c1"), Outcome.HANDLED))
    opened.core.answer = lambda _: {"ok": True, "id": "c1", "state": None, "timeline": TIMELINE}

    theirs = opened.signed_in("ada").get("/contacts/c1/timeline").json()

    assert [entry["seq"] for entry in theirs["timeline"]] == [1, 2]
    assert opened.signed_in("eye").get("/contacts/c1/timeline").text.count("+4930123456") == 0


def test_a_contact_that_the_core_does_not_know_either_is_404(opened: Site):
    opened.core.answer = lambda _: {"refused": "UNKNOWN_CONTACT", "detail": "no contact"}

    assert opened.signed_in("sue").get("/contacts/c9/timeline").status_code == 404


# --- W10, W17 -------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_only_text(opened: Site, text: str):
    sue = opened.signed_in("sue")

    assert sue.get(f"/agents/{text}").status_code == 404
    assert sue.get("/agents", params={"team": text}).json() == {"agents": []}
    assert sue.get("/contacts", params={"queue": text, "after": text}).status_code == 200
    assert sue.get("/codes/wrap-up", params={"search": text}).status_code in (200, 422)
    given = {"name": text, "password": text}
    assert opened.client.post(f"{V1}/session", json=given).status_code == 401
    opened.signed_in("ada")


def test_the_journal_comes_in_pages_of_at_most_a_thousand(opened: Site):
    root = opened.signed_in("root")

    assert root.get("/journal", params={"after": 7, "limit": 1000}).status_code == 200
    assert opened.core.asked[-1].args == {"after": 7, "limit": 1000}
    assert root.get("/journal", params={"limit": 1001}).status_code == 422
    assert root.get("/journal", params={"after": -1}).status_code == 422


def test_every_field_that_is_wrong_is_said_at_once_and_no_password_is_shown(opened: Site):
    wrong = {"name": "", "password": "x" * 300, "cookie": "perhaps", "more": 1}

    refused = opened.client.post(f"{V1}/session", json=wrong)

    assert refused.status_code == 422
    assert {one["field"] for one in refused.json()["errors"]} == set(wrong)
    assert "xxx" not in refused.text


def test_without_the_core_what_is_known_is_shown_and_the_rest_comes_later(opened: Site):
    opened.core.up.clear()

    assert opened.client.get("/readyz").status_code == 503
    assert opened.client.get("/healthz").json() == {"ok": True}
    assert opened.signed_in("ada").get("/contacts/c1").status_code == 200
