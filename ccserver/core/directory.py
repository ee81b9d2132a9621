"""Who is where: the living actors by their ids.  The only place that knows them all."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from actors.base import Actor, ActorStatistics
from actors.ids import AgentId, ContactId, LegId, QueueName
from actors.recorded_dispatcher import RecordedDispatcher
from actors.routing.index import Index


@dataclass
class Directory:
    """Contacts and legs come and go; queues, agents, the dispatcher and the monitor desk stay."""

    contacts: dict[ContactId, Actor] = field(default_factory=dict)
    legs: dict[LegId, Actor] = field(default_factory=dict)
    queues: dict[QueueName, Actor] = field(default_factory=dict)
    agents: dict[AgentId, Actor] = field(default_factory=dict)
    dispatcher: Actor = field(init=False)
    monitor_desk: Actor = field(init=False)

    def index(self) -> Index:
        """The dispatcher's: who waits, and who is available.  To be looked at, and left alone."""
        dispatcher: RecordedDispatcher = self.dispatcher.machine  # type: ignore[assignment]
        return dispatcher.dispatcher.index

    def living(self) -> dict[str, Collection[Actor]]:
        """All of them, by kind."""
        return {
            "contact": self.contacts.values(),
            "leg": self.legs.values(),
            "queue": self.queues.values(),
            "agent": self.agents.values(),
            "dispatcher": [self.dispatcher],
            "monitor_desk": [self.monitor_desk],
        }

    def statistics(self) -> dict[str, list[ActorStatistics]]:
        """What each is doing, by kind."""
        return {
            kind: [actor.statistics() for actor in actors] for kind, actors in self.living().items()
        }
