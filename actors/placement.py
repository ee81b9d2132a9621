"""A placement: an agent's call to a number, until it is answered.

    Fresh -> Reaching -> Dialling -> Over

First the agent must be there: he has called us from his phone, or it is called.  Then the number
is dialled, while he hears it ring.  What becomes of it is its owner's affair, who finds the news
of the placement among its effects.
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from actors import commands as c
from actors import events as ev
from actors import messages as m
from actors.causes import because, status_of
from actors.conversation import Party
from actors.destinations import NUMBER_SECONDS
from actors.dossier import AgentCard, Dossier, World
from actors.effects import Effect, Play, Record, ReplyTo, TellAgent, TellLeg
from actors.ids import AgentId, LegId, agent_actor
from actors.membership import LET_GO, release
from actors.reasons import EndedBy, Refusal
from actors.search import AtAgent, AtNumber, Found, NotFound, Reserved, Search
from actors.search import News as SearchNews
from actors.search import parted as search_parted
from sip.message import NameAddr

CANCELLED = "cancelled"
"""Why a number was not reached: the agent has hung up."""


class Route(Struct, frozen=True):
    """The way to a number: the trunk, and whom to call there."""

    number: str
    trunk: str
    target: m.Target


def route_of(number: str, agent: AgentId, world: World) -> Route | Refusal:
    """What this agent may call, or why not (V-1, A09)."""
    card = world.agents.get(agent, AgentCard())
    if card.permissions is not None and "call" not in card.permissions:
        return Refusal.NOT_PERMITTED
    if number in world.entry_points or number in world.agents:
        return Refusal.UNSUPPORTED_DESTINATION  # not outside: he may be consulted, or called in
    route = world.dial_plan.route(number, card.role)
    if route is None:
        known = world.dial_plan.knows(number)
        return Refusal.NOT_IN_DIAL_PLAN if known else Refusal.UNKNOWN_DESTINATION
    return Route(number, *route)


# --- what its owner hears -----------------------------------------------------------------------


class Answered(Struct, frozen=True):
    """Agent and customer are there.  ``rang``: seconds from the INVITE to the answer."""

    agent: Party
    rang: float


class Unreached(Struct, frozen=True):
    """``reason``: ``CANCELLED``, ``LET_GO``, or a code of ``actors.reasons``."""

    reason: str
    ended_by: EndedBy


News: TypeAlias = Answered | Unreached


def parted(outcome: list[Effect | News]) -> tuple[list[Effect], News | None]:
    """What a placement asks of the world, and how it ended, if it did."""
    effects: list[Effect] = []
    news: News | None = None
    for item in outcome:
        if isinstance(item, Answered | Unreached):
            news = item
        else:
            effects.append(item)
    return effects, news


# --- states -------------------------------------------------------------------------------------


class Fresh(Struct):
    """Not begun."""


class Reaching(Struct):
    """The agent is asked whether he is free, and his phone is called, or answered."""

    search: Search


class Dialling(Struct):
    """The number is called; the agent hears it ring."""

    party: Party
    search: Search
    cause: str = "bye"
    """Of the end of the agent's leg, when it has ended; as of ``LegEnded``."""


class Over(Struct):
    pass


State: TypeAlias = Fresh | Reaching | Dialling | Over


