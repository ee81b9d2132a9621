"""Who is where: the living actors by their ids.  The only place that knows them all."""

from __future__ import annotations

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

    def statistics(self) -> dict[str, list[ActorStatistics]]:
        """Mailbox figures of every living actor, by kind."""
        return {
            "contact": [actor.statistics() for actor in self.contacts.values()],
            "leg": [actor.statistics() for actor in self.legs.values()],
            "queue": [actor.statistics() for actor in self.queues.values()],
            "agent": [actor.statistics() for actor in self.agents.values()],
            "dispatcher": [self.dispatcher.statistics()],
            "monitor_desk": [self.monitor_desk.statistics()],
        }
