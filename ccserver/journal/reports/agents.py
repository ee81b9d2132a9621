"""What agents do to the figures: how long each was in which state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from actors import events as ev
from actors.ids import AgentId, ContactId, QueueName, owner_of
from ccserver.journal.reports.books import Books
from ccserver.journal.reports.contacts import ContactAccounts
from ccserver.journal.reports.intervals import MICRO


class _Agent:
    __slots__ = ("code", "contact", "queue", "settled", "state", "wraps_up")

    def __init__(self, at: int) -> None:
        self.state = "signed_out"
        self.code = ""
        self.contact: ContactId | None = None
        self.settled = at
        self.wraps_up = False
        """There is something to wrap up, and he is at it."""
        self.queue: QueueName | None = None
        """Whose contact it is."""


class AgentAccounts:
    """``contacts`` are told who has which of them in hand."""

    def __init__(self, books: Books, contacts: ContactAccounts) -> None:
        self._books, self._contacts = books, contacts
        self._agents: dict[AgentId, _Agent] = {}
        self._runs = True
        """The server; nobody is at work in it from its stop to its next start."""
        self.handlers: dict[type, Callable[[int, Any], None]] = {
            ev.AgentStateChanged: self._changed,
            ev.AgentLeft: self._left,
            ev.CentreConfigured: self._configured,
            ev.ServerStopped: self._stopped,
            ev.ServerStarted: self._started,
        }

    def close(self, at: int) -> None:
        """An interval ends: what goes on has gone on until now."""
        for name, agent in self._agents.items():
            self._settle(name, agent, at)

    def wrap_up_ended(self, at: int, event: ev.WrapUpEnded) -> None:
        """It may be a while until his phone is on the hook."""
        agent = self._agents.get(event.agent)
        if agent is not None:
            self._settle(event.agent, agent, at)
            agent.wraps_up = False

    def _settle(self, name: AgentId, agent: _Agent, at: int) -> None:
        seconds = (at - agent.settled) / MICRO
        agent.settled = at
        if agent.state == "signed_out" or seconds <= 0 or not self._runs:
            return
        figures = self._books.agent(name)
        figures.signed_in += seconds
        match agent.state:
            case "available":
                figures.available += seconds
            case "reserved":
                figures.reserved += seconds
            case "engaged":
                figures.engaged += seconds
            case "wrap_up":
                figures.wrapping_up += seconds
            case _:
                figures.idle += seconds
                codes = figures.idle_codes
                codes[agent.code] = codes.get(agent.code, 0.0) + seconds
        if agent.wraps_up:
            figures.apportioned_wrap_up += seconds
            if agent.queue:
                self._books.queue(agent.queue).apportioned_wrap_up += seconds

    def _changed(self, at: int, event: ev.AgentStateChanged) -> None:
        agent = self._agents.get(event.agent)
        if agent is None:
            agent = self._agents[event.agent] = _Agent(at)
            self._books.agent(event.agent)
        self._settle(event.agent, agent, at)
        before = agent.contact
        agent.state, agent.code = event.state, event.code or ""
        agent.contact = None if event.contact is None else owner_of(event.contact)
        agent.queue = event.queue
        agent.wraps_up = event.state == "wrap_up" and "end-wrap-up" in event.allowed
        if before != agent.contact:
            if before is not None:
                self._contacts.let_go_by(event.agent, before)
            if agent.contact is not None:
                self._contacts.held_by(event.agent, agent.contact)

    def _left(self, at: int, event: ev.AgentLeft) -> None:
        agent = self._agents.pop(event.agent, None)
        if agent is None:
            return
        self._settle(event.agent, agent, at)
        if agent.contact is not None:
            self._contacts.let_go_by(event.agent, agent.contact)

    def _configured(self, at: int, event: ev.CentreConfigured) -> None:
        """Who is new is there, with nothing done, from now on."""
        for queue in event.content["queues"]:
            self._books.queue(QueueName(queue["name"]))
        for agent in event.content["agents"]:
            self._books.agent(AgentId(agent["id"]))

    def _stopped(self, at: int, event: ev.ServerStopped) -> None:
        self.close(at)
        self._runs = False

    def _started(self, at: int, event: ev.ServerStarted) -> None:
        """If it was killed, nobody knows when: they have been at work since the last event."""
        self.close(at)
        self._runs = True
