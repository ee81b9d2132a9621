"""A queue: the contacts that wait for one kind of service, and how long they may.

    Waiting <-> Offered -> Served -> Waiting   (the agent was lost: back at the same place)

It keeps the order and the bounds; whom they are given to is the dispatcher's affair.  Being
offered has a lease: a contact of which nobody speaks again waits again, at the place it had.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace
from sortedcontainers import SortedList

from actors import events as ev
from actors import messages as m
from actors.effects import Effect, Record, TellContact, TellDispatcher, Watch
from actors.ids import (
    DISPATCHER,
    AgentId,
    ContactId,
    QueueName,
    agent_actor,
    contact_actor,
    owner_of,
    queue_actor,
)
from actors.routing.memory import LastAgents
from actors.routing.policy import entered_at
from sip.machine import CancelTimer, StartTimer, TimerFired

LEASE_MARGIN = 100.0
"""How much longer than its phones ring an offer may last without a word."""
RESTART_LEASE = 1.0
"""An agent has started again: whoever was ringing him has come back within this time."""


class QueueSettings(Struct, frozen=True):
    """Bounds; None: none."""

    name: QueueName
    max_waiting: int | None = None
    max_wait_seconds: float | None = None
    rona_seconds: float = 18.0
    last_agent_seconds: float = 0.0
    """A caller is kept so long for the agent who served him last."""
    last_agent_memory_seconds: float = 0.0


class QueueConfigured(Struct, frozen=True):
    """The bounds from now on; whom it wants is the dispatcher's affair (R20)."""

    settings: QueueSettings


class QueueRemoved(Struct, frozen=True, gc=False):
    """It is in the configuration no more: it takes nobody new, and serves those it has to the end.

    Its actor stays, and turns away whoever is on the way to it; ``QueueConfigured`` opens it again.
    """


class QueueStatistics(Struct, frozen=True):
    waiting: int
    being_offered: int


class _Waiting(Struct, frozen=True):
    """What the dispatcher knows of it; ``since``: the bound of waiting counts from here."""

    told: m.ContactWaits
    since: float
    caller: str


class _Offered(Struct, frozen=True):
    """The dispatcher gave the contact to these; somebody must speak of it before ``due``."""

    contact: _Waiting
    agents: tuple[AgentId, ...]
    due: float


Message: TypeAlias = (
    m.JoinQueue
    | m.LeaveQueue
    | m.ContactConnected
    | m.ContactPaired
    | m.PairingUndone
    | m.Restarted
    | m.Down
    | QueueConfigured
    | QueueRemoved
    | TimerFired
)


