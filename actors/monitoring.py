"""Supervisors in a conversation: they listen, whisper to one agent, or barge in.

A supervisor's phone is called like an agent's; he does not count among the eight, and what he may
hear is the conversation's affair (``Conversation.hearing``).
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from actors import commands as c
from actors import events as ev
from actors import messages as m
from actors.conversation import Conversation, Monitoring, Party
from actors.dossier import Dossier
from actors.effects import Effect, Record, ReplyTo, TellMonitorDesk
from actors.flow import QueuePlan
from actors.ids import AgentId, LegId
from actors.membership import release
from actors.permissions import may_monitor
from actors.reasons import EndedBy, Refusal
from actors.search import AtAgent, Found, News, NotFound, Search, parted


class Called(Struct, eq=False):
    """A supervisor's phone is being called."""

    supervisor: AgentId
    target: AgentId
    mode: c.MonitorMode
    search: Search
    wish: c.Wish | None = None
    """That is served so, if it was not asked for in the middle of the call."""


class Monitorings:
    """Those of one conversation.  Where ``plan.monitored`` is False nobody may listen."""

    def __init__(self, dossier: Dossier, talk: Conversation, plan: QueuePlan) -> None:
        self._dossier, self._talk, self._plan = dossier, talk, plan
        self._called: list[Called] = []

    def searches(self) -> Iterator[Search]:
        for called in self._called:
            yield called.search

    # --- commands -----------------------------------------------------------------------------

    def command(self, received: c.ContactCommandReceived) -> list[Effect]:
        agent = received.by.agent
        why = self._refusal(received)
        if why is not None or agent is None:
            code = why or Refusal.NOT_PERMITTED
            return [ReplyTo(received.reply_to, c.ContactRefused(code, *self._shown(agent)))]
        effects: list[Effect] = []
        match received.command:
            case c.Monitor(mode):
                target = self._talk.primary
                assert target is not None
                assert target.agent is not None
                effects = self.call(agent, target.agent, mode)
            case c.ChangeMonitoring(mode):
                running = self._talk.monitoring_of(agent)
                assert running is not None
                running.mode = mode
                effects = [self._recorded(running)]
            case _:
                effects = self.stop(agent)
        return [*effects, ReplyTo(received.reply_to, c.ContactDone(0, *self._shown(agent)))]

    def _refusal(self, received: c.ContactCommandReceived) -> Refusal | None:
        by = received.by
        if by.agent is None or not may_monitor(by.role):
            return Refusal.NOT_PERMITTED
        called = any(called.supervisor == by.agent for called in self._called)
        running = self._talk.monitoring_of(by.agent) is not None
        match received.command:
            case c.Monitor():
                if not self._plan.monitored:
                    return Refusal.MONITORING_FORBIDDEN
                if running or called or self._talk.by_agent(by.agent) is not None:
                    return Refusal.ALREADY_IN_CALL
                return None if self._talk.primary is not None else Refusal.NO_AGENT
            case c.StopMonitoring() if called:
                return None
            case _:
                return None if running else Refusal.NOT_MONITORING

    def _shown(self, agent: AgentId | None) -> tuple[str, tuple[str, ...]]:
        running = self._talk.monitoring_of(agent)
        if running is not None:
            return running.mode, ("change_monitoring", "stop_monitoring")
        if any(called.supervisor == agent for called in self._called):
            return "ringing", ("stop_monitoring",)
        return "absent", ("monitor",)

    def asked(self, asked: m.MonitorAsked) -> list[Effect]:
        """By the monitor desk: a wish fits this conversation, which has just begun."""
        talk, wish = self._talk, asked.wish
        here = talk.monitoring_of(wish.supervisor) or talk.by_agent(wish.supervisor)
        if talk.by_agent(asked.target) is None or here is not None or not self._plan.monitored:
            return [TellMonitorDesk(m.MonitorMissed(wish))]
        return self.call(wish.supervisor, asked.target, wish.mode, wish)

    def call(
        self,
        supervisor: AgentId,
        target: AgentId,
        mode: c.MonitorMode,
        wish: c.Wish | None = None,
    ) -> list[Effect]:
        """His phone rings; when he answers, he listens to what ``target`` hears."""
        search = Search(self._dossier, AtAgent(supervisor, None, "monitor", self._plan))
        self._called.append(Called(supervisor, target, mode, search, wish))
        return self.hear(search, search.start())

    def stop(self, supervisor: AgentId) -> list[Effect]:
        """He hangs up, or is called no more."""
        effects: list[Effect] = []
        for called in [called for called in self._called if called.supervisor == supervisor]:
            self._called.remove(called)
            effects.extend(called.search.give_up())
        running = self._talk.monitoring_of(supervisor)
        if running is not None:
            effects.extend(self._leave(running, "bye"))
        return effects

    # --- what becomes of them -----------------------------------------------------------------

    def hear(self, search: Search, outcome: list[Effect | News]) -> list[Effect]:
        """What one of our searches has come to."""
        called = next(one for one in self._called if one.search is search)
        effects, news = parted(outcome)
        for item in news:
            match item:
                case Found(_, leg):
                    self._called.remove(called)
                    effects.extend(self._join(called, leg))
                case NotFound():
                    self._called.remove(called)
                    effects.extend(_missed(called))
        return effects

    def _join(self, called: Called, leg: LegId) -> list[Effect]:
        supervisor = Party(
            "supervisor",
            called.supervisor,
            leg,
            self._dossier.now(),
            called.supervisor,
            called.search.request,
        )
        monitoring = Monitoring(supervisor, called.target, called.mode)
        self._talk.monitorings.append(monitoring)
        return [self._recorded(monitoring)]

    def left(self, party: Party, cause: str) -> list[Effect]:
        """A supervisor's leg has ended."""
        running = next(one for one in self._talk.monitorings if one.supervisor is party)
        return self._leave(running, cause)

    def _leave(self, running: Monitoring, cause: str) -> list[Effect]:
        self._talk.monitorings.remove(running)
        released = release(
            self._dossier, running.supervisor, EndedBy.AGENT, wraps_up=False, cause=cause
        )
        return [*released, self._recorded(running, ended=True)]

    def end(self) -> list[Effect]:
        """The conversation is over, or its customer is elsewhere."""
        effects: list[Effect] = []
        for called in self._called:
            effects.extend(called.search.give_up())
            effects.extend(_missed(called))
        self._called.clear()
        for running in list(self._talk.monitorings):
            effects.extend(self._leave(running, "bye"))
        return effects

    def _recorded(self, running: Monitoring, *, ended: bool = False) -> Record:
        supervisor = running.supervisor.agent
        assert supervisor is not None
        mode = "ended" if ended else running.mode
        return Record(ev.ContactMonitored(self._dossier.ref, supervisor, running.target, mode))


def _missed(called: Called) -> list[Effect]:
    return [] if called.wish is None else [TellMonitorDesk(m.MonitorMissed(called.wish))]
