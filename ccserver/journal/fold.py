"""The journal's events folded into numbers: who waits where, and what became of everyone.

Per queue, after every event:

    offered = handled + abandoned + overflowed + failed + waiting + being offered + in service

A contact counts as offered to a queue when it first waits there.  One that ended before it
reached any queue was offered to the queue with the empty name, and ended there.  Every step of a
contact is told by that contact's own actor, so the steps come in order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from msgspec import Struct

from actors import events as ev
from actors.ids import NO_QUEUE, AgentId, ContactId, QueueName
from actors.reasons import During, OfferFailure, Outcome
from ccserver.journal.histogram import Histogram, HistogramFigures
from ccserver.journal.outbound import OutboundFigures, OutboundFold, SavedOutbound
from ccserver.journal.waiting import SavedWaiting, WaitingFigures, WaitingFold

AGENT_STATES = ("signed_out", "idle", "available", "reserved", "engaged", "wrap_up")

CALL_STATES = (
    "connected",
    "held",
    "consult_requested",
    "consulting",
    "consult_on_hold",
    "both_on_hold",
    "conference",
    "post_call",
)
CONSULT_OUTCOMES = ("ended", "left", "cancelled", "conference", "transfer")
"""Those that are no failure; a failure's reason is counted as it comes."""
DESTINATIONS = ("agent", "queue", "entry_point", "number", "directory")

DISPATCH_BOUNDS = (
    *(0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.002, 0.005),
    *(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0),
)
ANSWER_BOUNDS = (
    1.0,
    2.0,
    5.0,
    10.0,
    15.0,
    20.0,
    30.0,
    45.0,
    60.0,
    90.0,
    120.0,
    180.0,
    300.0,
    600.0,
    1800.0,
)
TALK_BOUNDS = (1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 180.0, 300.0, 600.0, 900.0, 1800.0, 3600.0)
WRAP_UP_BOUNDS = (1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0)


class QueueFigures(Struct, frozen=True, gc=False):
    offered: int
    handled: int
    abandoned: dict[str, int]
    """By where the customer was: flow, queue or ringing."""
    overflowed: int
    failed: int
    returned: int
    """Contacts whose agent was lost in the conversation; they wait again, and are no part of the
    identity."""
    waiting: int
    being_offered: int
    in_service: int
    longest_wait: float
    """Seconds; 0 when nobody waits."""


class FoldFigures(Struct, frozen=True):
    queues: dict[str, QueueFigures]
    in_flow: int
    agents: dict[str, int]
    offers_failed: dict[str, int]
    crashes: dict[str, int]
    dispatch: HistogramFigures
    answer: HistogramFigures
    talk: HistogramFigures
    wrap_up: HistogramFigures
    states: dict[str, HistogramFigures]
    """How long conversations were held, in conference, after the customer had left, ..."""
    consults: dict[str, int]
    """By outcome."""
    transfers: dict[tuple[str, str], int]
    """By how (blind, consult) and to what kind of destination."""
    outbound: OutboundFigures
    waiting: WaitingFigures


class SavedContact(Struct, frozen=True, gc=False):
    """Of a contact that has not ended; ``queue`` None: it was in none."""

    queue: str | None
    stage: int
    since: float
    answered: bool


class SavedFold(Struct, frozen=True):
    """All that a fold holds: with it, it goes on as if it had never stopped."""

    queues: dict[str, QueueFigures]
    contacts: dict[str, SavedContact]
    agents: dict[AgentId, str]
    offers_failed: dict[str, int]
    crashes: dict[str, int]
    histograms: dict[str, HistogramFigures]
    consults: dict[str, int]
    transfers: dict[str, int]
    """By ``how to``."""
    outbound: SavedOutbound
    waiting: SavedWaiting


class _Queue:
    __slots__ = (
        "abandoned",
        "being_offered",
        "failed",
        "handled",
        "in_service",
        "offered",
        "overflowed",
        "returned",
        "waiting",
    )

    def __init__(self) -> None:
        self.offered = self.handled = self.overflowed = self.failed = self.returned = 0
        self.abandoned = dict.fromkeys(During, 0)
        self.waiting: dict[ContactId, float] = {}
        self.being_offered = self.in_service = 0

    def figures(self, now: float) -> QueueFigures:
        longest = now - min(self.waiting.values()) if self.waiting else 0.0
        return QueueFigures(
            self.offered,
            self.handled,
            {during.value: count for during, count in self.abandoned.items()},
            self.overflowed,
            self.failed,
            self.returned,
            len(self.waiting),
            self.being_offered,
            self.in_service,
            max(0.0, longest),
        )

    def go_on(self, figures: QueueFigures) -> None:
        """What has been counted; who is where now comes with the contacts."""
        self.offered, self.handled = figures.offered, figures.handled
        self.abandoned = {during: figures.abandoned[during] for during in During}
        self.overflowed, self.failed = figures.overflowed, figures.failed
        self.returned = figures.returned


