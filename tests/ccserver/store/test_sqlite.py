"""The store in a SQLite file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ccserver.store.database import Database
from tests.support.store_contract import StoreContract


class TestSqlite(StoreContract):
    @pytest.fixture
    def database(self, tmp_path: Path) -> Iterator[Database]:
        database = Database(f"sqlite:///{tmp_path / 'store.sqlite'}", waits=0.2)
        yield database
        database.close()
