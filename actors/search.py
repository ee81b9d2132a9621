"""A search: one party sought for a contact, in a queue, by name, or by number.

    Waiting <-> Ringing -> Over        in a queue: until an agent answers
    Asking   -> Ringing -> Over        an agent by name: he is free, or he is not
                Ringing -> Over        a number: it answers, or it does not

A search decides how a party is found; what it is wanted for, and what the journal says of it, is
its owner's affair, who finds the news of the search among its effects.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias, TypeGuard, get_args

from msgspec import Struct

from actors import messages as m
from actors.causes import ELSEWHERE
from actors.dossier import Dossier
from actors.effects import Effect, StartLeg, TellAgent, TellLeg, TellQueue
from actors.flow import QueuePlan
from actors.ids import AgentId, ContactId, LegId, agent_actor, queue_actor
from actors.offer import failure_of, more_telling
from actors.place import Place
from actors.reasons import During, OfferFailure
from actors.routing.expressions import EVERYBODY, Expression
from sip.machine import CancelTimer, StartTimer, TimerFired
from sip.message import NameAddr

MOST_MEDIA_ERRORS = 3
ASK_LEASE = 5.0
"""An agent answers at once whether he is free; by now he never will."""


# --- whom ---------------------------------------------------------------------------------------


class InQueue(Struct, frozen=True):
    """Whoever the dispatcher chooses for this place.  ``avoid``: never these (V-51)."""

    plan: QueuePlan
    place: Place
    avoid: tuple[AgentId, ...] = ()
    caller: str = ""
    """The customer's number, where it is for him."""
    needs: Expression = EVERYBODY
    """What he asks of an agent, beside what the queue does."""


class AtAgent(Struct, frozen=True):
    """This agent, if he is free.  ``plan``: of the queue whose rules his offer follows."""

    agent: AgentId
    by: AgentId | None
    kind: Literal["consult", "transfer", "monitor", "outbound"]
    plan: QueuePlan
    leg: LegId | None = None
    """By which he has called us himself: it is answered, and no phone of his is called."""


class AtNumber(Struct, frozen=True):
    """A party outside: nobody's agent."""

    number: str
    target: m.Target
    ring_seconds: float
    trunk: str
    by: AgentId | None = None
    """The agent who has it called."""
    leg: LegId | None = None
    """The name of its leg, if it must have a certain one."""
    shown: NameAddr | None = None
    """Who calls, as it is shown; None: as the contact's agents are."""


Goal: TypeAlias = InQueue | AtAgent | AtNumber


def described(goal: Goal) -> str:
    """For the journal: ``agent:1002``, ``queue:sales``."""
    match goal:
        case AtAgent(agent):
            return f"agent:{agent}"
        case AtNumber(number):
            return f"number:{number}"
        case InQueue(plan):
            return f"queue:{plan.name}"


# --- what its owner hears -----------------------------------------------------------------------


class Queued(Struct, frozen=True):
    """It waits in the queue; ``again``: at the place it had."""

    again: bool


class Reserved(Struct, frozen=True):
    """An agent is ours, and his phones are being called."""

    agent: AgentId


class Presented(Struct, frozen=True):
    """The INVITE has gone.  ``dispatch``: seconds since the pairing became possible."""

    agent: AgentId
    leg: LegId
    dispatch: float


class Rings(Struct, frozen=True):
    """The far end has said so."""


class OfferFailed(Struct, frozen=True):
    """This agent did not take it.  A search in a queue goes on; ``others_ring``: as it was."""

    agent: AgentId
    why: OfferFailure
    others_ring: bool = False


class Found(Struct, frozen=True):
    """The party answered.  ``rang``: seconds from the INVITE to the answer."""

    agent: AgentId | None
    leg: LegId
    rang: float


class NotFound(Struct, frozen=True):
    """The search is over; ``reason`` is a code of ``actors.reasons``."""

    reason: str


class TurnedAway(Struct, frozen=True):
    """The queue will not keep it: the search is over."""

    reason: str


News: TypeAlias = (
    Queued | Reserved | Presented | Rings | OfferFailed | Found | NotFound | TurnedAway
)


_NEWS = frozenset(get_args(News))


