"""What a call is made of: a contact or a feature call, its legs, and the group they live in."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

import trio
from msgspec import Struct

from actors import commands as c
from actors import effects as do
from actors import events as ev
from actors import messages as m
from actors.base import Actor, Mailbox, Post
from actors.contact import Contact
from actors.contact_states import Start
from actors.dossier import CentreChanged, Dossier, World
from actors.feature import FeatureCall
from actors.feature import Start as StartFeature
from actors.flow import EntryPoint
from actors.guardian import Guardian
from actors.ids import AgentId, ContactId, IdSource, LegId, contact_actor
from actors.leg import Leg, MediaLost, MediaOpened, MediaRefused, MediaSilent
from actors.placement import Placement, Route, route_of
from actors.reasons import OfferFailure, Outcome, Refusal
from actors.recovered_leg import RecoveredLeg
from ccserver.core import plan
from ccserver.core.crash_group import CrashGroup
from ccserver.core.directory import Directory
from ccserver.core.effects import Effects
from ccserver.core.lines import Lines
from ccserver.journal.log import Journal
from ccserver.journal.mailboxes import Mailboxes
from ccserver.media import protocol as media
from sip.invite_usage import InviteUsage, outgoing_invite
from sip.message import NameAddr, Request, Uri
from sip.reach import way_back
from sip.transport.listeners import Listeners
from sip.transport.path import Path
from sip.usage_messages import ServerKey

log = logging.getLogger(__name__)

NO_LINE = 503
"""What a number's leg ends with when no line was free; its cause says which limit."""


MakeActor: TypeAlias = Callable[[str, Any, "Mailbox | None", "Callable[[], None] | None"], Actor]


class Names(Struct, frozen=True):
    """Sources of names and numbers that nothing else of any process has."""

    ids: IdSource
    ticket: Callable[[], int]
    tag: Callable[[], str]


