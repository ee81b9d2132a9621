"""What can be commanded.  Each route is a command of the core's door, with its author."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Body, Depends, Header, Request

from actors.commands import Principal
from actors.ids import AgentId
from actors.reasons import Refusal, WebRefusal
from ccserver.door import Request as DoorRequest
from ccserver.web import shapes as s
from ccserver.web.desktop import Desktops
from ccserver.web.guard import GuardedRoute
from ccserver.web.refusals import Refused
from ccserver.web.rest import Name, in_our_words, link_of, model_of, no_contact, viewer_of
from ccserver.web.rights import V1

router = APIRouter(prefix=V1, route_class=GuardedRoute, tags=["command"])

REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    404: {"model": s.Refusal, "description": "Unknown, or not for you"},
    409: {"model": s.Refusal, "description": "Right, but not in this state or not any more"},
    503: {"model": s.Refusal, "description": "The core did not answer in time: ask again"},
}


class Author:
    """Who commands, and what he saw when he did."""

    def __init__(
        self,
        request: Request,
        key: Annotated[
            str | None,
            Header(
                alias="Idempotency-Key",
                min_length=1,
                max_length=128,
                description="The same within ten minutes has one effect and one answer",
            ),
        ] = None,
        expect: Annotated[
            int | None,
            Header(
                alias="Expect-Version",
                ge=0,
                le=2**62,
                description="The version that the author saw; refused with STALE if it is another",
            ),
        ] = None,
        desk: Annotated[
            int | None,
            Header(
                alias="Desk",
                ge=0,
                le=2**62,
                description="The desktop's number from its snapshot; only the last one commands",
            ),
        ] = None,
    ) -> None:
        self._request, self._key, self._expect = request, key, expect
        self.viewer = viewer_of(request)
        desktops: Desktops = request.app.state.desktops
        if desk is not None and not desktops.commands(self.viewer.account.name, desk):
            detail = "this account has opened another desktop, and that one commands"
            raise Refused(WebRefusal.SUPERSEDED, detail)

    async def does(self, op: str, args: dict[str, Any]) -> dict[str, Any]:
        """Raises Refused."""
        account = self.viewer.account
        agent = None if account.agent is None else AgentId(account.agent)
        principal = Principal(account.name, account.role, agent)
        request = DoorRequest(
            op, args=args, principal=principal, expect=self._expect, key=self._key
        )
        return await link_of(self._request).done(request)

    async def to_agent(self, op: str, agent: str, **args: Any) -> dict[str, Any]:
        """One he may see; another's agents are unknown to a supervisor."""
        model = model_of(self._request)
        if self.viewer.sees_all and not model.sees(self.viewer, ("agents", agent)):
            raise Refused(Refusal.UNKNOWN_AGENT, "no agent with this id, or not for you")
        return await self.does(op, {"agent": agent, **args})

    async def to_contact(
        self, op: str, contact: str, body: s.Shape | None = None
    ) -> dict[str, Any]:
        """One he may see; another's is unknown to him.

        The core knows of a contact before we do: who is unknown here is refused there.
        """
        model, key = model_of(self._request), ("contacts", contact)
        if contact in model.live.contacts and not model.sees(self.viewer, key):  # type: ignore[arg-type]
            raise no_contact(self._request, contact)
        args = {} if body is None else body.model_dump(exclude_none=True)
        try:
            return await self.does(op, {"contact": contact, **args})
        except Refused as refused:
            raise in_our_words(self._request, contact, refused) from None


By = Annotated[Author, Depends()]
AnyWrapUp = Annotated[s.WrapUp, Body(default_factory=s.WrapUp)]
AnySide = Annotated[s.OneSide, Body(default_factory=s.OneSide)]
AnyTransfer = Annotated[s.Transfer, Body(default_factory=s.Transfer)]
AnyMonitor = Annotated[s.Monitor, Body(default_factory=s.Monitor)]
AnyWanted = Annotated[s.Wanted, Body(default_factory=s.Wanted)]


@router.post("/agents/{agent}/available", response_model=s.AgentDone, responses=REFUSALS)
async def available(agent: Name, by: By) -> dict[str, Any]:
    """Work may come: at once, or after the contact in hand."""
    return await by.to_agent("agent.set_available", agent)


@router.post("/agents/{agent}/idle", response_model=s.AgentDone, responses=REFUSALS)
async def idle(agent: Name, body: s.Idle, by: By) -> dict[str, Any]:
    """No work, for this reason: at once, or after the contact in hand."""
    return await by.to_agent("agent.set_idle", agent, code=body.code)


@router.post("/agents/{agent}/sign-out", response_model=s.AgentDone, responses=REFUSALS)
async def sign_out(agent: Name, by: By) -> dict[str, Any]:
    """Gone home."""
    return await by.to_agent("agent.sign_out", agent)