def parted(outcome: list[Effect | News]) -> tuple[list[Effect], list[News]]:
    """What a search asks of the world, and what it tells its owner."""
    effects: list[Effect] = []
    news: list[News] = []
    for item in outcome:
        (news if type(item) in _NEWS else effects).append(item)  # type: ignore[arg-type]
    return effects, news


# --- states -------------------------------------------------------------------------------------


class Fresh(Struct):
    """Not begun."""


class Waiting(Struct):
    pass


class Asking(Struct):
    pass


class Ringing(Struct):
    """These phones have not failed yet.  ``agent``: whose they are, or None: a number's."""

    agent: AgentId | None
    legs: tuple[LegId, ...]
    possible_at: float
    invited_at: float | None = None
    failure: OfferFailure | None = None
    called: tuple[m.Target, ...] = ()
    """All of his phones that have been called for this offer."""
    came_later: bool = False
    """One of them registered meanwhile, and has not had all of the time."""
    beside: tuple[Ringing, ...] = ()
    """Others who ring for us at the same time: the first to answer has us."""

    def all(self) -> tuple[Ringing, ...]:
        return self, *self.beside

    def of_leg(self, leg: LegId) -> Ringing | None:
        if leg in self.legs:  # nearly always: nobody rings beside it
            return self
        return next((each for each in self.beside if leg in each.legs), None)

    def of_agent(self, agent: AgentId) -> Ringing | None:
        return next((each for each in self.all() if each.agent == agent), None)

    def without(self, gone: Ringing) -> Ringing | None:
        """Who still rings, if anybody does."""
        rest = [each for each in self.all() if each is not gone]
        if not rest:
            return None
        first, *others = rest
        first.beside = tuple(others)
        return first


class Over(Struct):
    pass


State: TypeAlias = Fresh | Waiting | Asking | Ringing | Over
Message: TypeAlias = (
    m.Assigned
    | m.PhonesAdded
    | m.AgentNotFree
    | m.Overflowed
    | m.AgentLost
    | m.Restarted
    | m.LegInvited
    | m.LegRinging
    | m.LegAnswered
    | m.LegEnded
    | TimerFired
)
_OF_LEGS = frozenset((m.LegInvited, m.LegRinging, m.LegAnswered, m.LegEnded))
_OF_REQUESTS = frozenset((m.Assigned, m.PhonesAdded, m.AgentNotFree, m.Overflowed, m.AgentLost))


