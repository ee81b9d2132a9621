"""The store in a real PostgreSQL: all that it does in SQLite, and what only a server does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from ccserver.store.database import Database
from ccserver.store.store import Store
from ccserver.store.worker import Worker
from tests.peers.postgresql import Postgresql
from tests.support.journals import File, everything
from tests.support.store_contract import StoreContract, content, expected


@pytest.fixture(scope="module")
def cluster() -> Iterator[Postgresql]:
    cluster = Postgresql()
    yield cluster
    cluster.remove()


@pytest.fixture
def url(cluster: Postgresql) -> str:
    return cluster.new_database()


class TestPostgresql(StoreContract):
    @pytest.fixture
    def database(self, url: str) -> Iterator[Database]:
        database = Database(url)
        yield database
        database.close()


def test_a_dump_made_while_it_is_written_is_folded_on_from_where_it_was(
    cluster: Postgresql, tmp_path: Path
) -> None:
    rows = everything()
    file = File(tmp_path / "journal.sqlite", rows[:500])
    first, second = cluster.new_database(), cluster.new_database()
    database, restored = Database(first), Database(second)
    worker = Worker(file.path, database, lambda progress: None)
    worker.step()
    file.grows(rows[500:])
    with database.transaction() as half_way:
        half_way.execute(text("DELETE FROM segments"))
        dump = cluster.run("pg_dump", first, "--no-owner")
        half_way.rollback()
    worker.step()
    cluster.run("psql", second, "--quiet", says=dump)

    assert Store(restored).position().seq == rows[499][0]
    Worker(file.path, restored, lambda progress: None).step()

    assert content(restored) == content(database) == expected(rows)
    for each in (restored, database):
        each.close()
    file.close()
