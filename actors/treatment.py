"""The treatment: what happens to a customer while he waits in one queue.

    Fresh -> Waiting <-> Looking -> Over
                ^-----------'--> Held         while an agent's phone rings for him

Beside that he hears music, or an announcement.  It plays what is due, and watches the overflows;
it decides when he goes, and where that leads is its owner's affair, who finds the news of the
treatment among its effects.  Nothing waits for an announcement: an agent takes him out of it.  Who
is being offered to an agent is let alone: what was due is done when he waits again.
"""

from __future__ import annotations

from typing import TypeAlias, TypeGuard, get_args

from msgspec import Struct

from actors import events as ev
from actors import messages as m
from actors import speech
from actors.diversion import Diversion, first_that_holds
from actors.dossier import Dossier
from actors.effects import Effect, LookAtQueue, Play, Record
from actors.flow import Announcement, Comfort, QueuePlan, SayPosition, SayWait
from actors.hours import open_at
from actors.place import Place
from actors.routing.expressions import written
from sip.machine import CancelTimer, StartTimer, TimerFired

LOOK_SECONDS = 10.0
"""How often it is seen whether an overflow holds that depends on others."""
CLOCK_SECONDS = 60.0
"""How often the clock on the wall is read again, which may be put right meanwhile."""
ANNOUNCEMENT_LEASE = 120.0
"""An announcement that has not finished by now never will: media is gone."""
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


class Waiting(Struct):
    """Until something is due."""


class Looking(Struct):
    """It has asked how things stand in the queue."""


class Held(Struct):
    """An agent's phone rings for him."""


class Over(Struct):
    pass


class _Music(Struct):
    """He hears the queue's music."""


class _Announced(Struct):
    """An announcement plays; ``lease``: the instant at which it is given up.

    ``token`` None: it was begun by a run of the server before.
    """

    token: str | None
    lease: float


class _Step(Struct):
    """``due``: when it is to be heard next, or None: never again; ``last``: what was said last."""

    step: Announcement
    due: float | None
    times: int = 0
    last: tuple[int, ...] | None = None


State: TypeAlias = Fresh | Waiting | Looking | Held | Over
Message: TypeAlias = m.QueueSeen | m.PlayFinished | TimerFired
_HEARD = frozenset(get_args(Message))


