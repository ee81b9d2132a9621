"""The treatment: what happens to a customer while he waits in one queue.

    Fresh -> Music <-> Looking -> Over
               ^---------'--> Held         while an agent's phone rings for him

It plays the music, and watches the overflows; it decides when he goes, and where that leads is its
owner's affair, who finds the news of the treatment among its effects.  Who is being offered to an
agent is let alone: what was due is done when he waits again.
"""

from __future__ import annotations

from typing import TypeAlias, TypeGuard

from msgspec import Struct

from actors import messages as m
from actors.diversion import Diversion, first_that_holds
from actors.dossier import Dossier
from actors.effects import Effect, LookAtQueue, Play
from actors.flow import QueuePlan
from actors.hours import open_at
from actors.place import Place
from sip.machine import CancelTimer, StartTimer, TimerFired

LOOK_SECONDS = 10.0
"""How often it is seen whether an overflow holds that depends on others."""
CLOCK_SECONDS = 60.0
"""How often the clock on the wall is read again, which may be put right meanwhile."""
LOOK_LEASE = 1.0
"""What is known of a queue is said at once; by now it never will be."""
TIMER = "treatment"


class Overflows(Struct, frozen=True):
    """This rule holds: the treatment is over."""

    rule: Diversion
    seen: m.QueueSeen | None


News: TypeAlias = Overflows


def parted(outcome: list[Effect | News]) -> tuple[list[Effect], News | None]:
    """What a treatment asks of the world, and how it ended, if it did."""
    effects = [item for item in outcome if not isinstance(item, Overflows)]
    return effects, next((item for item in outcome if isinstance(item, Overflows)), None)


class Fresh(Struct):
    """Not begun."""


class Music(Struct):
    """He hears music until something is due."""


class Looking(Struct):
    """It has asked how things stand in the queue."""


class Held(Struct):
    """An agent's phone rings for him."""


class Over(Struct):
    pass


State: TypeAlias = Fresh | Music | Looking | Held | Over
Message: TypeAlias = m.QueueSeen | TimerFired


class Treatment:
    """In the queue of ``plan``, for the contact that stands at ``place`` there."""

    def __init__(self, dossier: Dossier, plan: QueuePlan, place: Place) -> None:
        self.state: State = Fresh()
        self._dossier, self._plan, self._place = dossier, plan, place
        self._since = self._seen_at = dossier.now()
        self._armed = False
        self._rules = plan.overflows if dossier.may_be_diverted else ()

    def concerns(self, message: object) -> TypeGuard[Message]:
        """Whether a message of a contact's mailbox is this treatment's."""
        match message:
            case TimerFired(name):
                return name == TIMER
            case m.QueueSeen(_, queue):
                return queue == self._plan.name and isinstance(self.state, Looking)
            case _:
                return False

    def start(self) -> list[Effect]:
        self.state = Music()
        music = Play(
            self._dossier.customer, self._dossier.new_token(), (self._plan.music,), loop=True
        )
        return [music, *self._arm()]

    def go_on(self, since: float, *, plays: bool) -> list[Effect]:
        """After a restart of the server: he has waited since then, and something plays already."""
        self._since = since
        started = self.start()
        return started[1:] if plays else started

    def hold(self) -> list[Effect]:
        """An agent has been assigned: nothing is done to him until he waits again."""
        self.state = Held()
        return self._disarm()

    def resume(self) -> list[Effect]:
        """He waits again."""
        if not isinstance(self.state, Held):
            return []
        self.state = Music()
        return self._arm()

    def change(self, plan: QueuePlan) -> list[Effect]:
        """The queue has other rules, which count from when he began to wait there (R20)."""
        if plan == self._plan:
            return []
        self._plan = plan
        self._rules = plan.overflows if self._dossier.may_be_diverted else ()
        return [*self._disarm(), *self._arm()] if isinstance(self.state, Music) else []

    def stop(self) -> list[Effect]:
        """He is connected, or goes elsewhere."""
        self.state = Over()
        return self._disarm()

    def handle(self, message: Message) -> list[Effect | News]:
        if isinstance(message, TimerFired):
            self._armed = False
        match self.state, message:
            case Music(), TimerFired() if any(rule.asks_the_queue for rule in self._rules):
                self.state, self._armed = Looking(), True
                look = LookAtQueue(self._dossier.id, self._plan.name, self._place)
                return [look, StartTimer(TIMER, LOOK_LEASE)]
            case Music() | Looking(), TimerFired():
                return self._judge(None)
            case Looking(), m.QueueSeen() as seen:
                return self._judge(seen)
            case _:
                return []  # due, or seen, as an agent was assigned: it is done when he waits again

    def _judge(self, seen: m.QueueSeen | None) -> list[Effect | News]:
        now = self._seen_at = self._dossier.now()
        is_open = self._dossier.is_open(self._plan.hours)
        rule = first_that_holds(self._rules, seen, is_open=is_open, since=self._since, now=now)
        if rule is None:
            self.state = Music()
            return [*self._arm()]
        return [*self.stop(), Overflows(rule, seen)]

    def _arm(self) -> list[Effect]:
        due = [self._due(rule) for rule in self._rules]
        if not due:
            return []
        self._armed = True
        return [StartTimer(TIMER, max(0.0, min(due) - self._dossier.now()))]

    def _disarm(self) -> list[Effect]:
        if not self._armed:
            return []
        self._armed = False
        return [CancelTimer(TIMER)]

    def _due(self, rule: Diversion) -> float:
        """The instant at which the rule may hold next."""
        calendar = self._plan.hours
        match rule.when:
            case "waited":
                return self._since + rule.least
            case "closed" if calendar is not None:
                wall = self._dossier.wall()
                is_open, until = open_at(calendar, wall)
                left = min(until - wall, CLOCK_SECONDS) if is_open else 0.0
                return self._dossier.now() + left
            case _:
                return self._seen_at + LOOK_SECONDS
