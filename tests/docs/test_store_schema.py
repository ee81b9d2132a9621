from __future__ import annotations

import sqlite3
from pathlib import Path

from ccserver.store.database import Database
from ccserver.store.reference import markdown


def test_the_page_of_the_tables_is_up_to_date() -> None:
    assert Path("docs/store-schema.md").read_text() == markdown(), "stale: run `make docs`"


def test_the_examples_are_sql_that_runs(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'store.sqlite'}")
    database.upgrade()
    database.close()
    blocks = Path("docs/store.md").read_text().split("```sql\n")[1:]
    examples = [block.partition("```")[0] for block in blocks]
    assert len(examples) >= 4
    with sqlite3.connect(tmp_path / "store.sqlite") as connection:
        connection.create_function("to_timestamp", 1, str)
        for example in examples:
            connection.execute(example)
    connection.close()
