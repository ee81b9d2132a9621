"""The journal folded into rows: what became of each contact, leg and agent.

The fold holds what goes on (contacts, segments, legs and activities that have not ended) and
nothing else.  All of it stands in the rows, so a fold that is given the open rows of a database
goes on as if it had never stopped, wherever it did.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from msgspec import Struct

from actors import events as ev
from actors.ids import AgentId, ContactId, LegId, owner_of
from ccserver.store.rows import Activity, Contact, Decision, Leg, Offer, Row, Segment

FLOW, QUEUE, RINGING, DIALLING, TRANSFER = "flow", "queue", "ringing", "dialling", "transfer"
"""Kinds of segments; of a conversation, they are the states of ``contact.state_changed``."""
CONNECTED, ELSEWHERE, WITHDRAWN = "connected", "elsewhere", "withdrawn"
"""What comes of an offer that did not fail."""
OVER = "over"
RESTART = "restart"
"""Why a leg ended of which a run of the server that died has left nothing."""


class Changes(Struct):
    """Rows that are new, and those that stood there before and are others now."""

    new: list[Row]
    changed: list[Row]


class _Living:
    """A contact that has not ended, the segment that it is in, and the offers that ring for it."""

    __slots__ = ("offers", "row", "segment")

    def __init__(self, row: Contact) -> None:
        self.row = row
        self.segment: Segment | None = None
        self.offers: dict[str, Offer] = {}


class StoreFold:
    """Applies events in their order.  ``going_on``: the rows without an end, in any order."""

    def __init__(self, going_on: Iterable[Row] = ()) -> None:
        self._seq = self._at = 0
        self._contacts: dict[str, _Living] = {}
        self._legs: dict[str, Leg] = {}
        self._agents: dict[str, Activity] = {}
        self._new: dict[tuple[type, int | str], Row] = {}
        self._changed: dict[tuple[type, int | str], Row] = {}
        self._go_on(going_on)
        self._handlers: dict[type, Callable[[Any], None]] = {
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
            ev.ContactTransferred: self._transferred,
            ev.ContactLeftQueue: self._left_queue,
            ev.ContactEnded: self._ended,
            ev.AgentStateChanged: self._agent_changed,
            ev.WrapUpEnded: self._wrap_up_ended,
            ev.AgentLeft: self._agent_left,
            ev.LegArrived: self._leg_arrived,
            ev.LegCalled: self._leg_called,
            ev.LegConfirmed: self._leg_confirmed,
            ev.LegDown: self._leg_down,
            ev.ServerStarted: self._server_started,
        }

    def apply(self, seq: int, at: int, event: ev.AnyEvent) -> None:
        handler = self._handlers.get(type(event))
        if handler is not None:
            self._seq, self._at = seq, at
            handler(event)

    def take(self) -> Changes:
        """What has become of the rows since this was asked last."""
        changes = Changes([*self._new.values()], [*self._changed.values()])
        self._new.clear()
        self._changed.clear()
        return changes

    def _go_on(self, rows: Iterable[Row]) -> None:
        rows = list(rows)
        for row in rows:
            match row:
                case Contact():
                    self._contacts[row.id] = _Living(row)
                case Leg():
                    self._legs[row.id] = row
                case Activity():
                    self._agents[row.agent] = row
        for row in rows:
            if isinstance(row, Segment | Offer) and row.contact in self._contacts:
                living = self._contacts[row.contact]
                if isinstance(row, Segment):
                    living.segment = row
                else:
                    living.offers[row.agent] = row

    def _add(self, row: Row) -> None:
        self._new[type(row), row.id] = row

    def _touch(self, row: Row) -> None:
        row.seq = self._seq
        key = type(row), row.id
        if key not in self._new:
            self._changed[key] = row

    # --- contacts -----------------------------------------------------------------------------

    def _arrived(self, event: ev.ContactArrived) -> None:
        ref = event.contact
        inbound = (ref.channel, "inbound", event.entry_point, event.ani, event.dnis)
        self._begin(Contact(ref.id, self._seq, *inbound, self._at), FLOW)

    def _placed(self, event: ev.ContactPlaced) -> None:
        ref = event.contact
        outbound = (ref.channel, "outbound", "", event.to, event.shown)
        row = Contact(ref.id, self._seq, *outbound, self._at, event.trunk, agent=event.agent)
        self._begin(row, DIALLING, event.agent)

    def _begin(self, row: Contact, kind: str, agent: str | None = None) -> None:
        self._contacts[row.id] = living = _Living(row)
        self._add(row)
        self._enter(living, kind, None, agent)

    def _enter(self, living: _Living, kind: str, queue: str | None, agent: str | None) -> None:
        """From here on the contact is there, if it is not already."""
        before = living.segment
        if before is not None:
            if (before.kind, before.queue, before.agent) == (kind, queue, agent):
                return
            before.ended_at = self._at
            self._touch(before)
        if kind != RINGING:
            self._end_offers(living)
        contact = living.row.id
        living.segment = Segment(self._seq, self._seq, contact, kind, queue, agent, self._at)
        self._add(living.segment)

    def _living(self, ref: ev.ContactRef) -> _Living | None:
        """None: it is none of which the beginning was read."""
        living = self._contacts.get(ref.id)
        if living is not None:
            self._touch(living.row)
        return living

    def _reached(self, event: ev.ContactReached) -> None:
        living = self._living(event.contact)
        if living is not None:
            living.row.answered_at = living.row.answered_at or self._at
            self._enter(living, "connected", None, event.agent)

    def _queued(self, event: ev.ContactQueued) -> None:
        living = self._living(event.contact)
        if living is not None:
            row = living.row
            row.queue = event.queue
            row.queued_at = row.queued_at or self._at
            self._enter(living, QUEUE, event.queue, None)

    def _diverted(self, event: ev.ContactDiverted) -> None:
        """Out of the queue, unless he is at its door, hears why he is let go, or waits at once in
        another.
        """
        living = self._living(event.contact)
        if living is not None and event.waited is not None and event.onward:
            self._leave_for(living, event.to)

    def _leave_for(self, living: _Living, to: str) -> None:
        kind = to.partition(":")[0]
        if kind == "entry_point":
            self._enter(living, FLOW, None, None)
        elif kind != "queue":
            self._enter(living, TRANSFER, None, None)

    def _presented(self, event: ev.ContactPresented) -> None:
        self._party(event.leg, "agent", event.agent)
        living = self._living(event.contact)
        if living is None:
            return
        segment = living.segment
        if segment is None or segment.kind != RINGING:  # of several who ring, the first
            self._enter(living, RINGING, event.queue or None, event.agent)
        self._end_offer(living, event.agent, WITHDRAWN)
        what = (event.contact.id, event.queue or None, event.agent, event.leg)
        offer = Offer(self._seq, self._seq, *what, self._at, event.dispatch)
        living.offers[event.agent] = offer
        self._add(offer)

    def _offer_failed(self, event: ev.ContactOfferFailed) -> None:
        living = self._living(event.contact)
        if living is None:
            return
        self._end_offer(living, event.agent, event.reason.value)
        if not event.others_ring:
            self._enter(living, QUEUE, event.queue, None)

    def _end_offer(self, living: _Living, agent: str, result: str) -> None:
        offer = living.offers.pop(agent, None)
        if offer is not None:
            offer.ended_at, offer.result = self._at, result
            self._touch(offer)

    def _end_offers(self, living: _Living, result: str = WITHDRAWN) -> None:
        for agent in [*living.offers]:
            self._end_offer(living, agent, result)

    def _connected(self, event: ev.ContactConnected) -> None:
        self._party(event.leg, "agent", event.agent)
        living = self._living(event.contact)
        if living is not None:
            living.row.agent = event.agent
            living.row.answered_at = living.row.answered_at or self._at
            self._end_offer(living, event.agent, CONNECTED)
            self._end_offers(living, ELSEWHERE)
            self._enter(living, "connected", event.queue or None, event.agent)

    def _returned(self, event: ev.ContactReturned) -> None:
        living = self._living(event.contact)
        if living is not None:
            self._enter(living, QUEUE, event.queue, None)

    def _state_changed(self, event: ev.ContactStateChanged) -> None:
        """``over`` says nothing of where the contact is next: what comes behind it does."""
        for one in event.participants:
            if one.leg:
                self._party(LegId(one.leg), one.kind, one.id)
        living = self._living(event.contact)
        if living is None or event.state == OVER:
            return
        agents = (p.id for p in event.participants if (p.kind, p.role) == ("agent", "primary"))
        primary = next(agents, None)
        if primary is not None:
            living.row.agent = primary
        queue = None if living.segment is None else living.segment.queue
        self._enter(living, event.state, queue, primary)

    def _transferred(self, event: ev.ContactTransferred) -> None:
        living = self._living(event.contact)
        if living is not None:
            living.row.transferred_to = event.to
            if event.how == "blind" and not event.to.startswith(("queue:", "entry_point:")):
                self._enter(living, TRANSFER, None, None)

    def _left_queue(self, event: ev.ContactLeftQueue) -> None:
        living = self._living(event.contact)
        if living is not None:
            self._leave_for(living, living.row.transferred_to or "queue:")

    def _ended(self, event: ev.ContactEnded) -> None:
        living = self._living(event.contact)
        if living is None:
            return
        del self._contacts[event.contact.id]
        row = living.row
        row.ended_at, row.outcome = self._at, event.outcome.value
        row.during = None if event.during is None else event.during.value
        row.ended_by = None if event.ended_by is None else event.ended_by.value
        row.reason = event.reason
        row.queue, row.agent = event.queue or row.queue, event.agent or row.agent
        row.waited_seconds, row.talked_seconds = event.waited, event.talked
        self._end_offers(living)
        if living.segment is not None:
            living.segment.ended_at = self._at
            self._touch(living.segment)

    def _assigned(self, event: ev.ContactAssigned) -> None:
        why = event.decision
        decision = Decision(
            self._seq,
            self._seq,
            owner_of(event.contact),
            event.contact,
            event.queue,
            event.agent,
            self._at,
            event.decided_at - event.possible_at,
            why.on,
            why.strategy,
            why.rule,
            why.ring,
            why.needs,
            why.overdue,
            why.draw,
            [msgspec.to_builtins(candidate) for candidate in why.candidates],
            why.passed_over,
            [*why.others],
        )
        self._add(decision)

    # --- agents -------------------------------------------------------------------------------

    def _agent_changed(self, event: ev.AgentStateChanged) -> None:
        """Another state, idle code or contact is another activity; all else is none."""
        before = self._agents.get(event.agent)
        contact = None if event.contact is None else str(owner_of(ContactId(event.contact)))
        code = event.code if event.state == "idle" else None
        if before is not None:
            same = (before.state, before.contact) == (event.state, contact)
            if same and (event.state != "idle" or before.code == code):
                return
            self._end_activity(before)
        queue, kind = (None, None) if contact is None else (event.queue or None, event.kind)
        what = (event.agent, event.channel, event.state, code, contact, queue, kind)
        self._agents[event.agent] = activity = Activity(self._seq, self._seq, *what, self._at)
        self._add(activity)

    def _wrap_up_ended(self, event: ev.WrapUpEnded) -> None:
        """Its code; that it ends is told next."""
        activity = self._agents.get(event.agent)
        if activity is not None and activity.state == "wrap_up":
            activity.code = event.code
            self._touch(activity)

    def _agent_left(self, event: ev.AgentLeft) -> None:
        activity = self._agents.pop(event.agent, None)
        if activity is not None:
            self._end_activity(activity)

    def _end_activity(self, activity: Activity) -> None:
        activity.ended_at = self._at
        self._touch(activity)

    # --- legs ---------------------------------------------------------------------------------

    def _leg_arrived(self, event: ev.LegArrived) -> None:
        call_id = next((text for name, text in event.headers if name.lower() == "call-id"), None)
        self._leg(event.leg, event.contact, "inbound", event.target, call_id)

    def _leg_called(self, event: ev.LegCalled) -> None:
        self._leg(event.leg, event.contact, "outbound", event.target, event.call_id)

    def _leg(
        self, leg: LegId, contact: ContactId, direction: str, target: str, call_id: str | None
    ) -> None:
        if leg in self._legs:
            return  # called again, elsewhere: it is the same leg
        row = Leg(leg, self._seq, contact, direction, target, call_id, self._at)
        if contact in self._contacts and leg == f"{contact}/0":  # else an agent's feature code
            row.kind = row.party = "customer"
        self._legs[leg] = row
        self._add(row)

    def _party(self, leg: LegId, kind: str, party: str | AgentId) -> None:
        row = self._legs.get(leg)
        if row is not None and (row.kind, row.party) != (kind, party):
            row.kind, row.party = kind, party
            self._touch(row)

    def _leg_confirmed(self, event: ev.LegConfirmed) -> None:
        row = self._legs.get(event.leg)
        if row is not None and row.confirmed_at is None:
            row.confirmed_at = self._at
            self._touch(row)

    def _leg_down(self, event: ev.LegDown) -> None:
        row = self._legs.pop(event.leg, None)
        if row is not None:
            row.ended_at, row.cause = self._at, event.cause
            row.status, row.by_us = event.status, event.by_us
            self._touch(row)

    def _server_started(self, event: ev.ServerStarted) -> None:
        """Legs whose contact had ended, and that the run before did not see to their end."""
        for leg, row in [*self._legs.items()]:
            if row.contact not in self._contacts:
                del self._legs[leg]
                row.ended_at, row.cause = self._at, RESTART
                self._touch(row)
