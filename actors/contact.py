"""The contact: one customer's call, from its arrival to its end.

    Arriving -> Walking <-> Seeking <-> Talking -> Ending
                              |  ^---------' ^    (transferred, or the agent was lost)
                              '-> Parting    |    (the queue cannot keep him)
                               Placing ------'    (an agent has called him)

The customer may hang up in any state.  What he meets before a queue is a ``Walk``, and in it a
``Treatment``; how a party is sought is a ``Search``; how an agent calls him is a ``Placement``;
what agents do with the conversation is ``CallControl``; here they are put in their order.
Vocabulary: docs/glossary.md.  Races: docs/races.md.
"""

from __future__ import annotations

from actors import commands as c
from actors import events as ev
from actors import messages as m
from actors import placement as placing
from actors import treatment as treating
from actors import walk as walking
from actors.call_control import CallControl
from actors.call_control import Outcome as Done
from actors.causes import ELSEWHERE, SHUTTING_DOWN, explained
from actors.contact_states import (
    Arriving,
    Ending,
    Message,
    Parting,
    Placing,
    Seeking,
    Start,
    State,
    Talking,
    Walking,
)
from actors.conversation import Conversation, Party, party_of
from actors.dossier import CentreChanged, Dossier, World
from actors.effects import (
    Effect,
    Play,
    Record,
    ReplyTo,
    TellAgent,
    TellLeg,
    TellMonitorDesk,
)
from actors.flow import EntryPoint, QueuePlan
from actors.ids import AgentId, QueueName
from actors.membership import CallOver, CustomerAlone, EnteredFlow, HandedOver
from actors.place import DEFAULT_PRIORITY, Place
from actors.placement import Answered, Placement, Unreached
from actors.reasons import During, EndedBy, Outcome, Refusal
from actors.search import (
    Found,
    Fresh,
    InQueue,
    News,
    NotFound,
    OfferFailed,
    Presented,
    Queued,
    Reserved,
    Ringing,
    Rings,
    Search,
    TurnedAway,
    parted,
)
from actors.served import Served
from actors.treatment import Overflows, Treatment
from actors.walk import Lost, Outside, Reached, Released, Walk
from sip.machine import CancelTimer, StartTimer, Stop, TimerFired

OWNED = frozenset((walking.PROMPT, treating.TIMER))
"""Timers of the machines that it drives."""


class UnexpectedMessage(Exception):
    """Not a race we know of: the contact fails, alone, with its legs."""


