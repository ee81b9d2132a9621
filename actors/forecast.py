"""What is known of each queue at every instant: who waits, who is there to serve, and how long.

It hears the events of contacts and agents as they are recorded, and is asked by contacts at the
door of a queue and in it.  It decides nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

from msgspec import Struct
from sortedcontainers import SortedList

from actors import events as ev
from actors import messages as m
from actors.estimate import Busy, Estimate, Line, line_of
from actors.ids import AgentId, ContactId, QueueName
from actors.place import DEFAULT_PRIORITY, Place
from actors.routing.policy import Policy, QueuePolicy

KINDS: tuple[type, ...] = (
    ev.ContactQueued,
    ev.ContactPresented,
    ev.ContactConnected,
    ev.ContactDiverted,
    ev.ContactLeftQueue,
    ev.ContactEnded,
    ev.AgentStateChanged,
    ev.ServerStarted,
)
"""The events that change what is known."""
RECENT = 200
"""Contacts of a queue from which it is known how long they take."""
LINE_SECONDS = 2.0
"""How long an estimate of a whole line serves all who ask."""
FIRST_COME = Policy()
"""No queue has rules of its own."""
_Key: TypeAlias = tuple[int, int, float, int]
_AWAY = frozenset(("signed_out", "idle"))


class _Queue:
    """``order`` has (key, contact) of those who wait; the agents are counted who could serve.

    ``times``: for how long its last contacts took their agent up, from the reservation to the end
    of wrap-up.  ``before``: other queues whose agents are ours too, and the share of theirs that
    is.
    """

    __slots__ = (
        "able",
        "available",
        "before",
        "line",
        "lined_at",
        "order",
        "policy",
        "signed_in",
        "times",
        "working",
    )

    def __init__(self, name: QueueName) -> None:
        self.policy = QueuePolicy(name)
        self.order = SortedList()
        self.able: tuple[AgentId, ...] = ()
        self.before: tuple[tuple[_Queue, float], ...] = ()
        self.signed_in = self.working = self.available = 0
        self.times: deque[float] = deque(maxlen=RECENT)
        self.line: Line | None = None
        self.lined_at: float | None = None


class _Hands(Struct):
    """An agent's, since he was reserved; ``queue``: whose contact he has, if it is answered."""

    since: float
    queue: _Queue | None = None


