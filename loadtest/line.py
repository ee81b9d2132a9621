"""A telephone line: many calls on one SIP socket, each an INVITE usage with an owner.

The product's own message layer, transactions and usages; above them nothing of a contact centre.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol, TypeAlias

import trio

from loadtest.stamped import StampedUdp
from sip import invite_usage as usage
from sip.endpoint import Endpoint
from sip.machine import CancelTimer, StartTimer, Stop, TimerFired
from sip.message import Request, Response
from sip.offer_answer import Local, Negotiated, accept_answer, answer, make_offer
from sip.sdp import SdpError
from sip.timer_shell import KeyedTimers, TimerShell
from sip.transport.listeners import Listeners, Transport
from sip.transport.path import Path
from sip.usage_messages import ClientKey, ResponseReceived, ServerKey, UsageMessage

Rings: TypeAlias = Callable[["Leg", Request], None]
"""Told of a call that comes in: it is to ring, be accepted or hung up, now or later."""


class Owner(Protocol):
    """Who has the call."""

    def call_answered(self) -> None:
        """The other side's 200 came, to a call of ours."""

    def call_ended(self, cause: usage.EndCause) -> None:
        """Exactly once."""

    def audio_agreed(self, audio: Negotiated) -> None:
        """Where audio goes from now on; perhaps not for the first time."""


class Leg:
    """One call.  ``challenge``: what a 401 or 407 asked, name and value."""

    __slots__ = (
        "_agreed",
        "_dialog",
        "_invite",
        "_line",
        "_machine",
        "_offer",
        "_versions",
        "challenge",
        "ended",
        "invited_at",
        "owner",
    )

    def __init__(self, line: Line, machine: usage.InviteUsage, call_id: str, tag: str) -> None:
        self._line, self._machine, self._dialog = line, machine, (call_id, tag)
        self._invite: ClientKey | None = None
        self._offer = b""
        self._agreed: Negotiated | None = None
        self._versions = 1
        self.owner: Owner = NOBODY
        self.challenge: tuple[str, str] | None = None
        self.ended = False
        self.invited_at: float | None = None
        """When an INVITE of ours was handed to the socket, last."""
        line.endpoint.attach(call_id, tag, self.hear)

    def hear(self, message: usage.Message | UsageMessage) -> None:
        if isinstance(message, ResponseReceived):
            self._line.was_answered(self)
            if message.response.status in (401, 407):
                self.challenge = _challenge(message.response)
        for effect in self._machine.handle(message):
            self._perform(effect)

    def ring(self) -> None:
        if not self.ended:
            self.hear(usage.Ring())

    def accept(self) -> None:
        """With our answer to what was offered."""
        if not self.ended:
            self.hear(usage.Accept(self._offer))
            if self._agreed is not None:
                self.owner.audio_agreed(self._agreed)

    def hang_up(self, status: int | None = None) -> None:
        """CANCEL, BYE, or a rejection with ``status``."""
        if not self.ended:
            self.hear(usage.HangUp(status))

    def describe(self, offer: bytes) -> None:
        """Make up our answer to an INVITE.  Raises SdpError."""
        local = self._line.local
        if not offer:
            self._offer = make_offer(local, session_id=1, version=1)
            return
        self._offer, self._agreed = answer(offer, local, session_id=1, version=1)

    def _perform(self, effect: usage.Effect) -> None:
        line = self._line
        match effect:
            case usage.SendRequest(token, request):
                line.has_asked(self)
                key = line.endpoint.request(token, request, line.server, self.hear)
                if token == "invite":
                    self._offer, self.invited_at = request.body, line.sent_at
                self._invite = self._invite or key
            case usage.SendAck(request):
                line.endpoint.send(request, line.server)
            case usage.RespondWith(key, response):
                line.endpoint.respond(key, response)
            case StartTimer(name, seconds):
                fire = partial(self.hear, TimerFired(name))
                line.keyed_timers.arm((self._dialog, name), seconds, fire)
            case CancelTimer(name):
                line.keyed_timers.cancel((self._dialog, name))
            case usage.Answered(body):
                self._agree(self._offer, body)
                self.owner.call_answered()
            case usage.Confirmed(body):
                self._agree(self._offer, body)
            case usage.OfferReceived(key, body):
                self._reoffered(key, body)
            case usage.Ended(cause):
                self.ended = True
                line.was_answered(self)
                owner, self.owner = self.owner, NOBODY  # who has a leg is had by it: no cycle stays
                owner.call_ended(cause)
            case usage.CancelInvite():
                if self._invite is not None:
                    line.endpoint.cancel(self._invite)
            case usage.Resend(key, response):
                line.endpoint.resend(key, response)
            case Stop():
                line.endpoint.detach(*self._dialog)
            case _:
                pass  # 180, INFO and the like: nothing for these phones to do

    def _agree(self, offer: bytes, answered: bytes) -> None:
        """An answer that cannot be read, or none, leaves the call without audio."""
        if answered and self._line.wants_audio:
            try:
                self.owner.audio_agreed(accept_answer(offer, answered))
            except SdpError:
                self._line.unusable_audio += 1

    def _reoffered(self, key: ServerKey, body: bytes) -> None:
        self._versions += 1
        local = self._line.local
        try:
            if body:
                ours, agreed = answer(body, local, session_id=1, version=self._versions)
                self.owner.audio_agreed(agreed)
            else:
                ours = make_offer(local, session_id=1, version=self._versions)
            self.hear(usage.AnswerReinvite(key, ours))
        except SdpError as error:
            self.hear(usage.RefuseReinvite(key, error.status))


