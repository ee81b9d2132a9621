"""What became of contacts, over REST: read from the store in a thread, two at a time."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, TypeVar
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Request
from msgspec.structs import replace

from actors.reasons import Outcome, Refusal, WebRefusal
from ccserver.reporting.question import BadQuestion, instant
from ccserver.settings import Settings
from ccserver.store.wanted import BadCursor, Wanted
from ccserver.web import shapes as s
from ccserver.web.guard import GuardedRoute
from ccserver.web.model import Viewer, masked_destination, masked_number
from ccserver.web.refusals import Refused
from ccserver.web.reports import When, bad
from ccserver.web.rest import MOST, Name, no_contact, viewer_of
from ccserver.web.rights import V1

if TYPE_CHECKING:
    from ccserver.store.database import Database
    from ccserver.store.history import Past

log = logging.getLogger(__name__)
router = APIRouter(prefix=f"{V1}/history", route_class=GuardedRoute, tags=["look up"])

Found = TypeVar("Found")
AT_ONCE = 2
Some = Annotated[str | None, Query(max_length=64)]


class History:
    """The store, as far as it is read here."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._room = asyncio.Semaphore(AT_ONCE)
        self._database: Database | None = None

    async def ask(self, question: Callable[[Past], Found]) -> Found:
        """Raises Refused where there is no store, or its database does not answer."""
        if not self._settings.store.enabled:
            raise Refused(WebRefusal.NOT_FOUND, "this centre keeps no store: store.enabled")
        async with self._room:
            return await asyncio.to_thread(self._answer, question)

    def close(self) -> None:
        if self._database is not None:
            self._database.close()

    def instant(self, field: str, text: str | None) -> int | None:
        """Raises Refused."""
        if text is None:
            return None
        now = time.time_ns() // 1000
        try:
            return instant(field, text, ZoneInfo(self._settings.reports.time_zone), now)
        except BadQuestion as error:
            raise bad(error.field, str(error)) from None

    def _answer(self, question: Callable[[Past], Found]) -> Found:
        # SQLAlchemy takes 0.2 s to import: that is for the first who asks, not for every start.
        from ccserver.store.database import StoreError, database_of
        from ccserver.store.history import Past

        try:
            if self._database is None:
                self._database = database_of(self._settings)
            return question(Past(self._database))
        except StoreError as error:
            log.error("the store could not be asked: %s", error)
            detail = "the store does not answer"
            raise Refused(Refusal.STORAGE_UNAVAILABLE, detail, retry_after=5) from None


@router.get("/contacts", response_model=s.History)
async def contacts(
    request: Request,
    from_: Annotated[When, Query(alias="from")] = None,
    to: When = None,
    number: Annotated[str | None, Query(max_length=64, description="The customer's")] = None,
    queue: Some = None,
    agent: Some = None,
    outcome: Outcome | None = None,
    before: Annotated[
        str | None,
        Query(
            max_length=64,
            description="The next of the page before",
            json_schema_extra={"pattern": r"^\d{1,18}-[a-z0-9]+$"},
        ),
    ] = None,
    limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
) -> dict[str, Any]:
    """Contacts of the past and those that live, the latest first.

    An agent sees those that he had in hand; a supervisor of some teams, those that they or nobody
    had.
    """
    history, viewer = history_of(request), viewer_of(request)
    wanted = Wanted(
        *(history.instant("from", from_), history.instant("to", to), number, queue, agent),
        *(None if outcome is None else outcome.value, before, limit),
    )
    try:
        page = await history.ask(lambda past: past.find(_for(viewer, wanted)))
    except BadCursor:
        raise bad("before", "expected what the page before had as next") from None
    shown = [_shown(viewer, found) for found in page.contacts]
    return {"contacts": shown, "next": page.next, "seq": page.seq}


@router.get("/contacts/{contact}", response_model=s.PastContactStory)
async def contact(request: Request, contact: Name) -> dict[str, Any]:
    """Where its customer was in every second, whose phone rang, and who did what for it."""
    viewer, mine = viewer_of(request), _for(viewer_of(request), Wanted())
    found = await history_of(request).ask(lambda past: past.story(contact, mine))
    if found is None:
        raise no_contact(request, contact)
    return _shown(viewer, found)


def history_of(request: Request) -> History:
    history: History = request.app.state.history
    return history


def _for(viewer: Viewer, wanted: Wanted) -> Wanted:
    """Only what he may see."""
    if not viewer.sees_all:
        return replace(wanted, seen_by=frozenset({viewer.agent or ""}))
    return replace(wanted, seen_by=viewer.team, nobodys=True)


def _shown(viewer: Viewer, contact: dict[str, Any]) -> dict[str, Any]:
    if viewer.account.role == "read_only":
        contact["ani"] = masked_number(contact["ani"])
        to = contact["transferred_to"]
        contact["transferred_to"] = None if to is None else masked_destination(to)
    return contact
