"""Carries out the actors' effects with SIP, media and the journal: the only adapter."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol

from actors import effects as do
from actors import events as ev
from actors import messages as m
from actors.base import OWN_EFFECTS, Actor, Post
from actors.guardian import Guardian
from actors.ids import ContactId, LegId, owner_of
from ccserver.core.directory import Directory
from ccserver.journal.log import Journal
from ccserver.media import protocol as media
from sip.endpoint import Endpoint
from sip.usage_messages import ClientKey

log = logging.getLogger(__name__)

INVITE = "invite"


class MediaPort(Protocol):
    """What the core asks of the media plane; a real process, or a double of it."""

    def send(self, command: media.Command) -> None: ...


class Effects:
    """One gate, ``perform``, through which everything that an actor asks for passes.

    In the order in which it is asked for; but what nobody waits for as keenly as an agent's phone
    for its INVITE is held back to the turn's end (``say_rest``): 2xx, and what the media process is
    told, which travels then anyway.  An INVITE that begins a dialog overtakes a 2xx, for it stands
    in no order to anything before it (RFC 3261 §12, §17), and has it leave behind it; whatever else
    goes to the network lets it go first.  A refusal is not held back: behind it the leg's end is
    written down, and a phone of which the journal says so must have heard it.
    """

    def __init__(
        self,
        directory: Directory,
        endpoint: Endpoint,
        media_port: MediaPort,
        journal: Journal,
        guardian: Guardian,
        post: Post,
        start_leg: Callable[[do.StartLeg], None],
        place_call: Callable[[do.PlaceCall], None],
        reply: Callable[[str, object], None],
        look: Callable[[do.LookAtQueue], m.QueueSeen],
    ) -> None:
        self._directory, self._endpoint, self._media = directory, endpoint, media_port
        self._journal, self._post, self._reply = journal, post, reply
        self._told_others = post.turns.told
        self._responses: deque[tuple[Actor, do.RespondWith]] = deque()
        self._for_media: list[do.Effect] = []
        self._invites: dict[LegId, ClientKey] = {}
        self.handlers: dict[type, Callable[[Any, Any], object]] = {
            **OWN_EFFECTS,
            do.Watch: lambda actor, e: guardian.watch(e.name, actor.tell),
            do.Record: lambda _, e: journal.append(e.event),
            do.TellContact: self._tell_contact,
            do.TellLeg: self._tell_leg,
            do.TellQueue: self._tell_queue,
            do.TellDispatcher: self._tell_dispatcher,
            do.TellAgent: self._tell_agent,
            do.TellMonitorDesk: self._tell_monitor_desk,
            do.ReplyTo: self._reply_to,
            do.StartLeg: lambda _, e: start_leg(e),
            do.PlaceCall: lambda _, e: place_call(e),
            **dict.fromkeys(_COMMANDS, self._ask_of_media),
            do.LookAtQueue: lambda actor, e: actor.tell(look(e)),
            do.SendRequest: self._send_request,
            do.ResumeInvite: self._resume_invite,
            do.ResumeServer: lambda _, e: endpoint.resume_server(e.key, e.request, e.path),
            do.CancelInvite: self._cancel_invite,
            do.SendOutside: self._send_outside,
            do.RespondWith: self._respond_with,
            do.Resend: self._resend,
            do.ClaimInvite: self._claim,
            do.AttachDialog: self._attach,
            do.DetachDialog: lambda _, e: endpoint.detach(e.call_id, e.local_tag),
        }

    def perform(self, effect: do.Effect) -> None:
        """For effects whose author needs not be known: all but ``Watch`` and those of an actor's
        own (``actors.base``).
        """
        self.handlers[type(effect)](None, effect)

    def forget_leg(self, leg: LegId) -> None:
        """Nothing of this leg is left, however it ended."""
        self._invites.pop(leg, None)

    # --- telling ------------------------------------------------------------------------------

    def _tell_contact(self, _: object, effect: do.TellContact) -> None:
        self._contact_hears(effect.contact, effect.message)

    def _contact_hears(self, contact: ContactId, message: Any) -> None:
        contacts = self._directory.contacts
        actor = contacts.get(contact) or contacts.get(owner_of(contact))
        if actor is not None:
            actor.tell(message)

    def _tell_leg(self, _: object, effect: do.TellLeg) -> None:
        actor = self._directory.legs.get(effect.leg)
        if actor is not None:
            actor.tell(effect.message)

    def _tell_queue(self, _: object, effect: do.TellQueue) -> None:
        self._directory.queues[effect.queue].tell(effect.message)

    def _tell_dispatcher(self, _: object, effect: do.TellDispatcher) -> None:
        self._directory.dispatcher.tell(effect.message)

    def _tell_monitor_desk(self, _: object, effect: do.TellMonitorDesk) -> None:
        self._directory.monitor_desk.tell(effect.message)

    def _tell_agent(self, _: object, effect: do.TellAgent) -> None:
        agent = self._directory.agents.get(effect.agent)
        if agent is not None:  # else he was removed while we were away, and his call goes on
            agent.tell(effect.message)

    def _reply_to(self, _: object, effect: do.ReplyTo) -> None:
        self._told_others(effect)
        actor = self._directory.contacts.get(ContactId(effect.reply_to))
        if actor is not None:
            actor.tell(effect.answer)
        else:
            self._reply(effect.reply_to, effect.answer)

    # --- SIP and media ------------------------------------------------------------------------

    def say_rest(self) -> None:
        """At the end of a turn."""
        self._say_held()
        if self._for_media:
            effects, self._for_media = self._for_media, []
            for effect in effects:
                self._to_media(_COMMANDS[type(effect)](effect))

    def _say_held(self) -> None:
        while self._responses:
            actor, effect = self._responses.popleft()
            try:
                self._endpoint.respond(effect.key, effect.response)
            except Exception as error:
                if actor.ended:
                    log.exception("a response of %s could not be sent", actor.name)
                else:
                    actor.mailbox.fail(error)

    def _respond_with(self, actor: Actor | None, effect: do.RespondWith) -> None:
        if actor is not None and self._post.turning and 200 <= effect.response.status < 300:
            self._responses.append((actor, effect))
        else:
            self._say_held()
            self._endpoint.respond(effect.key, effect.response)

    def _resend(self, _: object, effect: do.Resend) -> None:
        self._say_held()
        self._endpoint.resend(effect.key, effect.response)

    def _send_outside(self, _: object, effect: do.SendOutside) -> None:
        self._say_held()
        self._endpoint.send(effect.request, effect.path)

    def _hear(self, leg: LegId) -> Callable[[Any], None]:
        return partial(self._told, leg)

    def _told(self, leg: LegId, message: Any) -> None:
        actor = self._directory.legs.get(leg)
        if actor is not None:
            actor.tell(message)

    def _send_request(self, _: object, effect: do.SendRequest) -> None:
        hear = self._hear(effect.leg)
        if effect.token != INVITE:
            self._say_held()
            self._endpoint.request(effect.token, effect.request, effect.path, hear)
            return
        contact, branch = ContactId(effect.leg.partition("/")[0]), self._endpoint.new_branch()
        self._record_call(effect, contact, branch)
        self._invites[effect.leg] = self._endpoint.request(
            effect.token, effect.request, effect.path, hear, branch
        )
        self._say_held()
        self._contact_hears(contact, m.LegInvited(effect.leg, self._post.now()))

    def _record_call(self, effect: do.SendRequest, contact: ContactId, branch: str) -> None:
        """Here, for the endpoint names the branch; by it the INVITE can be taken back, by the next
        run too: hence before it leaves.
        """
        request = effect.request
        self._journal.append(
            ev.LegCalled(
                effect.leg,
                contact,
                request.target,
                request.header("From") or "",
                request.header("To") or "",
                request.call_id,
                branch,
                effect.path,
            )
        )

    def _resume_invite(self, _: object, effect: do.ResumeInvite) -> None:
        self._invites[effect.leg] = self._endpoint.resume_invite(
            effect.token, effect.branch, effect.request, effect.path, self._hear(effect.leg)
        )

    def _cancel_invite(self, _: object, effect: do.CancelInvite) -> None:
        key = self._invites.get(effect.leg)
        if key is not None:
            self._say_held()
            self._endpoint.cancel(key, effect.reason)

    def _claim(self, _: object, effect: do.ClaimInvite) -> None:
        self._endpoint.claim(effect.key, self._hear(effect.leg))

    def _attach(self, _: object, effect: do.AttachDialog) -> None:
        self._endpoint.attach(effect.call_id, effect.local_tag, self._hear(effect.leg))

    def _ask_of_media(self, _: object, effect: do.Effect) -> None:
        if self._post.turning:
            self._for_media.append(effect)
        else:
            self._to_media(_COMMANDS[type(effect)](effect))

    def _to_media(self, command: media.Command) -> None:
        self._told_others(command)
        self._media.send(command)


def _direct(e: do.DirectMedia) -> media.SetRemote:
    return media.SetRemote(
        e.leg,
        e.address,
        e.port,
        e.codec,
        e.payload_type,
        e.telephone_event,
        e.direction,
        e.ptime,
        e.rtcp_port,
        e.heard_telephone_event,
        e.learn_from,
    )


_COMMANDS: Mapping[type, Callable[[Any], media.Command]] = {
    do.Play: lambda e: media.Play(e.leg, e.token, list(e.files), loop=e.loop),
    do.StopPlaying: lambda e: media.StopPlay(e.leg),
    do.Hear: lambda e: media.Hear(e.leg, list(e.sources)),
    do.OpenMedia: lambda e: media.CreateSession(e.leg, e.ipv6, e.port),
    do.DirectMedia: _direct,
    do.CloseMedia: lambda e: media.Release(e.leg),
}
"""What the media process is told, by the effect that asks for it."""
