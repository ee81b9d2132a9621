"""Over REST: what became of contacts, and who may know it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from actors.reasons import Outcome
from tests.support.web import (
    Session,
    Site,
    arrives,
    ends,
    has_in_hand,
    is_offered,
    site,
    stored,
    waits,
)


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Site]:
    """At seconds 1 to 9: c1 was served by 1001, c2 waits, c3 gave up."""
    stored(
        tmp_path,
        arrives("c1"),
        waits("c1"),
        has_in_hand("1001", "c1", "reserved"),
        is_offered("c1", "1001"),
        ends("c1", Outcome.HANDLED),
        arrives("c2", "+44123456"),
        waits("c2", "sales"),
        arrives("c3"),
        ends("c3", Outcome.ABANDONED),
    )
    with site(tmp_path) as found:
        yield found


def found(session: Session, **wanted: Any) -> list[str]:
    answer = session.get("/history/contacts", params=wanted)
    assert answer.status_code == 200, answer.text
    return [one["id"] for one in answer.json()["contacts"]]


def test_contacts_are_found_the_latest_first_by_whatever_is_known_of_them(opened: Site) -> None:
    sue = opened.signed_in("sue")
    assert found(sue) == ["c3", "c2", "c1"]
    assert found(sue, number="+4930123456") == ["c3", "c1"]
    assert found(sue, queue="sales") == ["c2"]
    assert found(sue, agent="1001") == ["c1"]
    assert found(sue, outcome="abandoned") == ["c3"]
    assert found(sue, **{"from": "1970-01-01T00:00:06", "to": "1970-01-01T00:00:08"}) == ["c2"]
    assert found(sue, number="nobody") == []


def test_pages_follow_each_other_and_say_how_far_the_store_is(opened: Site) -> None:
    sue = opened.signed_in("sue")
    first = sue.get("/history/contacts", params={"limit": 2}).json()
    assert [one["id"] for one in first["contacts"]] == ["c3", "c2"]
    assert first["seq"] == 9
    second = sue.get("/history/contacts", params={"limit": 2, "before": first["next"]}).json()
    assert [one["id"] for one in second["contacts"]] == ["c1"]
    assert second["next"] is None


def test_one_contact_is_told_in_full(opened: Site) -> None:
    told = opened.signed_in("ada").get("/history/contacts/c1").json()
    assert (told["arrived_at"], told["ended_at"]) == (1_000_000, 5_000_000)
    assert told["outcome"] == "handled"
    assert [one["kind"] for one in told["segments"]] == ["flow", "queue", "ringing"]
    assert [(one["agent"], one["result"]) for one in told["offers"]] == [("1001", "withdrawn")]
    assert [one["state"] for one in told["activities"]] == ["reserved"]


def test_each_is_shown_what_he_may_see(opened: Site) -> None:
    assert found(opened.signed_in("ada")) == ["c1"]
    assert found(opened.signed_in("ben")) == []
    assert found(opened.signed_in("red")) == ["c3", "c2"], "nobody's, or his team's"
    assert opened.signed_in("ben").get("/history/contacts/c1").status_code == 404
    assert opened.signed_in("red").get("/history/contacts/c1").status_code == 404
    assert opened.signed_in("red").get("/history/contacts/c3").status_code == 200
    eye = opened.signed_in("eye").get("/history/contacts").json()["contacts"]
    assert {one["ani"] for one in eye} == {"***56"}


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"before": "nothing"}, "before"),
        ({"before": "9" * 30 + "-c"}, "before"),
        ({"from": "the day before"}, "from"),
        ({"to": "2026-13-01"}, "to"),
        ({"outcome": "fine"}, "outcome"),
        ({"limit": "0"}, "limit"),
    ],
)
def test_a_question_that_makes_no_sense_is_told_where(
    opened: Site, wrong: dict[str, str], field: str
) -> None:
    answer = opened.signed_in("sue").get("/history/contacts", params=wrong)
    assert answer.status_code == 422
    assert [one["field"] for one in answer.json()["errors"]] == [field]


def test_a_store_that_cannot_be_read_is_our_trouble_for_now(tmp_path: Path) -> None:
    with site(tmp_path) as opened:
        answer = opened.signed_in("sue").get("/history/contacts")
    assert (answer.status_code, answer.json()["refused"]) == (503, "STORAGE_UNAVAILABLE")
    assert answer.headers["Retry-After"] == "5"


def test_a_centre_without_a_store_has_no_history(tmp_path: Path) -> None:
    with site(tmp_path, store={"enabled": False}) as opened:
        answer = opened.signed_in("sue").get("/history/contacts")
    assert answer.status_code == 404
    assert not (tmp_path / "store.sqlite").exists()