class Line:
    """``server`` is host and port; ``domain`` stands in addresses; ``local`` is our audio.

    ``names`` begins every Call-ID, tag and branch: no other process may have the same.
    """

    def __init__(
        self,
        transport: Transport,
        server: tuple[str, int],
        domain: str,
        local: Local,
        names: str,
        *,
        rings: Rings | None = None,
        wants_audio: bool = False,
    ) -> None:
        self.server = transport.path_to(*server)
        self.local, self.wants_audio = local, wants_audio
        self.timers = TimerShell()
        self.keyed_timers = KeyedTimers(self.timers)
        self.unusable_audio = 0
        self.heard_at: float | None = None
        """When what the server said last reached us."""
        self.sent_at = 0.0
        """When we last handed something to the socket."""
        self._came_at: Callable[[], float] = trio.current_time
        self._went_at: Callable[[], float] = trio.current_time
        if isinstance(transport, StampedUdp):
            self._came_at = lambda: transport.came_at
            self._went_at = lambda: transport.sent_at
        self._asked: dict[object, float] = {}
        """Since when whose request is unanswered, the oldest first."""
        self._rings = rings
        self._names, self._made = names, itertools.count(1)
        listeners = Listeners([transport], sent=self._sends)
        self.endpoint = Endpoint(listeners, self.timers, self, self.name)
        self._listeners = listeners
        host, port = listeners.local_address(self.server)
        self._place = f"[{host}]" if ":" in host else host
        self._at = f"{self._place}:{port}"
        self._suffix = ";transport=tcp" if transport.kind == "tcp" else ""
        self.domain = domain
        far = f"[{server[0]}]" if ":" in server[0] else server[0]
        self.far = f"{far}:{server[1]}{self._suffix}"
        self._invitation = make_offer(local, session_id=1, version=1)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        self._listeners.watch_connections(self.endpoint.connection_closed)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.timers.run)
            nursery.start_soon(self._listeners.run, self._receive, self._lost)
            task_status.started()

    def dial(
        self,
        number: str,
        caller: str,
        owner: Owner,
        headers: Sequence[tuple[str, str]] = (),
    ) -> Leg:
        """An INVITE goes at once."""
        call_id, tag = self.name(), self.name()
        contact = self.contact(caller)
        target = f"sip:{number}@{self.far}"
        invite = usage.outgoing_invite(
            target=target,
            from_=f"<sip:{caller}@{self.domain}>;tag={tag}",
            to=f"<{target}>",
            call_id=call_id,
            contact=contact,
            body=self._invitation,
            headers=headers,
        )
        leg = Leg(self, usage.InviteUsage.outgoing(invite, contact), call_id, tag)
        leg.owner = owner
        leg.hear(usage.Start())
        return leg

    def contact(self, user: str) -> str:
        return f"<sip:{user}@{self._at}{self._suffix}>"

    def ask(self, token: str, request: Request, hear: Callable[[UsageMessage], None]) -> None:
        """A request outside any call."""
        asked = object()

        def answered(message: UsageMessage) -> None:
            self.was_answered(asked)
            hear(message)

        self.has_asked(asked)
        self.endpoint.request(token, request, self.server, answered)

    def has_asked(self, who: object) -> None:
        self._asked.pop(who, None)
        self._asked[who] = trio.current_time()

    def was_answered(self, who: object) -> None:
        self._asked.pop(who, None)

    def silence(self, now: float) -> float:
        """For how long the server has owed us an answer and said nothing at all; seconds."""
        if not self._asked:
            return 0.0
        return now - max(next(iter(self._asked.values())), self.heard_at or 0.0)

    def name(self) -> str:
        """For a Call-ID, a tag or a branch."""
        return f"{self._names}{next(self._made):x}"

    # --- the endpoint's user ------------------------------------------------------------------

    def request_arrived(self, key: ServerKey, request: Request, path: Path) -> None:
        if request.method != "INVITE" or self._rings is None:
            status = 200 if request.method in ("OPTIONS", "NOTIFY") else 405
            self.endpoint.respond(key, request.response(status, to_tag=key.tag))
            return
        machine = usage.InviteUsage.incoming(key, request, self.contact(request.uri.user or ""))
        leg = Leg(self, machine, request.call_id, key.tag)
        self.endpoint.claim(key, leg.hear)
        self._rings(leg, request)

    def refuse(self, data: bytes, path: Path) -> bytes | None:
        return None

    def _receive(self, data: bytes, path: Path) -> None:
        self.heard_at = self._came_at()
        self.endpoint.receive(data, path)

    def _sends(self, data: bytes, remote: tuple[str, int]) -> None:
        self.sent_at = self._went_at()

    def _lost(self, path: Path, data: bytes) -> None:
        self.endpoint.connection_closed(path)


class _Nobody:
    def call_answered(self) -> None: ...

    def call_ended(self, cause: usage.EndCause) -> None: ...

    def audio_agreed(self, audio: Negotiated) -> None: ...


NOBODY: Owner = _Nobody()


def _challenge(response: Response) -> tuple[str, str] | None:
    """The header to answer with, and what is asked."""
    for asks, proves in (
        ("WWW-Authenticate", "Authorization"),
        ("Proxy-Authenticate", "Proxy-Authorization"),
    ):
        value = response.header(asks)
        if value is not None:
            return proves, value
    return None
