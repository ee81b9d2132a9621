"""Why a contact went where it went, and why not elsewhere: from the journal alone.

What the dispatcher had heard is told to a dispatcher again (``decisions``); as it decides on the
contact, everybody whom it could have chosen is given a verdict (``actors.routing.comparison``).
Whoever it could not choose is accounted for by what the journal says of him.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from actors import events as ev
from actors.dispatcher import Dispatcher
from actors.effects import Effect
from actors.ids import AgentId, ContactId, owner_of
from actors.messages import AgentAvailable, ContactWaits
from actors.reasons import RoutingVerdict
from actors.routing import explanation as rules
from actors.routing.choice import Choice
from actors.routing.comparison import (
    Standing,
    agents_for,
    agents_outside,
    contacts_for,
    were_they_available,
)
from actors.routing.index import Index
from actors.routing.policy import Policy
from ccserver.journal.decisions import Decision, Replay
from ccserver.journal.log import Entry
from ccserver.journal.story import Line, told
from ccserver.journal.verdicts import IN_LINE, asked_for, why_agent, why_barred, why_contact


class Verdict(Struct, frozen=True, omit_defaults=True):
    """On an agent, or on a contact that an agent might have had instead."""

    id: str
    verdict: RoutingVerdict
    place: int | None = None
    """In the line: 1 is the chosen one; several ring at once."""
    because: str = ""
    """For people."""
    details: Mapping[str, str] = {}
    """What the verdict rests on, by name (docs/reasons.md)."""


class Moment(Struct, frozen=True):
    """A decision on the contact; or one that gave the agent who is asked for to another contact,
    while this one waited; or the present one."""

    seq: int
    at: int
    """Microseconds since 1970."""
    on: str
    """What had changed: ``contact``, ``agent``, ...; ``now``: nothing, it waits."""
    queue: str
    agent: str | None
    """Who was given a contact."""
    given: str | None
    """Which one."""
    asks: str
    """What the contact asked of an agent."""
    waited: float
    """Seconds since it first began to wait."""
    version: str
    """Of the configuration."""
    agrees: bool | None
    """What was recorded is what follows from the rules; None: there is nothing to compare."""
    agents: tuple[Verdict, ...] = ()
    contacts: tuple[Verdict, ...] = ()
    """When it was an agent's turn to be given one: among which."""
    by: str | None = None
    """The account that assigned it from outside; None: the rules did."""


class Why(Struct, frozen=True):
    contact: str
    story: tuple[Line, ...]
    moments: tuple[Moment, ...]


def why(entries: Iterable[Entry], contact: ContactId, at: int, agent: AgentId | None = None) -> Why:
    """``entries``: from a ``server.started`` before the contact's arrival on; ``at``: the present,
    in microseconds since 1970.

    ``agent``: the verdicts on him alone, and the moments at which he was given another contact.
    """
    reader = _Reader(contact, agent)
    for entry in entries:
        reader.take(entry)
    reader.end(at)
    return Why(contact, tuple(reader.story), tuple(reader.moments))


# --- how the dispatcher is watched --------------------------------------------------------------

Look: TypeAlias = Callable[[Index, str, Choice], None]


class _Watched(Dispatcher):
    """A dispatcher that is looked at as it has chosen, and nothing has come of it yet."""

    def __init__(
        self,
        now: Callable[[], float],
        policy: Policy | None,
        draw: Callable[[], float],
        look: Look,
    ) -> None:
        super().__init__(now, policy, draw)
        self._look = look

    def _pair(self, on: str, choice: Choice | None) -> list[Effect]:
        if choice is not None:
            self._look(self.index, on, choice)
        return super()._pair(on, choice)


class _Doing(Struct):
    """What the journal says of an agent; ``since``: microseconds since 1970."""

    state: str = "signed_out"
    code: str | None = None
    contact: str | None = None
    since: int | None = None

    def in_words(self, at: int) -> str:
        what = self.state.replace("_", " ")
        if self.code is not None:
            what += f" ({self.code})"
        if self.contact is not None:
            what += f" with {self.contact}"
        return what if self.since is None else f"{what} for {(at - self.since) / 1e6:.1f} s"


