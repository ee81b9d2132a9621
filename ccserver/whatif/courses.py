"""What each contact went through: when it came, how long it waited, who rang for it, who served it.

Read out of a journal, and out of what is played alike.  Times in seconds, instants in microseconds
since 1970.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from actors import events as ev
from actors.ids import AgentId, ContactId, EntryPointName, QueueName, owner_of
from actors.reasons import EndedBy, OfferFailure, Outcome

SECOND = 1_000_000
"""In the unit of instants."""
MUSIC = ("held", "consult_requested", "consulting", "both_on_hold")
"""States of a conversation in which the customer hears music."""
ONWARD = ("queue", "entry_point")
"""Kinds of destinations to which a transfer sends a contact to wait again."""


class Spell(Struct):
    """Of waiting, until an agent answers or the contact ends.  ``gave_up``: the customer hung up;
    otherwise he would have waited longer, nobody knows how long.
    """

    queue: QueueName
    began: int
    waited: float = 0.0
    gave_up: bool = False
    over: bool = False


class Offer(Struct):
    """One time that agents' phones rang for it.

    ``failure`` None and not ``answered``: the customer hung up meanwhile.  ``away``: after how long
    the agent who missed it was available again; None: that is not known, or he was at once.
    """

    agent: AgentId
    began: int
    after: float
    answered: bool = False
    failure: OfferFailure | None = None
    away: float | None = None


class ByName(Struct):
    """What follows a conversation in which the agent has given the customer to somebody by name: an
    agent, a party outside, whom he had consulted, or one after the other.

    ``onward``: where the customer was sent then, to wait again, as ``queue:support``, and ``by``
    whom; ``returned``: he went back to his place in the queue instead, for nobody answered, or
    whoever had was lost; neither: that was his end.
    """

    began: int
    lasted: float = 0.0
    answered: bool = False
    onward: str | None = None
    returned: bool = False
    ended_by: EndedBy = EndedBy.CUSTOMER
    by: AgentId | None = None


class Service(Struct):
    """A conversation with an agent of a queue, holds included.

    ``wrap_up``: when he ended it himself; None: its timer did.  ``onward``: where he sent the
    customer to wait again, as ``queue:support``.  ``holds``: after how long, and for how long;
    None: the agent left meanwhile, and the customer went back to his place.
    """

    queue: QueueName
    agent: AgentId
    began: int
    talked: float = 0.0
    ended_by: EndedBy = EndedBy.CUSTOMER
    onward: str | None = None
    wrap_up: float | None = None
    wrapped: bool = False
    holds: list[tuple[float, float | None]] = []
    by_name: ByName | None = None
    over: bool = False


class Course(Struct):
    """One contact's.  ``outcome`` None: its end is not known."""

    id: ContactId
    arrived: int
    entry_point: EntryPointName
    ani: str
    dialled: str
    before_queue: float | None = None
    """From its arrival to its first queue, in the flow; None: it reached none."""
    spells: list[Spell] = []
    offers: list[Offer] = []
    services: list[Service] = []
    diverted: list[str] = []
    outcome: Outcome | None = None
    ended_by: EndedBy | None = None
    queue: QueueName | None = None
    """In which it ended."""
    ended: int = 0

    @property
    def waited(self) -> float:
        """In all queues."""
        return sum(spell.waited for spell in self.spells)

    @property
    def agent(self) -> AgentId | None:
        """Who answered first."""
        return self.services[0].agent if self.services else None

    @property
    def lasted(self) -> float:
        return (self.ended - self.arrived) / SECOND


