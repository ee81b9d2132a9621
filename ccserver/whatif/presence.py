"""When agents were there: what each of them wanted to be, as the journal tells it.

What the system set because of an offer that was missed is no wish of his: it is played again where
an offer is missed.  Instants in microseconds since 1970.
"""

from __future__ import annotations

from msgspec import Struct

from actors import events as ev
from actors.ids import AgentId
from actors.reasons import IdleCode
from ccserver.whatif.courses import SECOND

AVAILABLE, SIGNED_OUT = "available", "signed_out"
ELSEWHERE = "idle:elsewhere"
"""He calls somebody himself, is consulted, or was transferred to by name."""
_SYSTEM = frozenset(f"idle:{code}" for code in IdleCode)


class Wish(Struct, frozen=True):
    """From ``at`` on: available, ``idle:CODE``, signed_out, or ELSEWHERE."""

    at: int
    state: str


class Return(Struct, frozen=True):
    """An agent who had missed an offer at ``since`` was not to be had before ``until``."""

    agent: AgentId
    since: int
    until: int


class _Agent:
    def __init__(self) -> None:
        self.wishes: list[Wish] = []
        self.base: str | None = None
        """What he is when nothing is in hand; None: nothing has been heard of him."""
        self.missed = -SECOND
        self.away_since: int | None = None

    def wishes_for(self, at: int, state: str) -> None:
        if state != (self.wishes[-1].state if self.wishes else SIGNED_OUT):
            self.wishes.append(Wish(at, state))


class Presence:
    """A fold: ``apply`` the events in their order."""

    def __init__(self) -> None:
        self._agents: dict[AgentId, _Agent] = {}
        self.returns: list[Return] = []
        self.elsewhere = 0
        """How often one had something else in hand."""

    def wishes(self) -> dict[AgentId, list[Wish]]:
        """Of those who wanted anything, in the order of its time."""
        return {name: agent.wishes for name, agent in self._agents.items() if agent.wishes}

    def end(self, at: int) -> None:
        """Who is away then is not back before."""
        for name, agent in self._agents.items():
            if agent.away_since is not None:
                self.returns.append(Return(name, agent.away_since, at))

    def apply(self, at: int, event: ev.AnyEvent) -> None:
        match event:
            case ev.ContactOfferFailed(_, _, agent):
                self._agents.setdefault(agent, _Agent()).missed = at
            case ev.AgentStateChanged(name):
                self._changed(at, event, self._agents.setdefault(name, _Agent()))
            case ev.AgentLeft(name) if name in self._agents:
                self._agents[name].wishes_for(at, SIGNED_OUT)

    def _changed(self, at: int, event: ev.AgentStateChanged, agent: _Agent) -> None:
        if event.state == "idle":
            agent.base = f"idle:{event.code}"
        elif event.state in (AVAILABLE, SIGNED_OUT):
            agent.base = event.state
        elif agent.base is None:
            agent.base = AVAILABLE  # or he had nothing in hand
        wanted = event.pending or agent.base
        if event.contact is not None and event.kind != "contact" and wanted == AVAILABLE:
            self.elsewhere += event.before == AVAILABLE
            wanted = ELSEWHERE
        if wanted in _SYSTEM and (agent.away_since or at - agent.missed <= SECOND):
            agent.away_since = agent.away_since or at
            return
        if agent.away_since is not None:
            # Who went to lunch from there was not back before: his own wish comes first.
            until = at if wanted == AVAILABLE else at + SECOND
            self.returns.append(Return(event.agent, agent.away_since, until))
        agent.away_since = None
        agent.wishes_for(at, wanted)
