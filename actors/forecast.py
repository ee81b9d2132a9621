"""What is known of each queue at every instant: who waits there, and who is there to serve.

It hears the events of contacts and agents as they are recorded, and is asked by contacts at the
door of a queue and in it.  It decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from sortedcontainers import SortedList

from actors import events as ev
from actors import messages as m
from actors.ids import AgentId, ContactId, QueueName
from actors.place import Place

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
_AWAY = frozenset(("signed_out", "idle"))


class _Queue:
    """``order`` has (place, contact) of those who wait; the agents are counted who could serve."""

    __slots__ = ("order", "signed_in", "working")

    def __init__(self) -> None:
        self.order = SortedList()
        self.signed_in = self.working = 0


class Forecast:
    """``able``: the agents who could serve each queue, sooner or later.

    ``now`` gives monotonic seconds; ``states``: the agents', as they were left, ``signed_out`` if
    they are not among them.
    """

    def __init__(
        self,
        able: Mapping[QueueName, Iterable[AgentId]],
        now: Callable[[], float],
        states: Mapping[AgentId, str],
    ) -> None:
        self._now = now
        self._states = dict(states)
        self._waiting: dict[ContactId, tuple[QueueName, Place]] = {}
        self._queues: dict[QueueName, _Queue] = {}
        self.configure(able)

    def configure(self, able: Mapping[QueueName, Iterable[AgentId]]) -> None:
        """Other agents or queues, from now on."""
        self._of_agent: dict[AgentId, list[_Queue]] = {}
        for name, agents in able.items():
            queue = self._queues.setdefault(name, _Queue())
            queue.signed_in = queue.working = 0
            for agent in agents:
                self._of_agent.setdefault(agent, []).append(queue)
                self._count(queue, self._states.get(agent, "signed_out"), +1)

    def apply(self, event: ev.AnyEvent) -> None:
        match event:
            case ev.ContactQueued(ref, queue, place):
                self._leave(ref.id)
                self._waiting[ref.id] = queue, place
                self._queues.setdefault(queue, _Queue()).order.add((place, ref.id))
            case (
                ev.ContactPresented(ref)
                | ev.ContactConnected(ref)
                | ev.ContactDiverted(ref)
                | ev.ContactLeftQueue(ref)
                | ev.ContactEnded(ref)
            ):
                self._leave(ref.id)
            case ev.AgentStateChanged(agent, _, _, state):
                before = self._states.get(agent, "signed_out")
                self._states[agent] = state
                for line in self._of_agent.get(agent, ()):
                    self._count(line, before, -1)
                    self._count(line, state, +1)
            case ev.ServerStarted():
                for contact in list(self._waiting):
                    self._leave(contact)

    def look(self, contact: ContactId, queue: QueueName, place: Place) -> m.QueueSeen:
        """For a contact that stands there, or would stand there, at this place."""
        line = self._queues.setdefault(queue, _Queue())
        itself = contact in self._waiting and self._waiting[contact][0] == queue
        ahead = line.order.bisect_left((place, contact))
        waiting = len(line.order) - itself
        return m.QueueSeen(contact, queue, waiting, ahead, line.signed_in, line.working)

    def _leave(self, contact: ContactId) -> None:
        where = self._waiting.pop(contact, None)
        if where is not None:
            queue, place = where
            self._queues[queue].order.remove((place, contact))

    def _count(self, queue: _Queue, state: str, step: int) -> None:
        queue.signed_in += step * (state != "signed_out")
        queue.working += step * (state not in _AWAY)
