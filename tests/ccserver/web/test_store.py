"""Accounts and sessions on the disk, passwords, and the limits of attempts."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from pathlib import Path

import pytest

from ccserver.web.limits import MOST_NAMES, Limit
from ccserver.web.passwords import BadPassword, hashed, matches
from ccserver.web.refusals import Refused
from ccserver.web.sessions import Sessions
from ccserver.web.store import FILE, Account, Session, Store, StoreError

ADA = Account("ada", "agent", "1001")
SUE = Account("sue", "supervisor", None, ("red", "blue"))


@pytest.fixture
def store(tmp_path: Path):
    store = Store(tmp_path)
    yield store
    store.close()


def session(name: str, token: bytes = b"t", *, lasts: float = 60.0) -> Session:
    return Session(token, name, "csrf", time.time() + lasts)


def test_accounts_are_kept_found_and_removed(store: Store):
    store.add(ADA, "hash-1")
    store.add(SUE, "hash-2")

    assert store.accounts() == [ADA, SUE]
    assert store.find("sue") == (SUE, "hash-2")
    store.remove("ada")
    assert store.accounts() == [SUE]
    assert store.find("ada") is None


def test_what_cannot_be_is_said(store: Store):
    store.add(ADA, "hash")

    with pytest.raises(StoreError, match="already"):
        store.add(ADA, "hash")
    with pytest.raises(StoreError, match="no account ben"):
        store.remove("ben")
    with pytest.raises(StoreError, match="no account ben"):
        store.set_password("ben", "x")


def test_a_new_password_and_a_removed_account_end_the_sessions(store: Store):
    store.add(ADA, "one")
    store.add(SUE, "two")
    for account, token in ((ADA, b"a"), (SUE, b"s")):
        store.open_session(session(account.name, token), alone=False)

    store.set_password("ada", "three")
    assert [one.account for one in store.sessions()] == ["sue"]
    store.remove("sue")
    assert store.sessions() == []


def test_sessions_outlive_the_process_but_not_their_time(tmp_path: Path):
    first = Store(tmp_path)
    first.open_session(session("ada", b"1"), alone=False)
    first.open_session(session("ada", b"2", lasts=-1), alone=False)
    first.close()

    again = Store(tmp_path)

    assert [one.token for one in again.sessions()] == [b"1"]
    again.close()


def test_a_session_that_is_alone_ends_the_others_of_its_account(store: Store):
    store.open_session(session("ada", b"1"), alone=True)
    store.open_session(session("sue", b"2"), alone=True)
    store.open_session(session("ada", b"3"), alone=True)

    assert {one.token for one in store.sessions()} == {b"2", b"3"}


@pytest.mark.parametrize("name", ["'; DROP TABLE accounts; --", '"', "%", "\U0001f600"])
def test_hostile_names_are_only_names(store: Store, name: str):
    store.add(Account(name, "read_only"), "hash")

    assert store.find(name) == (Account(name, "read_only"), "hash")
    assert len(store.accounts()) == 1


def test_a_file_of_somebody_else_is_refused(tmp_path: Path):
    with sqlite3.connect(tmp_path / FILE) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()

    with pytest.raises(StoreError, match="expected schema 1, found 99"):
        Store(tmp_path)


def test_only_this_user_may_read_it(tmp_path: Path):
    Store(tmp_path).close()

    assert (tmp_path / FILE).stat().st_mode & 0o077 == 0


# --- passwords ------------------------------------------------------------------------------------


def test_a_password_is_known_by_its_hash_alone():
    kept = hashed("correct horse")

    assert kept.startswith("$argon2id$")
    assert "correct" not in kept
    assert matches(kept, "correct horse")
    assert not matches(kept, "Correct horse")
    assert not matches(kept, "\ud800")
    assert not matches("no hash", "x")
    assert not matches(None, "nobody has this password")


@pytest.mark.parametrize("password", ["short", "x" * 257])
def test_a_password_has_a_length(password: str):
    with pytest.raises(BadPassword, match="8 to 256"):
        hashed(password)


# --- sessions in memory ---------------------------------------------------------------------------


def test_what_the_command_line_changes_is_seen_by_who_runs(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("ccserver.web.sessions.LOOK_SECONDS", 0.001)
    running, other = Store(tmp_path), Store(tmp_path)
    other.add(SUE, hashed("correct horse"))

    async def story() -> None:
        sessions = Sessions(running, {}, 60)
        await sessions.load()
        watching = asyncio.create_task(sessions.watch())
        token, living = await sessions.sign_in("sue", "correct horse")
        assert sessions.find(token) is living
        other.remove("sue")
        async with asyncio.timeout(60):
            await living.ended.wait()
        assert sessions.find(token) is None
        watching.cancel()

    asyncio.run(story())
    running.close()
    other.close()


def test_a_process_that_starts_again_knows_who_had_signed_in(tmp_path: Path):
    store = Store(tmp_path)
    configured = {"ada": (ADA, "correct horse")}

    async def sign_in() -> str:
        sessions = Sessions(store, configured, 60)
        await sessions.load()
        return (await sessions.sign_in("ada", "correct horse"))[0]

    async def find(token: str) -> Account | None:
        sessions = Sessions(store, configured, 60)
        await sessions.load()
        found = sessions.find(token)
        return None if found is None else found.account

    token = asyncio.run(sign_in())
    assert asyncio.run(find(token)) == ADA
    assert asyncio.run(find(token + "x")) is None
    configured.clear()
    assert asyncio.run(find(token)) is None
    store.close()


def test_a_wrong_password_opens_nothing(store: Store):
    store.add(SUE, hashed("correct horse"))

    async def attempt() -> None:
        with pytest.raises(Refused) as refused:
            await Sessions(store, {}, 60).sign_in("sue", "wrong horse")
        assert refused.value.status == 401

    asyncio.run(attempt())
    assert store.sessions() == []


# --- limits ---------------------------------------------------------------------------------------


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_is_allowed_and_then_the_rate():
    clock = Clock()
    limit = Limit(2.0, 3.0, clock)

    assert [limit.take("a") for _ in range(4)] == [0, 0, 0, 1]
    assert limit.take("b") == 0
    clock.now = 0.5
    assert [limit.take("a") for _ in range(2)] == [0, 1]


def test_it_is_said_when_to_come_back():
    clock = Clock()
    limit = Limit(0.1, 1.0, clock)
    limit.take("a")

    wait = limit.take("a")

    assert wait == 10
    clock.now = 10.0
    assert limit.take("a") == 0


def test_names_without_number_cost_no_memory_without_bound():
    limit = Limit(1.0, 1.0, Clock())

    for number in range(MOST_NAMES + 10):
        limit.take(str(number))

    assert limit.take("0") == 0  # forgotten, and allowed anew
    assert limit.take(str(MOST_NAMES + 9)) > 0
