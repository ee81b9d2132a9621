"""The journal folded into what the machines must know to go on: ``state = fold(events)``.

An event's handler reads and changes ``Past`` and nothing else, so the same events give the same
state, bit for bit, wherever the fold began: its digest (``ccserver.journal.pieces``) says so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from actors import events as ev
from actors.ids import NO_QUEUE, AgentId, ContactId, EntryPointName, LegId, owner_of
from actors.past import (
    COMMAND_SECONDS,
    MOST_COMMANDS,
    Past,
    PastAgent,
    PastCommand,
    PastContact,
    PastLeg,
    PastPlace,
    PastService,
    PastTalk,
)
from actors.returning import NOBODY, has_left
from ccserver.journal.clocks import continue_in
from ccserver.journal.log import Entry

HOUR = 3600.0
MOST_LEFT = 1_000
"""Of each queue, places of those who hung up."""
UNKNOWN = PastAgent()
UNENGAGED = ("available", "idle", "signed_out")


class PastFold:
    """Applies entries to ``past``, in their order.

    ``handlers``: of each event, by its type; ``past.seq`` and ``past.at`` must be its own by then.
    """

    def __init__(self, past: Past | None = None) -> None:
        self.past = Past() if past is None else past
        self.handlers: dict[type, Callable[[Any], None]] = {
            ev.ContactArrived: self._arrived,
            ev.ContactPlaced: self._placed,
            ev.ContactReached: self._reached,
            ev.ContactQueued: self._queued,
            ev.ContactDiverted: self._diverted,
            ev.ContactAssigned: self._assigned,
            ev.ContactPresented: self._presented,
            ev.ContactOfferFailed: self._offer_failed,
            ev.ContactConnected: self._connected,
            ev.ContactReturned: self._returned,
            ev.ContactStateChanged: self._state_changed,
            ev.ConsultRequested: self._consult_requested,
            ev.ConsultEnded: self._consult_ended,
            ev.ContactTransferred: self._transferred,
            ev.ContactTransferFailed: self._transfer_failed,
            ev.ContactLeftQueue: self._left_queue,
            ev.ContactEnded: self._ended,
            ev.AgentStateChanged: self._agent_changed,
            ev.AgentLeft: self._agent_left,
            ev.LegArrived: self._leg_arrived,
            ev.LegCalled: self._leg_called,
            ev.LegConfirmed: self._leg_confirmed,
            ev.LegDown: self._leg_down,
            ev.PhoneRegistered: self._phone_registered,
            ev.PhoneRefreshed: self._phone_refreshed,
            ev.PhoneGone: self._phone_gone,
            ev.CommandAsked: self._command_asked,
            ev.CommandAnswered: self._command_answered,
            ev.ServerStarted: self._server_started,
            ev.ClockSet: self._clock_set,
        }

    def apply(self, seq: int, at: int, event: ev.AnyEvent) -> None:
        """Where there is no journal to listen to."""
        self.hear(Entry(seq, at, event))

    def hear(self, entry: Entry) -> None:
        past, event = self.past, entry.event
        past.seq, past.at = entry.seq, entry.at
        handler = self.handlers.get(type(event))
        if handler is not None:
            handler(event)

    def _now(self) -> float:
        """When the event happened, by the clock of its run."""
        past = self.past
        return past.clock + (past.at - past.clock_at) / 1_000_000

    # --- contacts -----------------------------------------------------------------------------

    def _arrived(self, event: ev.ContactArrived) -> None:
        self.past.contacts[event.contact.id] = PastContact(
            event.contact, event.entry_point, event.ani, event.dnis, event.leg, self._now()
        )

    def _placed(self, event: ev.ContactPlaced) -> None:
        name = event.contact.id
        self._dialled(event.agent, f"number:{event.to}")
        self.past.contacts[name] = PastContact(
            event.contact,
            EntryPointName(""),
            event.to,
            event.shown,
            LegId(f"{name}/0"),
            self._now(),
            "dialling",
            queue=NO_QUEUE,
            agent=event.agent,
            request=name,
        )

    def _dialled(self, agent: str, to: str) -> None:
        if not to.startswith("number:"):
            return
        now = self._now()
        dialled = self.past.dialled.setdefault(AgentId(agent), [])
        dialled[:] = [*(at for at in dialled if at > now - HOUR), now]

    def _reached(self, event: ev.ContactReached) -> None:
        contact = self.past.contacts.get(event.contact.id)
        if contact is not None:
            now = self._now()
            contact.service = PastService(event.agent, now, 0.0, now)
            self._talks(contact, event.agent, event.leg, now)

    def _queued(self, event: ev.ContactQueued) -> None:
        contact = self.past.contacts.get(event.contact.id)
        if contact is None:
            return
        if not event.again or contact.queue != event.queue:
            contact.queued, contact.service = self._now(), None
        contact.stage, contact.queue, contact.place = "waiting", event.queue, event.place
        contact.agent = contact.transfer = None
        contact.needs = event.needs
        self._count(event.place.seq)
        left = self.past.left.get(event.queue, {}).get(contact.ani)
        if left is not None and left.contact == event.regained:
            del self.past.left[event.queue][contact.ani]

    def _diverted(self, event: ev.ContactDiverted) -> None:
        contact = self.past.contacts.get(event.contact.id)
        if contact is None:
            return
        contact.diverted += 1
        if event.onward:
            contact.stage, contact.queue, contact.service = "flow", None, None

    def _assigned(self, event: ev.ContactAssigned) -> None:
        # It was decided at this instant: what the clock on the wall did before is forgotten.
        past = self.past
        past.clock, past.clock_at = event.decided_at, past.at
        past.given[event.queue] = event.agent
        contact = past.contacts.get(owner_of(event.contact))
        if contact is not None:
            contact.request = event.contact

    def _presented(self, event: ev.ContactPresented) -> None:
        contact = self.past.contacts.get(event.contact.id)
        if contact is not None and contact.stage == "waiting":
            contact.stage, contact.agent = "offered", event.agent

    def _offer_failed(self, event: ev.ContactOfferFailed) -> None:
        if not event.others_ring:
            self._wait_again(event.contact.id)

    def _wait_again(self, name: ContactId) -> None:
        contact = self.past.contacts.get(name)
        if contact is not None:
            contact.stage, contact.agent = "waiting", None

    def _connected(self, event: ev.ContactConnected) -> None:
        self.past.handling.connected(event.agent, event.queue)
        contact = self.past.contacts.get(event.contact.id)
        if contact is None:
            return
        now = self._now()
        if contact.service is None:
            contact.service = PastService(event.agent, now, event.waited, now - event.waited)
        contact.service.agent = event.agent
        self._talks(contact, event.agent, event.leg, now)

    def _talks(self, contact: PastContact, agent: AgentId, leg: LegId, now: float) -> None:
        contact.stage, contact.agent = "talking", agent
        customer = ev.Participant(
            "customer", "customer", "", "connected", (), now, contact.customer
        )
        other = ev.Participant(
            agent, "agent", "primary", "connected", (), now, leg, contact.request
        )
        contact.talk = PastTalk("connected", 0, now, (customer, other))
        contact.transfer = None

    def _returned(self, event: ev.ContactReturned) -> None:
        contact = self.past.contacts.get(event.contact.id)
        if contact is not None:
            self._wait_again(event.contact.id)
            contact.talk = contact.transfer = None

    def _state_changed(self, event: ev.ContactStateChanged) -> None:
        contact = self.past.contacts.get(event.contact.id)
        if contact is None:
            return
        if event.state == "over":
            contact.talk = contact.consult = None
            if contact.stage == "talking":
                contact.stage = "handed_over"
            return
        before = contact.talk
        since = self._now()
        if before is not None and before.state == event.state:
            since = before.since
        contact.stage = "talking"
        contact.talk = PastTalk(event.state, event.version, since, event.participants)
        for one in event.participants:
            leg = self.past.legs.get(LegId(one.leg))
            if leg is not None and one.request is not None:
                leg.party = AgentId(one.id), ContactId(one.request)
            if contact.service is not None and one.role == "primary":
                contact.service.agent = AgentId(one.id)

    def _consult_requested(self, event: ev.ConsultRequested) -> None:
        self._dialled(event.by, event.to)
        contact = self.past.contacts.get(event.contact.id)
        if contact is not None:
            contact.consult, contact.consult_since = event, self._now()

    def _consult_ended(self, event: ev.ConsultEnded) -> None:
        contact = self.past.contacts.get(event.contact.id)
        if contact is not None:
            contact.consult = None

    def _transferred(self, event: ev.ContactTransferred) -> None:
        contact = self.past.contacts.get(event.contact.id)
        if contact is None or event.how != "blind":
            return
        self._dialled(event.by, event.to)
        kind, _, name = event.to.partition(":")
        if kind == "entry_point":
            contact.entry_point = EntryPointName(name)
        contact.transfer = event

    def _transfer_failed(self, event: ev.ContactTransferFailed) -> None:
        contact = self.past.contacts.get(event.contact.id)
        if contact is not None:
            contact.transfer = None

    def _left_queue(self, event: ev.ContactLeftQueue) -> None:
        contact = self.past.contacts.get(event.contact.id)
        if contact is not None:
            contact.stage, contact.service, contact.agent = "flow", None, None
            contact.queue = contact.talk = None

    def _ended(self, event: ev.ContactEnded) -> None:
        contact = self.past.contacts.pop(event.contact.id, None)
        if contact is not None and has_left(event) and contact.queue == event.queue:
            self._left(contact)
        for leg in () if contact is None else contact.down:
            self.past.legs.pop(leg, None)

    def _left(self, contact: PastContact) -> None:
        if contact.queue is None or contact.place is None:
            return
        if contact.ani in NOBODY or not contact.entry_point:
            return  # not known again, or called by us
        now = self._now()
        left = self.past.left.setdefault(contact.queue, {})
        left.pop(contact.ani, None)
        left[contact.ani] = PastPlace(contact.place, contact.ref.id, now)
        while len(left) > MOST_LEFT or next(iter(left.values())).at < now - HOUR:
            del left[next(iter(left))]

    # --- agents and phones --------------------------------------------------------------------

    def _agent_left(self, event: ev.AgentLeft) -> None:
        self.past.agents.pop(event.agent, None)

    def _agent_changed(self, event: ev.AgentStateChanged) -> None:
        """Made anew, for fourteen fields are set in half the time so."""
        agents, now = self.past.agents, self._now()
        before, state, contact = agents.get(event.agent, UNKNOWN), event.state, event.contact
        self.past.handling.changed(event.agent, state, now)
        same = state == before.state and contact == before.contact
        unengaged, ordered = state in UNENGAGED, bool(event.seq)
        if ordered:
            self._count(event.seq)
        agents[event.agent] = PastAgent(
            state,
            state if unengaged else before.wanted,
            event.code if unengaged else before.code,
            event.pending,
            before.since if same else now,
            now,
            event.since if ordered else before.available_since,
            event.seq if ordered else before.seq,
            contact,
            event.queue,
            event.kind,
            "end-wrap-up" in event.allowed,
            event.version,
            event.allowed,
        )

    def _phone_registered(self, event: ev.PhoneRegistered) -> None:
        if event.binding is not None:
            self._bind(event.binding)

    def _phone_refreshed(self, event: ev.PhoneRefreshed) -> None:
        self._bind(event.binding)

    def _bind(self, binding: Any) -> None:
        self.past.bindings.setdefault(AgentId(binding.user), {})[binding.contact] = binding

    def _phone_gone(self, event: ev.PhoneGone) -> None:
        held = self.past.bindings.get(event.agent, {})
        held.pop(event.contact_uri, None)
        if not held:
            self.past.bindings.pop(event.agent, None)

    # --- legs ---------------------------------------------------------------------------------

    def _leg(self, event: Any) -> PastLeg:
        legs = self.past.legs
        leg = legs.get(event.leg)
        if leg is None:
            leg = legs[event.leg] = PastLeg(event.contact, since=self._now())
        return leg

    def _leg_arrived(self, event: ev.LegArrived) -> None:
        self._leg(event).arrived = event

    def _leg_called(self, event: ev.LegCalled) -> None:
        self._leg(event).called = event

    def _leg_confirmed(self, event: ev.LegConfirmed) -> None:
        if event.dialog is not None:
            leg = self._leg(event)
            leg.confirmed, leg.restarts, leg.since = event, 0, self._now()
            leg.arrived = None  # ``called`` says where the phone listens

    def _leg_down(self, event: ev.LegDown) -> None:
        """Who lives may not have heard of it yet; he forgets it when he ends."""
        leg = self.past.legs.pop(event.leg, None)
        contact = self.past.contacts.get(event.contact)
        if leg is None or contact is None or not _takes_part(contact, event.leg):
            return
        leg.down = event
        contact.down.append(event.leg)
        self.past.legs[event.leg] = leg

    # --- commands -----------------------------------------------------------------------------

    def _command_asked(self, event: ev.CommandAsked) -> None:
        commands, name, now = self.past.commands, f"{event.by}\0{event.key}", self._now()
        commands.pop(name, None)
        commands[name] = PastCommand(event.by, event.key, event.digest, now)
        oldest = now - COMMAND_SECONDS
        while len(commands) > MOST_COMMANDS or next(iter(commands.values())).at < oldest:
            del commands[next(iter(commands))]

    def _command_answered(self, event: ev.CommandAnswered) -> None:
        command = self.past.commands.get(f"{event.by}\0{event.key}")
        if command is not None:
            command.answer = event.answer

    # --- the server ---------------------------------------------------------------------------

    def _count(self, number: int) -> None:
        self.past.highest = max(self.past.highest, number)

    def _server_started(self, event: ev.ServerStarted) -> None:
        continue_in(self.past, event.boot, event.clock, self.past.at)
        for contact in self.past.contacts.values():
            contact.restarts += 1
        for leg in self.past.legs.values():
            leg.restarts += 1

    def _clock_set(self, event: ev.ClockSet) -> None:
        self.past.clock, self.past.clock_at = event.clock, self.past.at


def _takes_part(contact: PastContact, leg: LegId) -> bool:
    if leg == contact.customer:
        return True
    return contact.talk is not None and any(p.leg == leg for p in contact.talk.participants)