class Search:
    """``request`` is its name to queues and agents; what is meant for another is not for it.

    ``again``: the customer has been served, and comes back to the place he had.
    ``ringing_counts``: an agent may do another thing once it rings.
    """

    def __init__(
        self, dossier: Dossier, goal: Goal, *, again: bool = False, ringing_counts: bool = False
    ) -> None:
        self.goal = goal
        self.request: ContactId = dossier.new_request()
        self.state: State = Fresh()
        self.began = dossier.now()
        self.rings = False
        """The far end has said so, or an entry point has taken it (V-30)."""
        self._dossier = dossier
        self._tried: tuple[AgentId, ...] = ()
        self._again, self._ringing_counts = again, ringing_counts
        self._media_errors = 0

    @property
    def timer(self) -> str:
        return f"search:{self.request}"

    def described(self) -> str:
        """For the journal: ``agent:1002``, ``queue:sales``, ``number:0123``."""
        match self.goal:
            case AtAgent(agent):
                return f"agent:{agent}"
            case AtNumber(number):
                return f"number:{number}"
            case InQueue(plan):
                return f"queue:{plan.name}"

    @property
    def plan(self) -> QueuePlan | None:
        match self.goal:
            case InQueue(plan) | AtAgent(plan=plan):
                return self._dossier.rules_of(plan)
            case AtNumber():
                return None

    def concerns(self, message: Any) -> TypeGuard[Message]:
        """Whether a message of a contact's mailbox is this search's."""
        kind = type(message)
        if kind in _OF_LEGS:
            ringing = self.state
            return type(ringing) is Ringing and ringing.of_leg(message.leg) is not None
        if kind in _OF_REQUESTS:
            return bool(message.contact == self.request)
        return kind is TimerFired and message.name == self.timer

    def start(self) -> list[Effect | News]:
        match self.goal:
            case InQueue():
                return self._wait(again=self._again)
            case AtAgent(agent, by, kind, plan):
                self.state = Asking()
                asked = m.AskedFor(self.request, by, kind, plan.name)
                return [TellAgent(agent, asked), StartTimer(self.timer, ASK_LEASE)]
            case AtNumber(_, target, ring_seconds, trunk, by) as goal:
                leg = self._dossier.new_leg(goal.leg)
                self.state = Ringing(None, (leg,), self._dossier.now())
                caller = goal.shown or self._dossier.caller
                dial = m.Dial(target, caller, trunk, by, self._ringing_counts)
                return [StartLeg(leg, dial), StartTimer(self.timer, ring_seconds)]

    def handle(self, message: Message) -> list[Effect | News]:
        match self.state:
            case Ringing() as ringing:
                return self._while_ringing(ringing, message)
            case Waiting() | Asking():
                return self._while_waiting(message)
            case _:
                return self._in_any_state(message)

    def _while_waiting(self, message: Message) -> list[Effect | News]:
        waits = isinstance(self.state, Waiting)
        match message:
            case m.Assigned():
                return self._dial(message)
            case m.Overflowed(_, _, reason) if waits:
                self.state = Over()
                return [TurnedAway(reason)]
            case m.AgentNotFree(_, _, reason) if not waits:
                return self._fail(reason)
            case TimerFired() if not waits:
                return [*self.give_up(), NotFound(OfferFailure.UNAVAILABLE)]
            case _:
                return self._in_any_state(message)

    def _while_ringing(self, ringing: Ringing, message: Message) -> list[Effect | News]:
        match message:
            case m.LegInvited(leg, at):
                return self._presented(ringing, leg, at)
            case m.LegRinging():
                self.rings = True
                return [Rings()]
            case m.LegAnswered(leg):
                return self._found(ringing, leg)
            case m.LegEnded():
                return self._phone_failed(ringing, message)
            case m.Assigned(shared=True):
                return self._dial_beside(ringing, message)
            case m.PhonesAdded():
                return self._call_those_too(ringing, message)
            case TimerFired():
                return self._nobody_answered(ringing)
            case m.AgentLost(_, agent):
                return self._agent_lost(ringing, agent)
            case _:
                return self._in_any_state(message)

    def _in_any_state(self, message: Message) -> list[Effect | News]:
        match message:
            case m.Assigned(_, agent):
                # Assigned as the search ended: the agent is free again, with no penalty.
                return [TellAgent(agent, m.OfferWithdrawn(self.request, During.QUEUE))]
            case _:
                # Overflow fired as an agent was assigned; a timer as it was cancelled; a phone came
                # as its agent failed.
                return []

    def tell_again(self, name: str) -> list[Effect | News]:
        """A queue or an agent has been started again: what it must know of us."""
        match self.state, self.goal:
            case Waiting(), InQueue(plan) if name == queue_actor(plan.name):
                return [self._join()]
            case Asking(), AtAgent(agent) if name == agent_actor(agent):
                return self._fail(OfferFailure.UNAVAILABLE)
            case Ringing() as ringing, _:
                agents = (each.agent for each in ringing.all() if each.agent is not None)
                lost = next((agent for agent in agents if name == agent_actor(agent)), None)
                return [] if lost is None else self._agent_lost(ringing, lost)
            case _:
                return []

    def give_up(self, why: str = During.QUEUE) -> list[Effect]:
        """It is wanted no more: leave the queue, withdraw the offer, stop the ringing."""
        before, self.state = self.state, Over()
        effects: list[Effect] = [CancelTimer(self.timer)]
        if isinstance(self.goal, InQueue) and not isinstance(before, Fresh | Over):
            effects.append(TellQueue(self.goal.plan.name, m.LeaveQueue(self.request)))
        match before, self.goal:
            case Ringing() as ringing, _:
                for each in ringing.all():
                    effects.extend(TellLeg(leg, m.HangUp()) for leg in each.legs)
                    if each.agent is not None:
                        effects.append(self._withdraw(each, each.agent, why))
            case Asking(), AtAgent(agent):
                effects.append(TellAgent(agent, m.OfferWithdrawn(self.request, why)))
        return effects

    # --- the queue ----------------------------------------------------------------------------

    def _wait(self, *, again: bool) -> list[Effect | News]:
        self.state, self._again = Waiting(), again
        return [Queued(again), self._join()]

    def _join(self) -> Effect:
        assert isinstance(self.goal, InQueue)
        plan, place = self._dossier.rules_of(self.goal.plan), self.goal.place
        again = self._again
        goal = self.goal
        join = m.JoinQueue(
            self.request,
            place,
            goal.needs,
            self._tried,
            goal.avoid,
            again,
            self.began,
            goal.caller,
        )
        return TellQueue(plan.name, join)

    # --- the phones ---------------------------------------------------------------------------

    def _dial(self, assigned: m.Assigned) -> list[Effect | News]:
        legs, dialling = self._call_phones(assigned.targets)
        ringing = Ringing(assigned.agent, legs, assigned.possible_at, called=assigned.targets)
        self.state = ringing
        if not legs:  # its last phone went as it was assigned
            return self._offer_failed(ringing, OfferFailure.UNAVAILABLE)
        plan = self.plan
        assert plan is not None
        return [*dialling, StartTimer(self.timer, plan.rona_seconds), Reserved(assigned.agent)]

    def _dial_beside(self, ringing: Ringing, assigned: m.Assigned) -> list[Effect | News]:
        """One more who may have us, while others ring.  The time they have runs already."""
        legs, dialling = self._call_phones(assigned.targets)
        another = Ringing(assigned.agent, legs, assigned.possible_at, called=assigned.targets)
        ringing.beside = (*ringing.beside, another)
        if not legs:
            return self._offer_failed(another, OfferFailure.UNAVAILABLE)
        return [*dialling, Reserved(assigned.agent)]

    def _call_those_too(self, ringing: Ringing, added: m.PhonesAdded) -> list[Effect | News]:
        """For as long as is left of the time; if that is not enough, it is nobody's fault."""
        offer = ringing.of_agent(added.agent)
        called_us = isinstance(self.goal, AtAgent) and self.goal.leg is not None
        if offer is None or called_us:
            return []
        targets = tuple(target for target in added.targets if target not in offer.called)
        legs, dialling = self._call_phones(targets)
        offer.legs += legs
        offer.called += targets
        offer.came_later = offer.came_later or bool(targets)
        return dialling

    def _call_phones(
        self, targets: tuple[m.Target, ...]
    ) -> tuple[tuple[LegId, ...], list[Effect | News]]:
        dialling: list[Effect | News] = []
        legs = []
        match self.goal:
            case AtAgent(leg=str(leg)):
                targets = ()
                legs.append(leg)
                dialling.append(TellLeg(leg, m.Answer()))
        for target in targets:
            leg = self._dossier.new_leg()
            legs.append(leg)
            dial = m.Dial(target, self._dossier.caller, says_ringing=self._ringing_counts)
            dialling.append(StartLeg(leg, dial))
        return tuple(legs), dialling

    def _presented(self, ringing: Ringing, leg: LegId, at: float) -> list[Effect | News]:
        offer = ringing.of_leg(leg)
        if offer is None or offer.invited_at is not None:
            return []  # the agent's second phone
        offer.invited_at = at
        if offer.agent is None:
            return []
        return [Presented(offer.agent, leg, at - offer.possible_at)]

    def _found(self, ringing: Ringing, leg: LegId) -> list[Effect | News]:
        """Whoever else rings, on his other phones or beside him, stops at once (R01, R02)."""
        self.state = Over()
        now = self._dossier.now()
        effects: list[Effect | News] = [CancelTimer(self.timer)]
        winner = ringing.of_leg(leg)
        assert winner is not None
        for each in ringing.all():
            others = (other for other in each.legs if other != leg)
            effects.extend(TellLeg(other, m.HangUp(reason=ELSEWHERE)) for other in others)
            if each is not winner and each.agent is not None:
                effects.append(self._withdraw(each, each.agent, During.RINGING))
        if winner.agent is not None:
            effects.append(TellAgent(winner.agent, m.OfferAnswered(self.request)))
        if isinstance(self.goal, InQueue):
            connected = m.ContactConnected(self.request, winner.agent)
            effects.append(TellQueue(self.goal.plan.name, connected))
        rang = now - winner.invited_at if winner.invited_at is not None else 0.0
        return [*effects, Found(winner.agent, leg, rang)]

    def _phone_failed(self, ringing: Ringing, ended: m.LegEnded) -> list[Effect | News]:
        offer = ringing.of_leg(ended.leg)
        assert offer is not None
        offer.legs = tuple(leg for leg in offer.legs if leg != ended.leg)
        offer.failure = more_telling(offer.failure, failure_of(ended))
        if offer.legs:
            return []  # another of his phones still rings
        return self._offer_failed(offer, offer.failure)

    def _nobody_answered(self, ringing: Ringing) -> list[Effect | News]:
        told: list[Effect | News] = []
        for each in ringing.all():
            told += [TellLeg(leg, m.HangUp()) for leg in each.legs]
            if each.came_later:
                told += self._offer_withdrawn(each)
            else:
                told += self._offer_failed(each, OfferFailure.RONA)
        return told

    def _offer_withdrawn(self, offer: Ringing) -> list[Effect | News]:
        """Others are asked before him; he has missed nothing."""
        assert offer.agent is not None
        self._remember(offer.agent)
        withdrawn = self._withdraw(offer, offer.agent, During.RINGING)
        if self._left_ringing(offer):
            return [withdrawn]
        if not isinstance(self.goal, InQueue):
            return [withdrawn, *self._fail(OfferFailure.RONA)]
        return [CancelTimer(self.timer), withdrawn, *self._wait(again=True)]

    def _withdraw(self, offer: Ringing, agent: AgentId, why: str) -> Effect:
        """His phones are hung up.  Race: the INVITE of his next call overtakes a CANCEL that waits
        for a first answer (RFC 3261 §9.1); so he has none before they have stopped.
        """
        off_hook = dict.fromkeys(offer.legs, (agent, self.request))
        self._dossier.off_hook.update(off_hook)
        return TellAgent(agent, m.OfferWithdrawn(self.request, why, on_hook=not off_hook))

    def _remember(self, agent: AgentId) -> None:
        """He has failed us, the latest first."""
        self._tried = (agent, *(other for other in self._tried if other != agent))

    def _offer_failed(self, offer: Ringing, why: OfferFailure) -> list[Effect | News]:
        agent, left = offer.agent, self._left_ringing(offer)
        told: list[Effect | News] = [] if left else [CancelTimer(self.timer)]
        if agent is not None:
            self._remember(agent)
            told.append(TellAgent(agent, m.OfferFailed(self.request, why)))
            told.append(OfferFailed(agent, why, others_ring=left))
        if why is OfferFailure.MEDIA_ERROR:
            self._media_errors += 1
        if left:
            return told
        if not isinstance(self.goal, InQueue):
            return [*told, *self._fail(why)]
        if self._media_errors >= MOST_MEDIA_ERRORS:
            leave = TellQueue(self.goal.plan.name, m.LeaveQueue(self.request))
            return [*told, leave, *self._fail("media")]
        return [*told, *self._wait(again=True)]

    def _left_ringing(self, gone: Ringing) -> bool:
        """Whether anybody still rings, now that this one does not."""
        assert isinstance(self.state, Ringing)
        left = self.state.without(gone)
        if left is not None:
            self.state = left
        return left is not None

    def _agent_lost(self, ringing: Ringing, agent: AgentId) -> list[Effect | News]:
        """Nobody is to blame, and nobody to tell."""
        offer = ringing.of_agent(agent)
        if offer is None:
            return []  # he had failed, and was let go
        hung_up: list[Effect | News] = [TellLeg(leg, m.HangUp()) for leg in offer.legs]
        if self._left_ringing(offer):
            return hung_up
        effects = [CancelTimer(self.timer), *hung_up]
        if isinstance(self.goal, InQueue):
            return [*effects, *self._wait(again=True)]
        return [*effects, *self._fail(OfferFailure.UNAVAILABLE)]

    def _fail(self, reason: str) -> list[Effect | News]:
        self.state = Over()
        return [CancelTimer(self.timer), NotFound(reason)]
