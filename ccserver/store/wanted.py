"""What is asked of the store, and what is answered; no database is needed to say so."""

from __future__ import annotations

from typing import Any, TypeAlias

from msgspec import Struct

Record: TypeAlias = dict[str, Any]
"""A row: its columns by name."""


class Wanted(Struct, frozen=True):
    """Contacts that arrived from ``begins`` up to ``ends``, in microseconds since 1970.

    ``agent``: who had it in hand, was offered it or was consulted.  ``before``: where the page
    before this one ended.  ``seen_by``: only contacts that one of these agents had a part in; with
    ``nobodys``, those too in which no agent had.
    """

    begins: int | None = None
    ends: int | None = None
    number: str | None = None
    """The customer's."""
    queue: str | None = None
    """That it was ever in."""
    agent: str | None = None
    outcome: str | None = None
    before: str | None = None
    limit: int = 100
    seen_by: frozenset[str] | None = None
    nobodys: bool = False


class Page(Struct, frozen=True):
    """The latest first.  ``next``: what ``before`` takes to go on; None: this is all.

    ``seq``: all events up to this number are in it.
    """

    seq: int
    contacts: list[Record]
    next: str | None


class BadCursor(Exception):
    """``before`` is nothing that a page ended with."""