class Contact:
    """One customer's attempt to reach us, or an agent's to reach him.

    ``origin``: where the customer called, or how he is called.  ``longest``, in seconds, is the
    most that any contact may last.
    """

    def __init__(
        self,
        dossier: Dossier,
        origin: EntryPoint | Placement,
        *,
        ani: str = "",
        dnis: str = "",
        longest: float,
    ) -> None:
        self.ref, self.id, self.customer = dossier.ref, dossier.id, dossier.customer
        self.state: State
        if isinstance(origin, Placement):
            self.state = Placing(origin)
        else:
            self.state = Arriving(origin, ani, dnis)
        self._dossier, self._now = dossier, dossier.now
        self._longest = longest
        self._avoid: tuple[AgentId, ...] = ()
        self._is_new = True
        """Nobody has heard of it while it is ``Arriving``."""

    @property
    def queue(self) -> QueueName | None:
        """The queue it is counted in, before its end."""
        match self.state:
            case Seeking(_, plan) | Parting(_, plan):
                return plan.name or None
            case Talking(control):
                return control.plan.name or None
            case _:
                return None

    def handle(self, message: Message) -> list[Effect]:
        if type(message) is not m.LegEnded:
            return self._decide(message)
        before = type(self.state)
        effects = [*self._dossier.hook_down(message.leg), *self._decide(message)]
        last = before is Ending and not self._dossier.legs
        return [*effects, Stop()] if last else effects

    def _decide(self, message: Message) -> list[Effect]:
        match self.state:
            case Seeking() as seeking:
                return self._while_seeking(seeking, message)
            case Talking() as talking:
                return self._while_talking(talking, message)
            case Ending():
                return self._while_ending(message)
            case Walking(walk) | Parting(walk) if walk.concerns(message):
                return self._walked(walk.handle(message))
            case Arriving(entry, ani, dnis) if type(message) is Start:
                lease = StartTimer("lease", self._longest)
                return [self._arrives(entry, ani, dnis), lease, *self._enter(entry)]
            case Placing(placement) if type(message) is Start:
                return [StartTimer("lease", self._longest), *self._placed(placement.start())]
            case Placing(placement) if placement.concerns(message):
                return self._placed(placement.handle(message))
            case _:
                return self._in_any_state(message)

    def _while_seeking(self, seeking: Seeking, message: Message) -> list[Effect]:
        search, treatment = seeking.search, seeking.treatment
        match message:
            case _ if treatment is not None and treatment.concerns(message):
                return self._treated(seeking, treatment.handle(message))
            case _ if search.concerns(message):
                return self._sought(seeking, search.handle(message))
            case m.Restarted(name):
                return self._sought(seeking, search.tell_again(name))
            case _:
                return self._in_any_state(message)

    def _while_talking(self, talking: Talking, message: Message) -> list[Effect]:
        control = talking.control
        match message:
            case m.LegEnded() if control.concerned(message) is None:
                return self._after(talking, control.leg_ended(message))
            case m.LegEnded(leg) if leg == self.customer:
                return self._customer_gone(message)
            case m.Restarted(name):
                return self._after(talking, control.tell_again(name))
            case CentreChanged() | m.EndContact() | TimerFired("lease"):
                return self._in_any_state(message)
            case _ if found := control.concerned(message):
                return self._after(talking, control.search(*found))
            case c.ContactCommandReceived():
                return self._after(talking, control.command(message))
            case m.MonitorAsked():
                return self._after(talking, control.monitor(message))
            case m.AgentLost():
                # His lease ran out: in the talk, or as he answered.
                return self._after(talking, control.agent_lost(message))
            case _:
                return self._in_any_state(message)

    def _while_ending(self, message: Message) -> list[Effect]:
        match message:
            case m.LegAnswered(leg) if leg != self.customer:
                # Answered as we hung it up: CANCEL and 200 crossed.  The leg has sent its BYE.
                return []
            case m.Assigned(request, agent):
                # Assigned as the customer hung up: the agent is free again, with no penalty.
                return [TellAgent(agent, m.OfferWithdrawn(request, During.QUEUE))]
            case c.ContactCommandReceived():
                return self._refuse(message, Refusal.UNKNOWN_CONTACT)
            case _:
                return []  # late news of legs that are going down

    def _in_any_state(self, message: Message) -> list[Effect]:
        match message:
            case m.LegEnded(leg) if leg == self.customer:
                return self._customer_gone(message)
            case m.Restarted():
                return []
            case CentreChanged(world):
                return self._centre_changed(self.state, world)
            case m.EndContact(reason):
                return self._fail(reason)
            case TimerFired("lease"):
                return self._fail("lease")
            case c.ContactCommandReceived():
                return self._refuse(message, Refusal.NOT_IN_CALL)
            case m.Assigned(request, agent):
                # Assigned as the search ended: overflow, end of consult, another agent answered.
                return [TellAgent(agent, m.OfferWithdrawn(request, During.QUEUE))]
            case m.LegAnswered(leg) if leg != self.customer:
                # Answered as RONA fired, or a second phone as the first: CANCEL and 200 crossed.
                return [TellLeg(leg, m.HangUp(reason=ELSEWHERE))]
            case m.LegEnded() | m.LegRinging() | m.LegInvited():
                return []  # a leg that we have given up
            case m.PlayFinished() | m.DigitPressed():
                return []  # stopped as it ended; a digit that no step asked for
            case m.Overflowed() | m.AgentLost() | m.AgentNotFree():
                return []  # overflow fired as an agent was assigned; news of an agent we gave up
            case m.PhonesAdded():
                return []  # registered as he answered, or as we gave him up
            case m.QueueSeen():
                return []  # seen as he was assigned an agent
            case m.MonitorAsked(wish):  # the conversation ended as it was asked for
                return [TellMonitorDesk(m.MonitorMissed(wish))]
            case TimerFired(name) if name in OWNED or name.startswith("search:"):
                return []  # due as it was cancelled
            case _:
                raise UnexpectedMessage(type(self.state).__name__, type(message).__name__)

    def _centre_changed(self, state: State, world: World) -> list[Effect]:
        """Nothing that is under way is touched; whatever comes next is done by the new rules."""
        self._dossier.world = world
        match state:
            case Seeking() as seeking:
                seeking.plan = self._dossier.rules_of(seeking.plan)
                cared = seeking.treatment
                return [] if cared is None else cared.change(seeking.plan)
            case Talking(control):
                return control.centre_changed()
            case _:
                return []

    # --- an agent's call ----------------------------------------------------------------------

    def _placed(self, outcome: list[Effect | placing.News]) -> list[Effect]:
        effects, news = placing.parted(outcome)
        match news:
            case Answered(agent, rang):
                return [*effects, *self._reached(agent, rang)]
            case Unreached(reason, ended_by):
                unreached = self._unserved(Outcome.UNREACHED, reason, ended_by)
                return [*effects, *self._end(unreached, ended_by)]
            case None:
                return effects

    def _reached(self, agent: Party, rang: float) -> list[Effect]:
        now, world, name = self._now(), self._dossier.world, AgentId(agent.name)
        plan = world.outbound.plan
        talk = Conversation(Party("customer", "customer", self.customer, now), agent)
        place = self._dossier.place(DEFAULT_PRIORITY)
        control = CallControl(self._dossier, talk, plan, place, {agent.leg: world.ringback})
        self.state = Talking(control, Served(name, now, 0.0, now))
        reached = ev.ContactReached(self.ref, name, agent.leg, rang)
        began = m.ConversationBegan(self.id, name, plan.name)
        return [Record(reached), TellMonitorDesk(began), *control.start()]

    # --- the flow -----------------------------------------------------------------------------

    def _arrives(self, entry_point: EntryPoint, ani: str, dnis: str) -> Record:
        return Record(ev.ContactArrived(self.ref, entry_point.name, ani, dnis, self.customer))

    def _enter(self, entry_point: EntryPoint) -> list[Effect]:
        walk = Walk(self._dossier)
        self.state = Walking(walk)
        return self._walked(walk.enter(entry_point))

    def _walked(self, outcome: list[Effect | walking.News]) -> list[Effect]:
        effects, news = walking.parted(outcome)
        match news:
            case None:
                return effects
            case Reached(plan, priority, seen):
                # The first instant that he waited anywhere counts, wherever he is sent later.
                dossier = self._dossier
                place = dossier.first_place = dossier.place(priority)
                caller = dossier.caller.uri.user or ""
                goal = InQueue(plan, place, self._avoid, caller, dossier.needs)
                return [*effects, *self._wait(goal, self._now(), seen)]
            case Outside(goal):
                nowhere, place = self._dossier.world.outbound.plan, self._dossier.place(1)
                seeking = Seeking(Search(self._dossier, goal), nowhere, place, self._now())
                return [*effects, *self._seek(seeking)]
            case Released(reason, status):
                return [*effects, *self._release(reason, status)]
            case Lost(reason):
                return [*effects, *self._fail(reason)]

    def _wait(
        self, goal: InQueue, since: float, seen: m.QueueSeen | None = None, *, again: bool = False
    ) -> list[Effect]:
        """``since``: when he began to wait in this queue, which was ``seen`` so at its door."""
        dossier, plan, place = self._dossier, goal.plan, goal.place
        search, cared = Search(dossier, goal, again=again), Treatment(dossier, plan, place, seen)
        seeking = Seeking(search, plan, place, since, None, cared)
        return [*cared.start(), *self._seek(seeking)]

    def _release(self, reason: str, status: int | None) -> list[Effect]:
        """Let him go: an overflow of the queue he waited in, or turned away at a door."""
        if status is None or self._dossier.answered:
            return self._end(self._unserved(Outcome.OVERFLOWED, reason))
        busy = TellLeg(self.customer, m.HangUp(status))
        return [busy, *self._end(self._unserved(Outcome.REJECTED, reason))]

    # --- seeking ------------------------------------------------------------------------------

    def _seek(self, seeking: Seeking) -> list[Effect]:
        self.state = seeking
        search = seeking.search
        return self._sought(seeking, search.start() if isinstance(search.state, Fresh) else [])

    def _sought(self, seeking: Seeking, outcome: list[Effect | News]) -> list[Effect]:
        effects, news = parted(outcome)
        done: list[Effect] = []
        for item in news:
            done.extend(self._news(seeking, item))
        # What is recorded of a queue comes before what is asked of it.
        return [*done, *effects] if isinstance(seeking.search.goal, InQueue) else [*effects, *done]

    def _news(self, seeking: Seeking, news: News) -> list[Effect]:
        plan, cared = seeking.plan, seeking.treatment
        match news:
            case Queued(again) if cared is not None:
                return [Record(cared.queued(again=again)), *cared.resume()]
            case Reserved() if cared is not None:
                return cared.hold()
            case Presented(agent, leg, dispatch):
                presented = ev.ContactPresented(self.ref, plan.name, agent, leg, dispatch)
                return [Record(presented)]
            case OfferFailed(agent, why, others):
                return [Record(ev.ContactOfferFailed(self.ref, plan.name, agent, why, others))]
            case Found() as found:
                return self._connect(seeking, found)
            case Rings():
                return []  # he hears music
            case NotFound(reason) if seeking.served is not None:
                return self._transfer_failed(seeking, seeking.served, reason)
            case NotFound(reason):
                return self._fail(reason)
            case TurnedAway(reason):
                return self._part(seeking, reason)
            case _:
                return []

    def _connect(self, seeking: Seeking, found: Found) -> list[Effect]:
        now, plan = self._now(), seeking.plan
        customer = Party("customer", "customer", self.customer, now)
        talk = Conversation(customer, party_of(seeking.search, found, now))
        self._avoid = ()
        served = seeking.served or Served(found.agent, now, now - seeking.since, seeking.since)
        control = CallControl(self._dossier, talk, plan, seeking.place)
        self.state = Talking(control, served)
        effects = _stopped(seeking)
        if found.agent is not None:
            waited = now - seeking.since
            connected = ev.ContactConnected(
                self.ref, plan.name, found.agent, found.leg, waited, found.rang
            )
            began = m.ConversationBegan(self.id, found.agent, plan.name)
            effects += [Record(connected), TellMonitorDesk(began)]
        return [*effects, *control.start()]

    def _transfer_failed(self, seeking: Seeking, served: Served, reason: str) -> list[Effect]:
        """Nobody is left alone: he stands where he stood before he was served."""
        by, to = served.agent or "", seeking.search.described()
        failed = ev.ContactTransferFailed(self.ref, by, to, reason)
        return [Record(failed), *self._return(seeking.plan, seeking.place, served, reason)]

    def _return(self, plan: QueuePlan, place: Place, served: Served, reason: str) -> list[Effect]:
        """In front of the line again: his place is the one he had."""
        plan = self._dossier.rules_of(plan)
        now, queued = self._now(), served.queued
        back: ev.AnyEvent = served.returned(self.ref, plan, now, reason)
        if not plan.name:  # an agent has called him: he waits for the first time
            fallback = self._dossier.world.outbound.fallback
            if fallback is None:
                return self._end(served.ended(self.ref, plan, now, EndedBy.SYSTEM, reason))
            back = served.left(self.ref, plan, now)
            plan, queued = fallback, now
        goal = InQueue(plan, place, needs=self._dossier.needs)
        return [Record(back), *self._wait(goal, queued, again=True)]

    def _part(self, seeking: Seeking, reason: str) -> list[Effect]:
        """The queue will not keep him: full, or he has waited for as long as one may."""
        walk, plan = Walk(self._dossier), seeking.plan
        self.state = Parting(walk, plan, seeking.since)
        return [*_stopped(seeking), *self._walked(walk.let_go(plan.overflow_prompt, reason))]

    def _treated(self, seeking: Seeking, outcome: list[Effect | treating.News]) -> list[Effect]:
        effects, news = treating.parted(outcome)
        match news:
            case Overflows(rule, seen):
                plan, since = seeking.plan, seeking.since
                effects.extend(seeking.search.give_up())
                walk = Walk(self._dossier)
                self.state = Walking(walk) if rule.onward else Parting(walk, plan, since)
                waited = self._now() - since
                return [*effects, *self._walked(walk.divert(plan, rule, seen, waited))]
            case None:
                return effects

    # --- the conversation ---------------------------------------------------------------------

    def _after(self, talking: Talking, outcome: Done) -> list[Effect]:
        """What agents did has been done; what it makes of the contact comes last."""
        effects: list[Effect] = []
        for item in outcome:
            match item:
                case CallOver(ended_by, reason):
                    effects.extend(self._end(self._handled(talking, ended_by, reason), ended_by))
                case CustomerAlone(_, cause) if not self._may_wait(talking.control.plan):
                    handled = self._handled(talking, EndedBy.SYSTEM, cause)
                    effects.extend(self._end(handled, EndedBy.SYSTEM))
                case CustomerAlone(last, cause):
                    control, served = talking.control, talking.served.by(last.agent)
                    effects.extend(control.let_go())
                    effects.extend(self._return(control.plan, control.place, served, cause))
                case HandedOver(last, search):
                    effects.extend(self._handed_over(talking, last, search))
                case EnteredFlow(last, entry_point):
                    effects.extend(talking.control.let_go())
                    effects.append(self._left_queue(talking, last))
                    self._avoid = () if last.agent is None else (last.agent,)
                    effects.extend(self._enter(entry_point))
                case _:
                    effects.append(item)
        return effects

    def _handed_over(self, talking: Talking, last: Party, search: Search) -> list[Effect]:
        control, goal, now = talking.control, search.goal, self._now()
        effects: list[Effect] = [*control.let_go()]
        if not isinstance(goal, InQueue):
            served = talking.served.by(last.agent)
            seeking = Seeking(search, control.plan, control.place, now, served)
            music = Play(self.customer, self._dossier.new_token(), (control.plan.music,), True)
            return [*effects, music, *self._seek(seeking)]
        plan = goal.plan
        cared = Treatment(self._dossier, plan, control.place)
        seeking = Seeking(search, plan, control.place, now, None, cared)
        effects += [self._left_queue(talking, last), *cared.start()]
        if not isinstance(search.state, Fresh):  # it was sought for the agent, and now for him
            effects.extend(self._news(seeking, Queued(again=False)))
            match search.state:
                case Ringing(agent, legs, possible_at, invited_at) if agent is not None:
                    effects.extend(cared.hold())
                    if invited_at is not None:
                        late = Presented(agent, legs[0], invited_at - possible_at)
                        effects.extend(self._news(seeking, late))
        return [*effects, *self._seek(seeking)]

    def _left_queue(self, talking: Talking, last: Party) -> Effect:
        plan, served = talking.control.plan, talking.served.by(last.agent)
        return Record(served.left(self.ref, plan, self._now()))

    def _may_wait(self, plan: QueuePlan) -> bool:
        """Whether there is a queue for who has lost his agent."""
        return bool(plan.name) or self._dossier.world.outbound.fallback is not None

    def _refuse(self, received: c.ContactCommandReceived, why: Refusal) -> list[Effect]:
        return [ReplyTo(received.reply_to, c.ContactRefused(why, "absent", ()))]

    # --- the end ------------------------------------------------------------------------------

    def _customer_gone(self, ended: m.LegEnded) -> list[Effect]:
        """He left, or we could not carry his audio."""
        ours = ended.cause == "media" and (ended.status or 0) >= 500
        by = EndedBy.SYSTEM if ours else EndedBy.CUSTOMER
        during = During.FLOW
        match self.state:
            case Seeking(served=Served() as served) as seeking:
                reason = ended.cause if ours else None
                return self._end(served.ended(self.ref, seeking.plan, self._now(), by, reason))
            case Seeking(search, plan) if plan.name:
                during = During.RINGING if isinstance(search.state, Ringing) else During.QUEUE
            case Parting():
                during = During.QUEUE
        outcome = Outcome.FAILED if ours else Outcome.ABANDONED
        return self._end(self._unserved(outcome, ended.cause, by, during))

    def _fail(self, reason: str) -> list[Effect]:
        match self.state:
            case Talking() as talking:
                handled = self._handled(talking, EndedBy.SYSTEM, reason)
                return self._end(handled, EndedBy.SYSTEM)
            case Seeking(served=Served() as served) as seeking:
                now = self._now()
                return self._end(served.ended(self.ref, seeking.plan, now, EndedBy.SYSTEM, reason))
            case _:
                return self._end(self._unserved(Outcome.FAILED, reason))

    def _unserved(
        self,
        outcome: Outcome,
        reason: str,
        ended_by: EndedBy = EndedBy.SYSTEM,
        during: During | None = None,
    ) -> ev.ContactEnded:
        queue: QueueName | None = None
        waited = 0.0
        match self.state:
            case Seeking(_, plan, _, since) | Parting(_, plan, since):
                queue, waited = plan.name or None, self._now() - since
        return ev.ContactEnded(
            self.ref,
            outcome,
            queue,
            during=during,
            reason=reason,
            ended_by=ended_by,
            waited=waited,
        )

    def _handled(
        self, talking: Talking, ended_by: EndedBy, reason: str | None = None
    ) -> ev.ContactEnded:
        primary, served = talking.control.talk.primary, talking.served
        if primary is not None:
            served = served.by(primary.agent)
        return served.ended(self.ref, talking.control.plan, self._now(), ended_by, reason)

    def _end(self, event: ev.ContactEnded, ended_by: EndedBy = EndedBy.SYSTEM) -> list[Effect]:
        """The one way out: write the terminal event, free whatever is held, hang up every leg."""
        before, self.state = self.state, Ending()
        effects: list[Effect] = [CancelTimer("lease")]
        match before:
            case Arriving(entry, ani, dnis) if self._is_new:  # it fell over as it began
                effects.append(self._arrives(entry, ani, dnis))
            case Placing(placement):
                effects.extend(placement.end(event.reason or "", ended_by))
            case Walking(walk) | Parting(walk):
                effects.extend(walk.stop())
            case Seeking(search) as seeking:
                effects.extend(_stopped(seeking))
                effects.extend(search.give_up(event.during or event.reason or ""))
            case Talking(control):
                effects.extend(control.end(ended_by))
        effects.append(Record(event))
        told = {effect.leg for effect in effects if isinstance(effect, TellLeg)}
        legs = self._dossier.legs
        effects.extend(TellLeg(leg, m.HangUp()) for leg in legs if leg not in told)
        if not legs:
            effects.append(Stop())
        return explained(effects, SHUTTING_DOWN) if event.reason == "shutdown" else effects


def _stopped(seeking: Seeking) -> list[Effect]:
    return [] if seeking.treatment is None else seeking.treatment.stop()
