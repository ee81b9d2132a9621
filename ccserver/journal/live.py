"""The present state, folded from the journal: who waits where, who talks with whom.

It is what desktops are shown.  Whoever has a snapshot of it and applies the entries behind the
snapshot's number has the same state as the core: the web process does just that.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from copy import copy
from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from actors import events as ev
from actors.ids import AgentId, ContactId, QueueName, owner_of
from ccserver.journal.log import Entry

Key: TypeAlias = tuple[Literal["agents", "contacts", "queues"], str]
"""One resource: its kind and its id or name."""


class LiveAgent(Struct, frozen=True):
    """``since``: microseconds since 1970, UTC; None: since before the server started."""

    state: str = "signed_out"
    code: str | None = None
    pending: str | None = None
    since: int | None = None
    contact: ContactId | None = None
    version: int = 0
    """What a command's ``expect`` is compared with."""
    allowed: tuple[str, ...] = ()
    """What may be commanded now; everything else would be refused."""


UNKNOWN = LiveAgent()
"""Of whom nothing has been said yet."""


class LiveParticipant(Struct, frozen=True):
    """``kind``: customer, agent, outsider or supervisor; ``role``: primary, or empty."""

    id: str
    kind: str
    role: str
    state: str
    allowed: tuple[str, ...]
    """What he may do now; everything else would be refused."""
    since: int
    """In the conversation since, in microseconds since 1970."""


class Conversation(Struct, frozen=True):
    """``version`` is what a command's ``expect`` is compared with."""

    version: int
    state: str
    since: int
    participants: tuple[LiveParticipant, ...]


class LiveConsult(Struct, frozen=True):
    """The last consult of a contact: who asked whom, and what came of it (V-24).

    ``to``: ``agent:1002``, ``queue:sales``, ``number:...``; ``state``: requested, answered or
    ended; ``outcome``: why it ended, with the words of ``contact.consult_ended``.
    """

    by: AgentId
    by_name: str
    by_team: str
    to: str
    since: int
    state: str = "requested"
    outcome: str | None = None


class LiveFailure(Struct, frozen=True):
    """A transfer that nobody took; ``reason`` with the words of ``contact.transfer_failed``."""

    by: AgentId
    to: str
    reason: str
    at: int


class LiveContact(Struct):
    """``state``: flow, waiting, being_offered or in_service; dialling, of an agent's call.

    ``ani``: the customer's number, whoever called.  Times in microseconds since 1970.
    """

    entry_point: str
    ani: str
    dnis: str
    arrived: int
    state: str = "flow"
    since: int = 0
    queue: QueueName | None = None
    queued: int | None = None
    """When it first waited."""
    agent: AgentId | None = None
    conversation: Conversation | None = None
    asked: AgentId | None = None
    """Who is rung for a consult or a transfer."""
    consult: LiveConsult | None = None
    transfer_failed: LiveFailure | None = None
    direction: Literal["inbound", "outbound"] = "inbound"

    def agents(self) -> set[str]:
        """Who takes part, or is offered it, or is asked; supervisors who listen too."""
        found: set[str] = {name for name in (self.agent, self.asked) if name is not None}
        if self.conversation is not None:
            found |= {
                one.id
                for one in self.conversation.participants
                if one.kind in ("agent", "supervisor")
            }
        return found


class LiveEstimate(Struct, frozen=True):
    """Of who came last: half of those wait ``p50`` seconds at most, nine of ten ``p90``."""

    p50: float
    p90: float
    at: int
    """When it was made, in microseconds since 1970."""


class LiveRouter(Struct, frozen=True):
    """A queue's outside router.

    ``state``: awaited, present, silent or left; ``by``: the account under which it was heard.
    """

    state: str
    by: str | None
    since: int


class LiveQueue(Struct):
    waiting: dict[ContactId, int] = {}
    """Since when; first come first."""
    being_offered: int = 0
    in_service: int = 0
    estimated_wait: LiveEstimate | None = None
    """None: nothing is known of it."""
    router: LiveRouter | None = None
    """None: the queue is routed by its rules alone."""


class Snapshot(Struct):
    """Everything, as it was when the entry ``seq`` had been applied."""

    seq: int
    agents: dict[AgentId, LiveAgent]
    contacts: dict[ContactId, LiveContact]
    queues: dict[QueueName, LiveQueue]


