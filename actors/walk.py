"""A walk: one contact's way through the steps of a flow, until the queue they lead to.

    Fresh -> AtEntry -> Answering -> Playing -> AtQueue -> Over

At an entry point and at each queue there are diversions: the first that holds sends the customer
elsewhere, before the call is answered if nothing has been played to him yet.  A walk decides what
he meets on the way; what becomes of him then is its owner's affair, who finds the news of the walk
among its effects.
"""

from __future__ import annotations

from typing import TypeAlias, TypeGuard

from msgspec import Struct

from actors import events as ev
from actors import messages as m
from actors.commands import ToEntryPoint, ToNumber, ToQueue
from actors.destinations import NUMBER_SECONDS
from actors.diversion import Busy, Diversion, Farewell, described, first_that_holds
from actors.dossier import Dossier
from actors.effects import Effect, LookAtQueue, Play, Record, TellLeg
from actors.flow import AnswerCall, EntryPoint, LetGo, PlayPrompt, QueuePlan, Step, WaitInQueue
from actors.ids import QueueName
from actors.place import DEFAULT_PRIORITY
from actors.reasons import Refusal
from actors.search import AtNumber
from sip.machine import CancelTimer, StartTimer, TimerFired

PROMPT_LEASE = 120.0
"""A prompt that has not finished by now never will: media is gone."""
PROMPT = "prompt"


# --- what its owner hears -----------------------------------------------------------------------


class Reached(Struct, frozen=True):
    """The queue to wait in, and how it stood there when its door was passed."""

    plan: QueuePlan
    priority: int
    seen: m.QueueSeen


class Outside(Struct, frozen=True):
    """He is to be connected with a number, and hears that it rings."""

    goal: AtNumber


class Released(Struct, frozen=True):
    """He is to be let go; ``status``: what a call that is not answered is refused with."""

    reason: str
    status: int | None = None


class Lost(Struct, frozen=True):
    """It leads nowhere."""

    reason: str


News: TypeAlias = Reached | Outside | Released | Lost
"""All of them: the walk is over."""


def parted(outcome: list[Effect | News]) -> tuple[list[Effect], News | None]:
    """What a walk asks of the world, and how it ended, if it did."""
    effects: list[Effect] = []
    news: News | None = None
    for item in outcome:
        if isinstance(item, Reached | Outside | Released | Lost):
            news = item
        else:
            effects.append(item)
    return effects, news


# --- states -------------------------------------------------------------------------------------


class Fresh(Struct):
    """Not begun."""


class AtEntry(Struct):
    """The diversions of an entry point wait for what is known of the queue behind it."""

    entry_point: EntryPoint
    plan: QueuePlan


class AtQueue(Struct):
    """Before a queue's door."""

    plan: QueuePlan
    priority: int


class Answering(Struct):
    """The customer's leg has been told to answer; the way goes on when it has."""

    rest: tuple[Step, ...] | Reached | Outside


class Playing(Struct):
    """A prompt plays."""

    token: str
    rest: tuple[Step, ...]


class Over(Struct):
    pass


State: TypeAlias = Fresh | AtEntry | AtQueue | Answering | Playing | Over
Message: TypeAlias = m.LegAnswered | m.PlayFinished | m.QueueSeen | TimerFired


