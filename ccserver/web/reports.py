"""Reports over REST: read from the journal in a thread, one at a time."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from actors.reasons import Refusal
from ccserver.journal.reports import Abandons
from ccserver.journal.storage import JournalError
from ccserver.reporting.question import BadQuestion, Interval, Kind, question
from ccserver.reporting.reading import TooManyRows, lines, read_rows
from ccserver.web import shapes as s
from ccserver.web.guard import GuardedRoute
from ccserver.web.refusals import Refused
from ccserver.web.rest import viewer_of
from ccserver.web.rights import V1

log = logging.getLogger(__name__)
router = APIRouter(prefix=V1, route_class=GuardedRoute, tags=["look up"])

DAYS = 31
MOST_ROWS = 20_000
_MEDIA = {"json": "application/json", "csv": "text/csv; charset=utf-8"}

_DAY = r"20\d\d-(0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])"
_WHEN = rf"^(today|yesterday|{_DAY}(T([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?)?)$"
"""For readers of the description: other days, and times with an offset, are understood too."""
When = Annotated[
    str | None,
    Query(
        max_length=40,
        description="today, yesterday, a date (its midnight), or a date and time, by the centre's"
        " zone unless it says another",
        json_schema_extra={"pattern": _WHEN},
    ),
]


@router.get(
    "/reports/{report}", response_model=s.Report, responses={200: {"content": {"text/csv": {}}}}
)
async def report(
    request: Request,
    report: Annotated[Kind, Path()],
    from_: Annotated[When, Query(alias="from")] = None,
    to: When = None,
    interval: Annotated[
        Interval | None, Query(description="Minutes, or day, or all; of intervals 30")
    ] = None,
    service_level: Annotated[
        float | None, Query(gt=0, le=86_400, description="Seconds, for the configured ones")
    ] = None,
    abandons: Annotated[
        Abandons | None, Query(description="How who gives up in time counts in the service level")
    ] = None,
    form: Annotated[Literal["json", "csv"], Query(alias="format")] = "json",
) -> Response:
    """What happened, from ``from`` (the last midnight) up to ``to`` (now): docs/reports.md.

    A supervisor of some teams is shown their agents, and the contacts that they or nobody had.
    """
    viewer, state = viewer_of(request), request.app.state
    now = time.time_ns() // 1000
    try:
        asked = question(
            state.reports,
            report,
            now,
            since=from_,
            until=to,
            interval=interval,
            service_level=service_level,
            abandons=abandons,
            idle_codes=state.idle_codes,
        )
        if asked.end - asked.begin > DAYS * 86_400_000_000:
            raise BadQuestion("to", f"expected {DAYS} days at most")
    except BadQuestion as error:
        raise bad(error.field, str(error)) from None
    rows = read_rows(state.data, asked, now, state.longest_contact, viewer.team, MOST_ROWS)
    async with state.reporting:
        try:
            text = await asyncio.to_thread("".join, lines(asked, rows, form))
        except JournalError as error:
            log.error("no report could be made: %s", error)
            raise Refused(Refusal.NO_ANSWER, "the journal cannot be read") from None
        except TooManyRows:
            raise bad("to", f"expected a shorter time: more than {MOST_ROWS} rows") from None
    return Response(text, media_type=_MEDIA[form])


def bad(field: str, detail: str) -> Refused:
    """One thing is wrong with the question."""
    wrong = {"field": field, "detail": detail}
    return Refused(Refusal.BAD_REQUEST, detail, errors=[wrong])
