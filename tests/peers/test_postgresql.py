"""The store in a real PostgreSQL: all that it does in SQLite, and what only a server does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ccserver.store.database import Database
from tests.peers.postgresql import Postgresql
from tests.support.store_contract import StoreContract


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
