"""Those who live as long as the centre does: the dispatcher, the monitor desk, queues and agents.

They are essential, and started again when they crash.  Who starts again knows nothing, and is told
everything anew by those who know.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from typing import Any

from actors import messages as m
from actors.agent import Agent, AgentConfigured, AgentRemoved, AgentSettings
from actors.base import Actor
from actors.dispatcher import Dispatcher
from actors.dossier import CentreChanged, World
from actors.guardian import Guardian
from actors.ids import DISPATCHER, MONITOR_DESK, AgentId, QueueName, agent_actor, queue_actor
from actors.monitor_desk import MonitorDesk
from actors.past import Past, PastAgent
from actors.queue import Queue, QueueConfigured, QueueRemoved, QueueSettings
from actors.recorded_dispatcher import RecordedDispatcher
from actors.routing.policy import Policy, PolicyChanged
from actors.routing.strategies import Turn
from ccserver.core.directory import Directory


class Residents:
    """``make_actor(name, machine)``; ``now`` gives monotonic seconds, ``wall`` seconds since 1970,
    ``ticket`` a number that no other call of it gives; ``targets``: an agent's phones now;
    ``draw`` gives a number from 0 to 1; ``given``: to whom each queue gave a contact last.
    """

    def __init__(
        self,
        directory: Directory,
        make_actor: Callable[[str, Any], Actor],
        now: Callable[[], float],
        wall: Callable[[], float],
        ticket: Callable[[], int],
        targets: Callable[[AgentId], tuple[m.Target, ...]],
        draw: Callable[[], float],
        given: Callable[[], Mapping[QueueName, AgentId]],
    ) -> None:
        self._directory, self._make_actor = directory, make_actor
        self._now, self._wall = now, wall
        self._ticket, self._targets = ticket, targets
        self._draw, self._given = draw, given
        self._world, self._policy = World({}), Policy()
        self._queues: dict[QueueName, QueueSettings] = {}
        self._agents: dict[AgentId, AgentSettings] = {}
        self._removed: dict[str, AgentRemoved | QueueRemoved] = {}
        """Actors of what was taken out of the configuration: they refuse, and see out what is."""

    def start(
        self,
        guardian: Guardian,
        world: World,
        queues: Iterable[QueueSettings],
        agents: Iterable[AgentSettings],
        policy: Policy,
        past: Past,
    ) -> None:
        """``past``: where an earlier run of the server left the agents, who wait for ``Resume``."""
        self._guardian, self._world, self._policy = guardian, world, policy
        self._agents = {agent.id: agent for agent in agents}
        self._resident(DISPATCHER, self._dispatcher, self._set_dispatcher)
        self._resident(MONITOR_DESK, self._monitor_desk, self._set_monitor_desk)
        for queue in queues:
            self._add_queue(queue)
        for agent in self._agents.values():
            phones = past.bindings.get(agent.id, {}).values()
            awaited = any(phone.path.connection for phone in phones)
            self._add_agent(agent, past.agents.get(agent.id), awaited=awaited)

    def configure(
        self,
        world: World,
        queues: Iterable[QueueSettings],
        agents: Iterable[AgentSettings],
        policy: Policy,
    ) -> list[AgentId]:
        """Tells each whom it concerns what is another than before.  Returns who was removed.

        What the removed have in hand ends by the rules they had (R20).
        """
        self._world = world
        if policy != self._policy:
            self._policy = policy
            self._directory.dispatcher.tell(PolicyChanged(policy))
        self._directory.monitor_desk.tell(CentreChanged(world))
        self._configure_queues({queue.name: queue for queue in queues})
        return self._configure_agents({agent.id: agent for agent in agents})

    def _configure_queues(self, queues: Mapping[QueueName, QueueSettings]) -> None:
        for name, queue in queues.items():
            if name not in self._queues:
                self._add_queue(queue)
            elif (
                self._removed.pop(queue_actor(name), None) is not None
                or queue != self._queues[name]
            ):
                self._queues[name] = queue
                self._directory.queues[name].tell(QueueConfigured(queue))
        for name in self._queues:
            if name not in queues and queue_actor(name) not in self._removed:
                self._remove(queue_actor(name), QueueRemoved(), self._directory.queues[name])

    def _configure_agents(self, agents: Mapping[AgentId, AgentSettings]) -> list[AgentId]:
        for name, agent in agents.items():
            if name not in self._agents:
                self._add_agent(agent)
            elif (
                self._removed.pop(agent_actor(name), None) is not None
                or agent != self._agents[name]
            ):
                self._agents[name] = agent
                self._directory.agents[name].tell(AgentConfigured(agent))
        gone = [
            name
            for name in self._agents
            if name not in agents and agent_actor(name) not in self._removed
        ]
        for name in gone:
            self._remove(agent_actor(name), AgentRemoved(), self._directory.agents[name])
        return gone

    def _remove(self, name: str, removed: AgentRemoved | QueueRemoved, actor: Actor) -> None:
        self._removed[name] = removed
        actor.tell(removed)

    # --- starting -----------------------------------------------------------------------------

    def _add_queue(self, queue: QueueSettings) -> None:
        name = queue.name
        self._queues[name] = queue
        make = partial(self._queue, name)
        self._resident(queue_actor(name), make, partial(self._set_queue, name))

    def _add_agent(
        self, agent: AgentSettings, past: PastAgent | None = None, *, awaited: bool = False
    ) -> None:
        name = agent.id
        self._agents[name] = agent
        first = self._agent(name)
        if past is not None:
            first.recover(past, self._targets(name), awaited=awaited)
        remember = partial(self._set_agent, name)
        self._resident(agent_actor(name), partial(self._agent, name), remember, first)

    def _resident(
        self,
        name: str,
        make: Callable[[], Any],
        remember: Callable[[Actor], None],
        machine: Any = None,
    ) -> None:
        """``machine``: the first one, where it is not made as those after a crash are."""
        actor = self._make_actor(name, machine or make())
        remember(actor)
        first = [actor]

        def live() -> Awaitable[None]:
            if first:
                return first.pop().mailbox.run()
            again = self._make_actor(name, make())
            remember(again)
            if name in self._removed:
                again.tell(self._removed[name])
            self._tell_everything(name)
            return again.mailbox.run()

        self._guardian.start(name, live)

    def _tell_everything(self, name: str) -> None:
        """To an actor that has been started again: what the living know of its world."""
        kind, _, which = name.partition("/")
        if kind == "agent":
            agent = AgentId(which)
            self._directory.agents[agent].tell(m.PhonesChanged(self._targets(agent)))
        for actor in (
            self._directory.dispatcher,
            *self._directory.agents.values(),
            *self._directory.queues.values(),
            *self._directory.contacts.values(),
        ):
            actor.tell(m.Restarted(name))

    # --- machines by the rules of today -------------------------------------------------------

    def _dispatcher(self) -> RecordedDispatcher:
        return RecordedDispatcher(Dispatcher, self._now, self._draw)

    def _monitor_desk(self) -> MonitorDesk:
        return MonitorDesk(self._world.agents, self._world.open_queues(), self._wall)

    def _queue(self, name: QueueName) -> Queue:
        return Queue(self._queues[name], self._now)

    def _agent(self, name: AgentId) -> Agent:
        return Agent(self._agents[name], self._now, self._ticket)

    # --- where they are found -----------------------------------------------------------------

    def _set_dispatcher(self, actor: Actor) -> None:
        """The rules are the first that it hears, and where they had arrived."""
        self._directory.dispatcher = actor
        turns = {
            queue: Turn(agent, self._agents[agent].position)
            for queue, agent in self._given().items()
            if agent in self._agents
        }
        actor.tell(PolicyChanged(self._policy, turns))

    def _set_monitor_desk(self, actor: Actor) -> None:
        self._directory.monitor_desk = actor

    def _set_queue(self, name: QueueName, actor: Actor) -> None:
        self._directory.queues[name] = actor

    def _set_agent(self, agent: AgentId, actor: Actor) -> None:
        self._directory.agents[agent] = actor