class Treatment:
    """In the queue of ``plan``, for the contact that stands at ``place`` there.

    ``seen``: how it stood there as he passed its door.
    """

    def __init__(
        self, dossier: Dossier, plan: QueuePlan, place: Place, seen: m.QueueSeen | None = None
    ) -> None:
        self.state: State = Fresh()
        self._entered = seen
        self._dossier, self._plan, self._place = dossier, plan, place
        self._since = self._seen_at = dossier.now()
        self._heard: _Music | _Announced = _Music()
        self._armed = False
        self._take(plan)

    def concerns(self, message: object) -> TypeGuard[Message]:
        """Whether a message of a contact's mailbox is this treatment's."""
        if type(message) not in _HEARD:
            return False  # most are not
        match message:
            case TimerFired(name):
                return name == TIMER
            case m.QueueSeen(_, queue):
                return queue == self._plan.name and isinstance(self.state, Looking)
            case m.PlayFinished(_, token):
                return isinstance(self._heard, _Announced) and self._heard.token in (token, None)
            case _:
                return False

    def queued(self, *, again: bool) -> ev.ContactQueued:
        """That he waits here; what he may expect is said as he comes."""
        ref, name, seen = self._dossier.ref, self._plan.name, self._entered
        needs = written(self._dossier.needs)
        if again or seen is None:
            return ev.ContactQueued(ref, name, self._place, needs, again)
        regained = None if seen.regained is None else seen.regained.contact
        return ev.ContactQueued(
            ref,
            name,
            self._place,
            needs,
            position=seen.ahead + 1,
            estimate=seen.estimate,
            regained=regained,
        )

    def start(self) -> list[Effect]:
        self.state = Waiting()
        return [self._music(), *self._arm()]

    def go_on(self, since: float, *, plays: bool) -> list[Effect]:
        """After a restart of the server: he has waited since then, and something plays already.

        It may be an announcement, of which only the end is known: then music follows.
        """
        self._since = since
        self._take(self._plan)
        if not plays:
            return self.start()
        self.state = Waiting()
        self._heard = _Announced(None, self._dossier.now() + ANNOUNCEMENT_LEASE)
        return self._arm()

    def hold(self) -> list[Effect]:
        """An agent has been assigned: nothing is done to him until he waits again."""
        self.state = Held()
        return self._disarm()

    def resume(self) -> list[Effect]:
        """He waits again."""
        if not isinstance(self.state, Held):
            return []
        self.state = Waiting()
        return self._arm()

    def change(self, plan: QueuePlan) -> list[Effect]:
        """The queue has other rules, which count from when he began to wait there (R20)."""
        if plan == self._plan:
            return []
        self._take(plan)
        return [*self._disarm(), *self._arm()] if isinstance(self.state, Waiting) else []

    def stop(self) -> list[Effect]:
        """He is connected, or goes elsewhere."""
        self.state = Over()
        return self._disarm()

    def handle(self, message: Message) -> list[Effect | News]:
        if isinstance(message, TimerFired):
            self._armed = False
        match self.state, message:
            case Waiting() | Looking() | Held(), m.PlayFinished():
                return [self._music(), *(self._arm() if isinstance(self.state, Waiting) else ())]
            case Waiting(), TimerFired() if self._asks_the_queue():
                self.state = Looking()
                return [LookAtQueue(self._dossier.id, self._plan.name, self._place)]
            case Waiting(), TimerFired():
                return self._act(None)
            case Looking(), m.QueueSeen() as seen:
                return self._act(seen)
            case _:
                return []  # due, or seen, as an agent was assigned: it is done when he waits again

    # --- what is due --------------------------------------------------------------------------

    def _take(self, plan: QueuePlan) -> None:
        """Its rules are ours.  What would have been heard before now is not made up for."""
        now, self._plan = self._dossier.now(), plan
        self._rules = plan.overflows if self._dossier.may_be_diverted else ()
        self._steps: list[_Step] = []
        for step in plan.treatment:
            due: float | None = self._since + step.after
            if due is not None and due < now:
                due = None if step.every is None else now + step.every
            self._steps.append(_Step(step, due))

    def _asks_the_queue(self) -> bool:
        said = [step for step in self._due_steps() if not isinstance(step.step.what, Comfort)]
        now = self._dossier.now()
        return bool(said) or any(r.asks_the_queue and self._due(r) <= now for r in self._rules)

    def _due_steps(self) -> list[_Step]:
        """None while an announcement plays: they come behind it."""
        if isinstance(self._heard, _Announced):
            return []
        now = self._dossier.now()
        return [step for step in self._steps if step.due is not None and step.due <= now]

    def _due(self, rule: Diversion) -> float:
        """The instant at which the rule may hold next."""
        calendar = self._plan.hours
        match rule.when:
            case "waited":
                return self._since + rule.least
            case "closed" if self._plan.closed:
                return self._dossier.now()
            case "closed" if calendar is not None:
                wall = self._dossier.wall()
                is_open, until = open_at(calendar, wall)
                left = min(until - wall, CLOCK_SECONDS) if is_open else 0.0
                return self._dossier.now() + left
            case _:
                return self._seen_at + LOOK_SECONDS

    def _arm(self) -> list[Effect]:
        due = [self._due(rule) for rule in self._rules]
        match self._heard:
            case _Music():
                due += [step.due for step in self._steps if step.due is not None]
            case _Announced(_, lease):
                due.append(lease)
        if not due:
            return []
        self._armed = True
        return [StartTimer(TIMER, max(0.0, min(due) - self._dossier.now()))]

    def _disarm(self) -> list[Effect]:
        if not self._armed:
            return []
        self._armed = False
        return [CancelTimer(TIMER)]

    # --- what is done -------------------------------------------------------------------------

    def _act(self, seen: m.QueueSeen | None) -> list[Effect | News]:
        now = self._dossier.now()
        if seen is not None or any(self._due(rule) <= now for rule in self._rules):
            self._seen_at = now
        is_open = self._dossier.is_open(self._plan)
        rule = first_that_holds(self._rules, seen, is_open=is_open, since=self._since, now=now)
        if rule is not None:
            return [*self.stop(), Overflows(rule, seen)]
        self.state = Waiting()
        over = isinstance(self._heard, _Announced) and self._heard.lease <= now
        return [*([self._music()] if over else ()), *self._announce(seen), *self._arm()]

    def _announce(self, seen: m.QueueSeen | None) -> list[Effect]:
        """All that is due, one after another."""
        files: list[str] = []
        asked = False
        now = self._dossier.now()
        for step in self._due_steps():
            asked = asked or not isinstance(step.step.what, Comfort)
            said = self._files(step, seen)
            step.times += bool(said)
            enough = step.step.times is not None and step.times >= step.step.times
            every = step.step.every
            step.due = None if every is None or enough else now + every
            files += said
        if not files:
            return []
        position = estimate = None
        if seen is not None and asked:
            position, estimate = seen.ahead + 1, seen.estimate
        announced = ev.ContactAnnounced(
            self._dossier.ref, self._plan.name, tuple(files), position, estimate
        )
        token = self._dossier.new_token()
        self._heard = _Announced(token, now + ANNOUNCEMENT_LEASE)
        return [Record(announced), Play(self._dossier.customer, token, tuple(files))]

    def _files(self, step: _Step, seen: m.QueueSeen | None) -> list[str]:
        match step.step.what:
            case Comfort(file):
                return [file]
            case SayPosition(limit, silent, only_better) if seen is not None:
                place = seen.ahead + 1
                known: tuple[int, ...] = (min(place, limit + 1),)
                pieces = speech.position(place) if place <= limit else speech.beyond(limit)
                if silent and place > limit:
                    pieces = ()
            case SayWait(limit, silent, only_better, size) if (
                seen is not None and seen.estimate is not None
            ):
                low, high = speech.minutes_of(seen.estimate, size)
                known = min(high, limit + 1), min(low, limit + 1)
                pieces = () if silent and low > limit else speech.wait(low, high, limit)
            case _:
                return []
        if only_better and step.last is not None and known >= step.last:
            return []
        if pieces:
            step.last = known
        return [f"{self._dossier.world.voice}/{piece}.wav" for piece in pieces]

    def _music(self) -> Effect:
        self._heard = _Music()
        token = self._dossier.new_token()
        return Play(self._dossier.customer, token, (self._plan.music,), loop=True)