class Courses:
    """A fold: ``apply`` the events in their order; ``by_id`` are those that came, in that order."""

    def __init__(self) -> None:
        self.by_id: dict[ContactId, Course] = {}
        self._at = 0
        self._ringing: dict[ContactId, dict[AgentId, int]] = {}
        self._held: dict[ContactId, int] = {}
        self._serving: dict[AgentId, Course] = {}
        """Who has whom, of those whom a queue gave him."""
        self._parted: dict[ContactId, int] = {}
        """When the agent of a conversation left it, where it goes on without him."""
        self._by_name: dict[ContactId, ByName] = {}
        """Those who were given to somebody by name: no queue's until they wait again."""
        self.handled_by_name = 0
        """Transfers to an agent or a number by name: what came then is no service of a queue."""
        self._handlers: dict[type, Callable[[Course, Any], None]] = {
            ev.ContactQueued: self._queued,
            ev.ContactDiverted: self._diverted,
            ev.ContactPresented: self._presented,
            ev.ContactOfferFailed: self._offer_failed,
            ev.ContactConnected: self._connected,
            ev.ContactStateChanged: self._state_changed,
            ev.ContactTransferred: self._transferred,
            ev.ContactReturned: self._returned,
            ev.ContactLeftQueue: self._left,
            ev.ContactEnded: self._ended,
        }

    def apply(self, at: int, event: ev.AnyEvent) -> None:
        self._at = at
        match event:
            case ev.ContactArrived(ref, entry_point, ani, dnis):
                self.by_id[ref.id] = Course(ref.id, at, entry_point, ani, dnis)
            case ev.WrapUpEnded(agent, contact, _, lasted, _, by_timer):
                course = self.by_id.get(owner_of(contact))
                if course is not None:
                    _wrapped_up(course, agent, None if by_timer else lasted)
            case ev.AgentStateChanged(agent) if agent in self._serving:
                self._agent_changed(self._serving[agent], event)
            case _:
                handler = self._handlers.get(type(event))
                if handler is None:
                    return
                course = self.by_id.get(event.contact.id)  # type: ignore[union-attr]
                if course is not None:
                    handler(course, event)

    def end(self, at: int) -> None:
        """No more is known: who is there still is taken for gone, and has no outcome."""
        self._at = at
        for course in self.by_id.values():
            if course.outcome is None:
                self._end_spell(course, gave_up=False)
                self._end_service(course, EndedBy.SYSTEM)
                self._end_by_name(course, EndedBy.SYSTEM)
                course.ended = at

    def _since(self, instant: int) -> float:
        return max(0, self._at - instant) / SECOND

    # --- waiting ------------------------------------------------------------------------------

    def _queued(self, course: Course, event: ev.ContactQueued) -> None:
        if course.before_queue is None:
            course.before_queue = self._since(course.arrived)
        self._ringing.pop(course.id, None)
        self._end_by_name(course, EndedBy.SYSTEM, returned=True)
        if not course.spells or course.spells[-1].over:
            course.spells.append(Spell(event.queue, self._at))

    def _diverted(self, course: Course, event: ev.ContactDiverted) -> None:
        course.diverted.append(event.to)

    def _presented(self, course: Course, event: ev.ContactPresented) -> None:
        if course.id not in self._by_name:
            self._ringing.setdefault(course.id, {})[event.agent] = self._at

    def _offer_failed(self, course: Course, event: ev.ContactOfferFailed) -> None:
        began = self._ringing.get(course.id, {}).pop(event.agent, self._at)
        if not event.others_ring and course.id not in self._by_name:
            offer = Offer(event.agent, began, self._since(began), failure=event.reason)
            course.offers.append(offer)

    def _end_spell(self, course: Course, *, gave_up: bool) -> None:
        if course.spells and not course.spells[-1].over:
            spell = course.spells[-1]
            spell.waited, spell.gave_up, spell.over = self._since(spell.began), gave_up, True

    # --- service ------------------------------------------------------------------------------

    def _connected(self, course: Course, event: ev.ContactConnected) -> None:
        if course.id in self._by_name:
            self._by_name[course.id].answered = True
            return
        self._end_spell(course, gave_up=False)
        self._ringing.pop(course.id, None)
        began = self._at - int(event.rang * SECOND)
        course.offers.append(Offer(event.agent, began, event.rang, answered=True))
        course.services.append(Service(event.queue, event.agent, self._at))
        self._serving[event.agent] = course

    def _agent_changed(self, course: Course, event: ev.AgentStateChanged) -> None:
        """He may go and leave the customer to whom he has consulted; after a crash he is back."""
        if event.state != "engaged":
            self._parted.setdefault(course.id, self._at)
        elif event.contact is not None and owner_of(event.contact) == course.id:
            self._parted.pop(course.id, None)

    def _state_changed(self, course: Course, event: ev.ContactStateChanged) -> None:
        if not course.services or course.services[-1].over or event.state == "over":
            return
        since = self._held.pop(course.id, None)
        if event.state in MUSIC:
            self._held[course.id] = self._at if since is None else since
        elif since is not None:
            service = course.services[-1]
            began = max(0, since - service.began) / SECOND
            service.holds.append((began, self._since(since)))

    def _transferred(self, course: Course, event: ev.ContactTransferred) -> None:
        onward = event.to if event.to.partition(":")[0] in ONWARD else None
        if event.how != "blind":
            onward = None  # the agent who was consulted takes it over
        self._end_service(course, EndedBy.AGENT, onward)
        if onward is not None:
            self._end_by_name(course, EndedBy.AGENT, onward)
            if course.services and course.services[-1].by_name is not None:
                course.services[-1].by_name.by = AgentId(event.by)
            return
        self.handled_by_name += 1
        if course.services and course.id not in self._by_name:
            given = course.services[-1].by_name or ByName(self._at)  # else he had left already
            given.answered = given.answered or event.how != "blind"
            course.services[-1].by_name = self._by_name[course.id] = given

    def _left(self, course: Course, event: ev.ContactLeftQueue) -> None:
        self._end_service(course, EndedBy.AGENT)

    def _returned(self, course: Course, event: ev.ContactReturned) -> None:
        self._end_service(course, EndedBy.AGENT, returned=True)

    def _end_service(
        self, course: Course, by: EndedBy, onward: str | None = None, *, returned: bool = False
    ) -> None:
        held, parted = self._held.pop(course.id, None), self._parted.pop(course.id, self._at)
        if not course.services or course.services[-1].over:
            return
        service = course.services[-1]
        self._serving.pop(service.agent, None)
        if parted < self._at:
            # He left the customer to whom he had consulted, and what comes now follows from that.
            left = ByName(parted, self._since(parted), True, onward, returned, by)
            by, held, onward, service.by_name = EndedBy.AGENT, None, None, left
        if held is not None:
            lasted = None if returned else self._since(held)
            service.holds.append((max(0, held - service.began) / SECOND, lasted))
        service.talked, service.over = max(0, parted - service.began) / SECOND, True
        service.ended_by, service.onward = by, onward

    def _end_by_name(
        self, course: Course, by: EndedBy, onward: str | None = None, *, returned: bool = False
    ) -> None:
        given = self._by_name.pop(course.id, None)
        if given is not None:
            given.lasted, given.ended_by = self._since(given.began), by
            given.onward, given.returned = onward, returned

    def _ended(self, course: Course, event: ev.ContactEnded) -> None:
        gave_up, by = event.outcome is Outcome.ABANDONED, event.ended_by or EndedBy.SYSTEM
        self._end_spell(course, gave_up=gave_up)
        self._end_service(course, by)
        self._end_by_name(course, by)
        for agent, began in list(self._ringing.pop(course.id, {}).items())[:1]:
            course.offers.append(Offer(agent, began, self._since(began)))
        course.outcome, course.ended_by = event.outcome, event.ended_by
        course.queue, course.ended = event.queue, self._at


def _wrapped_up(course: Course, agent: AgentId, after: float | None) -> None:
    for service in course.services:
        if service.agent == agent and not service.wrapped:
            service.wrapped, service.wrap_up = True, after
            return
