"""The store in a SQLite file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text

from ccserver.store.database import Database, StoreError
from ccserver.store.store import Store
from ccserver.store.worker import Worker
from tests.support.journals import File, everything
from tests.support.store_contract import StoreContract, content, expected


class TestSqlite(StoreContract):
    @pytest.fixture
    def database(self, tmp_path: Path) -> Iterator[Database]:
        database = Database(f"sqlite:///{tmp_path / 'store.sqlite'}", waits=0.2)
        yield database
        database.close()


def test_a_new_file_is_the_servers_alone(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'store.sqlite'}")
    database.upgrade()
    with database.reading():
        made = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert set(made) >= {"store.sqlite", "store.sqlite-wal"}
    assert set(made.values()) == {0o600}
    database.close()


def test_a_file_that_others_may_read_stays_so(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    path.touch()
    path.chmod(0o640)
    database = Database(f"sqlite:///{path}")
    database.upgrade()
    assert path.stat().st_mode & 0o777 == 0o640
    database.close()


def test_a_full_disk_is_waited_out(tmp_path: Path) -> None:
    rows = everything()
    file, database = (
        File(tmp_path / "journal.sqlite", rows),
        Database(f"sqlite:///{tmp_path / 'store.sqlite'}"),
    )
    worker = Worker(file.path, database, lambda progress: None)
    database.upgrade()
    database.close()

    def fill(connection: Any, record: Any) -> None:
        connection.execute("PRAGMA max_page_count = 40")

    event.listen(database._engine, "connect", fill)
    with pytest.raises(StoreError, match="full"):
        worker.step()
    event.remove(database._engine, "connect", fill)
    database.close()
    worker.step()

    assert content(database) == expected(rows)
    file.close()


def test_a_copy_made_while_it_is_written_is_folded_on_from_where_it_was(tmp_path: Path) -> None:
    rows = everything()
    file = File(tmp_path / "journal.sqlite", rows[:500])
    database = Database(f"sqlite:///{tmp_path / 'store.sqlite'}")
    worker = Worker(file.path, database, lambda progress: None)
    worker.step()
    file.grows(rows[500:900])
    with database.transaction() as half_way:
        half_way.execute(text("DELETE FROM segments"))
        with closing(sqlite3.connect(tmp_path / "store.sqlite")) as reader:
            reader.execute("VACUUM INTO ?", (str(tmp_path / "copy.sqlite"),))
        half_way.rollback()
    worker.step()
    file.grows(rows[900:])

    restored = Database(f"sqlite:///{tmp_path / 'copy.sqlite'}")
    assert Store(restored).position().seq == rows[499][0]
    Worker(file.path, restored, lambda progress: None).step()

    assert content(restored) == expected(rows)
    restored.close()
    database.close()
    file.close()
