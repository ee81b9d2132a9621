"""What contacts do to the figures: each step of theirs, and each second between two steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from actors import events as ev
from actors.ids import NO_QUEUE, AgentId, ContactId, owner_of
from actors.reasons import During, OfferFailure, Outcome
from ccserver.journal.reports.books import Books
from ccserver.journal.reports.conversations import CONSULTED, Part
from ccserver.journal.reports.deeds import Deeds
from ccserver.journal.reports.figures import ContactFigures, QueueFigures, Rules
from ccserver.journal.reports.intervals import MICRO
from ccserver.journal.reports.terminations import termination_of
from ccserver.journal.reports.visits import (
    BEING_OFFERED,
    FLOW,
    IN_SERVICE,
    WAITING,
    Time,
    Visit,
    Visitor,
    enter,
)

MISSED = (OfferFailure.RONA, OfferFailure.NO_ANSWER)
_ABANDONED_IN = {
    During.FLOW: "treatment",
    During.QUEUE: "queue",
    During.RINGING: "agent_connect",
}


class ContactAccounts:
    """``finished`` is given each contact when it is over and its last agent is done with it."""

    def __init__(
        self, books: Books, rules: Rules, finished: Callable[[ContactFigures], object]
    ) -> None:
        self._books, self._rules, self._finished = books, rules, finished
        self._time = Time(books, rules)
        self._contacts: dict[ContactId, Visitor] = {}
        self.handlers: dict[type, Callable[[int, Any], None]] = {
            ev.ContactArrived: self._arrived,
            ev.LegConfirmed: self._leg_confirmed,
            ev.ContactPlaced: self._placed,
            ev.ContactReached: self._reached,
            ev.ContactQueued: self._queued,
            ev.ContactDiverted: self._diverted,
            ev.ContactPresented: self._presented,
            ev.ContactOfferFailed: self._offer_failed,
            ev.ContactConnected: self._connected,
            ev.ContactReturned: self._returned,
            ev.ContactLeftQueue: self._left_queue,
            ev.ContactStateChanged: self._state_changed,
            ev.ContactEnded: self._ended,
            ev.WrapUpEnded: self._wrap_up_ended,
            **Deeds(books, self._contacts).handlers,
        }

    # --- time ---------------------------------------------------------------------------------

    def close(self, at: int) -> None:
        """An interval ends: what goes on has gone on until now, and who waits is counted."""
        for contact in self._contacts.values():
            if contact.row.ended is None:
                self._time.close(contact, at)

    def rest(self) -> None:
        """Nothing more is told: whoever is there is shown as he is."""
        for contact in self._contacts.values():
            self._finished(contact.row)
        self._contacts.clear()

    # --- arriving -----------------------------------------------------------------------------

    def _arrived(self, at: int, event: ev.ContactArrived) -> None:
        row = ContactFigures(
            event.contact.id, "inbound", at, event.entry_point, event.ani, event.dnis
        )
        visit = Visit(NO_QUEUE, at)
        self._contacts[row.contact] = Visitor(row, event.leg, visit, at)

    def _leg_confirmed(self, at: int, event: ev.LegConfirmed) -> None:
        contact = self._contacts.get(event.contact)
        if contact is not None and contact.customer == event.leg:
            contact.answered_by_us = True

    def _placed(self, at: int, event: ev.ContactPlaced) -> None:
        row = ContactFigures(event.contact.id, "outbound", at, "", event.to, event.shown)
        visit = Visit(NO_QUEUE, at, counts=False)
        self._contacts[row.contact] = Visitor(row, None, visit, at)
        self._books.agent(event.agent).placed += 1

    def _reached(self, at: int, event: ev.ContactReached) -> None:
        contact = self._contacts.get(event.contact.id)
        self._books.agent(event.agent).reached += 1
        if contact is not None:
            contact.row.ringing = event.rang
            contact.stage = IN_SERVICE
            self._begin(at, contact, event.agent)

    # --- waiting ------------------------------------------------------------------------------

    def _living(self, at: int, name: ContactId) -> Visitor | None:
        """Whoever is there, with all entered that has passed."""
        contact = self._contacts.get(name)
        if contact is None or contact.row.ended is not None:
            return None
        self._time.settle(contact, at)
        return contact

    def _queued(self, at: int, event: ev.ContactQueued) -> None:
        contact = self._living(at, event.contact.id)
        if contact is None:
            return
        self._withdraw(contact)
        contact.transfer_failed = False
        if event.queue != contact.visit.name or not contact.visit.counts:
            if contact.visit.name != NO_QUEUE:
                self._overflow(at, contact)
            contact.visit = Visit(event.queue, at)
            contact.row.queues.append(event.queue)
            figures = self._books.queue(event.queue)
            figures.offered += 1
            if event.regained is not None:
                figures.regained += 1
                contact.row.regained = True
        contact.stage = WAITING

    def _diverted(self, at: int, event: ev.ContactDiverted) -> None:
        self._books.queue(event.queue).diverted += 1
        contact = self._living(at, event.contact.id)
        if contact is None:
            return
        contact.row.diverted += 1
        if event.onward and contact.visit.name != NO_QUEUE:
            self._withdraw(contact)
            self._overflow(at, contact)
            contact.visit, contact.stage = Visit(NO_QUEUE, at), FLOW

    def _overflow(self, at: int, contact: Visitor) -> None:
        figures = self._leave(at, contact)
        figures.overflowed += 1
        _greatest(figures, (at - contact.visit.since) / MICRO, contact.visit)

    def _leave(self, at: int, contact: Visitor) -> QueueFigures:
        """His queue, whose visit is over.  What the service level says of him is decided."""
        self._time.decide(contact, at)
        contact.visit.decided = True
        figures = self._books.queue(contact.visit.name)
        self._conversed(contact, figures)
        return figures

    # --- offers -------------------------------------------------------------------------------

    def _presented(self, at: int, event: ev.ContactPresented) -> None:
        contact = self._living(at, event.contact.id)
        if contact is None:
            return
        if event.agent not in contact.ringing:
            contact.ringing.add(event.agent)
            self._books.agent(event.agent).offered += 1
        if contact.visit.name != NO_QUEUE:
            contact.stage = BEING_OFFERED

    def _offer_failed(self, at: int, event: ev.ContactOfferFailed) -> None:
        contact = self._living(at, event.contact.id)
        agent, queue = self._books.agent(event.agent), self._books.queue(event.queue)
        if contact is None or event.agent not in contact.ringing:
            agent.offered += 1  # it failed before his phone rang
        if event.reason in MISSED:
            agent.missed += 1
            queue.missed += 1
        elif event.reason is OfferFailure.DECLINED:
            agent.rejected += 1
            queue.rejected += 1
        else:
            agent.offer_errors += 1
            queue.offer_errors += 1
        if contact is None:
            return
        contact.row.offers_failed += 1
        contact.ringing.discard(event.agent)
        if not event.others_ring and contact.visit.name != NO_QUEUE:
            contact.stage = WAITING

    def _withdraw(self, contact: Visitor, but: AgentId | None = None) -> None:
        """Nobody's phone rings for him any more; ``but``: who has answered."""
        for agent in contact.ringing:
            if agent != but:
                self._books.agent(agent).withdrawn += 1
        contact.ringing.clear()

    def _connected(self, at: int, event: ev.ContactConnected) -> None:
        contact = self._living(at, event.contact.id)
        if contact is None:
            return
        agent, visit = self._books.agent(event.agent), contact.visit
        agent.offered += event.agent not in contact.ringing  # asked for in a transfer
        agent.answered += 1
        self._withdraw(contact, but=event.agent)
        if visit.name != NO_QUEUE:
            contact.stage = IN_SERVICE
        if not visit.answered and visit.name != NO_QUEUE:
            visit.answered = True
            self._count_answer(contact, event)
        contact.transfer_failed = False
        self._begin(at, contact, event.agent)

    def _count_answer(self, contact: Visitor, event: ev.ContactConnected) -> None:
        visit, figures = contact.visit, self._books.queue(contact.visit.name)
        figures.answered += 1
        figures.answer_wait += event.waited
        figures.answer_ring += event.rang
        figures.longest_wait = max(figures.longest_wait, event.waited)
        if not visit.decided:
            visit.decided = True
            if event.waited <= self._rules.service_level_seconds:
                figures.level_answered += 1
            else:
                figures.level_missed += 1

    # --- talking ------------------------------------------------------------------------------

    def _begin(self, at: int, contact: Visitor, agent: AgentId) -> None:
        contact.visit.talked = True
        contact.settled = at
        self._gone(contact.talk.begin(agent))
        _took_part(contact.row, agent)

    def _state_changed(self, at: int, event: ev.ContactStateChanged) -> None:
        contact = self._living(at, event.contact.id)
        if contact is None:
            return
        come, gone, conference = contact.talk.change(event)
        contact.visit.talked = contact.visit.talked or contact.talk.is_on
        self._gone(gone)
        for part in come:
            if part.does == CONSULTED:
                self._books.agent(part.agent).consulted_times += 1
            if part.main or part.does == CONSULTED:
                _took_part(contact.row, part.agent)
        if event.state == "post_call" and event.before != "post_call" and contact.visit.counts:
            self._books.queue(contact.visit.name).post_calls += 1
        if conference:
            contact.row.conferences += 1
            if contact.visit.counts:
                self._books.queue(contact.visit.name).conferences += 1
            for participant in event.participants:
                if participant.role == "primary":
                    self._books.agent(AgentId(participant.id)).conferences += 1

    def _gone(self, parts: list[Part]) -> None:
        """What each has done is counted in the interval in which his part ends."""
        for part in parts:
            figures = self._books.agent(part.agent)
            figures.conversations += part.main
            for does, seconds in part.seconds.items():
                enter(figures, does, seconds)

    def _conversed(self, contact: Visitor, figures: QueueFigures) -> None:
        """The conversation, if there was one, is over for the queue whose figures these are."""
        self._gone(contact.talk.end())
        visit = contact.visit
        if visit.talked and visit.counts:
            figures.conversations += 1
            for does, seconds in visit.seconds.items():
                enter(figures, does, seconds)
        visit.seconds, visit.talked = {}, False

    def _returned(self, at: int, event: ev.ContactReturned) -> None:
        contact = self._living(at, event.contact.id)
        if contact is None:
            return
        figures = self._books.queue(contact.visit.name)
        figures.requeued += 1
        contact.row.requeued += 1
        self._conversed(contact, figures)
        contact.stage = WAITING

    def _left_queue(self, at: int, event: ev.ContactLeftQueue) -> None:
        contact = self._living(at, event.contact.id)
        if contact is None:
            return
        figures = self._leave(at, contact)
        if contact.visit.counts and contact.visit.name != NO_QUEUE:
            figures.handled += 1
            self._cut_off(contact, event.agent, event.talked)
        contact.visit, contact.stage = Visit(NO_QUEUE, at), FLOW

    def _cut_off(self, contact: Visitor, agent: AgentId | None, talked: float) -> None:
        if talked > self._rules.sudden_disconnect_seconds:
            return
        contact.row.sudden_disconnect = True
        if contact.visit.counts:
            self._books.queue(contact.visit.name).sudden_disconnects += 1
        if agent is not None:
            self._books.agent(agent).sudden_disconnects += 1

    # --- the end ------------------------------------------------------------------------------

    def _ended(self, at: int, event: ev.ContactEnded) -> None:
        contact = self._living(at, event.contact.id)
        if contact is None:
            return
        row, visit = contact.row, contact.visit
        row.ended, row.outcome, row.ended_by = at, event.outcome, event.ended_by
        row.termination = termination_of(event, transfer_failed=contact.transfer_failed)
        self._withdraw(contact)
        if visit.counts:
            self._count_end(at, contact, event)
        elif event.outcome is Outcome.HANDLED:
            self._cut_off(contact, event.agent, event.talked)
        self._gone(contact.talk.end())
        if not contact.holders:
            self._finish(contact)

    def _count_end(self, at: int, contact: Visitor, event: ev.ContactEnded) -> None:
        row, visit = contact.row, contact.visit
        if event.outcome is Outcome.ABANDONED:
            self._give_up(at, contact, event)
        figures = self._leave(at, contact)
        if visit.name == NO_QUEUE:
            figures.offered += 1
        match event.outcome:
            case Outcome.HANDLED:
                figures.handled += 1
                self._cut_off(contact, event.agent, event.talked)
            case Outcome.OVERFLOWED:
                figures.overflowed += 1
            case Outcome.REJECTED | Outcome.FAILED | Outcome.UNREACHED:
                figures.failed += 1
            case Outcome.ABANDONED if row.short:
                figures.short += 1
            case Outcome.ABANDONED:
                kind = f"abandoned_{row.abandon_type}"
                setattr(figures, kind, getattr(figures, kind) + 1)
                figures.abandon_wait += event.waited
        _greatest(figures, event.waited, visit)

    def _give_up(self, at: int, contact: Visitor, event: ev.ContactEnded) -> None:
        """What kind of abandon it is, and what the service level says of it."""
        row, visit = contact.row, contact.visit
        in_system, short = (at - row.arrived) / MICRO, self._rules.short_call_seconds
        row.short = 0 < short >= in_system
        row.abandon_type = _ABANDONED_IN[event.during or During.QUEUE]
        if row.abandon_type == "treatment" and not contact.answered_by_us:
            row.abandon_type = "new"
        if visit.decided or row.short:
            visit.decided = True
            return
        visit.decided = True
        figures = self._books.queue(visit.name)
        if event.waited <= self._rules.service_level_seconds:
            figures.level_abandoned += 1
        else:
            figures.level_missed += 1

    def _finish(self, contact: Visitor) -> None:
        del self._contacts[contact.row.contact]
        self._finished(contact.row)

    # --- wrap-up ------------------------------------------------------------------------------

    def held_by(self, agent: AgentId, name: ContactId) -> None:
        """The agent has this contact in hand."""
        contact = self._contacts.get(name)
        if contact is not None:
            contact.holders.add(agent)

    def let_go_by(self, agent: AgentId, name: ContactId) -> None:
        contact = self._contacts.get(name)
        if contact is None:
            return
        contact.holders.discard(agent)
        if contact.row.ended is not None and not contact.holders:
            self._finish(contact)

    def _wrap_up_ended(self, at: int, event: ev.WrapUpEnded) -> None:
        agent = self._books.agent(event.agent)
        agent.wrap_up += event.lasted
        agent.wrap_ups += 1
        if event.queue != NO_QUEUE:
            queue = self._books.queue(event.queue)
            queue.wrap_up += event.lasted
            queue.wrap_ups += 1
        contact = self._contacts.get(owner_of(event.contact))
        if contact is not None:
            contact.row.wrap_up += event.lasted
            contact.row.wrap_up_code = event.code or contact.row.wrap_up_code


def _took_part(row: ContactFigures, agent: AgentId) -> None:
    if agent not in row.agents:
        row.agents.append(agent)


def _greatest(figures: QueueFigures, waited: float, visit: Visit) -> None:
    """He has waited so long in vain; who was answered has been counted then."""
    if not visit.answered:
        figures.longest_wait = max(figures.longest_wait, waited)
