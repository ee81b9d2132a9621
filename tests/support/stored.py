"""A store's database, as far as it keeps rows."""

from __future__ import annotations

from copy import copy
from typing import TypeAlias

from ccserver.store.fold import StoreFold
from ccserver.store.rows import CHANGING, Row

Rows: TypeAlias = dict[tuple[type[Row], int | str], Row]


def kept(fold: StoreFold, rows: Rows) -> None:
    """What is new must be, and of what stood there before only that is written which may change."""
    changes = fold.take()
    for row in changes.new:
        written = copy(row)
        assert rows.setdefault((type(row), row.id), written) is written
    for row in changes.changed:
        for name in CHANGING[type(row)]:
            setattr(rows[type(row), row.id], name, getattr(row, name))
