"""What became of contacts, asked of the store: by time, number, queue, agent and outcome."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, exists, or_, select, tuple_

from ccserver.store.database import Database
from ccserver.store.tables import activities, contacts, offers, position, segments
from ccserver.store.wanted import BadCursor, Page, Record, Wanted


class Past:
    """All methods raise StoreError; they wait for the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, wanted: Wanted) -> Page:
        """Raises BadCursor."""
        latest = contacts.c.arrived_at.desc(), contacts.c.id.desc()
        query = select(contacts).where(*_conditions(wanted)).order_by(*latest)
        with self._database.reading() as connection:
            rows = connection.execute(query.limit(wanted.limit + 1)).all()
            seq = _seq(connection)
        found = [_record(row) for row in rows[: wanted.limit]]
        more = len(rows) > wanted.limit
        return Page(seq, found, f"{found[-1]['arrived_at']}-{found[-1]['id']}" if more else None)

    def story(self, contact: str, wanted: Wanted) -> Record | None:
        """The contact with its ``segments``, ``offers`` and agents' ``activities``, each in its
        order; None: there is none, or ``wanted`` lets it not be seen.
        """
        query = select(contacts).where(contacts.c.id == contact, *_visible(wanted))
        with self._database.reading() as connection:
            row = connection.execute(query).one_or_none()
            if row is None:
                return None
            parts: dict[str, list[Record]] = {}
            for table in (segments, offers, activities):
                mine = select(table).where(table.c.contact == contact).order_by(table.c.id)
                parts[table.name] = [_record(one) for one in connection.execute(mine)]
            return {**_record(row), "seq": _seq(connection), **parts}


def _record(row: Row[Any]) -> Record:
    return {str(name): value for name, value in row._mapping.items()}  # SQLAlchemy's are no str


def _seq(connection: Connection) -> int:
    return int(connection.execute(select(position.c.seq)).scalar_one())


def _conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    found = _visible(wanted)
    columns = contacts.c
    if wanted.begins is not None:
        found.append(columns.arrived_at >= wanted.begins)
    if wanted.ends is not None:
        found.append(columns.arrived_at < wanted.ends)
    if wanted.number is not None:
        found.append(columns.ani == wanted.number)
    if wanted.outcome is not None:
        found.append(columns.outcome == wanted.outcome)
    if wanted.queue is not None:
        found.append(exists(_of(segments).where(segments.c.queue == wanted.queue)))
    if wanted.agent is not None:
        found.append(exists(_of(activities).where(activities.c.agent == wanted.agent)))
    if wanted.before is not None:
        at, _, contact = wanted.before.partition("-")
        if not (at.isascii() and at.isdigit() and len(at) <= 18):
            raise BadCursor
        found.append(tuple_(columns.arrived_at, columns.id) < (int(at), contact))
    return found


def _visible(wanted: Wanted) -> list[ColumnElement[bool]]:
    if wanted.seen_by is None:
        return []
    theirs = exists(_of(activities).where(activities.c.agent.in_(sorted(wanted.seen_by))))
    return [or_(theirs, ~exists(_of(activities)))] if wanted.nobodys else [theirs]


def _of(table: Any) -> Select[Any]:
    """Rows of this contact."""
    return select(table.c.id).where(table.c.contact == contacts.c.id)
