"""The statements that write rows, made into SQL once for each table.

SQLAlchemy works out for each row of each batch what its values are called and of what type they
are, which took as long as the database itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, Dialect, Insert, Update, bindparam, insert, update

from ccserver.store.rows import CHANGING, Row
from ccserver.store.tables import TABLES


class Statements:
    """Of one kind of rows, for one kind of database."""

    def __init__(self, kind: type[Row], dialect: Dialect) -> None:
        self._kind, self._table, self._dialect = kind, TABLES[kind], dialect

    @cached_property
    def insert(self) -> Statement:
        """Of all that a row is."""
        return Statement(self._kind, insert(self._table), self._dialect)

    @cached_property
    def update(self) -> Statement:
        """Of what may be another than it was; the rest stays, and so do its indexes."""
        of_one = update(self._table).where(self._table.c.id == bindparam("id"))
        others: dict[str, Any] = {name: bindparam(name) for name in CHANGING[self._kind]}
        return Statement(self._kind, of_one.values(others), self._dialect)


class Statement:
    """``statement`` has parameters that are called as the fields of a row are."""

    def __init__(self, kind: type[Row], statement: Insert | Update, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        self._sql = str(compiled)
        self._by_place = compiled.positiontup is not None
        self._names = tuple(compiled.positiontup or compiled.params)
        self._values = attrgetter(*self._names)
        self._made: list[tuple[int, Callable[[Any], Any]]] = []
        """Places of values that the driver takes in another form, and what makes that of them."""
        columns = TABLES[kind].c
        for place, name in enumerate(self._names):
            make = columns[name].type.dialect_impl(dialect).bind_processor(dialect)
            if make is not None:
                self._made.append((place, make))

    def write(self, connection: Connection, rows: Sequence[Row]) -> None:
        """One statement for all of them.  Raises SQLAlchemyError."""
        given = [self._given(row) for row in rows]
        if not self._by_place:
            given = [dict(zip(self._names, values, strict=True)) for values in given]
        connection.exec_driver_sql(self._sql, given)

    def _given(self, row: Row) -> Any:
        values: tuple[Any, ...] = self._values(row)
        if not self._made:
            return values
        changed = list(values)
        for place, make in self._made:
            changed[place] = make(changed[place])
        return tuple(changed)
