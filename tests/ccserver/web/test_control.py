"""Commands over REST: what reaches the core, and how its answers look (W03, W04, W20)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from actors import commands as c
from actors.reasons import OfferFailure, Refusal, WebRefusal
from ccserver.web.refusals import STATUS
from tests.support.web import V1, Site, arrives, is_offered, site, talks

TO_BEN = {"kind": "agent", "agent": "1002"}
COMMANDS = [
    ("hold", {}, c.Hold()),
    ("hold", {"side": "consult"}, c.Hold("consult")),
    ("resume", {"side": "customer"}, c.Resume()),
    ("consult", {"to": TO_BEN}, c.Consult(c.ToAgent("1002"))),
    ("consult", {"to": {"kind": "queue", "queue": "sales"}}, c.Consult(c.ToQueue("sales"))),
    ("consult", {"to": {"kind": "number", "number": "7"}}, c.Consult(c.ToNumber("7"))),
    ("consult", {"to": {"kind": "directory", "name": "N"}}, c.Consult(c.ToDirectory("N"))),
    (
        "consult",
        {"to": {"kind": "entry_point", "entry_point": "x"}},
        c.Consult(c.ToEntryPoint("x")),
    ),
    ("end-consult", None, c.EndConsult()),
    ("conference", None, c.Conference()),
    ("transfer", {}, c.Transfer()),
    ("transfer", {"to": TO_BEN}, c.Transfer(c.ToAgent("1002"))),
    ("exit-conference", None, c.ExitConference()),
    ("end", None, c.End()),
    ("monitor", {"mode": "whisper"}, c.Monitor("whisper")),
    ("change-monitoring", {"mode": "barge_in"}, c.ChangeMonitoring("barge_in")),
    ("stop-monitoring", None, c.StopMonitoring()),
]


@pytest.fixture
def opened(tmp_path: Path):
    with site(tmp_path) as found:
        found.happens(arrives("c1"), is_offered("c1", "1001"), talks("c1", "1001", "1003"))
        yield found


@pytest.mark.parametrize(("path", "body", "command"), COMMANDS)
def test_each_command_reaches_the_core_as_what_it_is(opened: Site, path, body, command):
    done = opened.signed_in("sue").post(f"/contacts/c1/{path}", body)

    assert done.status_code == 200, done.text
    assert done.json() == {"version": 8, "state": "held", "allowed": ["resume"]}
    asked = opened.core.asked[-1]
    args = dict(asked.args)
    assert args.pop("contact") == "c1"
    assert msgspec.convert({"op": asked.op, **args}, c.ContactCommand) == command
    assert opened.core.by == c.Principal("sue", "supervisor", "1003")  # type: ignore[arg-type]


def test_every_command_of_a_contact_has_its_route():
    tags = {str(kind.__struct_config__.tag) for kind in c.ContactCommand.__args__}
    routes = {f"contact.{path.replace('-', '_')}" for path, _, _ in COMMANDS}

    assert routes == tags


@pytest.mark.parametrize(
    ("path", "body", "op", "args"),
    [
        ("available", None, "agent.set_available", {}),
        ("idle", {"code": "lunch"}, "agent.set_idle", {"code": "lunch"}),
        ("sign-out", None, "agent.sign_out", {}),
        ("end-wrap-up", {"code": "resolved"}, "agent.end_wrap_up", {"code": "resolved"}),
        ("end-wrap-up", {}, "agent.end_wrap_up", {"code": None}),
    ],
)
def test_an_agent_commands_himself(opened: Site, path, body, op, args):
    done = opened.signed_in("ada").post(f"/agents/1001/{path}", body)

    assert done.status_code == 200, done.text
    assert (opened.core.asked[-1].op, opened.core.asked[-1].args) == (op, {"agent": "1001", **args})


def test_an_agent_calls_a_number(opened: Site):
    opened.core.answer = lambda _: {"ok": True, "contact": "c7"}
    called = opened.signed_in("ada").post("/agents/1001/call", {"number": "+49301"})

    opened.core.answer = lambda _: {"refused": "AGENT_CALL_LIMIT"}
    refused = opened.signed_in("ada").post("/agents/1001/call", {"number": "+49301"})

    assert (called.status_code, called.json()) == (200, {"contact": "c7"})
    assert opened.core.asked[-1].args == {"agent": "1001", "number": "+49301"}
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) > 0


def test_a_supervisor_waits_for_calls_of_a_team(opened: Site):
    wish = {"supervisor": "1003", "kind": "team", "target": "blue", "mode": "listen"}
    opened.core.answer = lambda _: {"ok": True, "wishes": [{**wish, "continuous": True}]}
    sue = opened.signed_in("sue")

    wanted = sue.asks("PUT", "/monitoring/team/blue", json={"continuous": True})
    opened.core.answer = lambda _: {"refused": "NOT_MONITORING", "wishes": []}
    cancelled = sue.asks("DELETE", "/monitoring/team/blue")

    assert wanted.json()["wishes"][0]["target"] == "blue"
    assert opened.core.asked[-2].args["mode"] == "listen"
    assert (cancelled.status_code, cancelled.json()["wishes"]) == (409, [])


def test_the_version_that_was_seen_and_the_key_are_said_on(opened: Site):
    headers = {"Idempotency-Key": "k-1", "Expect-Version": "7"}

    opened.signed_in("ada").post("/contacts/c1/hold", {}, headers=headers)

    assert (opened.core.asked[-1].key, opened.core.asked[-1].expect) == ("k-1", 7)


@pytest.mark.parametrize(
    "headers", [{"Idempotency-Key": "k" * 129}, {"Expect-Version": "x"}, {"Expect-Version": "-1"}]
)
def test_a_header_that_is_none_is_refused(opened: Site, headers):
    refused = opened.signed_in("ada").post("/contacts/c1/hold", {}, headers=headers)

    assert refused.status_code == 422
    assert not [asked for asked in opened.core.asked if asked.op == "contact.hold"]


def test_an_older_desktop_of_the_same_agent_commands_no_more(opened: Site):
    ada = opened.signed_in("ada")
    with ada.desktop() as one, ada.desktop() as two:
        first, second = one.receive_json()["desk"], two.receive_json()["desk"]

        old = ada.post("/contacts/c1/hold", {}, headers={"Desk": str(first)})
        new = ada.post("/contacts/c1/hold", {}, headers={"Desk": str(second)})

    assert (old.status_code, old.json()["refused"]) == (409, "SUPERSEDED")
    assert new.status_code == 200


@pytest.mark.parametrize("code", [code for code in Refusal if code != "UNKNOWN_CONTACT"])
def test_each_refusal_has_its_status_and_is_said_on_whole(opened: Site, code: Refusal):
    refusal: dict[str, Any] = {"refused": code, "state": "held", "allowed": ["resume"]}
    opened.core.answer = lambda _: refusal

    refused = opened.signed_in("ada").post("/contacts/c1/resume", {})

    assert refused.status_code == STATUS.get(code, 409)
    body = {"refused": code, "detail": "", "state": "held", "allowed": ["resume"]}
    assert refused.json() == body
    assert ("retry-after" in refused.headers) == (refused.status_code in (429, 503))


def test_a_contact_that_the_core_does_not_know_is_answered_like_one_that_is_not_shown(opened: Site):
    """W06: the core's own words would tell them apart."""
    ben = opened.signed_in("ben")
    opened.core.answer = lambda _: {"refused": "UNKNOWN_CONTACT", "detail": "no living contact"}

    unknown, others = ben.post("/contacts/c9/hold"), ben.post("/contacts/c1/hold")

    assert (unknown.status_code, unknown.json()) == (others.status_code, others.json())
    assert unknown.status_code == 404


