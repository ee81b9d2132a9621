"""What is known of each queue at every instant: who waits, who is there to serve, and how long.

It hears the events of contacts and agents as they are recorded, and is asked by contacts at the
door of a queue and in it.  It decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from sortedcontainers import SortedList

from actors import events as ev
from actors import messages as m
from actors.estimate import Busy, Estimate, Line, line_of
from actors.handling import Handling
from actors.ids import AgentId, ContactId, QueueName
from actors.place import DEFAULT_PRIORITY, Place
from actors.routing.policy import Policy, QueuePolicy

LINE_SECONDS = 2.0
"""How long an estimate of a whole line serves all who ask."""
FIRST_COME = Policy()
"""No queue has rules of its own."""
_Key: TypeAlias = tuple[int, int, float, int]
_AWAY = frozenset(("signed_out", "idle"))
_Count: TypeAlias = tuple[int, int, int]
"""Signed in, working, available."""
_COUNTS: dict[str, _Count] = {
    "signed_out": (0, 0, 0),
    "idle": (1, 0, 0),
    "available": (1, 1, 1),
}
_ENGAGED: _Count = (1, 1, 0)
"""In any other state."""


class _Queue:
    """``order`` has (key, contact) of those who wait; the agents are counted who could serve.

    ``before``: other queues whose agents are ours too, and the share of theirs that is.
    """

    __slots__ = (
        "able",
        "available",
        "before",
        "line",
        "lined_at",
        "name",
        "order",
        "policy",
        "signed_in",
        "working",
    )

    def __init__(self, name: QueueName) -> None:
        self.name, self.policy = name, QueuePolicy(name)
        self.order = SortedList()
        self.able: tuple[AgentId, ...] = ()
        self.before: tuple[tuple[_Queue, float], ...] = ()
        self.signed_in = self.working = self.available = 0
        self.line: Line | None = None
        self.lined_at: float | None = None

    def count(self, change: _Count) -> None:
        signed_in, working, available = change
        self.signed_in += signed_in
        self.working += working
        self.available += available


class Forecast:
    """``able``: the agents who could serve each queue, sooner or later.  ``policy``: in which order
    those are served who wait; what time changes of it is not foreseen.

    ``now`` gives monotonic seconds; ``states``: the agents', as they were left, ``signed_out`` if
    they are not among them; ``handling``: what is known already of how long contacts take.
    ``handlers``: of each event that changes what is known, by its type.
    """

    def __init__(
        self,
        able: Mapping[QueueName, Iterable[AgentId]],
        now: Callable[[], float],
        states: Mapping[AgentId, str],
        policy: Policy = FIRST_COME,
        handling: Handling | None = None,
    ) -> None:
        self._now = now
        self._states = dict(states)
        self._handling = Handling() if handling is None else handling
        self._waiting: dict[ContactId, tuple[QueueName, Place]] = {}
        self._queues: dict[QueueName, _Queue] = {}
        self.handlers: dict[type, Callable[[Any], None]] = {
            ev.ContactQueued: self._queued,
            ev.ContactPresented: self._left,
            ev.ContactConnected: self._connected,
            ev.ContactDiverted: self._left,
            ev.ContactLeftQueue: self._left,
            ev.ContactEnded: self._left,
            ev.AgentStateChanged: self._agent_changed,
            ev.ServerStarted: self._started,
        }
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
                queue.count(_counted(self._states.get(agent, "signed_out")))
        for contact, (name, place) in self._waiting.items():
            waits = self._queues[name]
            waits.order.add((_key(waits.policy, place), contact))

    def apply(self, event: ev.AnyEvent) -> None:
        handler = self.handlers.get(type(event))
        if handler is not None:
            handler(event)

    def _queued(self, event: ev.ContactQueued) -> None:
        contact = event.contact.id
        self._leave(contact)
        self._waiting[contact] = event.queue, event.place
        queue = self._queue(event.queue)
        queue.order.add((_key(queue.policy, event.place), contact))

    def _connected(self, event: ev.ContactConnected) -> None:
        self._leave(event.contact.id)
        self._handling.connected(event.agent, event.queue)

    def _left(
        self,
        event: ev.ContactPresented | ev.ContactDiverted | ev.ContactLeftQueue | ev.ContactEnded,
    ) -> None:
        self._leave(event.contact.id)

    def _started(self, event: ev.ServerStarted) -> None:
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
        hands_of, recent = self._handling.hands, self._handling.times
        times, busy = tuple(sorted(recent.get(queue.name, ()))), []
        known = {queue.name: times}
        for agent in queue.able:
            state = self._states.get(agent, "signed_out")
            if state in _AWAY or state == "available":
                continue
            hands = hands_of.get(agent)
            if hands is None or hands.queue is None or not recent.get(hands.queue):
                busy.append(Busy(0.0 if hands is None else now - hands.since, times))
                continue
            theirs = known.get(hands.queue)
            if theirs is None:
                theirs = known[hands.queue] = tuple(sorted(recent[hands.queue]))
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

    def _agent_changed(self, event: ev.AgentStateChanged) -> None:
        agent, state = event.agent, event.state
        before, now = _counted(self._states.get(agent, "signed_out")), _counted(state)
        self._states[agent] = state
        if before != now:
            signed_in, working, available = before
            change = now[0] - signed_in, now[1] - working, now[2] - available
            for queue in self._of_agent.get(agent, ()):
                queue.count(change)
        self._handling.changed(agent, state, self._now())


def _counted(state: str) -> _Count:
    """As how many signed in, working and available an agent in this state counts."""
    return _COUNTS.get(state, _ENGAGED)


def _key(policy: QueuePolicy, place: Place) -> _Key:
    """Smaller is served first, over all queues (``actors.routing.policy.contact_key``)."""
    if policy.priority_seconds is None:
        return -policy.weight, place.priority, place.since, place.seq
    worth = (place.priority - DEFAULT_PRIORITY) * policy.priority_seconds
    return -policy.weight, DEFAULT_PRIORITY, place.since + worth, place.seq
