"""The monitor desk: supervisors' wishes to hear the next calls of an agent, a team or a queue.

A wish waits here until a conversation begins that it fits; then that contact is asked to call the
supervisor's phone.  One for the next call only is then over; a continuous one stands until it is
cancelled, a scheduled one from its begin to its end.

Of several wishes of a supervisor that fit, one is served: a continuous one before one for the next
call, and either before a scheduled one (features 2.4).  What is not served goes on waiting.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from actors import commands as c
from actors import messages as m
from actors.dossier import AgentCard, CentreChanged, World
from actors.effects import Effect, ReplyTo, TellContact
from actors.ids import AgentId
from actors.permissions import may_monitor
from actors.reasons import Refusal


class MonitorDesk:
    """``queues`` and ``agents``: the known ones.  ``wall`` gives seconds since 1970.

    A supervisor has one wish for one target, and a scheduled one besides.
    """

    def __init__(
        self,
        agents: Mapping[AgentId, AgentCard],
        queues: frozenset[str],
        wall: Callable[[], float],
    ) -> None:
        self._agents, self._queues, self._wall = agents, queues, wall
        self.wishes: dict[tuple[AgentId, str, str, bool], c.Wish] = {}

    def handle(
        self,
        message: m.ConversationBegan | m.MonitorMissed | c.MonitorCommandReceived | CentreChanged,
    ) -> list[Effect]:
        match message:
            case CentreChanged(world):
                return self._configure(world)
            case m.ConversationBegan():
                return self._began(message)
            case m.MonitorMissed(wish):
                self._missed(wish)
                return []
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
        now = self._wall() * 1e6
        card = self._agents.get(began.agent, AgentCard())
        fits = {"agent": began.agent, "team": card.team, "queue": began.queue}
        served: dict[AgentId, c.Wish] = {}
        for key, wish in list(self.wishes.items()):
            if wish.ends is not None and wish.ends <= now:
                del self.wishes[key]
                continue
            if wish.begins is not None and wish.begins > now:
                continue
            if fits[wish.kind] == wish.target and wish.supervisor != began.agent:
                other = served.get(wish.supervisor)
                if other is None or _rank(wish) < _rank(other):
                    served[wish.supervisor] = wish
        effects: list[Effect] = []
        for wish in served.values():
            if _rank(wish) == NEXT_CALL:
                del self.wishes[_key(wish)]
            asked = m.MonitorAsked(wish, began.agent)
            effects.append(TellContact(began.contact, asked))
        return effects

    def _missed(self, wish: c.Wish) -> None:
        """He was busy, or away: what he wanted to hear once he has not heard."""
        if _rank(wish) == NEXT_CALL and wish.target in self._targets()[wish.kind]:
            self.wishes.setdefault(_key(wish), wish)

    def _cancel(self, cancelled: c.CancelMonitoring, agent: AgentId | None) -> Refusal | None:
        if agent is None:
            return Refusal.NOT_PERMITTED
        target = (agent, cancelled.kind, cancelled.target)
        wishes = [self.wishes.pop((*target, scheduled), None) for scheduled in (False, True)]
        return None if any(wishes) else Refusal.NOT_MONITORING

    def _request(
        self, wanted: c.RequestMonitoring, agent: AgentId | None, role: str
    ) -> Refusal | None:
        if agent is None or not may_monitor(role):
            return Refusal.NOT_PERMITTED
        if wanted.target not in self._targets()[wanted.kind]:
            return Refusal.UNKNOWN_DESTINATION
        if not self._makes_sense(wanted):
            return Refusal.BAD_TIME
        wish = c.Wish(
            agent,
            wanted.kind,
            wanted.target,
            wanted.mode,
            wanted.continuous,
            wanted.begins,
            wanted.ends,
        )
        before = self.wishes.get(_key(wish))
        if before is not None and before.continuous != wish.continuous:
            return Refusal.ALREADY_MONITORING  # next call and every call exclude each other (2.4)
        self.wishes[_key(wish)] = wish
        return None

    def _makes_sense(self, wanted: c.RequestMonitoring) -> bool:
        match wanted.begins, wanted.ends:
            case None, None:
                return True
            case int(begins), int(ends):
                return not wanted.continuous and ends > max(begins, self._wall() * 1e6)
            case _:
                return False

    def _targets(self) -> dict[str, Collection[str]]:
        teams = {card.team for card in self._agents.values()}
        return {"agent": self._agents, "team": teams, "queue": self._queues}

    def _answer(self, command: c.MonitorCommandReceived, refused: Refusal | None) -> ReplyTo:
        agent = command.by.agent
        ours = tuple(w for w in self.wishes.values() if w.supervisor == agent)
        return ReplyTo(command.reply_to, c.MonitorAnswer(refused, ours))


CONTINUOUS, NEXT_CALL, SCHEDULED = range(3)
"""In the order in which they are served."""


def _rank(wish: c.Wish) -> int:
    if wish.begins is not None:
        return SCHEDULED
    return CONTINUOUS if wish.continuous else NEXT_CALL


def _key(wish: c.Wish) -> tuple[AgentId, str, str, bool]:
    return wish.supervisor, wish.kind, wish.target, wish.begins is not None