class Live:
    """``queues`` and ``agents``: the known ones.

    ``handlers``: of each event that shows anything, by its type; ``seq`` and ``at`` must be its own
    by then, and what it changes is added to ``changed``.
    """

    def __init__(self, queues: Iterable[QueueName], agents: Iterable[AgentId]) -> None:
        self.seq = self.at = 0
        self.changed: set[Key] = set()
        self._kept: dict[ContactId, LiveContact] = {}
        """Those that somebody still looks at as they were: another one is changed."""
        self.agents: dict[AgentId, LiveAgent] = {name: LiveAgent() for name in agents}
        self.contacts: dict[ContactId, LiveContact] = {}
        self.queues: dict[QueueName, LiveQueue] = {name: LiveQueue() for name in queues}
        self.handlers: dict[type, Callable[[Any], None]] = {
            ev.ContactArrived: self._arrived,
            ev.ContactPlaced: self._placed,
            ev.ContactReached: self._reached,
            ev.ContactQueued: self._waits,
            ev.ContactOfferFailed: self._offer_failed,
            ev.ContactReturned: self._waits,
            ev.ContactPresented: self._presented,
            ev.ContactConnected: self._connected,
            ev.ContactStateChanged: self._converse,
            ev.ConsultRequested: self._consult,
            ev.ConsultAnswered: self._consult,
            ev.ConsultEnded: self._consult,
            ev.ContactTransferFailed: self._transfer_failed,
            ev.ContactLeftQueue: self._left_queue,
            ev.ContactDiverted: self._left_queue,
            ev.ContactEnded: self._end,
            ev.AgentStateChanged: self._agent_changed,
            ev.AgentLeft: self._agent_left,
            ev.CentreConfigured: self._know,
            ev.QueueDrained: self._queue_drained,
            ev.QueueOpened: self._queue_opened,
            ev.RouterChanged: self._router_changed,
        }

    @property
    def kinds(self) -> Collection[type]:
        """Of the events that show anything."""
        return self.handlers.keys()

    @classmethod
    def restore(cls, snapshot: Snapshot) -> Live:
        live = cls((), ())
        live.seq = snapshot.seq
        live.agents, live.contacts = snapshot.agents, snapshot.contacts
        live.queues = snapshot.queues
        return live

    def go_on(self, snapshot: Snapshot) -> None:
        """From where an earlier run stood; who is known no more stays until it is said that he has
        left, as he does where the events themselves are read.
        """
        self.seq, self.contacts = snapshot.seq, snapshot.contacts
        self.agents.update(snapshot.agents)
        self.queues.update(snapshot.queues)
        for queue in self.queues.values():
            queue.router = None  # the dispatcher begins anew, and says so

    def snapshot(self) -> Snapshot:
        """Not a copy: encode it before the next event."""
        return Snapshot(self.seq, self.agents, self.contacts, self.queues)

    def keep(self) -> Snapshot:
        """One that does not change with what follows, until ``let_go``."""
        self._kept = self.contacts.copy()
        queues = {
            name: replace(queue, waiting=queue.waiting.copy())
            for name, queue in self.queues.items()
        }
        return Snapshot(self.seq, self.agents.copy(), self._kept, queues)

    def let_go(self) -> None:
        """What ``keep`` gave is looked at no more."""
        self._kept = {}

    def is_at(self, seq: int, at: int) -> None:
        """The number and the time of the event that comes next."""
        self.seq, self.at = seq, at

    def _to_change(self, name: ContactId) -> LiveContact | None:
        contact = self.contacts.get(name)
        if self._kept and contact is not None and self._kept.get(name) is contact:
            contact = self.contacts[name] = copy(contact)
        return contact

    def apply(self, entry: Entry) -> set[Key]:
        """What it has changed."""
        self.seq, self.at = entry.seq, entry.at
        self.changed = changed = set[Key]()
        handler = self.handlers.get(type(entry.event))
        if handler is not None:
            handler(entry.event)
        return changed

    def _arrived(self, event: ev.ContactArrived) -> None:
        contact = LiveContact(event.entry_point, event.ani, event.dnis, self.at, since=self.at)
        self.contacts[event.contact.id] = contact
        self.changed.add(("contacts", event.contact.id))

    def _placed(self, event: ev.ContactPlaced) -> None:
        self.contacts[event.contact.id] = LiveContact(
            *("", event.to, event.shown, self.at, "dialling", self.at),
            agent=event.agent,
            direction="outbound",
        )
        self.changed.add(("contacts", event.contact.id))

    def _reached(self, event: ev.ContactReached) -> None:
        self._move(event.contact, "in_service", event.agent)

    def _waits(self, event: ev.ContactQueued | ev.ContactReturned) -> None:
        self._move(event.contact, "waiting", queue=event.queue)
        if isinstance(event, ev.ContactQueued):
            self._expect(event)

    def _offer_failed(self, event: ev.ContactOfferFailed) -> None:
        if not event.others_ring:
            self._move(event.contact, "waiting", queue=event.queue)

    def _presented(self, event: ev.ContactPresented) -> None:
        self._move(event.contact, "being_offered", event.agent, event.queue)

    def _connected(self, event: ev.ContactConnected) -> None:
        self._move(event.contact, "in_service", event.agent, event.queue)

    def _left_queue(self, event: ev.ContactLeftQueue | ev.ContactDiverted) -> None:
        if isinstance(event, ev.ContactDiverted) and not event.onward:
            return  # its end is told as well
        self._move(event.contact, "flow")
        contact = self._to_change(event.contact.id)
        if contact is not None:
            contact.queue = contact.queued = None

    def _transfer_failed(self, event: ev.ContactTransferFailed) -> None:
        contact = self._to_change(event.contact.id)
        if contact is not None:
            contact.transfer_failed = LiveFailure(
                AgentId(event.by), event.to, event.reason, self.at
            )
            self.changed.add(("contacts", event.contact.id))

    def _agent_left(self, event: ev.AgentLeft) -> None:
        self.agents.pop(event.agent, None)
        self.changed.add(("agents", event.agent))

    def _queue_drained(self, event: ev.QueueDrained) -> None:
        self.queues.pop(event.queue, None)
        self.changed.add(("queues", event.queue))

    def _queue_opened(self, event: ev.QueueOpened) -> None:
        self.queues.setdefault(event.queue, LiveQueue())
        self.changed.add(("queues", event.queue))

    def _router_changed(self, event: ev.RouterChanged) -> None:
        queue = self.queues.get(event.queue)
        if queue is not None:
            there = event.state != "none"
            queue.router = LiveRouter(event.state, event.by, self.at) if there else None
            self.changed.add(("queues", event.queue))

    def _agent_changed(self, event: ev.AgentStateChanged) -> None:
        self.changed.add(("agents", event.agent))
        before, state, code = self.agents.get(event.agent, UNKNOWN), event.state, event.code
        contact = None if event.contact is None else owner_of(event.contact)
        same = before.state == state and before.code == code
        self.agents[event.agent] = LiveAgent(
            state,
            code,
            event.pending,
            before.since if same else self.at,
            contact,
            event.version,
            event.allowed,
        )
        # Reserved for a search that is not a queue's first: a consult's, or a transfer's.
        wanted = contact if state == "reserved" and contact != event.contact else None
        if before.contact is not None and before.contact != wanted:
            self._asked(before.contact, event.agent, None)
        if wanted is not None:
            self._asked(wanted, None, event.agent)

    def _know(self, event: ev.CentreConfigured) -> None:
        """Who is new; those that are gone say so themselves, when they have nothing in hand."""
        content = event.content
        for agent in content["agents"]:
            if agent["id"] not in self.agents:
                self.agents[AgentId(agent["id"])] = LiveAgent()
                self.changed.add(("agents", agent["id"]))
        for queue in content["queues"]:
            if queue["name"] not in self.queues:
                self.queues[QueueName(queue["name"])] = LiveQueue()
                self.changed.add(("queues", queue["name"]))

    def _move(
        self,
        ref: ev.ContactRef,
        state: str,
        agent: AgentId | None = None,
        queue: QueueName | None = None,
    ) -> None:
        contact = self._to_change(ref.id)
        if contact is None:
            return
        self.changed.add(("contacts", ref.id))
        self._count(ref.id, contact, -1)
        contact.state, contact.since, contact.agent = state, self.at, agent
        if queue is not None:
            contact.queue = queue
        if state == "waiting":
            contact.queued = contact.queued or self.at
        self._count(ref.id, contact, +1)

    def _expect(self, queued: ev.ContactQueued) -> None:
        queue = self.queues.get(queued.queue)
        if queue is None or queued.position is None:
            return  # it came back, and nobody has looked
        known = queued.estimate
        queue.estimated_wait = (
            None if known is None else LiveEstimate(known.p50, known.p90, self.at)
        )

    def _count(self, name: ContactId, contact: LiveContact, step: int) -> None:
        """In or out of the figures of its queue."""
        where, state = contact.queue, contact.state
        if where is None or state == "flow":
            return
        queue = self.queues.get(where)
        if queue is None:
            queue = self.queues[where] = LiveQueue()
        self.changed.add(("queues", where))
        if state == "being_offered":
            queue.being_offered += step
        elif state != "waiting":
            queue.in_service += step
        elif step > 0:
            queue.waiting[name] = contact.queued or contact.since
        else:
            queue.waiting.pop(name, None)

    def _converse(self, event: ev.ContactStateChanged) -> None:
        contact = self._to_change(event.contact.id)
        if contact is None:
            return
        self.changed.add(("contacts", event.contact.id))
        before = contact.conversation
        if event.state == "over":
            contact.conversation = None
            return
        since, joined = self.at, dict[str, int]()
        if before is not None:
            joined = {one.id: one.since for one in before.participants}
            since = before.since if before.state == event.state else self.at
        participants = tuple(
            LiveParticipant(
                one.id, one.kind, one.role, one.state, one.allowed, joined.get(one.id, self.at)
            )
            for one in event.participants
        )
        contact.conversation = Conversation(event.version, event.state, since, participants)

    def _consult(
        self,
        event: ev.ConsultRequested | ev.ConsultAnswered | ev.ConsultEnded,
    ) -> None:
        contact = self._to_change(event.contact.id)
        if contact is None:
            return
        self.changed.add(("contacts", event.contact.id))
        match event, contact.consult:
            case ev.ConsultRequested(_, by, to, name, team), _:
                contact.consult = LiveConsult(AgentId(by), name, team, to, self.at)
            case ev.ConsultAnswered(), LiveConsult() as consult:
                contact.consult = replace(consult, state="answered", since=self.at)
            case ev.ConsultEnded(_, _, _, outcome), LiveConsult() as consult:
                contact.consult = replace(consult, state="ended", since=self.at, outcome=outcome)

    def _asked(self, name: ContactId, before: AgentId | None, after: AgentId | None) -> None:
        contact = self._to_change(name)
        if contact is not None and contact.asked == before != after:
            contact.asked = after
            self.changed.add(("contacts", name))

    def _end(self, event: ev.ContactEnded) -> None:
        name = event.contact.id
        contact = self.contacts.pop(name, None)
        if contact is not None:
            self.changed.add(("contacts", name))
            self._count(name, contact, -1)

    def takes_part(self, contact: ContactId, agent: AgentId) -> bool:
        """In its conversation, or is offered it."""
        found = self.contacts.get(contact)
        return found is not None and agent in found.agents()

    def waiting(self, queue: QueueName) -> list[tuple[ContactId, LiveContact]]:
        """The contacts that wait in a queue, first come first."""
        names = sorted(self.queues[queue].waiting.items(), key=lambda item: (item[1], item[0]))
        return [(name, self.contacts[name]) for name, _ in names]

    def state(self) -> dict[str, object]:
        """For JSON: ``{"agents": {id: {...}}, "queues": {name: {...}}, "contacts": number}``."""
        queues = {name: shown_queue(queue) for name, queue in self.queues.items()}
        agents = {name: msgspec.to_builtins(agent) for name, agent in self.agents.items()}
        return {"agents": agents, "queues": queues, "contacts": len(self.contacts)}


def shown_queue(queue: LiveQueue) -> dict[str, object]:
    waiting = sorted(queue.waiting.items(), key=lambda item: (item[1], item[0]))
    return {
        "waiting": [{"contact": contact, "since": since} for contact, since in waiting],
        "being_offered": queue.being_offered,
        "in_service": queue.in_service,
        "estimated_wait": msgspec.to_builtins(queue.estimated_wait),
        "router": msgspec.to_builtins(queue.router),
    }
