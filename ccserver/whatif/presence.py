"""When agents were there: what each of them wanted to be, as the journal tells it.

What the system set because of an offer that was missed is no wish of his: it is played again where
an offer is missed.  Instants in microseconds since 1970.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct

from actors import events as ev
from actors.ids import AgentId, ContactId, owner_of
from actors.reasons import IdleCode
from ccserver.whatif.courses import SECOND

AVAILABLE, SIGNED_OUT = "available", "signed_out"
ELSEWHERE = "idle:elsewhere"
"""He has something in hand that is not played: he calls somebody himself, is consulted, was asked
for by name, or has a contact of the time before."""
AT_WORK = "idle:elsewhere at work"
"""The same, from where it counts as work: he talks, or wraps up (docs/metrics.md, `occupancy`)."""
RINGING = "ringing elsewhere"
"""The same, and nothing came of it: he has kept his place among those who wait for work."""
_ERRANDS = (ELSEWHERE, AT_WORK, RINGING)
_SYSTEM = frozenset(f"idle:{code}" for code in IdleCode)


class Wish(Struct, frozen=True):
    """From ``at`` on: available, ``idle:CODE``, signed_out, ELSEWHERE, AT_WORK or RINGING."""

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
        self.place = 0.0
        """His place when he was reserved last."""
        self.missed = -SECOND
        self.away_since: int | None = None

    @property
    def is_elsewhere(self) -> bool:
        return bool(self.wishes) and self.wishes[-1].state in _ERRANDS

    @property
    def is_at_work(self) -> bool:
        return bool(self.wishes) and self.wishes[-1].state == AT_WORK

    def was_only_ringing(self) -> None:
        behind_available = len(self.wishes) > 1 and self.wishes[-2].state == AVAILABLE
        if behind_available and self.wishes[-1].state == ELSEWHERE:
            self.wishes[-1] = Wish(self.wishes[-1].at, RINGING)

    def wishes_for(self, at: int, state: str) -> None:
        if state != (self.wishes[-1].state if self.wishes else SIGNED_OUT):
            self.wishes.append(Wish(at, state))


class Presence:
    """A fold: ``apply`` the events in their order.  ``is_played``: contacts that come again, and go
    to agents by the rules.
    """

    def __init__(self, is_played: Callable[[ContactId], bool]) -> None:
        self._is_played = is_played
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
            case ev.ContactReached(_, name) if name in self._agents:
                if self._agents[name].is_elsewhere:
                    self._agents[name].wishes_for(at, AT_WORK)
            case ev.ContactStateChanged(state="post_call", participants=participants):
                self._customer_left(at, participants)
            case ev.AgentLeft(name) if name in self._agents:
                self._agents[name].wishes_for(at, SIGNED_OUT)

    def _customer_left(self, at: int, participants: Sequence[ev.Participant]) -> None:
        """Those who talk on have something in hand, but no work."""
        for one in participants:
            agent = self._agents.get(AgentId(one.id))
            if agent is not None and agent.is_at_work:
                agent.wishes_for(at, ELSEWHERE)

    def _changed(self, at: int, event: ev.AgentStateChanged, agent: _Agent) -> None:
        if event.state == "idle":
            agent.base = f"idle:{event.code}"
        elif event.state in (AVAILABLE, SIGNED_OUT):
            agent.base = event.state
        elif agent.base is None:
            agent.base = AVAILABLE  # or he had nothing in hand
        wanted = event.pending or agent.base
        errand = self._errand(event, agent)
        if errand is not None:
            self.elsewhere += not agent.is_elsewhere
            wanted = errand
        elif event.before == "reserved" and wanted == AVAILABLE and event.since == agent.place:
            agent.was_only_ringing()
        if event.state == "reserved":
            agent.place = event.since
        if wanted in _SYSTEM and (agent.away_since or at - agent.missed <= SECOND):
            agent.away_since = agent.away_since or at
            return
        if agent.away_since is not None:
            # Who went to lunch from there was not back before: his own wish comes first.
            until = at if wanted == AVAILABLE else at + SECOND
            self.returns.append(Return(event.agent, agent.away_since, until))
        agent.away_since = None
        agent.wishes_for(at, wanted)

    def _errand(self, event: ev.AgentStateChanged, agent: _Agent) -> str | None:
        """None: what he has in hand, if anything, is played."""
        if event.contact is None or (
            event.kind == "contact" and self._is_played(owner_of(event.contact))
        ):
            return None
        match event.state:
            case "engaged" if event.kind == "outbound" and not agent.is_at_work:
                return ELSEWHERE  # until the number answers
            case "engaged" if event.kind != "monitor":
                return AT_WORK
            case "wrap_up" if "end-wrap-up" in event.allowed:
                return AT_WORK
            case _:
                return ELSEWHERE


def errands(wishes: Sequence[Wish], ends: int) -> Iterator[tuple[int, int, str]]:
    """When somebody has in hand what is not played, from and to, and as what; the last one, if it
    goes on, until ``ends``.
    """
    for wish, behind in zip(wishes, [*wishes[1:], None], strict=True):
        if wish.state in _ERRANDS:
            yield wish.at, ends if behind is None else behind.at, wish.state


def without_errands(wishes: Sequence[Wish]) -> list[Wish]:
    """The hours of somebody else, who is there for what is played, and for nothing else."""
    found: list[Wish] = []
    for wish in wishes:
        state = AVAILABLE if wish.state in _ERRANDS else wish.state
        if not found or found[-1].state != state:
            found.append(Wish(wish.at, state))
    return found
