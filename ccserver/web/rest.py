"""What can be looked up: the present state from the model, the past from the core."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Path, Query, Request

from actors.ids import ContactId, owner_of
from actors.reasons import Refusal, WebRefusal
from ccserver.door import Request as DoorRequest
from ccserver.journal.reading import read_why
from ccserver.journal.storage import JournalError
from ccserver.web import shapes as s
from ccserver.web.core_link import CoreLink
from ccserver.web.guard import GuardedRoute
from ccserver.web.model import Model, Viewer, masked_number
from ccserver.web.refusals import Refused
from ccserver.web.rights import V1

log = logging.getLogger(__name__)
router = APIRouter(prefix=V1, route_class=GuardedRoute, tags=["look up"])

Name = Annotated[str, Path(max_length=64)]
After = Annotated[int, Query(ge=0, le=2**62, description="Only those behind this number")]
MOST = 1000
SHORTEST_SEARCH = 3
"""Characters (V-55)."""


def model_of(request: Request) -> Model:
    model: Model = request.app.state.model
    return model


def link_of(request: Request) -> CoreLink:
    link: CoreLink = request.app.state.link
    return link


def viewer_of(request: Request) -> Viewer:
    viewer: Viewer = request.state.viewer
    return viewer


@router.get("/agents", response_model=s.Agents, response_model_exclude_none=True)
async def agents(
    request: Request, team: Annotated[str | None, Query(max_length=64)] = None
) -> dict[str, Any]:
    """Those whom the viewer may see; an agent sees what his colleagues do, to consult them."""
    found = model_of(request).agents(viewer_of(request))
    return {"agents": [one for one in found if team is None or one["team"] == team]}


@router.get("/agents/{agent}", response_model=s.Agent, response_model_exclude_none=True)
async def agent(request: Request, agent: Name) -> dict[str, Any]:
    for one in model_of(request).agents(viewer_of(request)):
        if one["id"] == agent:
            return one
    raise Refused(Refusal.UNKNOWN_AGENT, "no agent with this id, or not for you")


@router.get("/contacts", response_model=s.Contacts)
async def contacts(
    request: Request,
    queue: Annotated[str | None, Query(max_length=64)] = None,
    agent: Annotated[str | None, Query(max_length=64)] = None,
    state: Annotated[str | None, Query(max_length=64)] = None,
    after: Annotated[str, Query(max_length=64, description="The id to go on behind")] = "",
    limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
) -> dict[str, Any]:
    """Living contacts, by id: the first come first."""
    model, viewer = model_of(request), viewer_of(request)
    found: list[dict[str, Any]] = []
    for name in sorted(model.live.contacts):
        contact = model.live.contacts[name]
        fits = (
            name > after
            and queue in (None, contact.queue)
            and agent in (None, *contact.agents())
            and state in (None, contact.state)
        )
        shown = model.shown(viewer, ("contacts", name)) if fits else None
        if shown is not None:
            if len(found) == limit:
                return {"contacts": found, "next": found[-1]["id"]}
            found.append(shown)
    return {"contacts": found, "next": None}


@router.get("/contacts/{contact}", response_model=s.Contact)
async def contact(request: Request, contact: Name) -> dict[str, Any]:
    shown = model_of(request).shown(viewer_of(request), ("contacts", contact))
    if shown is None:
        raise no_contact(request, contact)
    return shown


@router.get("/contacts/{contact}/timeline", response_model=s.Timeline)
async def timeline(request: Request, contact: Name) -> dict[str, Any]:
    """All that the journal says of a contact, living or gone."""
    viewer, model = viewer_of(request), model_of(request)
    try:
        answer = await link_of(request).done(DoorRequest("contact", args={"contact": contact}))
    except Refused as refused:
        raise in_our_words(request, contact, refused) from None
    entries = answer["timeline"]
    parties = {one for entry in entries for one in _agents(entry["event"])}
    if viewer.sees_all:
        theirs = viewer.team is None or not parties or bool(parties & viewer.team)
    else:
        theirs = viewer.agent in parties
    if not theirs and not model.sees(viewer, ("contacts", contact)):
        raise no_contact(request, contact)
    if viewer.account.role == "read_only":
        for entry in entries:
            _mask(entry["event"])
    return {"id": contact, "timeline": entries}


@router.get("/contacts/{contact}/why", response_model=s.Why)
async def why(
    request: Request,
    contact: Name,
    agent: Annotated[
        str | None,
        Query(max_length=64, description="Why not this agent: the verdicts on him alone"),
    ] = None,
) -> dict[str, Any]:
    """Each decision on a contact, computed again from the journal: who could have had it, and
    why he was given it, or not.
    """
    viewer, model, state = viewer_of(request), model_of(request), request.app.state
    present = time.time_ns() // 1000
    async with state.explaining:
        try:
            found = await asyncio.to_thread(read_why, state.data, contact, present, agent)
        except JournalError as error:
            log.error("a contact could not be explained: %s", error)
            raise Refused(Refusal.NO_ANSWER, "the journal cannot be read") from None
    if found is None:
        raise no_contact(request, contact)
    ours = (m for m in found.moments if owner_of(ContactId(m.given or "")) == contact)
    given = {str(moment.agent) for moment in ours}
    theirs = viewer.team is None or not given or bool(given & viewer.team)
    if not theirs and not model.sees(viewer, ("contacts", contact)):
        raise no_contact(request, contact)
    told: dict[str, Any] = msgspec.to_builtins(found)
    return told


def _agents(event: dict[str, Any]) -> set[str]:
    found = {str(event[name]) for name in ("agent", "supervisor") if event.get(name)}
    parties = event.get("participants", ())
    return found | {one["id"] for one in parties if one["kind"] in ("agent", "supervisor")}


def _mask(event: dict[str, Any]) -> None:
    """What the events mark as personal."""
    for name in ("ani", "to", "party"):
        if isinstance(event.get(name), str):
            event[name] = masked_number(event[name])
    for one in event.get("participants", ()):
        if one["kind"] == "outsider":
            one["id"] = masked_number(one["id"])
    event.pop("dialog", None)


def no_contact(request: Request, contact: str) -> Refused:
    """Nobody can tell one that is not his from one that never was; the log can."""
    if contact in model_of(request).live.contacts:
        log.warning("%s asked for contact %s", viewer_of(request).account.name, contact)
    return Refused(Refusal.UNKNOWN_CONTACT, "no contact with this id, or not for you")


def in_our_words(request: Request, contact: str, refused: Refused) -> Refused:
    """What the core does not know is answered as what we do not show."""
    if refused.body["refused"] == Refusal.UNKNOWN_CONTACT:
        return no_contact(request, contact)
    return refused


@router.get("/queues", response_model=s.Queues, response_model_exclude_none=True)
async def queues(request: Request) -> dict[str, Any]:
    """An agent sees their names, to consult them."""
    return {"queues": model_of(request).queues(viewer_of(request))}


@router.get("/queues/{queue}", response_model=s.Queue, response_model_exclude_none=True)
async def queue(request: Request, queue: Name) -> dict[str, Any]:
    for one in model_of(request).queues(viewer_of(request)):
        if one["name"] == queue:
            return one
    raise Refused(WebRefusal.NOT_FOUND, "no queue with this name")


@router.get("/teams", response_model=s.Teams)
async def teams(request: Request) -> dict[str, Any]:
    return {"teams": model_of(request).centre.get("teams", [])}


@router.get("/entry-points", response_model=s.EntryPoints)
async def entry_points(request: Request) -> dict[str, Any]:
    return {"entry_points": model_of(request).centre.get("entry_points", [])}


@router.get("/trunks", response_model=s.Trunks)
async def trunks(request: Request) -> dict[str, Any]:
    return {"trunks": model_of(request).centre.get("trunks", [])}


@router.get("/directory", response_model=s.Directory)
async def directory(request: Request, search: str = Query("", max_length=64)) -> dict[str, Any]:
    entries = model_of(request).centre.get("directory", [])
    wanted = search.casefold()
    return {"directory": [one for one in entries if wanted in one["name"].casefold()]}


@router.get("/codes/idle", response_model=s.Codes)
async def idle_codes(request: Request) -> dict[str, Any]:
    codes = model_of(request).centre.get("idle_codes", [])
    return {"codes": [{"code": code, "name": code} for code in codes]}


@router.get("/codes/wrap-up", response_model=s.Codes)
async def wrap_up_codes(
    request: Request,
    search: Annotated[
        str,
        Query(
            max_length=64,
            description=f"At least {SHORTEST_SEARCH} characters, or none",
            json_schema_extra={"pattern": f"^(.{{{SHORTEST_SEARCH},}})?$"},
        ),
    ] = "",
) -> dict[str, Any]:
    """All, or those whose name or code holds what is searched (V-55)."""
    if 0 < len(search) < SHORTEST_SEARCH:
        wrong = {"field": "search", "detail": f"expected at least {SHORTEST_SEARCH} characters"}
        raise Refused(Refusal.BAD_REQUEST, wrong["detail"], errors=[wrong])
    codes = model_of(request).centre.get("wrap_up_codes", [])
    wanted = search.casefold()
    held = [c for c in codes if wanted in c["name"].casefold() or wanted in c["code"].casefold()]
    return {"codes": held}


@router.get("/journal", response_model=s.Page)
async def journal(
    request: Request, after: After = 0, limit: Annotated[int, Query(ge=1, le=MOST)] = 100
) -> dict[str, Any]:
    """Page by page: go on behind the last entry of the page."""
    args = {"after": after, "limit": limit}
    answer = await link_of(request).done(DoorRequest("journal", args=args))
    return {"entries": answer["entries"], "last": answer["last"]}
