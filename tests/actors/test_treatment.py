"""What happens to a customer who waits: when overflows are looked at, and who wins a race (R16)."""

from __future__ import annotations

from typing import Any

import pytest

from actors import events as ev
from actors import messages as m
from actors.commands import ToQueue
from actors.contact import Contact, Seeking, Start
from actors.diversion import Diversion
from actors.dossier import Dossier, World
from actors.effects import LookAtQueue, Record, TellAgent, TellQueue
from actors.flow import EntryPoint, QueuePlan, WaitInQueue
from actors.hours import Calendar, Span
from actors.ids import AgentId, ContactId, EntryPointName, LegId, QueueName
from actors.place import Place
from actors.treatment import LOOK_SECONDS, TIMER, Overflows, Treatment, parted
from sip.machine import CancelTimer, StartTimer, TimerFired
from sip.message import NameAddr, Uri
from sip.transport.path import Path

SUPPORT, SALES = QueueName("support"), QueueName("sales")
CONTACT, CUSTOMER, ADA = ContactId("c1"), LegId("c1/0"), AgentId("1001")
TARGET = m.Target("sip:1001@x", "sip:1001@10.0.0.9", Path("udp", 0, ("10.0.0.9", 5060)))
PLACE = Place(5, 0.0, 1)
ON = ToQueue(SALES)
MIDNIGHT = 1_800_000_000.0 - 1_800_000_000.0 % 86400
DAILY = Calendar("daily", "UTC", ((Span(540, 1080),),) * 7)
"""From 09:00 to 18:00."""


class Clock:
    now, wall = 0.0, MIDNIGHT + 17 * 3600

    def passes(self, seconds: float) -> None:
        self.now += seconds
        self.wall += seconds


def dossier(clock: Clock, *plans: QueuePlan) -> Dossier:
    return Dossier(
        ev.ContactRef(CONTACT),
        CUSTOMER,
        NameAddr("Anna", Uri.parse("sip:anna@example.com")),
        World({plan.name: plan for plan in plans}),
        lambda: clock.now,
        lambda: clock.wall,
        arrival=1,
    )


def plan(*overflows: Diversion, name: QueueName = SUPPORT, **rest: Any) -> QueuePlan:
    return QueuePlan(name, "music.wav", 18.0, "sorry.wav", overflows=overflows, **rest)


def treated(clock: Clock, *rules: Diversion, **rest: Any) -> tuple[Treatment, float | None]:
    """And when it wants to be woken."""
    treatment = Treatment(dossier(clock), plan(*rules, **rest), PLACE)
    return treatment, wakes(treatment.start())


def wakes(effects: list[Any]) -> float | None:
    timers = [effect.seconds for effect in effects if isinstance(effect, StartTimer)]
    return timers[-1] if timers else None


def seen(signed_in: int = 1) -> m.QueueSeen:
    return m.QueueSeen(CONTACT, SUPPORT, 0, 0, signed_in, signed_in)


def test_a_queue_without_rules_sets_no_timer() -> None:
    assert treated(Clock())[1] is None


def test_the_time_waited_is_an_instant_and_not_a_look() -> None:
    clock, rule = Clock(), Diversion("waited", ON, 61.7)
    treatment, due = treated(clock, rule)
    assert due == 61.7
    clock.passes(61.7)
    assert parted(treatment.handle(TimerFired(TIMER)))[1] == Overflows(rule, None)


def test_closing_time_is_foreseen_and_the_clock_is_read_again_meanwhile() -> None:
    clock, rule = Clock(), Diversion("closed", ON)
    treatment, due = treated(clock, rule, hours=DAILY)
    while clock.wall < MIDNIGHT + 18 * 3600:
        assert due is not None
        assert due <= 60.0
        clock.passes(due)
        effects, news = parted(treatment.handle(TimerFired(TIMER)))
        due = wakes(effects)
    assert clock.wall == MIDNIGHT + 18 * 3600
    assert news == Overflows(rule, None)


def test_what_depends_on_others_is_looked_at_now_and_then() -> None:
    clock, rule = Clock(), Diversion("no_agents", ON)
    treatment, due = treated(clock, rule)
    assert due == LOOK_SECONDS
    clock.passes(due)
    assert any(isinstance(e, LookAtQueue) for e in treatment.handle(TimerFired(TIMER)))
    effects, news = parted(treatment.handle(seen(signed_in=1)))
    assert (wakes(effects), news) == (LOOK_SECONDS, None)
    clock.passes(LOOK_SECONDS)
    treatment.handle(TimerFired(TIMER))
    effects, news = parted(treatment.handle(seen(signed_in=0)))
    assert news == Overflows(rule, seen(signed_in=0))
    assert CancelTimer(TIMER) in effects


