"""What an earlier run of the server left is taken over: its contacts with their legs, in order.

Every contact of which the journal tells no end is built again, and goes on or ends by itself; so
do legs that a contact has left behind.  Sessions of the media process that are nobody's are closed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from msgspec import Struct

from actors import events as ev
from actors import messages as m
from actors.base import Actor
from actors.dossier import Dossier, World
from actors.flow import EntryPoint
from actors.ids import AgentId, ContactId, EntryPointName, LegId, owner_of
from actors.leg import MediaLost
from actors.past import Past, PastContact, PastLeg
from actors.place import Place
from actors.recovered import RecoveredContact, WasEngaged
from actors.recovered_leg import Rang, RecoveredLeg, Stood, WasInvited
from ccserver.core.calls import Calls
from ccserver.core.directory import Directory
from ccserver.media import protocol as media
from sip import offer_answer
from sip.dialog import CSEQ_JUMP, DialogSnapshot
from sip.invite_usage import InviteUsage, outgoing_invite
from sip.message import MalformedMessage, NameAddr, Request, Uri
from sip.message.uri import DEFAULT_PORT
from sip.transport.path import Path

log = logging.getLogger(__name__)

NOWHERE = EntryPoint(EntryPointName(""), ())
ANONYMOUS = NameAddr("", Uri.parse("sip:anonymous@anonymous.invalid"))
LAST = Place(99, 0.0, 0)
CSEQ_A_SECOND = 10
"""More than a dialog ever has; and a day of it is far from the end of the numbers (2**31)."""
PROBE_FIRST, PROBING = 0.5, 3.0
"""Seconds from the recovery to the first OPTIONS, and from the first to the last."""


class Found(Struct, frozen=True):
    """How many contacts there were of each kind."""

    talking: int
    waiting: int
    ringing: int
    ended: int


class Recovery:
    """``sessions``: those of the media process that are ours, by leg; None: it did not say.

    ``turn(say, *words)`` returns when all that follows has been handled.
    """

    def __init__(
        self,
        past: Past,
        sessions: Mapping[str, media.SessionState] | None,
        calls: Calls,
        directory: Directory,
        centre: World,
        *,
        longest: float,
        now: Callable[[], float],
        wall: Callable[[], float],
        ticket: Callable[[], int],
        turn: Callable[..., None],
        leads_somewhere: Callable[[Path], bool],
    ) -> None:
        self._past, self._sessions, self._calls = past, sessions, calls
        self._directory, self._centre, self._longest = directory, centre, longest
        self._now, self._wall, self._ticket, self._turn = now, wall, ticket, turn
        self._leads_somewhere = leads_somewhere
        self._actors: dict[ContactId, Actor] = {}
        self._holding: dict[ContactId, list[tuple[AgentId, ContactId]]] = {}
        """By contact, the agents who have done their part, and their names for it."""
        self._engaged: dict[ContactId, list[tuple[AgentId, ContactId, str]]] = {}
        """By contact, the agents who talk for all that they have heard, their names for it, and
        what for."""
        self._stood_legs = 0
        listed = (sessions or {}).items()
        self._playing = {LegId(name) for name, state in listed if state.playing is not None}

    def build(self) -> None:
        """Every contact, and whatever legs are left; nobody has heard anything yet."""
        for agent, dialled in self._past.dialled.items():
            self._calls.lines.remember(agent, dialled)
        legs: dict[ContactId, list[tuple[LegId, PastLeg]]] = {}
        for name, leg in self._past.legs.items():
            legs.setdefault(leg.contact, []).append((name, leg))
        for contact in self._past.contacts:
            legs.setdefault(contact, [])
        for agent, left in self._past.agents.items():
            if left.contact is None:
                continue
            owner = owner_of(left.contact)
            if left.state == "wrap_up":
                self._holding.setdefault(owner, []).append((agent, left.contact))
            elif left.state == "engaged":
                engaged = self._engaged.setdefault(owner, [])
                engaged.append((agent, left.contact, left.kind))
        for contact, held in legs.items():
            self._build(contact, self._past.contacts.get(contact), dict(held))

    def resume(self) -> None:
        """Those who talk first; then those who wait, in their order, so that nobody overtakes."""
        contacts = self._past.contacts

        def order(name: ContactId) -> tuple[bool, Place, ContactId]:
            contact = contacts.get(name)
            if contact is None or contact.place is None or contact.stage == "talking":
                return (False, LAST, name)
            return (True, contact.place, name)

        for name in sorted(self._actors, key=order):
            self._turn(self._actors[name].tell, m.Resume())
        for leg in [name for name, left in self._past.legs.items() if left.confirmed is not None]:
            actor = self._directory.legs.get(leg)
            lost = self._sessions is not None and leg not in self._sessions
            if actor is not None and lost:
                self._turn(actor.tell, MediaLost())

    def found(self) -> Found:
        """Of those that were to be taken over."""
        stages = [contact.stage for contact in self._past.contacts.values()]
        ended = sum(not self._goes_on(name) for name in self._past.contacts)
        return Found(
            stages.count("talking"),
            stages.count("waiting") + stages.count("handed_over"),
            stages.count("offered"),
            ended,
        )

    def _goes_on(self, name: ContactId) -> bool:
        actor = self._directory.contacts.get(name)
        machine = None if actor is None else actor.machine
        return isinstance(machine, RecoveredContact) and not machine.is_ending

    # --- building -----------------------------------------------------------------------------

    def _build(self, name: ContactId, past: PastContact | None, held: dict[LegId, PastLeg]) -> None:
        customer = LegId(f"{name}/0") if past is None else past.customer
        ref = ev.ContactRef(name) if past is None else past.ref
        legs = [self._leg(leg, left) for leg, left in held.items() if left.down is None]
        living = [leg for leg in legs if leg is not None]
        of_customer = held.get(customer, PastLeg(name))
        dossier = Dossier(
            ref,
            customer,
            _caller(of_customer),
            self._centre,
            self._now,
            self._wall,
            arrival=self._arrival(past),
        )
        dossier.recover(
            1 if past is None else past.restarts,
            (leg.id for leg in living),
            answered=of_customer.confirmed is not None,
            diverted=0 if past is None else past.diverted,
        )
        off_hook = {leg.id: held[leg.id].party for leg in living}
        holding = self._holding.get(name, [])
        dossier.off_hook = {leg: one for leg, one in off_hook.items() if one in holding}
        entry_point = NOWHERE
        if past is not None:
            entry_point = self._centre.entry_points.get(past.entry_point, NOWHERE)
        down = [
            m.LegEnded(leg, left.down.cause, left.down.status, left.down.by_us)
            for leg, left in held.items()
            if left.down is not None
        ]
        machine = RecoveredContact(
            dossier,
            entry_point,
            past,
            longest=self._longest,
            down=[*down, *self._missing(past, held)],
            on_hook=[one for one in holding if one not in dossier.off_hook.values()],
            engaged=[
                WasEngaged(agent, request, kind, _leg_of((agent, request), off_hook))
                for agent, request, kind in self._engaged.get(name, [])
            ],
            playing=self._playing,
        )
        self._actors[name] = self._calls.recover(name, machine, living)

    def _arrival(self, past: PastContact | None) -> int:
        return self._ticket() if past is None or past.place is None else past.place.seq

    def _missing(self, past: PastContact | None, held: Mapping[LegId, PastLeg]) -> list[m.LegEnded]:
        """Those who took part, and of whose phones nothing is known."""
        if past is None:
            return []
        talk = () if past.talk is None else past.talk.participants
        if past.stage == "dialling":
            return []
        legs = dict.fromkeys([past.customer, *(LegId(one.leg) for one in talk)])
        if past.talk is not None and all(one.kind != "customer" for one in talk):
            del legs[past.customer]  # the others talk on without him
        return [m.LegEnded(leg, "crashed", None, by_us=True) for leg in legs if leg not in held]

    def _leg(self, name: LegId, left: PastLeg) -> RecoveredLeg | None:
        try:
            if left.confirmed is not None:
                return self._stood(name, left, left.confirmed)
            if left.called is not None:
                return self._rang(name, left.contact, left.called)
            if left.arrived is not None:
                return self._was_invited(name, left, left.arrived)
        except MalformedMessage as error:
            log.error("leg %s cannot be taken over: %s", name, error)
        return None

    def _stood(self, name: LegId, left: PastLeg, was: ev.LegConfirmed) -> RecoveredLeg | None:
        if was.dialog is None or was.path is None or not self._leads_somewhere(was.path):
            return None
        listens = None if left.called is None else left.called.target
        path = way_to_peer(was.path, was.dialog, listens)
        ours = self._calls.contact_header(path)
        usage = InviteUsage.recovered(was.dialog, ours, called=was.called, jump=self._jump(left))
        state = None if self._sessions is None else self._sessions.get(name)
        local = None if state is None else offer_answer.Local(state.address, state.port)
        silent = state is not None and state.silent
        return RecoveredLeg(
            name,
            left.contact,
            path,
            Stood(usage, was.sdp_version, local, silent, self._probe_after()),
            dialog_key=(was.dialog.call_id, was.dialog.local_tag),
            sdp_session=was.sdp_session,
            trunk=was.trunk,
        )

    def _jump(self, leg: PastLeg) -> int:
        """Further than any run before us, even one of which the disk has kept nothing."""
        passed = max(0.0, self._now() - leg.since)
        return CSEQ_JUMP * max(1, leg.restarts) + int(CSEQ_A_SECOND * passed)

    def _probe_after(self) -> float:
        """One phone after the other, within `PROBING`."""
        self._stood_legs += 1
        return PROBE_FIRST + PROBING * self._stood_legs / len(self._past.legs)

    def _rang(self, name: LegId, contact: ContactId, was: ev.LegCalled) -> RecoveredLeg | None:
        if not self._leads_somewhere(was.path):
            return None
        path = _opened_anew(was.path, Uri.parse(was.target))
        ours = self._calls.contact_header(path)
        invite = outgoing_invite(
            target=was.target,
            from_=was.from_,
            to=was.to,
            call_id=was.call_id,
            contact=ours,
            body=b"",
        )
        usage = InviteUsage.outgoing(invite, ours)
        key = (was.call_id, invite.from_.tag or "")
        return RecoveredLeg(name, contact, path, Rang(usage, invite, was.branch), dialog_key=key)

    def _was_invited(self, name: LegId, past: PastLeg, was: ev.LegArrived) -> RecoveredLeg | None:
        if not self._leads_somewhere(was.path):
            return None
        invite = Request.build("INVITE", was.target, [("Max-Forwards", "70"), *was.headers])
        ours = self._calls.contact_header(was.path)
        usage = InviteUsage.incoming(was.key, invite, ours)
        key = (invite.call_id, was.key.tag)
        left = WasInvited(usage, invite, was.key, self._jump(past))
        path = was.path
        if invite.contacts:
            path = _opened_anew(path, invite.contacts[0].uri)
        return RecoveredLeg(name, past.contact, path, left, dialog_key=key)


def _leg_of(
    party: tuple[AgentId, ContactId], off_hook: Mapping[LegId, tuple[AgentId, ContactId] | None]
) -> LegId | None:
    return next((leg for leg, one in off_hook.items() if one == party), None)


def way_to_peer(path: Path, dialog: DialogSnapshot, listens: str | None = None) -> Path:
    """To the first proxy that stays in the way, or to the phone itself (RFC 3261 §12.2.1.1).

    ``listens``: what we called, if we did: some phones say, in the dialog, not where they listen
    but where the connection ends that has closed.
    """
    if dialog.route_set:
        return _opened_anew(path, NameAddr.parse(dialog.route_set[0]).uri)
    return _opened_anew(path, Uri.parse(listens or dialog.remote_target))


def _opened_anew(path: Path, to: Uri) -> Path:
    """A connection closed with the process that had it: where it came from, nobody listens."""
    if not path.connection:
        return path
    return Path(path.transport, path.listener, (to.host_ip, to.port or DEFAULT_PORT))


def _caller(leg: PastLeg) -> NameAddr:
    """Shown to the agents' phones."""
    if leg.confirmed is None or leg.confirmed.dialog is None:
        return ANONYMOUS
    try:
        return NameAddr.parse(leg.confirmed.dialog.remote)
    except MalformedMessage:
        return ANONYMOUS
