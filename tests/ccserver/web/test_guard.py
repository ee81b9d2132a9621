"""Who comes in: W07 (pages of others), W09 (hostile JSON), W12 (tokens), W14 (floods), W19."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect

from ccserver.web.events import MOST_DESKTOPS, SESSION_ENDED
from ccserver.web.frame import LONGEST_BODY
from tests.support.web import ORIGIN, V1, Site, site

EVIL = "https://evil.example"
HOLD = f"{V1}/contacts/c1/hold"
EVENTS = f"{ORIGIN.replace('http', 'ws')}{V1}/events"
"""Whole, for the cookie belongs to the host."""


@pytest.fixture
def opened(tmp_path: Path):
    with site(tmp_path) as found:
        yield found


def in_a_browser(opened: Site, name: str = "ada") -> dict[str, Any]:
    """Signs in with a cookie, which the client then sends by itself; the answer."""
    given = {"name": name, "password": "-".join([name] * 3), "cookie": True}
    return opened.client.post(f"{V1}/session", json=given, headers={"Origin": ORIGIN}).json()


# --- W07 ------------------------------------------------------------------------------------------


def test_a_page_of_ours_commands_with_cookie_origin_and_token(opened: Site):
    me = in_a_browser(opened)

    headers = {"Origin": ORIGIN, "X-CSRF-Token": me["csrf"]}
    done = opened.client.post(HOLD, json={}, headers=headers)

    assert done.status_code == 200
    assert "token" not in me
    assert opened.core.by.agent == "1001"


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Origin": EVIL, "X-CSRF-Token": "its"}, "FOREIGN_ORIGIN"),
        ({"Origin": "null", "X-CSRF-Token": "its"}, "FOREIGN_ORIGIN"),
        ({"X-CSRF-Token": "its"}, "FOREIGN_ORIGIN"),
        ({"Origin": ORIGIN}, "NO_CSRF_TOKEN"),
        ({"Origin": ORIGIN, "X-CSRF-Token": "guessed"}, "NO_CSRF_TOKEN"),
    ],
)
def test_a_page_of_somebody_else_commands_nothing(opened: Site, headers, code):
    csrf = in_a_browser(opened)["csrf"]
    headers = {name: csrf if value == "its" else value for name, value in headers.items()}

    refused = opened.client.post(HOLD, json={}, headers=headers)

    assert (refused.status_code, refused.json()["refused"]) == (403, code)
    assert not opened.core.asked


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_a_form_that_looks_like_json_is_none(opened: Site, kind: str):
    ada = opened.signed_in("ada")
    headers = {**ada.headers, "Content-Type": kind}

    refused = opened.client.post(HOLD, content=b'{"side":"customer"}', headers=headers)

    assert (refused.status_code, refused.json()["refused"]) == (415, "NOT_JSON")


@pytest.mark.parametrize("origin", [EVIL, "null", None])
def test_a_websocket_from_another_page_is_refused_before_it_is_opened(opened: Site, origin):
    in_a_browser(opened)
    headers = {} if origin is None else {"Origin": origin}

    with (
        pytest.raises(WebSocketDenialResponse) as denied,
        opened.client.websocket_connect(EVENTS, headers=headers),
    ):
        pass

    assert denied.value.status_code == 403


def test_a_websocket_from_our_page_is_opened_by_the_cookie(opened: Site):
    in_a_browser(opened)

    with opened.client.websocket_connect(EVENTS, headers={"Origin": ORIGIN}) as desktop:
        assert desktop.receive_json()["type"] == "snapshot"


def test_the_cookie_is_kept_from_scripts_and_from_other_sites(opened: Site):
    given = {"name": "ada", "password": "ada-ada-ada", "cookie": True}

    answer = opened.client.post(f"{V1}/session", json=given, headers={"Origin": ORIGIN})

    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "path=/" in cookie


def test_with_tls_the_cookie_goes_nowhere_else_and_browsers_are_told_to_stay(tmp_path: Path):
    changes = {"tls_certificate": "c.pem", "tls_key": "k.pem"}
    with site(tmp_path, web=changes) as opened:
        opened.client.base_url = "https://127.0.0.1:8080"
        given = {"name": "ada", "password": "ada-ada-ada", "cookie": True}
        answer = opened.client.post(f"{V1}/session", json=given)

    assert answer.headers["set-cookie"].startswith("__Host-ccserver=")
    assert "; secure" in answer.headers["set-cookie"].lower()
    assert "max-age=" in answer.headers["strict-transport-security"]


# --- W09 ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b'{"side": NaN}',
        b'{"side": Infinity}',
        b'{"side":"customer","side":"consult"}',
        b'{"side":"\\ud800"}',
        b'{"side":"\xff"}',
        b"[" * 20_000,
        b'{"a":' * 20 + b"1" + b"}" * 20,
        b"{",
    ],
)
def test_json_that_means_two_things_or_none_is_refused(opened: Site, body: bytes):
    headers = {**opened.signed_in("ada").headers, "Content-Type": "application/json"}

    refused = opened.client.post(HOLD, content=body, headers=headers)

    assert refused.status_code in (400, 415, 422)
    assert "refused" in refused.json()
    assert not opened.core.asked


def test_a_body_is_short(opened: Site):
    headers = {**opened.signed_in("ada").headers, "Content-Type": "application/json"}
    pieces = [b'{"side":"', b"x" * LONGEST_BODY, b'"}']

    told = opened.client.post(HOLD, content=b"".join(pieces), headers=headers)
    untold = opened.client.post(HOLD, content=iter(pieces), headers=headers)

    assert told.status_code == untold.status_code == 413
    assert told.json()["refused"] == "TOO_LARGE"


def test_nothing_is_unpacked(opened: Site):
    headers = {**opened.signed_in("ada").headers, "Content-Type": "application/json"}

    refused = opened.client.post(
        HOLD, content=b"\x1f\x8b\x08", headers={**headers, "Content-Encoding": "gzip"}
    )

    assert refused.status_code == 415


# --- W12 ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        "eyJhbGciOiJub25lIn0.eyJzdWIiOiJyb290In0.",
        "' OR 1=1 --",
        "\x00",
        "a" * 10_000,
    ],
)
def test_a_token_that_we_have_not_given_is_nobodys(opened: Site, token: str):
    answer = opened.client.get(f"{V1}/agents", headers={"Authorization": f"Bearer {token}"})

    assert (answer.status_code, answer.json()["refused"]) == (401, "NOT_SIGNED_IN")


def test_a_token_in_the_address_counts_for_nothing(opened: Site):
    token = opened.signed_in("ada").me["token"]

    assert opened.client.get(f"{V1}/agents?token={token}").status_code == 401


def test_a_session_ends_with_its_time(tmp_path: Path, monkeypatch):
    with site(tmp_path) as opened:
        ada = opened.signed_in("ada")
        assert ada.get("/session").status_code == 200

        monkeypatch.setattr("ccserver.web.sessions.time.time", lambda: ada.me["expires"] + 1)

        assert ada.get("/session").status_code == 401


def test_the_password_is_tried_a_few_times_and_then_later(opened: Site):
    given = {"name": "ada", "password": "wrong"}

    answers = [opened.client.post(f"{V1}/session", json=given) for _ in range(12)]

    assert [a.status_code for a in answers] == [401] * 10 + [429] * 2
    assert answers[0].json()["refused"] == "WRONG_PASSWORD"
    assert int(answers[-1].headers["retry-after"]) > 0
    good = {"name": "ada", "password": "ada-ada-ada"}
    assert opened.client.post(f"{V1}/session", json=good).status_code == 429
    opened.signed_in("ben")


def test_who_does_not_exist_is_answered_as_who_gave_a_wrong_password(opened: Site):
    wrong = opened.client.post(f"{V1}/session", json={"name": "ada", "password": "wrong"})
    nobody = opened.client.post(f"{V1}/session", json={"name": "nobody", "password": "wrong"})

    assert wrong.json() == nobody.json()


def test_the_token_is_new_with_every_session(opened: Site):
    """Nobody can plant one before (session fixation)."""
    planted = {"Cookie": "ccserver=planted"}
    given = {"name": "sue", "password": "sue-sue-sue", "cookie": True}

    one = opened.client.post(f"{V1}/session", json=given, headers=planted)
    two = opened.client.post(f"{V1}/session", json=given)

    assert "planted" not in one.headers["set-cookie"]
    assert one.headers["set-cookie"] != two.headers["set-cookie"]


def test_signing_out_ends_the_websockets_of_the_session_at_once(opened: Site):
    sue = opened.signed_in("sue")
    with sue.desktop() as desktop:
        desktop.receive_json()

        assert sue.asks("DELETE", "/session").status_code == 200

        with pytest.raises(WebSocketDisconnect) as closed:
            desktop.receive_json()
    assert closed.value.code == SESSION_ENDED
    assert sue.get("/session").status_code == 401


def test_an_agent_has_one_session_and_the_new_one_ends_the_old(opened: Site):
    first = opened.signed_in("ada")
    with first.desktop() as desktop:
        desktop.receive_json()

        second = opened.signed_in("ada")

        with pytest.raises(WebSocketDisconnect) as closed:
            desktop.receive_json()
    assert closed.value.code == SESSION_ENDED
    assert first.get("/session").status_code == 401
    assert second.get("/session").status_code == 200


def test_a_supervisor_may_have_several_sessions(opened: Site):
    one, two = opened.signed_in("sue"), opened.signed_in("sue")

    assert one.get("/session").status_code == two.get("/session").status_code == 200


# --- W14 ------------------------------------------------------------------------------------------


def test_a_flood_by_one_account_is_held_up_and_the_others_are_not(tmp_path: Path):
    with site(tmp_path, web={"requests_per_second": 1.0}) as opened:
        ada, ben = opened.signed_in("ada"), opened.signed_in("ben")

        answers = [ada.get("/agents") for _ in range(10)]

        assert [a.status_code for a in answers].count(200) == 3
        assert answers[-1].status_code == 429
        assert answers[-1].headers["retry-after"] == "1"
        assert ben.get("/agents").status_code == 200


def test_one_account_opens_some_desktops_and_no_more(opened: Site):
    sue = opened.signed_in("sue")
    with ExitStack() as desktops:
        for _ in range(MOST_DESKTOPS):
            desktops.enter_context(sue.desktop())

        with pytest.raises(WebSocketDenialResponse) as denied, sue.desktop():
            pass

    assert denied.value.status_code == 429


# --- W19 ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/healthz", f"{V1}/agents", "/nowhere", f"{V1}/openapi.json"])
def test_every_answer_has_its_headers(opened: Site, path: str):
    answer = opened.client.get(path)

    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
    assert "server" not in answer.headers


def test_our_own_fault_shows_nothing_of_us(opened: Site):
    def broken(_: object) -> Any:
        raise RuntimeError("the secret inside")

    opened.core.answer = broken
    answer = opened.signed_in("ada").post("/contacts/c1/hold", {})

    assert answer.status_code == 500
    assert answer.json() == {"refused": "INTERNAL", "detail": "our fault: the log has it"}


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/", 404, "NOT_FOUND"),
        ("GET", "/docs", 404, "NOT_FOUND"),
        ("GET", "/api/v1/../../etc/passwd", 404, "NOT_FOUND"),
        ("GET", "/api/v1/agents/..%2F..%2Fetc%2Fpasswd", 404, "NOT_FOUND"),
        ("PATCH", "/healthz", 405, "METHOD_NOT_ALLOWED"),
    ],
)
def test_what_is_not_there_is_said_in_our_words(opened: Site, method, path, status, code):
    answer = opened.client.request(method, path)

    assert (answer.status_code, answer.json()["refused"]) == (status, code)