class Queue:
    """``now`` gives monotonic seconds."""

    def __init__(self, settings: QueueSettings, now: Callable[[], float]) -> None:
        self.settings = settings
        self._now = now
        self._since = SortedList()  # (since, ContactId), while there is a bound of time
        self._waiting: dict[ContactId, _Waiting] = {}
        self._offered: dict[ContactId, _Offered] = {}
        self._served: dict[ContactId, float | None] = {}
        """Who has talked with an agent of ours, and when he lost him, if he did."""
        self._last_agents = LastAgents(settings.last_agent_memory_seconds)
        self._requests: dict[ContactId, set[ContactId]] = {}
        """By the contact that makes them: those whose end we shall hear of."""
        self.closed = self._is_drained = False

    def handle(self, message: Message) -> list[Effect]:
        effects = self._decide(message)
        return [*effects, *self._drained()] if self.closed else effects

    def _decide(self, message: Message) -> list[Effect]:
        match message:
            case m.JoinQueue():
                return self._join(message)
            case m.ContactPaired(contact, agent, others):
                return self._paired(contact, (agent, *others))
            case m.ContactConnected(contact):
                return self._connected(message, contact)
            case m.Down(name, _):
                return self._down(ContactId(name.rpartition("/")[2]))
            case m.LeaveQueue(contact):
                return self._leave(contact)
            case m.PairingUndone(contact, agent):
                return self._undone(contact, agent)
            case QueueConfigured(settings):
                return self._configure(settings)
            case QueueRemoved():
                self.closed = True
                return []
            case m.Restarted(name):
                return self._tell_again() if name == DISPATCHER else self._shorten(name)
            case TimerFired("max_wait"):
                return self._time_is_up()
            case TimerFired("offer"):
                return self._offers_are_due()
            case TimerFired(name):
                raise ValueError(f"no timer of a queue is called {name}")

    def order(self) -> list[ContactId]:
        """Who waits, first to last."""
        waiting = self._waiting.items()
        return [contact for _, contact in sorted((w.told.place, c) for c, w in waiting)]

    def statistics(self) -> QueueStatistics:
        return QueueStatistics(len(self._waiting), len(self._offered))

    # --- coming and going ---------------------------------------------------------------------

    def _join(self, join: m.JoinQueue) -> list[Effect]:
        contact, now = join.contact, self._now()
        served = contact in self._served
        known = served or join.again or contact in self._offered or contact in self._waiting
        if not known and self.closed:
            return [TellContact(contact, self._overflowed(contact, "closed"))]
        limit = self.settings.max_waiting
        if not known and limit is not None and len(self._waiting) >= limit:
            return [TellContact(contact, self._overflowed(contact, "full"))]
        since = join.place.since if join.since is None else join.since
        if served:
            # It has been talking: its place is what it was, but it has not waited all this time.
            lost = self._served[contact]
            since = self._served[contact] = now if lost is None else lost
        kept_for = self._kept_for(join, now)
        told = m.ContactWaits(
            contact,
            self.settings.name,
            join.place,
            join.needs,
            now,
            join.tried,
            join.avoid,
            entered=None if since == now else since,
            preferred=kept_for,
            preferred_until=since + self.settings.last_agent_seconds if kept_for else 0.0,
        )
        self._forget(contact)
        self._wait(_Waiting(told, since, join.caller))
        return [*self._know(contact), TellDispatcher(told), *self._arm()]

    def _kept_for(self, join: m.JoinQueue, now: float) -> tuple[AgentId, ...]:
        """The agent who served him last, unless he has failed him now, or must not have him."""
        last = self._last_agents.recall(join.caller, now)
        if last is None or self.settings.last_agent_seconds <= 0:
            return ()
        return () if last in join.tried or last in join.avoid else (last,)

    def _known(self, contact: ContactId) -> _Waiting | None:
        """It waits, or is being offered."""
        offered = self._offered.get(contact)
        return self._waiting.get(contact) if offered is None else offered.contact

    def _leave(self, contact: ContactId) -> list[Effect]:
        self._forget(contact)
        self._served.pop(contact, None)
        return [TellDispatcher(m.ContactLeft(contact)), *self._arm()]

    def _connected(self, connected: m.ContactConnected, contact: ContactId) -> list[Effect]:
        # It waits if its offer has outlasted our lease, and was answered all the same; it is not
        # known if we have been started again.
        known = self._known(contact)
        if known is not None and connected.agent is not None:
            self._last_agents.remember(known.caller, connected.agent, self._now())
        waited = self._forget(contact)
        self._served[contact] = None
        armed = self._arm() if waited else []
        return [*self._know(contact), TellDispatcher(connected), *armed]

    def _know(self, contact: ContactId) -> list[Effect]:
        """Watch the contact that makes this request, if it has made none here before."""
        owner = owner_of(contact)
        requests = self._requests.get(owner)
        if requests is not None:
            requests.add(contact)
            return []
        self._requests[owner] = {contact}
        return [Watch(contact_actor(contact))]

    def _down(self, owner: ContactId) -> list[Effect]:
        """Crashed, or dead before we could watch it.  Who ends well has left before."""
        effects: list[Effect] = []
        for contact in sorted(self._requests.pop(owner, ())):
            if contact in self._waiting or contact in self._offered:
                effects.extend(self._leave(contact))
            self._served.pop(contact, None)
        return effects

    # --- rules --------------------------------------------------------------------------------

    def _configure(self, settings: QueueSettings) -> list[Effect]:
        """A smaller bound of those who wait sends nobody away; a shorter one of time does."""
        bounded = self.settings.max_wait_seconds is not None
        reopened = [Record(ev.QueueOpened(settings.name))] if self._is_drained else []
        self.settings = settings
        self._last_agents.seconds = settings.last_agent_memory_seconds
        self.closed = self._is_drained = False
        self._since.clear()
        if settings.max_wait_seconds is None:
            return [*reopened, *([CancelTimer("max_wait")] if bounded else [])]
        self._since.update((waiting.since, c) for c, waiting in self._waiting.items())
        return [*reopened, *self._arm()]

    def _drained(self) -> list[Effect]:
        """Closed, and nobody waits or may come back: said once."""
        if self._is_drained or self._waiting or self._offered or self._served:
            return []
        self._is_drained = True
        return [Record(ev.QueueDrained(self.settings.name))]

    # --- waiting ------------------------------------------------------------------------------

    def _wait(self, waiting: _Waiting) -> None:
        contact = waiting.told.contact
        self._waiting[contact] = waiting
        if self.settings.max_wait_seconds is not None:
            self._since.add((waiting.since, contact))

    def _remove(self, contact: ContactId) -> _Waiting | None:
        """Who waited, if he did."""
        waiting = self._waiting.pop(contact, None)
        if waiting is not None and self._since:
            self._since.discard((waiting.since, contact))
        return waiting

    def _forget(self, contact: ContactId) -> bool:
        """It neither waits nor is offered any more; whether it waited."""
        self._offered.pop(contact, None)
        return self._remove(contact) is not None

    def _tell_again(self) -> list[Effect]:
        """The dispatcher has started again."""
        return [TellDispatcher(self._waiting[contact].told) for contact in self.order()]

    def _time_is_up(self) -> list[Effect]:
        """Whoever has waited too long by now; the timer is for the next one."""
        bound = self.settings.max_wait_seconds
        assert bound is not None
        now = self._now()
        effects: list[Effect] = []
        while self._since and self._since[0][0] + bound <= now:
            contact = self._since[0][1]
            self._forget(contact)
            self._served.pop(contact, None)
            effects.append(TellDispatcher(m.ContactLeft(contact)))
            effects.append(TellContact(contact, self._overflowed(contact, "max_wait")))
        return [*effects, *self._arm()]

    def _overflowed(self, contact: ContactId, why: str) -> m.Overflowed:
        return m.Overflowed(contact, self.settings.name, why)

    def _arm(self) -> list[Effect]:
        bound = self.settings.max_wait_seconds
        if bound is None:
            return []
        if not self._since:
            return [CancelTimer("max_wait")]
        due = self._since[0][0] + bound
        return [StartTimer("max_wait", max(0.0, due - self._now()))]

    # --- being offered ------------------------------------------------------------------------

    def _paired(self, contact: ContactId, agents: tuple[AgentId, ...]) -> list[Effect]:
        waiting = self._remove(contact)
        if waiting is None:
            return []  # paired as it left, or as it connected: the dispatcher has been told
        seconds = self.settings.rona_seconds + LEASE_MARGIN
        first = not self._offered
        self._offered[contact] = _Offered(waiting, agents, self._now() + seconds)
        # The timer may fire for an offer that is long over: it then waits for the next that is due.
        return [*self._arm(), *([StartTimer("offer", seconds)] if first else [])]

    def _undone(self, contact: ContactId, agent: AgentId) -> list[Effect]:
        """The dispatcher has it in its index already, and may have found another agent."""
        offered = self._offered.get(contact)
        if offered is None or agent not in offered.agents:
            return []  # it has left, or come back by itself, as the agent refused
        del self._offered[contact]
        self._wait(offered.contact)
        return self._arm()

    def _shorten(self, name: str) -> list[Effect]:
        """An agent has started again.  A contact that rang him comes back by itself; of one that
        he had not told yet, it does not know, and neither does he.
        """
        due = self._now() + RESTART_LEASE
        lost = [
            offered
            for offered in self._offered.values()
            if [agent_actor(agent) for agent in offered.agents] == [name] and offered.due > due
        ]
        for offered in lost:
            self._offered[offered.contact.told.contact] = replace(offered, due=due)
        return [StartTimer("offer", RESTART_LEASE)] if lost else []

    def _offers_are_due(self) -> list[Effect]:
        """Whom nobody has spoken of waits again, in his place.  If a phone rings for him after
        all, the contact sends the second agent back.
        """
        now = self._now()
        effects: list[Effect] = []
        for contact, offered in list(self._offered.items()):
            if offered.due <= now:
                del self._offered[contact]
                before = offered.contact
                told = replace(before.told, at=now, entered=entered_at(before.told))
                self._wait(replace(before, told=told))
                expired = ev.LeaseExpired(queue_actor(self.settings.name), contact, "Offered")
                effects += [Record(expired), TellDispatcher(told)]
        if self._offered:
            due = min(offered.due for offered in self._offered.values())
            effects.append(StartTimer("offer", due - now))
        return [*effects, *self._arm()]
