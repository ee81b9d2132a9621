"""Reading and writing the rows: how far the fold has come, what goes on, and what is new."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from msgspec import Struct
from sqlalchemy import Connection, delete, select, update

from ccserver.store.database import Database, StoreError
from ccserver.store.fold import Changes
from ccserver.store.rows import Row
from ccserver.store.statements import Statements
from ccserver.store.tables import (
    ENDING,
    TABLES,
    activities,
    contacts,
    decisions,
    legs,
    offers,
    position,
    segments,
)


class Position(Struct, frozen=True):
    """All events up to ``seq``, which was written ``at`` microseconds since 1970, are in."""

    seq: int
    at: int


BEGINNING = Position(0, 0)


class Moved(StoreError):
    """Somebody else has folded meanwhile: read again what goes on."""


class Store:
    """Of a database whose schema is up to date.  All methods raise StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._made: dict[type[Row], Statements] = {}

    def position(self) -> Position:
        with self._database.reading() as connection:
            return _position(connection)

    def going_on(self) -> tuple[Position, list[Row]]:
        """Where the fold stands, and the rows without an end."""
        found: list[Row] = []
        with self._database.reading() as connection:
            for kind in ENDING:
                table = TABLES[kind]
                unended = connection.execute(select(table).where(table.c.ended_at.is_(None)))
                found.extend(kind(**row._mapping) for row in unended)
            return _position(connection), found

    def write(self, before: Position, after: Position, changes: Changes) -> None:
        """The rows and the new position, in one transaction.

        Raises Moved, and has written nothing, where the position is not ``before`` any more.
        """
        with self._database.transaction() as connection:
            moved = update(position).where(position.c.seq == before.seq)
            if connection.execute(moved.values(seq=after.seq, at=after.at)).rowcount != 1:
                raise Moved("the store was folded by another process meanwhile")
            for kind, rows in _by_kind(changes.new):
                self._statements(kind, connection).insert.write(connection, rows)
            for kind, rows in _by_kind(changes.changed):
                self._statements(kind, connection).update.write(connection, rows)

    def _statements(self, kind: type[Row], connection: Connection) -> Statements:
        made = self._made.get(kind)
        if made is None:
            made = self._made[kind] = Statements(kind, connection.dialect)
        return made

    def forget(self, before: int, most: int) -> int:
        """Rows that ended before then, in microseconds since 1970; a contact's with it, and it with
        all of them.  ``most``: so many contacts, or else activities and legs, in one transaction.

        Returns how many there were of those: 0, and there are no more.
        """
        with self._database.transaction() as connection:
            old = select(contacts.c.id).where(
                contacts.c.arrived_at < before, contacts.c.ended_at < before
            )
            ids = connection.scalars(old.order_by(contacts.c.arrived_at).limit(most)).all()
            if ids:
                for table in (segments, offers, legs, decisions):
                    connection.execute(delete(table).where(table.c.contact.in_(ids)))
                connection.execute(delete(contacts).where(contacts.c.id.in_(ids)))
                return len(ids)
            gone = 0
            for table in (activities, legs):  # legs: of feature codes that agents dialled
                oldest = select(table.c.id).where(table.c.ended_at < before).limit(most)
                of_nobody = ~table.c.contact.in_(select(contacts.c.id))
                these = connection.scalars(
                    oldest.where(of_nobody) if table is legs else oldest
                ).all()
                connection.execute(delete(table).where(table.c.id.in_(these)))
                gone += len(these)
            return gone

    def empty(self) -> None:
        """As if nothing had ever been folded."""
        with self._database.transaction(takes_long=True) as connection:
            for table in TABLES.values():
                connection.execute(delete(table))
            connection.execute(update(position).values(seq=0, at=0))


def _position(connection: Connection) -> Position:
    row = connection.execute(select(position.c.seq, position.c.at)).one()
    return Position(row.seq, row.at)


def _by_kind(rows: Sequence[Row]) -> Iterable[tuple[type[Row], list[Row]]]:
    in_order = sorted(rows, key=lambda row: type(row).__name__)
    for kind, group in groupby(in_order, key=type):
        yield kind, [*group]