def test_no_status_is_given_for_what_is_no_code():
    assert set(STATUS) <= set(Refusal) | set(WebRefusal) | set(OfferFailure)
    assert set(WebRefusal) <= set(STATUS)


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("contacts/c1/hold", {"side": "left"}, "side"),
        ("contacts/c1/hold", {"sied": "customer"}, "sied"),
        ("contacts/c1/consult", {}, "to"),
        ("contacts/c1/consult", {"to": {"kind": "friend"}}, "to"),
        ("contacts/c1/consult", {"to": {"kind": "agent"}}, "to.agent.agent"),
        ("contacts/c1/monitor", {"mode": "spy"}, "mode"),
        ("agents/1003/idle", {"code": 7}, "code"),
    ],
)
def test_a_wrong_field_is_named(opened: Site, path, body, field):
    refused = opened.signed_in("sue").post(f"/{path}", body)

    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == field


@pytest.mark.parametrize(
    ("path", "args"),
    [
        ("contacts/c1/hold", {"side": "customer"}),
        ("contacts/c1/transfer", {}),
        ("contacts/c1/monitor", {"mode": "listen"}),
        ("agents/1001/end-wrap-up", {"code": None}),
    ],
)
def test_a_command_that_needs_to_say_no_more_needs_no_body(opened: Site, path, args):
    sue = opened.signed_in("sue")

    done = opened.client.post(f"{V1}/{path}", headers=sue.headers)

    assert done.status_code == 200
    given = opened.core.asked[-1].args
    assert {name: given[name] for name in args} == args
