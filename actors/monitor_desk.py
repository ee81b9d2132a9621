"""The monitor desk: supervisors' wishes to hear the next calls of an agent, a team or a queue.

A wish waits here until a conversation begins that it fits; then that contact is asked to call the
supervisor's phone.  One for the next call only is then over; a continuous one stands until it is
cancelled.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from actors import commands as c
from actors import messages as m
from actors.dossier import AgentCard, CentreChanged, World
from actors.effects import Effect, ReplyTo, TellContact
from actors.ids import AgentId
from actors.permissions import may_monitor
from actors.reasons import Refusal


class MonitorDesk:
    """``queues`` and ``agents``: the known ones.  A supervisor has one wish for one target."""

    def __init__(self, agents: Mapping[AgentId, AgentCard], queues: frozenset[str]) -> None:
        self._agents, self._queues = agents, queues
        self.wishes: dict[tuple[AgentId, str, str], c.Wish] = {}

    def handle(
        self, message: m.ConversationBegan | c.MonitorCommandReceived | CentreChanged
    ) -> list[Effect]:
        match message:
            case CentreChanged(world):
                return self._configure(world)
            case m.ConversationBegan():
                return self._began(message)
            case c.MonitorCommandReceived(c.RequestMonitoring() as wanted, by):
                return [self._answer(message, self._request(wanted, by.agent, by.role))]
            case c.MonitorCommandReceived(c.CancelMonitoring() as cancelled, by):
                return [self._answer(message, self._cancel(cancelled, by.agent))]
            case _:
                raise ValueError(f"{type(message).__name__} to the monitor desk")

    def _configure(self, world: World) -> list[Effect]:
        """A wish for what is gone, or of who is, will never come true."""
        self._agents, self._queues = world.agents, world.open_queues()
        targets = self._targets()
        for key, wish in list(self.wishes.items()):
            if wish.supervisor not in world.agents or wish.target not in targets[wish.kind]:
                del self.wishes[key]
        return []

    def _began(self, began: m.ConversationBegan) -> list[Effect]:
        card = self._agents.get(began.agent, AgentCard())
        fits = {"agent": began.agent, "team": card.team, "queue": began.queue}
        effects: list[Effect] = []
        for key, wish in list(self.wishes.items()):
            if fits[wish.kind] != wish.target or wish.supervisor == began.agent:
                continue
            if not wish.continuous:
                del self.wishes[key]
            asked = m.MonitorAsked(wish.supervisor, began.agent, wish.mode)
            effects.append(TellContact(began.contact, asked))
        return effects

    def _cancel(self, cancelled: c.CancelMonitoring, agent: AgentId | None) -> Refusal | None:
        if agent is None:
            return Refusal.NOT_PERMITTED
        wish = self.wishes.pop((agent, cancelled.kind, cancelled.target), None)
        return None if wish is not None else Refusal.NOT_MONITORING

    def _request(
        self, wanted: c.RequestMonitoring, agent: AgentId | None, role: str
    ) -> Refusal | None:
        if agent is None or not may_monitor(role):
            return Refusal.NOT_PERMITTED
        if wanted.target not in self._targets()[wanted.kind]:
            return Refusal.UNKNOWN_DESTINATION
        key = (agent, wanted.kind, wanted.target)
        before = self.wishes.get(key)
        if before is not None and before.continuous != wanted.continuous:
            return Refusal.ALREADY_MONITORING  # next call and every call exclude each other (2.4)
        self.wishes[key] = c.Wish(agent, wanted.kind, wanted.target, wanted.mode, wanted.continuous)
        return None

    def _targets(self) -> dict[str, Collection[str]]:
        teams = {card.team for card in self._agents.values()}
        return {"agent": self._agents, "team": teams, "queue": self._queues}

    def _answer(self, command: c.MonitorCommandReceived, refused: Refusal | None) -> ReplyTo:
        agent = command.by.agent
        ours = tuple(w for w in self.wishes.values() if w.supervisor == agent)
        return ReplyTo(command.reply_to, c.MonitorAnswer(refused, ours))