@router.post("/agents/{agent}/end-wrap-up", response_model=s.AgentDone, responses=REFUSALS)
async def end_wrap_up(agent: Name, by: By, body: AnyWrapUp) -> dict[str, Any]:
    """The after-call work is done, with this reason (V-55, V-56)."""
    return await by.to_agent("agent.end_wrap_up", agent, code=body.code)


@router.post("/agents/{agent}/call", response_model=s.CallStarted, responses=REFUSALS)
async def call(agent: Name, body: s.Call, by: By) -> dict[str, Any]:
    """His phone rings; when he answers, the number is called (V-1, V-50)."""
    return await by.to_agent("agent.call", agent, number=body.number)


@router.post("/contacts/{contact}/hold", response_model=s.ContactDone, responses=REFUSALS)
async def hold(contact: Name, by: By, body: AnySide) -> dict[str, Any]:
    """Music for that side (V-12); both sides may be held at once (V-17)."""
    return await by.to_contact("contact.hold", contact, body)


@router.post("/contacts/{contact}/resume", response_model=s.ContactDone, responses=REFUSALS)
async def resume(contact: Name, by: By, body: AnySide) -> dict[str, Any]:
    """Talk to that side; the other is held by itself (V-16)."""
    return await by.to_contact("contact.resume", contact, body)


@router.post("/contacts/{contact}/consult", response_model=s.ContactDone, responses=REFUSALS)
async def consult(contact: Name, body: s.Consult, by: By) -> dict[str, Any]:
    """Ask somebody, while the customer hears music (V-19)."""
    return await by.to_contact("contact.consult", contact, body)


@router.post("/contacts/{contact}/end-consult", response_model=s.ContactDone, responses=REFUSALS)
async def end_consult(contact: Name, by: By) -> dict[str, Any]:
    """By who asked, or by who was asked and leaves."""
    return await by.to_contact("contact.end_consult", contact)


@router.post("/contacts/{contact}/conference", response_model=s.ContactDone, responses=REFUSALS)
async def conference(contact: Name, by: By) -> dict[str, Any]:
    """Join the consulted party to the conversation (V-30)."""
    return await by.to_contact("contact.conference", contact)


@router.post("/contacts/{contact}/transfer", response_model=s.ContactDone, responses=REFUSALS)
async def transfer(contact: Name, by: By, body: AnyTransfer) -> dict[str, Any]:
    """Blind to a destination, or without one to the consulted party (V-50)."""
    return await by.to_contact("contact.transfer", contact, body)


@router.post(
    "/contacts/{contact}/exit-conference", response_model=s.ContactDone, responses=REFUSALS
)
async def exit_conference(contact: Name, by: By) -> dict[str, Any]:
    """Leave; the agent who has been in it for longest takes control (V-37)."""
    return await by.to_contact("contact.exit_conference", contact)


@router.post("/contacts/{contact}/end", response_model=s.ContactDone, responses=REFUSALS)
async def end(contact: Name, by: By) -> dict[str, Any]:
    """The call; in a conference, one's own part.  Not while it is held (V-52)."""
    return await by.to_contact("contact.end", contact)


@router.post("/contacts/{contact}/monitor", response_model=s.ContactDone, responses=REFUSALS)
async def monitor(contact: Name, by: By, body: AnyMonitor) -> dict[str, Any]:
    """One's own phone is called, and joined: to listen, to whisper or to barge in."""
    return await by.to_contact("contact.monitor", contact, body)


@router.post(
    "/contacts/{contact}/change-monitoring", response_model=s.ContactDone, responses=REFUSALS
)
async def change_monitoring(contact: Name, body: s.ChangeMonitoring, by: By) -> dict[str, Any]:
    return await by.to_contact("contact.change_monitoring", contact, body)


@router.post(
    "/contacts/{contact}/stop-monitoring", response_model=s.ContactDone, responses=REFUSALS
)
async def stop_monitoring(contact: Name, by: By) -> dict[str, Any]:
    return await by.to_contact("contact.stop_monitoring", contact)


TargetKind = Literal["agent", "team", "queue"]


@router.put("/monitoring/{kind}/{target}", response_model=s.Wishes, responses=REFUSALS)
async def want(kind: TargetKind, target: Name, by: By, body: AnyWanted) -> dict[str, Any]:
    """Call me when a conversation of this target begins: the next one, or every one."""
    args = {"kind": kind, "target": target, **body.model_dump()}
    return await by.does("monitor.request", args)


@router.delete("/monitoring/{kind}/{target}", response_model=s.Wishes, responses=REFUSALS)
async def want_no_more(kind: TargetKind, target: Name, by: By) -> dict[str, Any]:
    return await by.does("monitor.cancel", {"kind": kind, "target": target})


@router.post("/configuration/reload", response_model=s.Reloaded, responses=REFUSALS)
async def reload(by: By) -> dict[str, Any]:
    """Read the configuration again.  A wrong one changes nothing; errors has all that is wrong."""
    return await by.does("centre.reload", {})