def test_a_look_that_is_not_answered_is_made_again() -> None:
    clock = Clock()
    treatment, _ = treated(clock, Diversion("no_agents", ON))
    clock.passes(LOOK_SECONDS)
    treatment.handle(TimerFired(TIMER))
    clock.passes(1)
    effects, news = parted(treatment.handle(TimerFired(TIMER)))
    assert (wakes(effects), news) == (LOOK_SECONDS, None)


def test_who_is_being_offered_is_let_alone_until_he_waits_again() -> None:
    clock = Clock()
    treatment, _ = treated(clock, Diversion("waited", ON, 60))
    clock.passes(50)
    assert treatment.hold() == [CancelTimer(TIMER)]
    assert treatment.handle(TimerFired(TIMER)) == []
    clock.passes(20)
    assert wakes(treatment.resume()) == 0.0


# --- races, in both orders --------------------------------------------------------------------


def waiting(clock: Clock) -> Contact:
    """In support, from which he overflows into sales after a minute."""
    plans = plan(Diversion("waited", ON, 60)), plan(name=SALES)
    entry = EntryPoint(EntryPointName("main"), (WaitInQueue(SUPPORT),))
    contact = Contact(dossier(clock, *plans), entry, dnis="1", longest=9999.0)
    contact.handle(Start())
    contact.handle(seen())
    contact.handle(m.LegAnswered(CUSTOMER))
    assert isinstance(contact.state, Seeking)
    clock.passes(60)
    return contact


DUE = TimerFired(TIMER)
ASSIGNED = m.Assigned(CONTACT, ADA, (TARGET,), 60.0)
GONE = m.LegEnded(CUSTOMER, "bye")
FULL = m.Overflowed(CONTACT, SUPPORT, "max_wait")
LOOKED = m.QueueSeen(CONTACT, SALES, 0, 0, 1, 1)


def hears(contact: Contact, *messages: Any) -> list[Any]:
    """Cancelled timers do not fire: the shell sees to that, and so does this."""
    told: list[Any] = []
    for message in messages:
        if isinstance(message, TimerFired) and CancelTimer(message.name) in told:
            continue
        told.extend(contact.handle(message))
    return told


def transitions(told: list[Any]) -> list[str]:
    tags = [str(type(e.event).__struct_config__.tag) for e in told if isinstance(e, Record)]
    return [tag.removeprefix("contact.") for tag in tags]


def test_race_an_overflow_fires_before_the_assignment_is_heard() -> None:
    told = hears(waiting(Clock()), DUE, ASSIGNED, LOOKED)
    assert transitions(told) == ["diverted", "queued"]
    assert TellQueue(SUPPORT, m.LeaveQueue(CONTACT)) in told
    assert TellAgent(ADA, m.OfferWithdrawn(CONTACT, "queue")) in told, "the agent is free again"


def test_race_an_overflow_fires_after_the_assignment_is_heard() -> None:
    contact = waiting(Clock())
    told = hears(contact, ASSIGNED, DUE)
    assert transitions(told) == []
    assert isinstance(contact.state, Seeking)
    assert contact.state.plan.name == SUPPORT
    assert not any(isinstance(e, TellAgent) for e in told), "the phone rings on"


@pytest.mark.parametrize("order", [(DUE, GONE), (GONE, DUE)])
def test_race_an_overflow_fires_as_the_caller_hangs_up(order) -> None:
    told = hears(waiting(Clock()), *order)
    assert transitions(told) == (["diverted", "ended"] if order[0] == DUE else ["ended"])
    assert [e for e in told if e == TellQueue(SUPPORT, m.LeaveQueue(CONTACT))] != []


@pytest.mark.parametrize("order", [(DUE, FULL), (FULL, DUE)])
def test_race_two_bounds_of_waiting_fire_at_once(order) -> None:
    """A rule and the queue's own bound: the first decides, and the other changes nothing."""
    told = hears(waiting(Clock()), *order, LOOKED)
    assert transitions(told) == (["diverted", "queued"] if order[0] == DUE else [])