class _Reader:
    def __init__(self, contact: ContactId, agent: AgentId | None) -> None:
        self._contact, self._only = contact, agent
        self.story: list[Line] = []
        self.moments: list[Moment] = []
        self._looked: deque[Moment | None] = deque()
        """One for each decision that the dispatcher has made; None: it is not asked for."""
        self._doing: dict[str, _Doing] = {}
        self._skills: dict[str, dict[str, int]] = {}
        """Of the agents of the configuration."""
        self._version = ""
        self._now = 0.0
        """By the dispatcher's clock, in monotonic seconds."""
        self._at = self._seq = self._heard_at = 0
        self._ran_before = False
        """There was a run of the server before the first entry: agents go on as it left them."""
        self._replay = Replay(partial(_Watched, look=self._look))

    def take(self, entry: Entry) -> None:
        if not self._seq:
            self._ran_before = entry.seq > 1
        self._at, self._seq = entry.at, entry.seq
        match entry.event:
            case ev.Heard(now):
                self._now, self._heard_at = now, entry.at
            case ev.CentreConfigured(version, content):
                self._version = version
                self._skills = {one["id"]: one["skills"] for one in content["agents"]}
            case ev.AgentStateChanged(agent) as changed:
                self._changed(agent, changed, entry.at)
        for decision in self._replay.apply(entry):
            self._decided(decision)
        line = told(entry, self._contact)
        if line is not None:
            self.story.append(line)

    def _changed(self, agent: AgentId, event: ev.AgentStateChanged, at: int) -> None:
        known = self._doing.get(agent, _Doing())
        same = (known.state, known.code) == (event.state, event.code)
        since = known.since if same else at
        self._doing[agent] = _Doing(event.state, event.code, event.contact, since)

    def end(self, at: int) -> None:
        """If it still waits: why nobody has it."""
        for decision in self._replay.end():
            self._decided(decision)
        index = self._replay.index
        self._now, self._at = self._replay.now + max(0, at - self._heard_at) / 1e6, at
        for name, waits in index.waiting.items():
            if owner_of(name) == self._contact:
                self.moments.append(self._moment(index, "now", waits))

    # --- decisions ----------------------------------------------------------------------------

    def _decided(self, decision: Decision) -> None:
        recorded = decision.recorded
        moment = self._looked.popleft() if decision.computed is not None else None
        if moment is None and recorded is not None and self._is_ours(recorded.contact):
            moment = self._groundless(recorded)
        if moment is not None:
            moment = replace(moment, seq=decision.seq, at=self._at, agrees=decision.agrees)
            self.moments.append(moment)

    def _is_ours(self, request: ContactId) -> bool:
        return owner_of(request) == self._contact

    def _groundless(self, recorded: ev.ContactAssigned) -> Moment:
        """It stands in the journal, and nothing that was heard leads to it."""
        on, agent = recorded.decision.on, recorded.agent
        return Moment(
            0, 0, on, recorded.queue, agent, recorded.contact, "", 0.0, self._version, False
        )

    def _look(self, index: Index, on: str, choice: Choice) -> None:
        ours = choice.contact if self._is_ours(choice.contact.contact) else None
        if ours is None and choice.agent.agent == self._only and on == "agent":
            waiting = (w for name, w in index.waiting.items() if self._is_ours(name))
            ours = next(waiting, None)
        moment = None if ours is None else self._moment(index, on, ours, choice)
        self._looked.append(moment)

    def _moment(
        self, index: Index, on: str, waits: ContactWaits, choice: Choice | None = None
    ) -> Moment:
        """``choice``: what the dispatcher did, for this contact or for another."""
        agents = list(self._on_agents(index, waits, choice))
        contacts: list[Verdict] = []
        if choice is not None and on == "agent":
            found = contacts_for(index, choice.agent)
            contacts = [self._on_contact(index, one) for one in found]
        if self._only is not None:
            agents = [one for one in agents if one.id == self._only]
        waiting = index.look_up(waits.contact)
        asks = "" if waiting is None else asked_for(waiting)
        if choice is not None and choice.by is not None:
            asks = choice.needs
        return Moment(
            self._seq,
            self._at,
            on,
            waits.queue,
            None if choice is None else choice.agent.agent,
            None if choice is None else choice.contact.contact,
            asks,
            max(0.0, self._now - waits.place.since),
            self._version,
            None,
            tuple(agents),
            tuple(contacts),
            None if choice is None else choice.by,
        )

    # --- verdicts -----------------------------------------------------------------------------

    def _on_agents(
        self, index: Index, waits: ContactWaits, choice: Choice | None
    ) -> Iterator[Verdict]:
        """The available ones in their order; then the others, as the configuration has them."""
        ours = choice if choice is not None and choice.contact is waits else None
        assigned = ours is not None and ours.by is not None
        if ours is not None and assigned:
            available = agents_outside(index, waits.contact, ours, self._now)
        else:
            available = agents_for(index, waits.contact, ours)
        for one in available:
            verdict = self._on_agent(one, index.available[AgentId(one.id)])
            if choice is not None and ours is None and one.id == choice.agent.agent:
                because = f"he was given {choice.contact.contact}, which comes before it"
                verdict = Verdict(one.id, RoutingVerdict.ANOTHER_FIRST, None, because)
            yield verdict
        wanted = () if self._only is None else (self._only,)
        known = dict.fromkeys((*self._skills, *self._doing, *wanted))
        absent = [AgentId(name) for name in known if name not in index.available]
        supposed = were_they_available(
            index,
            waits.contact,
            (
                AgentAvailable(name, self._skills.get(name, {}), self._now, 0, self._now)
                for name in absent
            ),
            self._now if assigned else None,
        )
        for name in absent:
            yield self._on_absent(name, supposed[name])

    def _on_agent(self, one: Standing, agent: AgentAvailable) -> Verdict:
        because = why_agent(one, agent, self._now)
        return Verdict(one.id, one.code, one.place, because, one.details)

    def _on_contact(self, index: Index, one: Standing) -> Verdict:
        because = why_contact(one, index.waiting[ContactId(one.id)], self._now)
        code = one.code
        if one.place is not None:  # that the agent is its first choice does not say that it is his
            code = RoutingVerdict.FIRST_CHOICE if one.place == 1 else RoutingVerdict.ANOTHER_FIRST
        return Verdict(one.id, code, one.place, because)

    def _on_absent(self, name: AgentId, supposed: rules.Verdict) -> Verdict:
        """Of whom the dispatcher did not know that he was available; ``supposed``: if he were."""
        if name not in self._skills and name not in self._doing:
            return Verdict(name, RoutingVerdict.NO_SUCH_AGENT, because="no agent has this id")
        doing = self._doing.get(name, _Doing())
        in_words = doing.in_words(self._at)
        if name not in self._doing and self._ran_before:
            in_words = "signed out, or what he was before the server started"
        if supposed.code not in IN_LINE:
            because = why_barred(supposed.code, supposed.details, self._now)
            because = f"{because}; {in_words}"
            return Verdict(name, supposed.code, None, because, supposed.details)
        if doing.state == "available":
            because = "he became available at that moment"
            return Verdict(name, RoutingVerdict.NOT_HEARD, because=because)
        return Verdict(name, RoutingVerdict.NOT_AVAILABLE, because=in_words)