class Calls:
    """Starts calls and their legs, and forgets them when they have ended.

    ``make_actor(name, machine, mailbox, on_end)`` gives an actor; ``longest``, in seconds, is
    the most that a contact may last; ``max_calls`` limits trunks by name; ``room``: whether the
    centre may have one more call; ``calls_per_hour`` limits each agent's own; ``take_port``: a port
    pair of the media's reserve for this session, IPv6 or not.
    """

    def __init__(
        self,
        *,
        centre: World,
        realm: str,
        wall: Callable[[], float],
        longest: float,
        max_calls: Mapping[str, int],
        room: Callable[[], bool],
        calls_per_hour: int | None,
        take_port: Callable[[str, bool], tuple[str, int] | None],
        directory: Directory,
        listeners: Listeners,
        names: Names,
        post: Post,
        make_actor: MakeActor,
        journal: Journal,
        mailboxes: Mailboxes,
    ) -> None:
        self._centre, self._realm, self._longest = centre, realm, longest
        self._wall, self._take_port = wall, take_port
        self._directory, self._listeners, self._names = directory, listeners, names
        self._post, self._make_actor = post, make_actor
        self._journal, self._mailboxes = journal, mailboxes
        self.lines = Lines(max_calls, room, calls_per_hour, post.now)
        self._groups: dict[ContactId, CrashGroup] = {}
        self._one_ended = trio.Event()

    def bind(self, effects: Effects, guardian: Guardian) -> None:
        """Those who live only while the centre runs."""
        self._effects, self._guardian = effects, guardian

    def configure(
        self,
        centre: World,
        longest: float,
        max_calls: Mapping[str, int],
        calls_per_hour: int | None,
    ) -> None:
        """For calls that come from now on; those that are there are told of the centre's change."""
        self._centre, self._longest = centre, longest
        self.lines.configure(max_calls, calls_per_hour)
        for actor in self._directory.contacts.values():
            actor.tell(CentreChanged(centre))

    async def wait_none(self) -> None:
        """Until no call is left."""
        while self._directory.contacts:
            self._one_ended = trio.Event()
            await self._one_ended.wait()

    # --- calls --------------------------------------------------------------------------------

    def start_contact(
        self,
        key: ServerKey,
        request: Request,
        path: Path,
        entry_point: EntryPoint,
        trunk: str | None,
    ) -> None:
        """A customer's call has been let in, by this trunk or from a registered phone."""
        contact = ContactId(self._names.ids.make())
        leg = LegId(f"{contact}/0")
        if trunk is not None:
            self.lines.take(trunk, leg)
        caller = request.from_
        ref = ev.ContactRef(contact, master=contact)
        machine = Contact(
            Dossier(
                ref,
                leg,
                caller,
                self._centre,
                self._post.now,
                self._wall,
                arrival=self._names.ticket(),
            ),
            entry_point,
            ani=caller.uri.user or "anonymous",
            dnis=request.uri.user or "",
            longest=self._longest,
        )
        group = self._call(contact, machine)
        group.actor.tell(Start())
        self._begin(group, self._customer_leg(leg, contact, key, request, path, trunk))

    def start_feature(
        self,
        key: ServerKey,
        request: Request,
        path: Path,
        agent: AgentId,
        command: m.AgentCommand,
    ) -> None:
        """An agent has dialled a feature code."""
        call = ContactId(self._names.ids.make())
        leg = LegId(f"{call}/0")
        machine = FeatureCall(call, leg, agent, command, confirm="confirm.wav", refuse="error.wav")
        group = self._call(call, machine)
        self._begin(group, self._customer_leg(leg, call, key, request, path))
        group.actor.tell(StartFeature())

    def dial_out(
        self, key: ServerKey, request: Request, path: Path, agent: AgentId, number: str
    ) -> str | None:
        """An agent has dialled a number outside; gives the code why he may not, if he may not."""
        route = self._route(number, agent)
        if not isinstance(route, Route):
            return route
        contact = ContactId(self._names.ids.make())
        leg = LegId(f"{contact}/1")
        incoming = self._customer_leg(leg, contact, key, request, path)
        self._place(contact, agent, route, leg=leg, incoming=incoming)
        return None

    def place_call(self, effect: do.PlaceCall) -> None:
        """An agent has had it commanded: his phone is called first."""
        route = self._route(effect.number, effect.agent)
        if isinstance(route, Route):
            contact = ContactId(self._names.ids.make())
            self._place(contact, effect.agent, route, reply_to=effect.reply_to)
        else:
            refused = c.ContactRefused(route, "absent", ())
            self._effects.perform(do.ReplyTo(effect.reply_to, refused))

    def _route(self, number: str, agent: AgentId) -> Route | Refusal | OfferFailure:
        route = route_of(number, agent, self._centre)
        full = self.lines.refusal(route.trunk, agent) if isinstance(route, Route) else None
        found = route if full is None else full
        if not isinstance(found, Route):
            self._journal.append(ev.CallRefused(agent, number, found))
        return found

    def _place(
        self,
        contact: ContactId,
        agent: AgentId,
        route: Route,
        *,
        leg: LegId | None = None,
        incoming: Leg | None = None,
        reply_to: str | None = None,
    ) -> None:
        ref = ev.ContactRef(contact, master=contact)
        customer = NameAddr("", Uri.parse(f"sip:{route.number}@{self._realm}"))
        number = self._centre.outbound.caller_id or agent
        shown = NameAddr("", Uri.parse(f"sip:{number}@{self._realm}"))
        dossier = Dossier(
            ref,
            LegId(f"{contact}/0"),
            customer,
            self._centre,
            self._post.now,
            self._wall,
            arrival=self._names.ticket(),
            calls=False,
        )
        if leg is not None:
            dossier.new_leg(leg)
        placement = Placement(dossier, agent, route, shown, leg=leg, reply_to=reply_to)
        machine = Contact(dossier, placement, longest=self._longest)
        group = self._call(contact, machine)
        group.actor.tell(Start())
        if incoming is not None:
            self._begin(group, incoming)

    def recover(self, contact: ContactId, machine: Contact, legs: Iterable[RecoveredLeg]) -> Actor:
        """A contact of an earlier run of the server; its actor waits to be told to resume."""
        group = self._call(contact, machine)
        for leg in legs:
            if leg.trunk is not None:
                self.lines.keep(leg.trunk, leg.id)
            self._effects.perform(leg.attach())
            group.add_leg(leg, m.Resume())
        return group.actor

    def _call(self, contact: ContactId, machine: Any) -> CrashGroup:
        name = contact_actor(contact)

        def ended() -> None:
            group.close()
            del self._directory.contacts[contact], self._groups[contact]
            self._mailboxes.ended("contact", actor)
            self._one_ended.set()
            if group.last_word_failed and isinstance(machine, Contact):
                self._last_word(machine)

        mailbox = self._guardian.group(name, lambda crash: group.part(crash), ended)
        group = CrashGroup(contact, mailbox, self._effects.perform, self._leg_actor, self._forget)
        actor = self._make_actor(name, machine, mailbox, None)
        group.set_contact(actor)
        self._directory.contacts[contact] = actor
        self._groups[contact] = group
        return group

    def _last_word(self, contact: Contact) -> None:
        """The one terminal event of a contact whose own machine could not write it.

        Its queues and agents hear that it is down from the guardian.
        """
        failed = ev.ContactEnded(contact.ref, Outcome.FAILED, contact.queue, reason="internal")
        self._journal.append(failed)

    # --- legs ---------------------------------------------------------------------------------

    def _begin(self, group: CrashGroup, leg: Leg) -> None:
        """With a port pair of the reserve, if there is one."""
        ready = self._post.turns.ask("port", lambda: self._take_port(leg.id, leg.ipv6))
        group.add_leg(leg, m.Begin(ready))

    def _customer_leg(
        self,
        leg: LegId,
        contact: ContactId,
        key: ServerKey,
        request: Request,
        path: Path,
        trunk: str | None = None,
    ) -> Leg:
        our_contact = self.contact_header(path)
        return Leg(
            leg,
            contact,
            way_back(request, path),
            dialog_key=(request.call_id, key.tag),
            sdp_session=self._names.ticket(),
            usage_of=lambda _: InviteUsage.incoming(key, request, our_contact),
            invite=request,
            key=key,
            trunk=trunk,
        )

    def start_leg(self, effect: do.StartLeg) -> None:
        """Call a phone, or a number outside if its trunk has a line."""
        contact = ContactId(effect.leg.partition("/")[0])
        group = self._groups.get(contact)
        if group is None:
            return
        dial, trunk = effect.dial, effect.dial.trunk
        own = effect.leg == f"{contact}/0"  # the customer's, whom an agent calls
        full = None if trunk is None else self.lines.take(trunk, effect.leg, dial.by, admitted=own)
        if full is None:
            self._begin(group, self._outgoing_leg(effect.leg, contact, dial))
        else:
            group.actor.tell(m.LegEnded(effect.leg, full, NO_LINE, by_us=True))

    def _outgoing_leg(self, leg: LegId, contact: ContactId, dial: m.Dial) -> Leg:
        target = dial.target
        tag, call_id = self._names.tag(), self._names.tag()
        our_contact = self.contact_header(target.path)
        shown = dial.caller.display or dial.caller.uri.user or ""
        who = dial.caller.uri.user or "anonymous"
        from_ = f"{plan.quoted(shown)} <sip:{who}@{self._realm}>;tag={tag}"

        def usage_of(offer: bytes) -> InviteUsage:
            invite = outgoing_invite(
                target=target.contact_uri,
                from_=from_,
                to=f"<{target.aor}>",
                call_id=call_id,
                contact=our_contact,
                body=offer,
            )
            return InviteUsage.outgoing(invite, our_contact)

        return Leg(
            leg,
            contact,
            target.path,
            dialog_key=(call_id, tag),
            sdp_session=self._names.ticket(),
            usage_of=usage_of,
            trunk=dial.trunk,
            says_ringing=dial.says_ringing,
        )

    def _leg_actor(
        self, leg: Leg, mailbox: Mailbox | None, on_end: Callable[[], None] | None
    ) -> Actor:
        actor = self._make_actor(f"leg/{leg.id}", leg, mailbox, on_end)
        self._directory.legs[leg.id] = actor
        return actor

    def _forget(self, leg: Leg) -> None:
        actor = self._directory.legs.pop(leg.id, None)
        if actor is not None:
            self._mailboxes.ended("leg", actor)
        self.lines.give_back(leg.id)
        self._effects.forget_leg(leg.id)
        for effect in leg.remains():
            self._effects.perform(effect)

    def contact_header(self, path: Path) -> str:
        host, port = self._listeners.local_address(path)
        host = f"[{host}]" if ":" in host else host
        transport = ";transport=tcp" if path.transport == "tcp" else ""
        return f"<sip:ccserver@{host}:{port}{transport}>"

    def media_event(self, event: media.Event) -> None:
        """News of a leg's media session, for the leg."""
        match event:
            case media.SessionCreated(leg, address, port):
                message: Any = MediaOpened(address, port)
            case media.SessionRefused(leg, media.DOWN | media.NOT_READY):
                message = MediaLost()
            case media.SessionRefused(leg, reason):
                message = MediaRefused(reason)
            case media.RtpSilent(leg, seconds):
                message = MediaSilent(seconds)
            case media.PlayFinished(leg, token):
                message = m.PlayFinished(LegId(leg), token)
            case media.PlayFailed(leg, token, reason):
                log.warning("a prompt could not be played: %s", reason)
                message = m.PlayFinished(LegId(leg), token)
            case media.DigitHeard(leg, digit, _, _):
                message = m.DigitPressed(LegId(leg), digit)
            case _:
                return
        actor = self._directory.legs.get(LegId(leg))
        if actor is not None:
            actor.tell(message)