_FLOW, _WAITING, _BEING_OFFERED, _IN_SERVICE = range(4)


class _Contact:
    """``stage``: where it is; ``since``: its place in line, in monotonic seconds."""

    __slots__ = ("answered", "queue", "since", "stage")

    def __init__(self) -> None:
        self.queue: _Queue | None = None
        self.stage = _FLOW
        self.since = 0.0
        self.answered = False


class Fold:
    """``queues`` and ``agents`` are the known ones: they are there, with 0, from the start.

    ``now`` gives monotonic seconds, of the clock of ``Place.since``.  ``handlers``: of each event
    that counts for anything, by its type.
    """

    def __init__(
        self, queues: Iterable[QueueName], agents: Iterable[AgentId], now: Callable[[], float]
    ) -> None:
        self._now = now
        self._queues = {name: _Queue() for name in (NO_QUEUE, *queues)}
        self._contacts: dict[ContactId, _Contact] = {}
        self._agents = dict.fromkeys(agents, "signed_out")
        self._agent_states = dict.fromkeys(AGENT_STATES, 0)
        self._agent_states["signed_out"] = len(self._agents)
        self._in_flow = 0
        self._offers_failed = dict.fromkeys(OfferFailure, 0)
        self._crashes: dict[str, int] = {}
        self._dispatch = Histogram(DISPATCH_BOUNDS)
        self._answer = Histogram(ANSWER_BOUNDS)
        self._talk = Histogram(TALK_BOUNDS)
        self._wrap_up = Histogram(WRAP_UP_BOUNDS)
        self._states = {state: Histogram(TALK_BOUNDS) for state in CALL_STATES}
        self._consults = dict.fromkeys(CONSULT_OUTCOMES, 0)
        self._transfers = {(how, to): 0 for how in ("blind", "consult") for to in DESTINATIONS}
        self._outbound = OutboundFold(TALK_BOUNDS)
        self._waits = WaitingFold(name for name in self._queues if name != NO_QUEUE)
        self.handlers: dict[type, Callable[[Any], None]] = {
            ev.ContactArrived: self._arrived,
            ev.ContactPlaced: self._outbound.placed,
            ev.ContactReached: self._outbound.reached,
            ev.CallRefused: self._outbound.refused,
            ev.ContactQueued: self._queued,
            ev.ContactDiverted: self._diverted,
            ev.ContactAssigned: self._waits.assigned,
            ev.AssignmentRefused: self._waits.assignment_refused,
            ev.ContactPresented: self._presented,
            ev.ContactOfferFailed: self._offer_failed,
            ev.ContactConnected: self._connected,
            ev.ContactReturned: self._returned,
            ev.ContactLeftQueue: self._left_queue,
            ev.ContactStateChanged: self._state_changed,
            ev.ConsultEnded: self._consult_ended,
            ev.ContactTransferred: self._transferred,
            ev.ContactEnded: self._ended,
            ev.AgentStateChanged: self._agent_changed,
            ev.WrapUpEnded: self._wrap_up_ended,
            ev.AgentLeft: self._agent_left,
            ev.CentreConfigured: self._configured,
            ev.ActorCrashed: self._crashed,
        }

    def apply(self, event: ev.AnyEvent) -> None:
        handler = self.handlers.get(type(event))
        if handler is not None:
            handler(event)

    def figures(self) -> FoldFigures:
        """All of one instant."""
        now = self._now()
        return FoldFigures(
            {name: queue.figures(now) for name, queue in self._queues.items()},
            self._in_flow,
            dict(self._agent_states),
            {reason.value: count for reason, count in self._offers_failed.items()},
            dict(self._crashes),
            self._dispatch.figures(),
            self._answer.figures(),
            self._talk.figures(),
            self._wrap_up.figures(),
            {state: times.figures() for state, times in self._states.items()},
            dict(self._consults),
            dict(self._transfers),
            self._outbound.figures(),
            self._waits.figures(),
        )

    # --- from one run to the next -------------------------------------------------------------

    def saved(self) -> SavedFold:
        names = {id(queue): name for name, queue in self._queues.items()}
        return SavedFold(
            {name: queue.figures(self._now()) for name, queue in self._queues.items()},
            {
                name: SavedContact(names.get(id(c.queue)), c.stage, c.since, c.answered)
                for name, c in self._contacts.items()
            },
            dict(self._agents),
            {reason.value: count for reason, count in self._offers_failed.items()},
            dict(self._crashes),
            {name: each.figures() for name, each in self._histograms().items()},
            dict(self._consults),
            {f"{how} {to}": count for (how, to), count in self._transfers.items()},
            self._outbound.saved(),
            self._waits.saved(),
        )

    def go_on(self, saved: SavedFold) -> None:
        """From where an earlier run's fold stood."""
        for name, figures in saved.queues.items():
            self._queue(QueueName(name)).go_on(figures)
        for reason in OfferFailure:
            self._offers_failed[reason] = saved.offers_failed.get(reason, 0)
        self._crashes = dict(saved.crashes)
        for kind, histogram in self._histograms().items():
            if kind in saved.histograms:
                histogram.go_on(saved.histograms[kind])
        self._consults.update(saved.consults)
        for transfer, count in saved.transfers.items():
            how, _, to = transfer.partition(" ")
            self._transfers[how, to] = count
        self._outbound.go_on(saved.outbound)
        self._waits.go_on(saved.waiting)
        for agent, state in saved.agents.items():
            self._set_agent(agent, state)
        for contact, place in saved.contacts.items():
            self._put_back(ContactId(contact), place)

    def _histograms(self) -> dict[str, Histogram]:
        named = {
            "dispatch": self._dispatch,
            "answer": self._answer,
            "talk": self._talk,
            "wrap_up": self._wrap_up,
        }
        return named | {f"state {state}": times for state, times in self._states.items()}

    def _put_back(self, name: ContactId, saved: SavedContact) -> None:
        contact = self._contacts[name] = _Contact()
        contact.stage, contact.since, contact.answered = saved.stage, saved.since, saved.answered
        if saved.queue is not None:
            contact.queue = self._queue(QueueName(saved.queue))
        if contact.stage == _FLOW or contact.queue is None:
            self._in_flow += 1
        elif contact.stage == _WAITING:
            contact.queue.waiting[name] = contact.since
        elif contact.stage == _BEING_OFFERED:
            contact.queue.being_offered += 1
        else:
            contact.queue.in_service += 1

    def _set_agent(self, agent: AgentId, state: str) -> None:
        before = self._agents.get(agent)
        if before is not None:
            self._agent_states[before] -= 1
        self._agents[agent] = state
        self._agent_states[state] = self._agent_states.get(state, 0) + 1

    # --- contacts -----------------------------------------------------------------------------

    def _queue(self, name: QueueName | None) -> _Queue:
        queue = self._queues.get(name or NO_QUEUE)
        if queue is None:
            queue = self._queues[name or NO_QUEUE] = _Queue()
        return queue

    def _arrived(self, event: ev.ContactArrived) -> None:
        self._contacts[event.contact.id] = _Contact()
        self._in_flow += 1

    def _queued(self, event: ev.ContactQueued) -> None:
        self._waits.queued(event)
        contact = self._contacts.get(event.contact.id)
        if contact is None:
            return
        queue = self._queue(event.queue)
        self._leave(event.contact.id, contact)
        if queue is not contact.queue:
            if contact.queue is not None:
                contact.queue.overflowed += 1  # out of one queue, into another
            queue.offered += 1
            contact.queue, contact.answered = queue, False
        contact.stage, contact.since = _WAITING, event.place.since
        queue.waiting[event.contact.id] = event.place.since

    def _diverted(self, event: ev.ContactDiverted) -> None:
        """Sent on while he waited: to this queue he has overflowed.  (Who is let go waits, until
        he has heard why.)
        """
        self._waits.diverted(event)
        contact = self._contacts.get(event.contact.id)
        if contact is None or contact.queue is None or not event.onward:
            return
        self._leave(event.contact.id, contact)
        contact.queue.overflowed += 1
        contact.queue, contact.stage = None, _FLOW
        self._in_flow += 1

    def _presented(self, event: ev.ContactPresented) -> None:
        """He has waited until now; or an agent hands him to another, whose phone rings."""
        self._dispatch.observe(event.dispatch)
        contact = self._contacts.get(event.contact.id)
        if contact is not None and contact.queue is not None:
            self._leave(event.contact.id, contact)
            contact.stage = _BEING_OFFERED
            contact.queue.being_offered += 1

    def _offer_failed(self, event: ev.ContactOfferFailed) -> None:
        self._offers_failed[event.reason] += 1
        if not event.others_ring:
            self._wait_again(event.contact.id)

    def _connected(self, event: ev.ContactConnected) -> None:
        self._waits.connected(event)
        contact = self._contacts.get(event.contact.id)
        if contact is None or contact.queue is None:
            return
        self._leave(event.contact.id, contact)
        contact.stage = _IN_SERVICE
        contact.queue.in_service += 1
        if not contact.answered:
            contact.answered = True
            self._answer.observe(event.waited)

    def _returned(self, event: ev.ContactReturned) -> None:
        self._talk.observe(event.talked)
        self._queue(event.queue).returned += 1
        self._wait_again(event.contact.id)

    def _left_queue(self, event: ev.ContactLeftQueue) -> None:
        """Served, and sent elsewhere: to this queue it is handled."""
        if self._outbound.sent_on(event):
            self._contacts[event.contact.id] = _Contact()
            self._in_flow += 1
            return
        contact = self._contacts.get(event.contact.id)
        if contact is None or contact.queue is None:
            return
        self._leave(event.contact.id, contact)
        contact.queue.handled += 1
        self._talk.observe(event.talked)
        contact.queue, contact.stage, contact.answered = None, _FLOW, False
        self._in_flow += 1

    def _state_changed(self, event: ev.ContactStateChanged) -> None:
        if event.lasted > 0 and event.before in self._states:
            self._states[event.before].observe(event.lasted)

    def _consult_ended(self, event: ev.ConsultEnded) -> None:
        self._consults[event.outcome] = self._consults.get(event.outcome, 0) + 1

    def _transferred(self, event: ev.ContactTransferred) -> None:
        kind = event.to.partition(":")[0]
        self._transfers[event.how, kind] = self._transfers.get((event.how, kind), 0) + 1

    def _wait_again(self, name: ContactId) -> None:
        contact = self._contacts.get(name)
        if contact is not None and contact.queue is not None:
            self._leave(name, contact)
            contact.stage = _WAITING
            contact.queue.waiting[name] = contact.since

    def _ended(self, event: ev.ContactEnded) -> None:
        self._waits.ended(event)
        name = event.contact.id
        contact = self._contacts.pop(name, None)
        if contact is None:
            self._outbound.ended(event)
            return
        self._leave(name, contact)
        queue = contact.queue
        if queue is None:
            queue = self._queues[NO_QUEUE]
            queue.offered += 1
        match event.outcome:
            case Outcome.HANDLED:
                queue.handled += 1
                self._talk.observe(event.talked)
            case Outcome.ABANDONED:
                queue.abandoned[event.during or During.QUEUE] += 1
            case Outcome.OVERFLOWED:
                queue.overflowed += 1
            case Outcome.REJECTED | Outcome.FAILED:
                queue.failed += 1

    def _leave(self, name: ContactId, contact: _Contact) -> None:
        """Out of the stage it is in."""
        queue = contact.queue
        if contact.stage == _FLOW or queue is None:
            self._in_flow -= 1
        elif contact.stage == _WAITING:
            del queue.waiting[name]
        elif contact.stage == _BEING_OFFERED:
            queue.being_offered -= 1
        else:
            queue.in_service -= 1

    # --- agents and the server ----------------------------------------------------------------

    def _agent_changed(self, event: ev.AgentStateChanged) -> None:
        # What it was before is ours to know: an agent that was started again tells it wrong.
        self._set_agent(event.agent, event.state)

    def _configured(self, event: ev.CentreConfigured) -> None:
        """Who is new is there, with 0, from now on; what was counted of the others stays."""
        for queue in event.content["queues"]:
            self._queue(QueueName(queue["name"]))
        for agent in event.content["agents"]:
            if agent["id"] not in self._agents:
                self._agents[AgentId(agent["id"])] = "signed_out"
                self._agent_states["signed_out"] += 1

    def _agent_left(self, event: ev.AgentLeft) -> None:
        state = self._agents.pop(event.agent, None)
        if state is not None:
            self._agent_states[state] -= 1

    def _wrap_up_ended(self, event: ev.WrapUpEnded) -> None:
        self._wrap_up.observe(event.lasted)

    def _crashed(self, event: ev.ActorCrashed) -> None:
        self._crashes[event.kind] = self._crashes.get(event.kind, 0) + 1
