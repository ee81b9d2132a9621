"""For an outside router, and for supervisors who give a contact away by hand (docs/routing.md)."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from actors.ids import ContactId, owner_of
from actors.reasons import Refusal
from ccserver.door import Request as DoorRequest
from ccserver.web import shapes as s
from ccserver.web.control import REFUSALS, By
from ccserver.web.guard import GuardedRoute
from ccserver.web.refusals import Refused
from ccserver.web.rest import Name, in_our_words, link_of, model_of, no_contact, viewer_of
from ccserver.web.rights import V1

router = APIRouter(prefix=V1, route_class=GuardedRoute, tags=["route from outside"])


@router.get("/queues/{queue}/waiting", response_model=s.WhoWaits, responses=REFUSALS)
async def waiting(request: Request, queue: Name) -> dict[str, Any]:
    """Who waits there, who is available, and whom each could be assigned to; it changes nothing."""
    return await _who_waits(request, queue)


@router.put("/queues/{queue}/router", response_model=s.RouterKept, responses=REFUSALS)
async def router_is_there(request: Request, queue: Name, by: By) -> dict[str, Any]:
    """The outside router of this queue is there, and asks what there is.

    Its contacts are kept for it; it must come again within the seconds that the answer has.
    """
    kept = await by.does("queue.router_heard", {"queue": queue})
    return {"seconds": kept["seconds"], **await _who_waits(request, queue)}


@router.delete("/queues/{queue}/router", response_model=s.RouterGone, responses=REFUSALS)
async def router_goes(queue: Name, by: By) -> dict[str, Any]:
    """It comes no more: the queue's rules hold at once."""
    return await by.does("queue.router_left", {"queue": queue})


@router.get("/contacts/{contact}/candidates", response_model=s.Candidates, responses=REFUSALS)
async def candidates(request: Request, contact: Name) -> dict[str, Any]:
    """Of each available agent: whether this waiting contact may be assigned to him, or why not."""
    _seen(request, contact)
    asked = DoorRequest("contact.candidates", args={"contact": contact})
    try:
        answer = await link_of(request).done(asked)
    except Refused as refused:
        raise in_our_words(request, contact, refused) from None
    shown = _visible(request, answer["agents"])
    return {**answer, "agents": [one for one in answer["agents"] if one["agent"] in shown]}


@router.post("/contacts/{contact}/assign", response_model=s.Assigned, responses=REFUSALS)
async def assign(request: Request, contact: Name, body: s.Assign, by: By) -> dict[str, Any]:
    """Give this waiting contact to this agent: of any queue, whatever its strategy would do."""
    _seen(request, contact)
    if not model_of(request).sees(by.viewer, ("agents", body.agent)):
        raise Refused(Refusal.UNKNOWN_AGENT, "no agent with this id, or not for you")
    try:
        return await by.does("contact.assign", {"contact": contact, **body.model_dump()})
    except Refused as refused:
        raise in_our_words(request, contact, refused) from None


def _seen(request: Request, contact: str) -> None:
    """Raises Refused; the core knows of a contact before we do."""
    model, name = model_of(request), owner_of(ContactId(contact))
    if name in model.live.contacts and not model.sees(viewer_of(request), ("contacts", name)):
        raise no_contact(request, contact)


async def _who_waits(request: Request, queue: str) -> dict[str, Any]:
    """Without the agents whom the viewer may not see."""
    answer = await link_of(request).done(DoorRequest("queue.waiting", args={"queue": queue}))
    shown = _visible(request, answer["agents"])
    for contact in answer["contacts"]:
        contact["suits"] = [agent for agent in contact["suits"] if agent in shown]
    return {**answer, "agents": [one for one in answer["agents"] if one["agent"] in shown]}


def _visible(request: Request, agents: list[dict[str, Any]]) -> set[str]:
    model, viewer = model_of(request), viewer_of(request)
    return {one["agent"] for one in agents if model.sees(viewer, ("agents", one["agent"]))}
