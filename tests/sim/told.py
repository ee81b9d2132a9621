"""What the events say, one after the other, and what must be true of them at every one of them.

Behind the live one goes another that hears only what the disk has: a server that is killed has
never said the rest, and the next run is judged by what is left.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from copy import copy

from msgspec import Struct
from msgspec.structs import replace

from actors import events as ev
from actors.ids import AgentId, ContactId
from actors.place import Place
from actors.reasons import IdleCode
from ccserver.journal.log import Entry

MOMENT = 1e-3
"""The events of runs before are dated in microseconds."""


UNENGAGED = ("available", "idle", "signed_out")
NEVER = float("-inf")


class _Agent(Struct, frozen=True):
    state: str
    entered: float
    shown: float
    """When the journal last spoke of him: a wish for later may be shown in the same state."""
    blamed: bool
    """For a call that he missed, before he had what he has in hand."""


class Told:
    """``found``: told of each violation, by invariant.  ``rona``: for how long a phone rings, at
    least.  ``planned``: the names of actors that were made to crash, as they are.
    """

    def __init__(
        self, found: Callable[[str, str], None], rona: Callable[[], float], planned: list[str]
    ) -> None:
        self.found, self._rona, self.planned = found, rona, planned
        self.seq, self._boot = 0, ""
        self.arrived: dict[ContactId, float] = {}
        self.ended: dict[ContactId, ev.ContactEnded] = {}
        self.ended_at: dict[ContactId, float] = {}
        self.living: dict[ContactId, float] = {}
        self.places: dict[ContactId, Place] = {}
        self._agents: dict[AgentId, _Agent] = {}
        self._crashes: Counter[str] = Counter()

    def copy(self, found: Callable[[str, str], None]) -> Told:
        other = copy(self)
        other.found = found
        for name in ("arrived", "ended", "ended_at", "living", "places", "_agents"):
            setattr(other, name, dict(getattr(self, name)))
        other._crashes = Counter(self._crashes)
        return other

    def hear(self, entry: Entry, now: float) -> None:
        if entry.seq != self.seq + 1:
            self.found("I5", f"event {entry.seq} follows {self.seq}")
        self.seq = entry.seq
        match entry.event:
            case ev.ServerStarted(boot=boot):
                if boot != self._boot:
                    self._other_clock()
                self._boot = boot
            case ev.ContactArrived(contact) | ev.ContactPlaced(contact):
                if contact.id in self.arrived:
                    self.found("I1", f"{contact.id} arrived twice")
                self.arrived[contact.id] = self.living[contact.id] = now
            case ev.ContactEnded(contact) as event:
                self._ended(contact.id, event, now)
            case ev.ContactQueued(contact, _, place, again=again):
                if again and self.places.get(contact.id, place) != place:
                    self.found("I7", f"{contact.id} is back, and not at its place")
                self.places[contact.id] = place
                self._lives(contact.id, "queued")
            case ev.ContactConnected(contact):
                self._lives(contact.id, "connected")
            case ev.LeaseExpired(owner, request, state) if not self.planned:
                self.found("I8", f"the lease of {owner} for {request} ran out, {state}")
            case ev.AgentStateChanged() as changed:
                self._agent_changed(changed, now)
            case ev.AgentLeft(agent):
                self._agents.pop(agent, None)
            case ev.ActorCrashed(_, name, error):
                self._crashes[name] += 1
                if self._crashes[name] > self.planned.count(name):
                    self.found("crash", f"{name}: {error}")
                if name.startswith("agent/"):
                    self._agents.pop(AgentId(name.removeprefix("agent/")), None)
            case _:
                pass

    def _other_clock(self) -> None:
        """All instants are moved by what the one on the wall says: to the microsecond, or by hours
        if that was set while there was no power.
        """
        self.places.clear()
        self._agents = {
            name: replace(agent, entered=NEVER, shown=NEVER) for name, agent in self._agents.items()
        }

    def _ended(self, contact: ContactId, event: ev.ContactEnded, now: float) -> None:
        if contact in self.ended:
            self.found("I1", f"{contact} ended twice")
        if contact not in self.arrived:
            self.found("I1", f"{contact} ended and never arrived")
        self.ended[contact] = event
        self.ended_at[contact] = now
        self.living.pop(contact, None)

    def _lives(self, contact: ContactId, what: str) -> None:
        if contact in self.ended:
            self.found("I1", f"{contact} had ended, and is {what}")

    def _agent_changed(self, changed: ev.AgentStateChanged, now: float) -> None:
        """I9: the states of an agent follow each other, and their times add up."""
        agent, rona = self._agents.get(changed.agent), changed.code == IdleCode.RONA
        if agent is None:
            self._agents[changed.agent] = _Agent(changed.state, now, now, rona)
            return
        if agent.state != changed.before:
            self.found("I9", f"{changed.agent} was {agent.state}, and says {changed.before}")
        if agent.shown != NEVER and abs(now - agent.shown - changed.lasted) > MOMENT:
            shown = now - agent.shown
            self.found("I9", f"{changed.agent} {agent.state}: {shown} s, and says {changed.lasted}")
        missed = rona and changed.before == "reserved" and not agent.blamed
        if missed and now - agent.entered < self._rona() - MOMENT:
            # R14: nobody is blamed for a phone that has not rung for as long as it should.
            self.found("R14", f"{changed.agent} missed a call after {now - agent.entered} s")
        entered = agent.entered if agent.state == changed.state else now
        blamed = rona if changed.state in UNENGAGED else agent.blamed
        self._agents[changed.agent] = _Agent(changed.state, entered, now, blamed)
