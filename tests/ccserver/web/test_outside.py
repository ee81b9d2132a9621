"""Who gives contacts away from outside, over REST: what reaches the core, and who sees whom."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from actors import commands as c
from ccserver.door import Answer, Request
from tests.support.web import Site, arrives, is_offered, site, waits

FREE = {"skills": {}, "available": 1.0, "contacts": 0, "talked": 0.0}
WAITS = {
    "contact": "c1",
    "version": 7,
    "priority": 5,
    "needs": "everybody",
    "waited": 1.0,
    "kept_seconds": 19.0,
    "tried": [],
    "preferred": [],
    "suits": ["1001", "1003"],
}


def answered(request: Request) -> Answer:
    """As a core does that keeps one contact, with an agent of each team available."""
    agents = [{"agent": "1001", **FREE}, {"agent": "1003", **FREE}]
    if request.op == "queue.waiting":
        more: dict[str, Any] = {"more_contacts": 0, "more_agents": 0, "router_seconds": 9.0}
        contacts = [{**WAITS, "suits": list(WAITS["suits"])}]  # type: ignore[call-overload]
        return {"ok": True, "queue": "support", "contacts": contacts, "agents": agents, **more}
    if request.op == "contact.candidates":
        found = [{**one, "verdict": "SUITS", "details": {}} for one in agents]
        told = {"contact": "c1", "version": 7, "needs": "everybody", "more_agents": 0}
        return {"ok": True, **told, "agents": found}
    if request.op == "contact.assign":
        return {"ok": True, "contact": "c1", "queue": "support", "agent": request.args["agent"]}
    return {"ok": True, "queue": "support", "seconds": 10.0}


@pytest.fixture
def opened(tmp_path: Path):
    with site(tmp_path) as found:
        found.happens(arrives("c1"), waits("c1"))
        found.core.answer = answered
        yield found


def test_a_router_is_heard_and_told_what_there_is(opened: Site):
    told = opened.signed_in("sue").asks("PUT", "/queues/support/router")

    assert told.status_code == 200, told.text
    assert [one.op for one in opened.core.asked] == ["queue.router_heard", "queue.waiting"]
    assert opened.core.asked[0].principal == c.Principal("sue", "supervisor", "1003")  # type: ignore[arg-type]
    assert (told.json()["seconds"], told.json()["contacts"]) == (10.0, [WAITS])
    assert [one["agent"] for one in told.json()["agents"]] == ["1001", "1003"]


def test_a_router_says_that_it_goes(opened: Site):
    told = opened.signed_in("sue").asks("DELETE", "/queues/support/router")

    assert told.status_code == 200
    assert opened.core.asked[-1].op == "queue.router_left"


def test_who_only_looks_is_no_router(opened: Site):
    told = opened.signed_in("sue").get("/queues/support/waiting")

    assert told.status_code == 200
    assert [one.op for one in opened.core.asked] == ["queue.waiting"]


def test_an_assignment_reaches_the_core_with_what_its_author_saw(opened: Site):
    headers = {"Expect-Version": "7", "Idempotency-Key": "k"}
    body = {"agent": "1001", "force": True}
    told = opened.signed_in("sue").post("/contacts/c1/assign", body, headers=headers)

    assert told.json() == {"contact": "c1", "queue": "support", "agent": "1001"}
    asked = opened.core.asked[-1]
    assert (asked.op, asked.expect, asked.key) == ("contact.assign", 7, "k")
    assert asked.args == {"contact": "c1", "agent": "1001", "force": True}


def test_why_not_is_told_with_the_code_and_what_it_rests_on(opened: Site):
    details = {"verdict": "SKILLS_MISSING", "missing": "english"}
    opened.core.answer = lambda _: {"refused": "NOT_FITTING", "detail": "", "details": details}

    told = opened.signed_in("sue").post("/contacts/c1/assign", {"agent": "1001"})

    assert (told.status_code, told.json()["refused"]) == (409, "NOT_FITTING")
    assert told.json()["details"] == details


def test_a_supervisor_of_a_team_sees_and_assigns_to_its_members_alone(opened: Site):
    red = opened.signed_in("red")

    seen = red.get("/queues/support/waiting").json()
    candidates = red.get("/contacts/c1/candidates").json()
    theirs = red.post("/contacts/c1/assign", {"agent": "1003"})
    others = red.post("/contacts/c1/assign", {"agent": "1001"})

    assert [one["agent"] for one in seen["agents"]] == ["1003"]
    assert seen["contacts"][0]["suits"] == ["1003"]
    assert [one["agent"] for one in candidates["agents"]] == ["1003"]
    assert theirs.status_code == 200
    assert (others.status_code, others.json()["refused"]) == (404, "UNKNOWN_AGENT")


def test_a_contact_of_another_team_is_unknown_by_any_of_its_requests(opened: Site):
    opened.happens(is_offered("c1", "1001"))
    red = opened.signed_in("red")

    for name in ("c1", "c1.2"):
        assert red.post(f"/contacts/{name}/assign", {"agent": "1003"}).status_code == 404
        assert red.get(f"/contacts/{name}/candidates").status_code == 404
    assert not [one for one in opened.core.asked if one.op.startswith("contact.")]
