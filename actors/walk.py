"""A walk: one contact's way through the steps of a flow, until the queue they lead to.

    Fresh -> Answering -> Playing -> Over

It decides what the customer meets on the way; what becomes of him then is its owner's affair, who
finds the news of the walk among its effects.
"""

from __future__ import annotations

from typing import TypeAlias, TypeGuard

from msgspec import Struct

from actors import messages as m
from actors.dossier import Dossier
from actors.effects import Effect, Play, TellLeg
from actors.flow import AnswerCall, PlayPrompt, Step, WaitInQueue
from actors.ids import QueueName
from sip.machine import CancelTimer, StartTimer, TimerFired

PROMPT_LEASE = 120.0
"""A prompt that has not finished by now never will: media is gone."""
TIMER = "prompt"


# --- what its owner hears -----------------------------------------------------------------------


class Reached(Struct, frozen=True):
    """The queue to wait in: the walk is over."""

    queue: QueueName
    priority: int


class Lost(Struct, frozen=True):
    """It leads nowhere: the walk is over."""

    reason: str


News: TypeAlias = Reached | Lost


def parted(outcome: list[Effect | News]) -> tuple[list[Effect], News | None]:
    """What a walk asks of the world, and how it ended, if it did."""
    effects: list[Effect] = []
    news: News | None = None
    for item in outcome:
        if isinstance(item, Reached | Lost):
            news = item
        else:
            effects.append(item)
    return effects, news


# --- states -------------------------------------------------------------------------------------


class Fresh(Struct):
    """Not begun."""


class Answering(Struct):
    """The customer's leg has been told to answer; the flow goes on when it has."""

    rest: tuple[Step, ...]


class Playing(Struct):
    """A prompt plays."""

    token: str
    rest: tuple[Step, ...]


class Over(Struct):
    pass


State: TypeAlias = Fresh | Answering | Playing | Over
Message: TypeAlias = m.LegAnswered | m.PlayFinished | TimerFired


class Walk:
    """``steps`` are those of the entry point that was dialled, or to which he was sent."""

    def __init__(self, dossier: Dossier, steps: tuple[Step, ...]) -> None:
        self.state: State = Fresh()
        self._dossier, self._steps = dossier, steps

    def concerns(self, message: object) -> TypeGuard[Message]:
        """Whether a message of a contact's mailbox is this walk's."""
        match self.state, message:
            case Answering(), m.LegAnswered(leg):
                return leg == self._dossier.customer
            case Playing(token), m.PlayFinished(_, finished):
                return finished == token
            case Playing(), TimerFired(name):
                return name == TIMER
            case _:
                return False

    def start(self) -> list[Effect | News]:
        return self._walk(self._steps)

    def handle(self, message: Message) -> list[Effect | News]:
        match self.state, message:
            case Answering(rest), m.LegAnswered():
                self._dossier.answered = True
                return self._walk(rest)
            case Playing(_, rest), m.PlayFinished():
                return [CancelTimer(TIMER), *self._walk(rest)]
            case Playing(), TimerFired():
                return self._lost("prompt never ended")
            case _:
                return []  # not ours: ``concerns`` says so

    def _walk(self, steps: tuple[Step, ...]) -> list[Effect | News]:
        customer = self._dossier.customer
        if not self._dossier.answered:
            self.state = Answering(steps)
            return [TellLeg(customer, m.Answer())]
        match steps:
            case (AnswerCall(), *rest):
                return self._walk(tuple(rest))
            case (PlayPrompt(file), *rest):
                token = self._dossier.new_token()
                self.state = Playing(token, tuple(rest))
                return [Play(customer, token, (file,)), StartTimer(TIMER, PROMPT_LEASE)]
            case (WaitInQueue(queue, priority), *_):
                self.state = Over()
                return [Reached(queue, priority)]
            case _:
                return self._lost("the flow ended without a queue")

    def _lost(self, reason: str) -> list[Effect | News]:
        self.state = Over()
        return [Lost(reason)]
