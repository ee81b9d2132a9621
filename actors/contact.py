"""The contact: one customer call, from its arrival to its end.

    Arriving -> Answering -> Listening -> Waiting <-> Ringing -> Connected -> Ending
                                             ^---------------------'  (the agent was lost)

The customer may hang up in any state.  Agent legs come and go; the customer leg is the contact.
Vocabulary: docs/glossary.md.  Races: docs/races.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from msgspec import Struct

from actors import events as ev
from actors import messages as m
from actors.effects import (
    Bridge,
    Effect,
    Play,
    Record,
    StartLeg,
    StopPlaying,
    TellAgent,
    TellLeg,
    TellQueue,
    Unbridge,
)
from actors.flow import AnswerCall, EntryPoint, PlayPrompt, QueuePlan, Step, WaitInQueue
from actors.ids import AgentId, LegId, QueueName, agent_actor, queue_actor
from actors.offer import failure_of, more_telling
from actors.place import Place
from actors.reasons import During, EndedBy, OfferFailure, Outcome
from sip.machine import CancelTimer, StartTimer, Stop, TimerFired
from sip.message import NameAddr

PROMPT_LEASE = 120.0
"""A prompt that has not finished by now never will: media is gone."""
MOST_MEDIA_ERRORS = 3
ELSEWHERE = 'SIP;cause=200;text="Call completed elsewhere"'


class Start(Struct, frozen=True, gc=False):
    """The first message: walk the flow."""


class Arriving(Struct):
    """In the entry point; nothing has happened yet."""


class Answering(Struct):
    """The customer's leg has been told to answer; the flow goes on when it has."""

    rest: tuple[Step, ...]


class Listening(Struct):
    """A prompt plays."""

    token: str
    rest: tuple[Step, ...]


class Waiting(Struct):
    plan: QueuePlan
    place: Place


class Ringing(Struct):
    """An agent is reserved, and these of his phones have not failed yet."""

    plan: QueuePlan
    place: Place
    agent: AgentId
    legs: tuple[LegId, ...]
    possible_at: float
    invited_at: float | None = None
    failure: OfferFailure | None = None


class Connected(Struct):
    plan: QueuePlan
    place: Place
    agent: AgentId
    leg: LegId
    since: float


class Parting(Struct):
    """The queue cannot keep the customer: he hears why, then it ends."""

    plan: QueuePlan
    place: Place
    token: str
    reason: str


class Ending(Struct):
    """The terminal event is written; legs go down.  ``agent_leg``: its agent is told when it is."""

    agent: AgentId | None = None
    agent_leg: LegId | None = None


State: TypeAlias = (
    Arriving | Answering | Listening | Waiting | Ringing | Connected | Parting | Ending
)
Message: TypeAlias = (
    Start
    | m.Assigned
    | m.Overflowed
    | m.AgentLost
    | m.EndContact
    | m.Restarted
    | m.LegNews
    | TimerFired
)


class UnexpectedMessage(Exception):
    """Not a race we know of: the contact fails, alone, with its legs."""


