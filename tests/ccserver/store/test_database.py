"""Which database it is, and what is said of it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from ccserver.settings import load
from ccserver.store.database import FILE, Database, StoreError, StoreUnusable, database_of
from ccserver.store.rows import Row
from ccserver.store.tables import ABOUT, TABLES, metadata

DEMONSTRATION = Path("config/ccserver.toml")


def test_without_a_url_it_is_a_file_beside_the_journal(tmp_path: Path) -> None:
    settings = load(DEMONSTRATION, [f"data.dir={tmp_path / '100%'}"]).settings
    (tmp_path / "100%").mkdir()
    database = database_of(settings)
    database.upgrade()
    database.close()
    assert (tmp_path / "100%" / FILE).exists()


def test_a_database_that_does_not_answer_is_named_without_its_password() -> None:
    url = "postgresql+psycopg://ccserver:hunter2@127.0.0.1:1/calls"
    with pytest.raises(StoreError) as raised:
        Database(url).upgrade()
    said = str(raised.value)
    assert said.startswith("PostgreSQL at 127.0.0.1, database calls: ")
    assert "hunter2" not in said
    assert "\n" not in said


def test_an_error_shows_nothing_of_what_was_to_be_written(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'store.sqlite'}")
    database.upgrade()
    row = {"id": "c", "seq": 1, "channel": "voice", "ani": "+49301234"}
    with pytest.raises(StoreError) as raised, database.transaction() as connection:
        connection.execute(metadata.tables["contacts"].insert(), row)
    assert "NOT NULL" in str(raised.value)
    assert "+49301234" not in str(raised.value)


def test_what_is_no_url_is_not_shown_either() -> None:
    with pytest.raises(StoreUnusable) as raised:
        Database("hunter2")
    assert "hunter2" not in str(raised.value)


def test_a_file_that_another_writes_is_waited_for_and_then_given_up(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'store.sqlite'}", waits=0.05)
    database.upgrade()
    other = sqlite3.connect(tmp_path / "store.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="locked"), database.transaction():
        pass
    other.close()
    with database.transaction():
        pass
    database.close()


@pytest.mark.parametrize("kind", TABLES)
def test_each_row_has_the_columns_of_its_table_and_each_column_its_meaning(
    kind: type[Row],
) -> None:
    table = TABLES[kind]
    assert {*kind.__struct_fields__} == {column.name for column in table.c}
    assert table.info[ABOUT]
    assert all(column.doc for column in table.c)
