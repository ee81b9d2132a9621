"""A conversation: who is in it, who talks to whom, and who hears whom.

The parties in the *main call* are the customer and those who have joined him.  One agent at a
time may *consult* a further party apart; ``ear`` says which of the two he talks to.  What each
party hears follows from this and is never stored: ``hearing``.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from actors import commands as c
from actors.ids import AgentId, ContactId, LegId
from actors.search import AtNumber, Found, Search

Kind: TypeAlias = Literal["customer", "agent", "outsider", "supervisor"]


class Party(Struct, eq=False):
    """``name``: an agent's id, an outsider's number, or ``customer``."""

    kind: Kind
    name: str
    leg: LegId
    since: float
    agent: AgentId | None = None
    request: ContactId | None = None
    """The name under which the agent knows his engagement."""


def party_of(search: Search, found: Found, now: float) -> Party:
    """Who has been found, and takes part from now on."""
    if found.agent is not None:
        return Party("agent", found.agent, found.leg, now, found.agent, search.request)
    assert isinstance(search.goal, AtNumber)
    return Party("outsider", search.goal.number, found.leg, now)


class Monitoring(Struct, eq=False):
    """A supervisor who listens to what ``target``, an agent, hears and says."""

    supervisor: Party
    target: AgentId
    mode: c.MonitorMode


class Requested(Struct, eq=False):
    """A party is sought.  ``then``: what has been decided before it answered (V-30)."""

    by: Party
    to: c.AnyDestination
    search: Search
    since: float
    then: Literal["consult", "join", "transfer"] = "consult"
    reply_to: str | None = None
    """Who waits to hear whether a blind transfer was taken."""


class Consulting(Struct, eq=False):
    """``by`` consults ``far``, apart from the main call."""

    by: Party
    to: c.AnyDestination
    far: Party
    since: float


Consultation: TypeAlias = Requested | Consulting
Ear: TypeAlias = Literal["main", "consult", "nobody"]


class Conversation:
    """``parties``: those in the main call, longest there first, with the customer if he is."""

    def __init__(self, customer: Party, other: Party) -> None:
        self.parties: list[Party] = [customer, other]
        self.primary: Party | None = other if other.kind == "agent" else None
        """The agent in control; None when no agent is left."""
        self.ear: Ear = "main"
        """Whom the agent who holds or consults talks to."""
        self.consultation: Consultation | None = None
        self.monitorings: list[Monitoring] = []
        self.post_call = False
        """The customer has left, and the others talk on (V-45)."""

    # --- who is here --------------------------------------------------------------------------

    @property
    def customer(self) -> Party | None:
        for party in self.parties:
            if party.kind == "customer":
                return party
        return None

    def agents(self) -> list[Party]:
        return [party for party in self.parties if party.kind == "agent"]

    @property
    def in_conference(self) -> bool:
        return len(self.parties) > 2

    def everyone(self) -> list[Party]:
        """Those in the main call, then the consulted one, then the supervisors."""
        found = list(self.parties)
        if isinstance(self.consultation, Consulting):
            found.append(self.consultation.far)
        found += [monitoring.supervisor for monitoring in self.monitorings]
        return found

    def by_leg(self, leg: LegId) -> Party | None:
        for party in self.everyone():
            if party.leg == leg:
                return party
        return None

    def by_agent(self, agent: AgentId | None) -> Party | None:
        """An agent who takes part; not a supervisor who listens."""
        if agent is None:
            return None
        found = (p for p in self.everyone() if p.kind == "agent" and p.agent == agent)
        return next(found, None)

    def monitoring_of(self, agent: AgentId | None) -> Monitoring | None:
        found = (m for m in self.monitorings if m.supervisor.agent == agent)
        return None if agent is None else next(found, None)

    # --- what goes on -------------------------------------------------------------------------

    @property
    def initiator(self) -> Party | None:
        """Who consults now."""
        if self.consultation is None:
            return None
        match self.consultation:
            case Requested(by=by, then="consult") | Consulting(by=by):
                return by
            case _:
                return None

    @property
    def held(self) -> bool:
        """The customer hears music: nobody in the main call talks to him."""
        if self.ear == "main" or self.in_conference or self.customer is None:
            return False
        return (self.initiator or self.primary) in self.parties

    def state(self) -> str:
        """One word for the whole: V-13, V-23, features 2.5."""
        if self.post_call:
            return "post_call"
        match self.consultation:
            case None:
                pass
            case Requested(then="consult"):
                return "consult_requested"
            case Consulting() if self.ear == "consult":
                return "consulting"
            case Consulting() if self.ear == "main":
                return "consult_on_hold"
            case Consulting():
                return "both_on_hold"
        if self.in_conference:
            return "conference"
        return "held" if self.held else "connected"

    def state_of(self, party: Party) -> str:
        """The same, as this party lives it."""
        match self.consultation:
            case Consulting(far=far) if party is far:
                return "consulted" if self.ear == "consult" else "held"
        if party.kind == "customer" and self.held:
            return "held"
        if self.initiator not in (None, party) and party in self.parties:
            return "conference" if self.in_conference else "connected"
        return self.state()

    # --- who hears whom -----------------------------------------------------------------------

    def _talking_in_main(self) -> list[Party]:
        """Those of the main call who are not away with a consulted party, or holding."""
        away = self.initiator
        if away is None and not self.in_conference and not self.post_call:
            away = self.primary
        if self.ear == "main" or away is None:
            return list(self.parties)
        return [party for party in self.parties if party is not away]

    def hearing(self) -> dict[LegId, tuple[LegId, ...]]:
        """For every leg, the legs that it hears."""
        groups: list[list[Party]] = [self._talking_in_main()]
        match self.consultation:
            case Consulting(by, _, far) if self.ear == "consult":
                groups.append([by, far])
        hears: dict[LegId, list[LegId]] = {party.leg: [] for party in self.everyone()}
        for group in groups:
            for party in group:
                hears[party.leg].extend(other.leg for other in group if other is not party)
        for monitoring in self.monitorings:
            self._add_supervisor(hears, groups, monitoring)
        return {leg: tuple(sources) for leg, sources in hears.items()}

    def _add_supervisor(
        self,
        hears: dict[LegId, list[LegId]],
        groups: list[list[Party]],
        monitoring: Monitoring,
    ) -> None:
        supervisor, target = monitoring.supervisor.leg, self.by_agent(monitoring.target)
        if target is None:
            return
        # Who holds is in no group: the two of them are left to each other.
        for group in [group for group in groups if target in group] or [[target]]:
            hears[supervisor].extend(party.leg for party in group)
            for party in group:
                # A whisper reaches the agent alone; the customer must never hear it (M13).
                if monitoring.mode == "barge_in" or (
                    monitoring.mode == "whisper" and party is target
                ):
                    hears[party.leg].append(supervisor)

    def on_music(self) -> list[LegId]:
        """The legs that nobody talks to: a held customer, a held consulted party."""
        held = [self.customer.leg] if self.held and self.customer is not None else []
        match self.consultation:
            case Consulting(far=far) if self.ear != "consult":
                held.append(far.leg)
        return held

    def on_ringback(self) -> list[LegId]:
        """Who has asked for a party and waits for its answer."""
        match self.consultation:
            case Requested(by=by, then="consult"):
                return [by.leg]
            case _:
                return []