class Forecast:
    """``able``: the agents who could serve each queue, sooner or later.  ``policy``: in which order
    those are served who wait; what time changes of it is not foreseen.

    ``now`` gives monotonic seconds; ``states``: the agents', as they were left, ``signed_out`` if
    they are not among them.
    """

    def __init__(
        self,
        able: Mapping[QueueName, Iterable[AgentId]],
        now: Callable[[], float],
        states: Mapping[AgentId, str],
        policy: Policy = FIRST_COME,
    ) -> None:
        self._now = now
        self._states = dict(states)
        self._hands: dict[AgentId, _Hands] = {}
        self._waiting: dict[ContactId, tuple[QueueName, Place]] = {}
        self._queues: dict[QueueName, _Queue] = {}
        self.configure(able, policy)

    def configure(
        self, able: Mapping[QueueName, Iterable[AgentId]], policy: Policy = FIRST_COME
    ) -> None:
        """Other agents, queues or rules, from now on."""
        self._of_agent: dict[AgentId, list[_Queue]] = {}
        sets: dict[QueueName, frozenset[AgentId]] = {}
        for name in (*self._queues, *able):
            queue = self._queue(name)
            queue.policy = policy.of(name)
            queue.order.clear()
            queue.signed_in = queue.working = queue.available = 0
            queue.able = tuple(able.get(name, ()))
            queue.lined_at = None
            sets[name] = frozenset(queue.able)
        for name, queue in self._queues.items():
            queue.before = tuple(
                (other, len(sets[name] & sets[theirs]) / len(sets[theirs]))
                for theirs, other in self._queues.items()
                if other is not queue and sets[name] & sets[theirs]
            )
            for agent in queue.able:
                self._of_agent.setdefault(agent, []).append(queue)
                self._count(queue, self._states.get(agent, "signed_out"), +1)
        for contact, (name, place) in self._waiting.items():
            waits = self._queues[name]
            waits.order.add((_key(waits.policy, place), contact))

    def apply(self, event: ev.AnyEvent) -> None:
        match event:
            case ev.ContactQueued(ref, queue, place):
                self._leave(ref.id)
                self._waiting[ref.id] = queue, place
                waits = self._queue(queue)
                waits.order.add((_key(waits.policy, place), ref.id))
            case ev.ContactConnected(ref, queue, agent):
                self._leave(ref.id)
                if agent in self._hands:
                    self._hands[agent].queue = self._queue(queue)
            case (
                ev.ContactPresented(ref)
                | ev.ContactDiverted(ref)
                | ev.ContactLeftQueue(ref)
                | ev.ContactEnded(ref)
            ):
                self._leave(ref.id)
            case ev.AgentStateChanged(agent, _, _, state):
                self._agent_changed(agent, state)
            case ev.ServerStarted():
                for contact in list(self._waiting):
                    self._leave(contact)

    def look(
        self, contact: ContactId, queue: QueueName, place: Place, *, estimated: bool = True
    ) -> m.QueueSeen:
        """For a contact that stands there, or would stand there, at this place.

        ``estimated``: with the wait that is to be expected, which is the dear part of it.
        """
        line = self._queue(queue)
        itself = contact in self._waiting and self._waiting[contact][0] == queue
        key = _key(line.policy, place)
        ahead = line.order.bisect_left((key, contact))
        waiting = len(line.order) - itself
        estimate = self._estimate(line, contact, key, ahead) if estimated else None
        return m.QueueSeen(contact, queue, waiting, ahead, line.signed_in, line.working, estimate)

    # --- the estimate -------------------------------------------------------------------------

    def _estimate(
        self, queue: _Queue, contact: ContactId, key: _Key, ahead: int
    ) -> Estimate | None:
        """Those before him in other queues count as far as our agents serve those."""
        before: float = ahead
        for other, share in queue.before:
            if other.order:
                before += share * other.order.bisect_left((key, contact))
        if before < queue.available:
            return Estimate(0.0, 0.0)
        now = self._now()
        if queue.lined_at is None or now - queue.lined_at > LINE_SECONDS:
            queue.line, queue.lined_at = self._line(queue, now), now
        return None if queue.line is None else queue.line.at(before)

    def _line(self, queue: _Queue, now: float) -> Line | None:
        times, known = tuple(sorted(queue.times)), dict[int, tuple[float, ...]]()
        busy = []
        for agent in queue.able:
            state = self._states.get(agent, "signed_out")
            if state in _AWAY or state == "available":
                continue
            hands = self._hands.get(agent)
            if hands is None or hands.queue is None or not hands.queue.times:
                busy.append(Busy(0.0 if hands is None else now - hands.since, times))
                continue
            theirs = known.get(id(hands.queue))
            if theirs is None:
                theirs = known[id(hands.queue)] = tuple(sorted(hands.queue.times))
            busy.append(Busy(now - hands.since, theirs))
        return line_of(queue.available, busy, times)

    # --- who is there -------------------------------------------------------------------------

    def _queue(self, name: QueueName) -> _Queue:
        queue = self._queues.get(name)
        if queue is None:
            queue = self._queues[name] = _Queue(name)
        return queue

    def _leave(self, contact: ContactId) -> None:
        where = self._waiting.pop(contact, None)
        if where is not None:
            queue = self._queues[where[0]]
            queue.order.remove((_key(queue.policy, where[1]), contact))

    def _agent_changed(self, agent: AgentId, state: str) -> None:
        before = self._states.get(agent, "signed_out")
        self._states[agent] = state
        for queue in self._of_agent.get(agent, ()):
            self._count(queue, before, -1)
            self._count(queue, state, +1)
        if state not in _AWAY and state != "available":
            self._hands.setdefault(agent, _Hands(self._now()))
            return
        hands = self._hands.pop(agent, None)
        if hands is not None and hands.queue is not None:
            hands.queue.times.append(self._now() - hands.since)

    def _count(self, queue: _Queue, state: str, step: int) -> None:
        queue.signed_in += step * (state != "signed_out")
        queue.working += step * (state not in _AWAY)
        queue.available += step * (state == "available")


def _key(policy: QueuePolicy, place: Place) -> _Key:
    """Smaller is served first, over all queues (``actors.routing.policy.contact_key``)."""
    if policy.priority_seconds is None:
        return -policy.weight, place.priority, place.since, place.seq
    worth = (place.priority - DEFAULT_PRIORITY) * policy.priority_seconds
    return -policy.weight, DEFAULT_PRIORITY, place.since + worth, place.seq