class Placement:
    """``leg``: by which the agent has called us himself; ``reply_to``: who waits to hear whether
    his phone is being called.  ``shown``: who calls, as the customer sees it.
    """

    def __init__(
        self,
        dossier: Dossier,
        agent: AgentId,
        route: Route,
        shown: NameAddr,
        *,
        leg: LegId | None = None,
        reply_to: str | None = None,
    ) -> None:
        self.agent, self.route = agent, route
        self.state: State = Fresh()
        self._dossier, self._plan = dossier, dossier.world.outbound.plan
        self._shown, self._leg, self._reply_to = shown, leg, reply_to

    def start(self) -> list[Effect | News]:
        goal = AtAgent(self.agent, self.agent, "outbound", self._plan, self._leg)
        search = Search(self._dossier, goal)
        self.state = Reaching(search)
        return [self._places(), *self._hear(search.start())]

    def _places(self) -> Record:
        ref, route, shown = self._dossier.ref, self.route, self._shown.uri.user or ""
        return Record(ev.ContactPlaced(ref, self.agent, route.number, shown, route.trunk))

    def concerns(self, message: object) -> bool:
        """Whether a message of the contact's mailbox is this placement's."""
        match self.state, message:
            case ((Reaching() | Dialling()), m.Restarted()):
                return True
            case ((Reaching(search) | Dialling(search=search)), _) if search.concerns(message):
                return True
            case Reaching(), m.LegEnded(leg):
                return leg == self._leg
            case Dialling(party), m.LegEnded(leg):
                return leg == party.leg
            case Dialling(party), m.AgentLost(request):
                return request == party.request
            case _:
                return False

    def handle(self, message: object) -> list[Effect | News]:
        match self.state, message:
            case Reaching(search), m.Restarted(name):
                return self._hear(search.tell_again(name))
            case Dialling(party), m.Restarted(name):
                return self._tell_again(party, name)
            case ((Reaching(search) | Dialling(search=search)), _) if search.concerns(message):
                return self._hear(search.handle(message))
            case Dialling() as dialling, m.LegEnded(_, cause):
                dialling.cause = cause
                return [Unreached(CANCELLED, EndedBy.AGENT)]
            case _, m.LegEnded():
                return [Unreached(CANCELLED, EndedBy.AGENT)]
            case Dialling() as dialling, m.AgentLost():
                dialling.cause = LET_GO
                return [Unreached(LET_GO, EndedBy.SYSTEM)]
            case _:
                return []  # not ours: ``concerns`` says so

    def end(self, reason: str, ended_by: EndedBy) -> list[Effect]:
        """Whatever is under way is given up, and everybody told why."""
        before, self.state = self.state, Over()
        effects: list[Effect] = []
        match before:
            case Fresh():  # the contact fell over as it began: nobody has heard of it yet
                effects.append(self._places())
            case Reaching(search):
                effects.extend(search.give_up(reason))
                if self._leg in self._dossier.legs:
                    hang_up = m.HangUp(status_of(reason), because(reason))
                    effects = [e for e in effects if not isinstance(e, TellLeg)]
                    effects.append(TellLeg(self._leg, hang_up))
            case Dialling(party, search, cause):
                effects.extend(search.give_up(reason))
                why = because(reason)
                gone = release(
                    self._dossier, party, ended_by, wraps_up=True, cause=cause, because=why
                )
                effects.extend(gone)
        return [*effects, *self._answer(c.ContactRefused(reason, "absent", ()))]

    # --- what becomes of the searches -----------------------------------------------------------

    def _hear(self, outcome: list[Effect | SearchNews]) -> list[Effect | News]:
        effects, news = search_parted(outcome)
        done: list[Effect | News] = [*effects]
        for item in news:
            match self.state, item:
                case Reaching(), Reserved():
                    done.extend(self._answer(m.CallStarted(self._dossier.id)))
                case Reaching(search), Found(agent, leg) if agent is not None:
                    now = self._dossier.now()
                    party = Party("agent", agent, leg, now, agent, search.request)
                    done.extend(self._dial(party))
                case Dialling(party), Found(_, _, rang):
                    self.state = Over()
                    self._dossier.answered = True
                    done.append(Answered(party, rang))
                case _, NotFound(reason):
                    done.append(Unreached(reason, EndedBy.SYSTEM))
        return done

    def _dial(self, party: Party) -> list[Effect | News]:
        dossier, route = self._dossier, self.route
        goal = AtNumber(
            route.number,
            route.target,
            NUMBER_SECONDS,
            route.trunk,
            self.agent,
            dossier.customer,
            self._shown,
        )
        search = Search(dossier, goal)
        self.state = Dialling(party, search)
        rings = Play(party.leg, dossier.new_token(), (dossier.world.ringback,), loop=True)
        return [rings, *self._hear(search.start())]

    def _tell_again(self, party: Party, name: str) -> list[Effect | News]:
        if name != agent_actor(self.agent):
            return []
        assert party.request is not None
        return [TellAgent(self.agent, m.ContactKept(party.request, self._plan.name, "outbound"))]

    def _answer(self, answer: object) -> list[Effect]:
        reply_to, self._reply_to = self._reply_to, None
        return [] if reply_to is None else [ReplyTo(reply_to, answer)]