class Walk:
    """Begun by ``enter`` at an entry point, by ``divert`` as a rule says, or by ``let_go``."""

    def __init__(self, dossier: Dossier) -> None:
        self.state: State = Fresh()
        self._dossier = dossier
        self._priority = DEFAULT_PRIORITY

    def concerns(self, message: object) -> TypeGuard[Message]:
        """Whether a message of a contact's mailbox is this walk's."""
        match message:
            case m.LegAnswered(leg):
                return type(self.state) is Answering and leg == self._dossier.customer
            case m.QueueSeen(_, queue):
                return isinstance(self.state, AtQueue | AtEntry) and queue == self.state.plan.name
            case m.PlayFinished(_, token):
                return isinstance(self.state, Playing) and token == self.state.token
            case TimerFired(name):
                return name == PROMPT and type(self.state) is Playing
            case _:
                return False

    def enter(self, entry_point: EntryPoint) -> list[Effect | News]:
        plan = self._dossier.world.queue_of(entry_point)
        if plan is None or not entry_point.diversions:
            return self._walk(entry_point.flow)
        self.state = AtEntry(entry_point, plan)
        if any(rule.asks_the_queue for rule in entry_point.diversions):
            return self._look(plan)
        return self._pass_entry(entry_point, plan, None)

    def divert(
        self,
        plan: QueuePlan,
        rule: Diversion,
        seen: m.QueueSeen | None,
        waited: float | None = None,
    ) -> list[Effect | News]:
        """Away from this queue, in which he has waited so long; None: from its door."""
        dossier, to = self._dossier, rule.to
        dossier.diverted += 1
        figures = ev.QueueFigures()
        if seen is not None and rule.asks_the_queue:
            p50 = None if seen.estimate is None else seen.estimate.p50
            figures = ev.QueueFigures(seen.waiting, seen.signed_in, seen.working, p50)
        diverted = ev.ContactDiverted(
            dossier.ref, plan.name, rule.when, described(to), rule.onward, waited, figures
        )
        return [Record(diverted), *self._go(plan, to, rule.when)]

    def let_go(self, file: str | None, reason: str) -> list[Effect | News]:
        """He hears why, if there is a message, and then it is over."""
        message = () if file is None else (PlayPrompt(file),)
        return self._walk((*message, LetGo(reason)))

    def handle(self, message: Message) -> list[Effect | News]:
        match self.state:
            case AtQueue() as door:
                return self._while_at_queue(door, message)
            case Answering() as answering:
                return self._while_answering(answering, message)
            case AtEntry() as entry:
                return self._while_at_entry(entry, message)
            case Playing() as playing:
                return self._while_playing(playing, message)
            case _:
                return []  # not ours: ``concerns`` says so

    def _while_answering(self, answering: Answering, message: Message) -> list[Effect | News]:
        match message:
            case m.LegAnswered():
                rest, self._dossier.answered = answering.rest, True
                return self._walk(rest) if isinstance(rest, tuple) else self._over(rest)
            case _:
                return []

    def _while_at_queue(self, door: AtQueue, message: Message) -> list[Effect | News]:
        match message:
            case m.QueueSeen():
                return self._pass_door(door.plan, door.priority, message)
            case _:
                return []

    def _while_at_entry(self, entry: AtEntry, message: Message) -> list[Effect | News]:
        match message:
            case m.QueueSeen():
                return self._pass_entry(entry.entry_point, entry.plan, message)
            case _:
                return []

    def _while_playing(self, playing: Playing, message: Message) -> list[Effect | News]:
        match message:
            case m.PlayFinished():
                return [CancelTimer(PROMPT), *self._walk(playing.rest)]
            case TimerFired() if playing.rest and isinstance(playing.rest[0], LetGo):
                return self._walk(playing.rest)
            case TimerFired():
                return self._over(Lost("prompt never ended"))
            case _:
                return []

    def stop(self) -> list[Effect]:
        """It ends with its contact."""
        before, self.state = self.state, Over()
        match before:
            case Playing():
                return [CancelTimer(PROMPT)]
            case _:
                return []

    # --- the steps ----------------------------------------------------------------------------

    def _walk(self, steps: tuple[Step, ...]) -> list[Effect | News]:
        match steps:
            case (AnswerCall(), *rest) if self._dossier.answered:
                return self._walk(tuple(rest))
            case (AnswerCall(), *rest):
                return self._answer(tuple(rest))
            case (PlayPrompt(), *_) if not self._dossier.answered:
                return self._answer(steps)
            case (PlayPrompt(file), *rest):
                token = self._dossier.new_token()
                self.state = Playing(token, tuple(rest))
                play = Play(self._dossier.customer, token, (file,))
                return [play, StartTimer(PROMPT, PROMPT_LEASE)]
            case (WaitInQueue(queue, priority, needs), *_):
                self._dossier.needs = needs
                return self._to_queue(queue, priority)
            case (LetGo(reason), *_):
                return self._over(Released(reason))
            case _:
                return self._over(Lost("the flow ended without a queue"))

    def _answer(self, rest: tuple[Step, ...] | Reached | Outside) -> list[Effect | News]:
        self.state = Answering(rest)
        return [TellLeg(self._dossier.customer, m.Answer())]

    def _over(self, news: News) -> list[Effect | News]:
        """Music must be heard: where he waits, and where a number rings."""
        if isinstance(news, Reached | Outside) and not self._dossier.answered:
            return self._answer(news)
        self.state = Over()
        if isinstance(news, Outside):
            customer, ringback = self._dossier.customer, self._dossier.world.ringback
            return [Play(customer, self._dossier.new_token(), (ringback,), loop=True), news]
        return [news]

    # --- doors --------------------------------------------------------------------------------

    def _to_queue(self, name: QueueName, priority: int) -> list[Effect | News]:
        plan = self._dossier.world.plans.get(name)
        if plan is None:  # gone with the configuration that the flow began by
            return self._over(Lost(Refusal.UNKNOWN_DESTINATION))
        self._priority = priority
        self.state = AtQueue(plan, priority)
        first = self._dossier.first_place is None
        return self._look(plan, self._dossier.caller.uri.user if first else None)

    def _look(self, plan: QueuePlan, caller: str | None = None) -> list[Effect | News]:
        place = self._dossier.place(self._priority)
        return [LookAtQueue(self._dossier.id, plan.name, place, caller)]

    def _pass_entry(
        self, entry_point: EntryPoint, plan: QueuePlan, seen: m.QueueSeen | None
    ) -> list[Effect | News]:
        is_open = self._dossier.is_open(plan, entry_point.hours)
        rule = self._first(entry_point.diversions, seen, is_open=is_open)
        if rule is None:
            return self._walk(entry_point.flow)
        return self.divert(plan, rule, seen)

    def _pass_door(self, plan: QueuePlan, priority: int, seen: m.QueueSeen) -> list[Effect | News]:
        rule = self._first(plan.diversions, seen, is_open=self._dossier.is_open(plan))
        if rule is None:
            if seen.regained is not None:
                self._dossier.first_place = seen.regained.place
            return self._over(Reached(plan, priority, seen))
        return self.divert(plan, rule, seen)

    def _first(
        self, rules: tuple[Diversion, ...], seen: m.QueueSeen | None, *, is_open: bool
    ) -> Diversion | None:
        if not self._dossier.may_be_diverted:
            return None
        now = self._dossier.now()
        return first_that_holds(rules, seen, is_open=is_open, since=now, now=now)

    def _go(
        self, plan: QueuePlan, to: ToQueue | ToEntryPoint | ToNumber | Farewell | Busy, why: str
    ) -> list[Effect | News]:
        world = self._dossier.world
        match to:
            case ToQueue(queue):
                return self._to_queue(queue, self._priority)
            case ToEntryPoint(name):
                entry_point = world.entry_points.get(name)
                if entry_point is None:
                    return self._over(Lost(Refusal.UNKNOWN_DESTINATION))
                return self.enter(entry_point)
            case ToNumber(number):
                route = world.dial_plan.route(number, None)
                if route is None:
                    return self._over(Lost(Refusal.NOT_IN_DIAL_PLAN))
                trunk, target = route
                goal = AtNumber(number, target, NUMBER_SECONDS, trunk)
                return self._over(Outside(goal))
            case Farewell(file):
                return self.let_go(file, why)
            case Busy(status):
                return self._over(Released(why, status))
