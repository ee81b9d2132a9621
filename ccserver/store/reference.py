"""docs/store-schema.md, made of the tables themselves."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Table

from ccserver.store.tables import ABOUT, metadata

HEAD = """\
# The tables of the store

Made by `make docs` of `ccserver/store/tables.py`; [store.md](store.md) says how to ask. There
are no foreign keys: `contact` names a row of `contacts`, unless the journal began beside living
calls.
"""


def markdown() -> str:
    tables = (_table(table) for table in metadata.tables.values())
    return "\n".join([HEAD, *("\n".join(lines) for lines in tables)])


def _table(table: Table) -> Iterator[str]:
    yield f"## {table.name}\n"
    yield f"{table.info[ABOUT]}.\n"
    yield "| column | type | meaning |"
    yield "|---|---|---|"
    for column in table.c:
        kind = str(column.type).lower()
        null = ", or null" if column.nullable else ""
        key = ", the primary key" if column.primary_key else ""
        yield f"| `{column.name}` | {kind}{null}{key} | {column.doc} |"
    found = sorted(table.indexes, key=lambda index: str(index.name))
    shown = [", ".join(f"`{column.name}`" for column in index.columns) for index in found]
    if shown:
        yield f"\nIndexes: {'; '.join(shown)}."
    if any(column.name == "ended_at" for column in table.c):
        yield "The one on `id` holds the rows without an end."
    yield ""
