"""What the store does on whatever database: SQLite's tests have it, and PostgreSQL's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import event, select, text

from actors import events as ev
from actors.ids import AgentId, ContactId, EntryPointName, LegId
from ccserver.journal import codec
from ccserver.journal.storage import Row
from ccserver.store.database import Database, StoreError, StoreUnusable, _alembic, newest
from ccserver.store.fold import StoreFold
from ccserver.store.history import Past
from ccserver.store.store import Moved, Position, Store
from ccserver.store.tables import TABLES, metadata
from ccserver.store.wanted import Wanted
from ccserver.store.worker import OtherJournal, Progress, Worker
from tests.support.journals import File, everything

Content = dict[str, list[dict[str, Any]]]


def content(database: Database) -> Content:
    """Every row of every table of ours."""
    found: Content = {}
    with database.reading() as connection:
        for table in TABLES.values():
            rows = connection.execute(select(table).order_by(table.c.id))
            found[table.name] = [dict(row._mapping) for row in rows]
    return found


def expected(rows: Sequence[Row]) -> Content:
    """What they come to, without any database."""
    fold = StoreFold()
    for seq, at, _, payload in rows:
        fold.apply(seq, at, codec.decode(payload))
    changes = fold.take()
    assert not changes.changed, "nothing stood there before"
    found: Content = {table.name: [] for table in TABLES.values()}
    for row in changes.new:
        as_json = msgspec.json.decode(msgspec.json.encode(row))
        found[TABLES[type(row)].name].append(as_json)
    for table in found.values():
        table.sort(key=lambda row: row["id"])
    return found


class StoreContract:
    """A class of tests has it, with a fixture ``database``: one that nobody has used yet."""

    @pytest.fixture
    def file(self, tmp_path: Path) -> Iterator[File]:
        file = File(tmp_path / "journal.sqlite")
        yield file
        file.close()

    @pytest.fixture
    def told(self) -> list[Progress]:
        return []

    @pytest.fixture
    def worker(self, database: Database, file: File, told: list[Progress]) -> Worker:
        return Worker(file.path, database, told.append)

    # --- the schema ---------------------------------------------------------------------------

    def test_the_migrations_make_the_tables_that_the_code_knows(self, database: Database) -> None:
        assert database.revision() is None
        assert database.upgrade() is None
        assert database.revision() == newest()
        assert database.upgrade() == newest(), "nothing to do"
        with database.reading() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            assert compare_metadata(context, metadata) == []

    def test_a_newer_schema_is_refused_and_left_alone(self, database: Database) -> None:
        database.upgrade()
        with database.transaction() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

        with pytest.raises(StoreUnusable, match="found 9999: a newer ccserver has written it"):
            database.upgrade()

        assert database.revision() == "9999"

    def test_a_migration_that_fails_leaves_nothing_behind(self, database: Database) -> None:
        with database.transaction() as connection:
            connection.execute(text("CREATE TABLE legs (mine TEXT)"))  # the third to be made

        with pytest.raises(StoreError, match="legs"):
            database.upgrade()

        assert database.revision() is None
        with database.reading() as connection, pytest.raises(Exception, match="contacts"):
            connection.execute(text("SELECT * FROM contacts"))

    def test_a_store_of_an_older_version_is_brought_up_to_date_with_its_data(
        self, database: Database, file: File, worker: Worker
    ) -> None:
        """What 0001 did not fold is in the journal; what it held is folded anew."""
        rows = everything()[:300]
        file.grows(rows)
        with database.transaction() as connection:
            config = _alembic()
            config.attributes["connection"] = connection
            command.upgrade(config, "0001")
            connection.execute(text("UPDATE position SET seq = 300, at = :at"), {"at": rows[-1][1]})
            old = (
                "INSERT INTO segments (id, seq, contact, kind, began_at) VALUES (7, 7, 'c', 'x', 7)"
            )
            connection.execute(text(old))
        assert database.revision() == "0001"

        worker.step()

        assert database.revision() == newest()
        found = content(database)
        assert found == expected(rows)
        assert found["offers"]

    # --- folding ------------------------------------------------------------------------------

    def test_a_journal_comes_to_the_same_rows_as_in_memory(
        self, database: Database, file: File, worker: Worker, told: list[Progress]
    ) -> None:
        rows = everything()
        file.grows(rows)

        while worker.step():
            pass

        assert content(database) == expected(rows)
        assert told[-1] == Progress(Position(*rows[-1][:2]), 0)

    def test_wherever_it_is_interrupted_it_goes_on_to_the_same_rows(
        self, database: Database, file: File, told: list[Progress]
    ) -> None:
        rows, random = everything(), Random(5)
        done = 0
        while done < len(rows):
            more = random.choice([1, 3, 20, 300])
            file.grows(rows[done : done + more])
            done += more
            Worker(file.path, database, told.append).step()

        assert content(database) == expected(rows)

    def test_no_statement_can_fail_so_that_an_event_counts_twice_or_not_at_all(
        self, database: Database, file: File, worker: Worker
    ) -> None:
        rows = everything()[:300]
        worker.step()
        failing = Failing(database)
        for number in range(40):
            file.grows(rows[number * 7 : number * 7 + 7])
            failing.after(number % 8)
            with pytest.raises(StoreError):
                until_it_fails(worker, Store(database))
        worker.step()
        assert content(database) == expected(rows[:280])

    def test_a_commit_of_which_the_answer_is_lost_is_not_done_again(
        self, database: Database, file: File, worker: Worker, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rows = everything()[:200]
        file.grows(rows[:100])
        write = Store.write

        def writes_and_is_cut_off(*args: Any) -> None:
            write(*args)
            raise StoreError("the connection is gone")

        with monkeypatch.context() as patch:
            patch.setattr(Store, "write", writes_and_is_cut_off)
            with pytest.raises(StoreError):
                worker.step()
        file.grows(rows[100:])
        worker.step()

        assert content(database) == expected(rows)

    def test_two_who_fold_at_once_do_not_fold_anything_twice(
        self, database: Database, file: File, worker: Worker, told: list[Progress]
    ) -> None:
        rows = everything()[:300]
        other = Worker(file.path, database, told.append)
        file.grows(rows[:100])
        worker.step()
        other.step()
        file.grows(rows[100:200])
        worker.step()
        with pytest.raises(Moved):
            other.step()
        file.grows(rows[200:])
        other.step()

        assert content(database) == expected(rows)

    def test_what_anybody_may_send_can_be_stored(
        self, database: Database, file: File, worker: Worker
    ) -> None:
        ref = ev.ContactRef(ContactId("a" * 26))
        texts = ["a\0b", "😀 Žlutý", "x" * 20_000, "'; DROP TABLE contacts; --"]
        for seq, hostile in enumerate(texts, start=1):
            ref = ev.ContactRef(ContactId(f"a{seq}"))
            arrived = ev.ContactArrived(
                ref, EntryPointName("support"), hostile, hostile, LegId(f"a{seq}/0")
            )
            file.grows(((seq, seq, "contact.arrived", codec.encode(arrived)),))
        file.grows(((9, 9, "x", b'{"event":"of.tomorrow"}'), (10, 10, "x", b"no JSON")))

        worker.step()

        found = [row["ani"] for row in content(database)["contacts"]]
        assert found == ["a\ufffdb", *texts[1:]]
        assert Store(database).position() == Position(10, 10)

    def test_it_is_not_folded_from_another_journal(
        self, database: Database, file: File, tmp_path: Path, told: list[Progress]
    ) -> None:
        rows = everything()
        file.grows(rows[:100])
        Worker(file.path, database, told.append).step()
        before = content(database)

        empty, other = File(tmp_path / "empty.sqlite"), File(tmp_path / "other.sqlite")
        other.grows(tuple((seq, at + 1, tag, payload) for seq, at, tag, payload in rows[:200]))
        with pytest.raises(OtherJournal, match="folded up to event 100, which is not in"):
            Worker(empty.path, database, told.append).step()
        with pytest.raises(OtherJournal, match="has another one there"):
            Worker(other.path, database, told.append).step()
        assert content(database) == before

        Store(database).empty()
        Worker(other.path, database, told.append).step()
        assert len(content(database)["contacts"]) > len(before["contacts"])
        empty.close()
        other.close()

    def test_a_reader_sees_one_moment_while_the_fold_goes_on(
        self, database: Database, file: File, worker: Worker
    ) -> None:
        rows = everything()[:200]
        file.grows(rows[:100])
        worker.step()
        with database.reading() as connection:
            contacts = metadata.tables["contacts"]
            before = connection.execute(select(contacts)).all()
            file.grows(rows[100:])
            worker.step()
            assert connection.execute(select(contacts)).all() == before

    # --- asking -------------------------------------------------------------------------------

    def test_what_is_found_is_what_a_look_at_every_row_finds(
        self, database: Database, file: File, worker: Worker
    ) -> None:
        rows = everything()
        file.grows(rows)
        worker.step()
        every, past = content(database), Past(database)
        by_time = sorted(every["contacts"], key=lambda c: (c["arrived_at"], c["id"]), reverse=True)

        def found(**wanted: Any) -> list[str]:
            page = past.find(Wanted(limit=1000, **wanted))
            assert page.next is None
            return [contact["id"] for contact in page.contacts]

        def those(of: Callable[[dict[str, Any]], bool]) -> list[str]:
            return [contact["id"] for contact in by_time if of(contact)]

        had = {(a["contact"], a["agent"]) for a in every["activities"]}
        anybody = {contact for contact, _ in had}
        middle = by_time[30]["arrived_at"]
        assert found() == those(lambda c: True)
        assert found(begins=middle) == those(lambda c: c["arrived_at"] >= middle)
        assert found(ends=middle) == those(lambda c: c["arrived_at"] < middle)
        assert found(number="anna") == those(lambda c: c["ani"] == "anna")
        assert found(outcome="abandoned") == those(lambda c: c["outcome"] == "abandoned")
        assert found(agent="1002") == those(lambda c: (c["id"], "1002") in had)
        assert found(seen_by=frozenset({"1002"}), nobodys=True) == those(
            lambda c: (c["id"], "1002") in had or c["id"] not in anybody
        )
        queued = {s["contact"] for s in every["segments"] if s["queue"] == "sales"}
        assert found(queue="sales") == those(lambda c: c["id"] in queued)

        pages, before = list[str](), None
        while not pages or before:
            page = past.find(Wanted(limit=7, before=before))
            pages += [contact["id"] for contact in page.contacts]
            before = page.next
        assert pages == those(lambda c: True)

    def test_one_contact_is_told_with_all_its_parts(
        self, database: Database, file: File, worker: Worker
    ) -> None:
        file.grows(everything())
        worker.step()
        every = content(database)
        for contact in every["contacts"][::9]:
            told = Past(database).story(contact["id"], Wanted())
            assert told is not None
            for part in ("segments", "offers", "activities"):
                assert told[part] == [r for r in every[part] if r["contact"] == contact["id"]]
        assert Past(database).story("nobody", Wanted()) is None

    def test_an_agent_who_leaves_ends_what_he_did(
        self, database: Database, file: File, worker: Worker
    ) -> None:
        agent = AgentId("1001")
        begins = ev.AgentStateChanged(agent, "voice", "signed_out", "idle", "lunch")
        file.grows(((1, 10, "x", codec.encode(begins)),))
        worker.step()
        file.grows(((2, 30, "x", codec.encode(ev.AgentLeft(agent))),))
        worker.step()
        (activity,) = content(database)["activities"]
        assert (activity["code"], activity["began_at"], activity["ended_at"]) == ("lunch", 10, 30)

    # --- what is too old ----------------------------------------------------------------------

    def test_what_ended_long_ago_is_forgotten_in_steps(
        self, database: Database, file: File, worker: Worker
    ) -> None:
        file.grows(everything())
        while worker.step():
            pass
        whole, before = content(database), _middle(content(database))
        store, steps = Store(database), 0
        while store.forget(before, 3):
            steps += 1
        assert steps > 3
        left = content(database)
        assert left == _younger(whole, before)
        assert 0 < len(left["contacts"]) < len(whole["contacts"])

    def test_the_worker_forgets_by_the_journals_time_and_folds_on(
        self, database: Database, file: File, told: list[Progress]
    ) -> None:
        rows = everything()
        file.grows(rows[:-200])
        worker = Worker(file.path, database, told.append, keep_days=1.0)
        while worker.step():
            pass
        assert not worker.forget(), "nothing is a day old"
        worker = Worker(file.path, database, told.append, keep_days=1e-9)
        worker.step()
        while worker.forget():
            worker.step()
        assert all(row["ended_at"] is None for row in content(database)["contacts"])
        file.grows(rows[-200:])
        worker.step()
        assert not worker.forget(), "it was looked less than an hour ago"
        new = {row["id"]: row for row in content(database)["contacts"]}
        last = {row["id"]: row for row in expected(rows)["contacts"]}
        assert new
        assert all(last[name] == row for name, row in new.items())


def until_it_fails(worker: Worker, store: Store) -> None:
    """A step of few statements is not reached by a late failure."""
    while True:
        worker.step()
        store.position()


class Failing:
    """Lets so many statements pass, and then fails one."""

    def __init__(self, database: Database) -> None:
        self._left: int | None = None
        event.listen(database._engine, "before_cursor_execute", self._before)

    def after(self, statements: int) -> None:
        self._left = statements

    def _before(self, connection: Any, *_: Any) -> None:
        if self._left is None:
            return
        if self._left == 0:
            self._left = None
            raise connection.dialect.loaded_dbapi.OperationalError("the disk is gone")
        self._left -= 1


def _middle(whole: Content) -> int:
    ended = sorted(row["ended_at"] for row in whole["contacts"] if row["ended_at"] is not None)
    middle: int = ended[len(ended) // 2]
    return middle


def _younger(whole: Content, before: int) -> Content:
    def is_old(row: dict[str, Any]) -> bool:
        return row["ended_at"] is not None and row["ended_at"] < before

    contacts = [row for row in whole["contacts"] if not is_old(row)]
    names = {row["id"] for row in contacts}
    left = {name: [r for r in rows if r.get("contact") in names] for name, rows in whole.items()}
    left["contacts"] = contacts
    left["activities"] = [row for row in whole["activities"] if not is_old(row)]
    known = {row["id"] for row in whole["contacts"]}
    for leg in whole["legs"]:  # of a contact with it, of a feature code by themselves
        if leg["contact"] not in known and not is_old(leg):
            left["legs"].append(leg)
    left["legs"].sort(key=lambda leg: str(leg["id"]))
    return left