class Contact:
    """One customer's attempt to reach us.

    ``plans`` holds every queue; ``now`` gives monotonic seconds; ``arrival`` is a number that no
    other contact of the process has.
    """

    def __init__(
        self,
        ref: ev.ContactRef,
        customer: LegId,
        entry_point: EntryPoint,
        plans: Mapping[QueueName, QueuePlan],
        *,
        caller: NameAddr,
        ani: str,
        dnis: str,
        arrival: int,
        now: Callable[[], float],
        longest: float,
    ) -> None:
        self.ref = ref
        self.id = ref.id
        self.customer = customer
        self.state: State = Arriving()
        self._entry_point, self._plans = entry_point, plans
        self._caller, self._ani, self._dnis = caller, ani, dnis
        self._arrival, self._now, self._longest = arrival, now, longest
        self._answered = False
        self._legs: dict[LegId, None] = {customer: None}
        self._offers = self._prompts = self._media_errors = 0
        self._tried: tuple[AgentId, ...] = ()

    @property
    def queue(self) -> QueueName | None:
        """The queue it is counted in, before its end."""
        match self.state:
            case Waiting(plan) | Ringing(plan) | Connected(plan) | Parting(plan):
                return plan.name
            case _:
                return None

    def handle(self, message: Message) -> list[Effect]:
        if isinstance(message, m.LegEnded):
            self._legs.pop(message.leg, None)
        match self.state, message:
            case Arriving(), Start():
                arrived = ev.ContactArrived(
                    self.ref, self._entry_point.name, self._ani, self._dnis, self.customer
                )
                return [
                    Record(arrived),
                    StartTimer("lease", self._longest),
                    *self._walk(self._entry_point.flow),
                ]

            case Ending() as ending, m.LegEnded(leg):
                return self._one_leg_less(ending, leg)
            case Ending(), m.LegAnswered(leg) if leg != self.customer:
                # Answered as we hung it up: CANCEL and 200 crossed.  The leg has sent its BYE.
                return []
            case Ending(), TimerFired("prompt" | "rona" | "lease") | m.EndContact():
                return []
            case Ending(), m.Assigned(_, agent, _, _):
                # Assigned as the customer hung up: the agent is free again, with no penalty.
                return [TellAgent(agent, m.OfferWithdrawn(self.id, During.QUEUE))]
            case Ending(), _:
                return []  # late news of legs that are going down

            case _, m.LegEnded(leg, cause) if leg == self.customer:
                return self._customer_left(cause)
            case _, m.Restarted(name):
                return self._tell_again(name)
            case _, m.EndContact(reason):
                return self._fail(reason)
            case _, TimerFired("lease"):
                return self._fail("lease")

            case Answering(rest), m.LegAnswered(leg) if leg == self.customer:
                self._answered = True
                return self._walk(rest)

            case Listening(token, rest), m.PlayFinished(_, finished) if finished == token:
                return [CancelTimer("prompt"), *self._walk(rest)]
            case Listening(_, _), TimerFired("prompt"):
                return self._fail("prompt never ended")

            case Waiting(plan, place), m.Assigned() as assigned:
                return self._dial(plan, place, assigned)
            case Waiting(plan, place), m.Overflowed(_, _, reason):
                return self._part(plan, place, reason)

            case Ringing() as ringing, m.LegInvited(leg, at) if leg in ringing.legs:
                return self._presented(ringing, leg, at)
            case Ringing() as ringing, m.LegRinging(leg) if leg in ringing.legs:
                return [TellAgent(ringing.agent, m.OfferRinging(self.id))]
            case Ringing() as ringing, m.LegAnswered(leg) if leg in ringing.legs:
                return self._connect(ringing, leg)
            case Ringing() as ringing, m.LegEnded(leg) if leg in ringing.legs:
                return self._phone_failed(ringing, message)
            case Ringing() as ringing, TimerFired("rona"):
                return [
                    *(TellLeg(leg, m.HangUp()) for leg in ringing.legs),
                    *self._offer_failed(ringing, OfferFailure.RONA),
                ]
            case Ringing() as ringing, m.AgentLost(_, agent) if agent == ringing.agent:
                return self._give_up(ringing)

            case Connected() as talking, m.LegEnded(leg, cause) if leg == talking.leg:
                if cause == "bye":
                    return self._agent_hung_up(talking)
                return self._agent_lost(talking, cause)
            case Connected() as talking, m.AgentLost(_, agent) if agent == talking.agent:
                return []  # the talk goes on; it ends when one of the two hangs up

            case Parting(_, _, token, _) as parting, m.PlayFinished(_, finished) if (
                finished == token
            ):
                return [CancelTimer("prompt"), *self._overflow(parting)]
            case Parting() as parting, TimerFired("prompt"):
                return self._overflow(parting)

            case _, m.Assigned(_, agent, _, _):
                # Assigned as we overflowed.
                return [TellAgent(agent, m.OfferWithdrawn(self.id, During.QUEUE))]
            case _, m.LegAnswered(leg) if leg != self.customer:
                # Answered as RONA fired, or a second phone as the first: CANCEL and 200 crossed.
                return [TellLeg(leg, m.HangUp(reason=ELSEWHERE))]
            case _, m.LegEnded() | m.LegRinging() | m.LegInvited():
                return []  # an agent leg that we have given up
            case _, m.PlayFinished() | m.DigitPressed():
                return []  # stopped as it ended; a digit that no step asked for
            case _, m.Overflowed() | m.AgentLost():
                # Overflow fired as an agent was assigned, or news of an agent we gave up.
                return []
            case _:
                raise UnexpectedMessage(type(self.state).__name__, type(message).__name__)

    # --- the flow -----------------------------------------------------------------------------

    def _walk(self, steps: tuple[Step, ...]) -> list[Effect]:
        if not self._answered:
            self.state = Answering(steps)
            return [TellLeg(self.customer, m.Answer())]
        match steps:
            case (AnswerCall(), *rest):
                return self._walk(tuple(rest))
            case (PlayPrompt(file), *rest):
                token = self._token()
                self.state = Listening(token, tuple(rest))
                return [Play(self.customer, token, (file,)), StartTimer("prompt", PROMPT_LEASE)]
            case (WaitInQueue(queue, priority), *_):
                plan = self._plans[queue]
                place = Place(priority, self._now(), self._arrival)
                return [
                    Play(self.customer, self._token(), (plan.music,), loop=True),
                    *self._wait(plan, place, again=False),
                ]
            case _:
                return self._fail("the flow ended without a queue")

    def _token(self) -> str:
        self._prompts += 1
        return f"p{self._prompts}"

    # --- waiting ------------------------------------------------------------------------------

    def _wait(self, plan: QueuePlan, place: Place, *, again: bool) -> list[Effect]:
        self.state = Waiting(plan, place)
        queued = ev.ContactQueued(self.ref, plan.name, place, plan.requirements, again)
        return [Record(queued), TellQueue(plan.name, self._join(plan, place))]

    def _join(self, plan: QueuePlan, place: Place) -> m.JoinQueue:
        return m.JoinQueue(self.id, place, plan.requirements, self._tried)

    def _wait_again(self, plan: QueuePlan, place: Place) -> list[Effect]:
        """Back to the place it had; the music has never stopped."""
        return self._wait(plan, place, again=True)

    def _part(self, plan: QueuePlan, place: Place, reason: str) -> list[Effect]:
        token = self._token()
        self.state = parting = Parting(plan, place, token, reason)
        if plan.overflow_prompt is None:
            return self._overflow(parting)
        return [
            Play(self.customer, token, (plan.overflow_prompt,)),
            StartTimer("prompt", PROMPT_LEASE),
        ]

    def _overflow(self, parting: Parting) -> list[Effect]:
        return self._end(
            ev.ContactEnded(
                self.ref,
                Outcome.OVERFLOWED,
                parting.plan.name,
                reason=parting.reason,
                ended_by=EndedBy.SYSTEM,
                waited=self._now() - parting.place.since,
            )
        )

    def _tell_again(self, name: str) -> list[Effect]:
        """Our queue or our agent has been started again: what it must know of us."""
        match self.state:
            case Waiting(plan, place) if name == queue_actor(plan.name):
                return [TellQueue(plan.name, self._join(plan, place))]
            case Ringing() as ringing if name == agent_actor(ringing.agent):
                return self._give_up(ringing)
            case Connected(plan, _, agent) if name == agent_actor(agent):
                return [TellAgent(agent, m.ContactKept(self.id, plan.name))]
            case _:
                return []

    def _give_up(self, ringing: Ringing) -> list[Effect]:
        """Nobody is to blame, and nobody to tell."""
        return [
            CancelTimer("rona"),
            *(TellLeg(leg, m.HangUp()) for leg in ringing.legs),
            *self._wait_again(ringing.plan, ringing.place),
        ]

    # --- an offer to an agent -----------------------------------------------------------------

    def _dial(self, plan: QueuePlan, place: Place, assigned: m.Assigned) -> list[Effect]:
        legs = []
        dialling: list[Effect] = []
        for target in assigned.targets:
            self._offers += 1
            leg = LegId(f"{self.id}/{self._offers}")
            self._legs[leg] = None
            legs.append(leg)
            dialling.append(StartLeg(leg, m.Dial(target, self._caller)))
        ringing = Ringing(plan, place, assigned.agent, tuple(legs), assigned.possible_at)
        self.state = ringing
        if not legs:  # its last phone went as it was assigned
            return self._offer_failed(ringing, OfferFailure.UNAVAILABLE)
        return [*dialling, StartTimer("rona", plan.rona_seconds)]

    def _presented(self, ringing: Ringing, leg: LegId, at: float) -> list[Effect]:
        if ringing.invited_at is not None:
            return []  # the agent's second phone
        ringing.invited_at = at
        presented = ev.ContactPresented(
            self.ref, ringing.plan.name, ringing.agent, leg, at - ringing.possible_at
        )
        return [Record(presented)]

    def _connect(self, ringing: Ringing, leg: LegId) -> list[Effect]:
        now = self._now()
        self.state = Connected(ringing.plan, ringing.place, ringing.agent, leg, now)
        self._tried = ()
        rang = now - (ringing.invited_at if ringing.invited_at is not None else now)
        connected = ev.ContactConnected(
            self.ref, ringing.plan.name, ringing.agent, leg, now - ringing.place.since, rang
        )
        return [
            CancelTimer("rona"),
            StopPlaying(self.customer),
            Bridge(self.customer, leg),
            *(TellLeg(other, m.HangUp(reason=ELSEWHERE)) for other in ringing.legs if other != leg),
            TellAgent(ringing.agent, m.OfferAnswered(self.id)),
            TellQueue(ringing.plan.name, m.ContactConnected(self.id)),
            Record(connected),
        ]

    def _phone_failed(self, ringing: Ringing, ended: m.LegEnded) -> list[Effect]:
        ringing.legs = tuple(leg for leg in ringing.legs if leg != ended.leg)
        ringing.failure = more_telling(ringing.failure, failure_of(ended))
        if ringing.legs:
            return []  # another of his phones still rings
        return self._offer_failed(ringing, ringing.failure)

    def _offer_failed(self, ringing: Ringing, why: OfferFailure) -> list[Effect]:
        self._tried = (ringing.agent, *(agent for agent in self._tried if agent != ringing.agent))
        failed = ev.ContactOfferFailed(self.ref, ringing.plan.name, ringing.agent, why)
        told: list[Effect] = [
            CancelTimer("rona"),
            TellAgent(ringing.agent, m.OfferFailed(self.id, why)),
            Record(failed),
        ]
        if why is OfferFailure.MEDIA_ERROR:
            self._media_errors += 1
            if self._media_errors >= MOST_MEDIA_ERRORS:
                self.state = Waiting(ringing.plan, ringing.place)
                return [*told, *self._fail("media")]
        return [*told, *self._wait_again(ringing.plan, ringing.place)]

    # --- the end ------------------------------------------------------------------------------

    def _customer_left(self, cause: str) -> list[Effect]:
        queue: QueueName | None = None
        waited = 0.0
        match self.state:
            case Connected() as talking:
                return self._end(self._handled(talking, EndedBy.CUSTOMER), EndedBy.CUSTOMER)
            case Waiting(plan, place) | Ringing(plan, place) | Parting(plan, place):
                during = During.RINGING if isinstance(self.state, Ringing) else During.QUEUE
                queue, waited = plan.name, self._now() - place.since
            case _:
                during = During.FLOW
        return self._end(
            ev.ContactEnded(
                self.ref,
                Outcome.ABANDONED,
                queue,
                during=during,
                reason=cause,
                ended_by=EndedBy.CUSTOMER,
                waited=waited,
            )
        )

    def _agent_hung_up(self, talking: Connected) -> list[Effect]:
        return self._end(self._handled(talking, EndedBy.AGENT), EndedBy.AGENT)

    def _agent_lost(self, talking: Connected, cause: str) -> list[Effect]:
        """His phone fell silent or unreachable: the customer is in front of the line again."""
        returned = ev.ContactReturned(
            self.ref, talking.plan.name, talking.agent, cause, self._now() - talking.since
        )
        return [
            Unbridge(self.customer),
            TellAgent(talking.agent, m.PhoneLost(self.id)),
            Record(returned),
            Play(self.customer, self._token(), (talking.plan.music,), loop=True),
            *self._wait_again(talking.plan, talking.place),
        ]

    def _fail(self, reason: str) -> list[Effect]:
        queue: QueueName | None = None
        waited = 0.0
        match self.state:
            case Connected() as talking:
                return self._end(self._handled(talking, EndedBy.SYSTEM, reason), EndedBy.SYSTEM)
            case Waiting(plan, place) | Ringing(plan, place) | Parting(plan, place):
                queue, waited = plan.name, self._now() - place.since
        ended_by = EndedBy.SYSTEM
        return self._end(
            ev.ContactEnded(
                self.ref, Outcome.FAILED, queue, reason=reason, ended_by=ended_by, waited=waited
            )
        )

    def _handled(
        self, talking: Connected, ended_by: EndedBy, reason: str | None = None
    ) -> ev.ContactEnded:
        return ev.ContactEnded(
            self.ref,
            Outcome.HANDLED,
            talking.plan.name,
            talking.agent,
            reason=reason,
            ended_by=ended_by,
            waited=talking.since - talking.place.since,
            talked=self._now() - talking.since,
        )

    def _end(self, event: ev.ContactEnded, ended_by: EndedBy = EndedBy.SYSTEM) -> list[Effect]:
        """The one way out: write the terminal event, free whatever is held, hang up every leg."""
        before, self.state = self.state, Ending()
        effects: list[Effect] = [CancelTimer("lease"), CancelTimer("prompt"), CancelTimer("rona")]
        effects.append(Record(event))
        match before:
            case Waiting(plan, _):
                effects.append(TellQueue(plan.name, m.LeaveQueue(self.id)))
            case Ringing(plan, _, agent):
                effects.append(TellQueue(plan.name, m.LeaveQueue(self.id)))
                why = event.during or event.reason or ""
                effects.append(TellAgent(agent, m.OfferWithdrawn(self.id, why)))
            case Connected(_, _, agent, leg):
                self.state = Ending(agent, leg)
                effects.append(TellAgent(agent, m.ConversationEnded(self.id, ended_by)))
                if leg not in self._legs:
                    effects.append(TellAgent(agent, m.AgentLegDown(self.id)))
        effects.extend(TellLeg(leg, m.HangUp()) for leg in self._legs)
        if not self._legs:
            effects.append(Stop())
        return effects

    def _one_leg_less(self, ending: Ending, leg: LegId) -> list[Effect]:
        effects: list[Effect] = []
        if leg == ending.agent_leg and ending.agent is not None:
            effects.append(TellAgent(ending.agent, m.AgentLegDown(self.id)))
        if not self._legs:
            effects.append(Stop())
        return effects
