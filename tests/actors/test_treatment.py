"""What happens to a customer who waits: when overflows are looked at, and who wins a race (R16)."""

from __future__ import annotations

from typing import Any

import pytest

from actors import events as ev
from actors import messages as m
from actors.commands import ToQueue
from actors.contact import Contact
from actors.contact_states import Seeking, Start
from actors.diversion import Diversion
from actors.dossier import Dossier, World
from actors.effects import LookAtQueue, Play, Record, TellAgent, TellQueue
from actors.estimate import Estimate
from actors.flow import (
    Announcement,
    Comfort,
    EntryPoint,
    QueuePlan,
    SayPosition,
    SayWait,
    WaitInQueue,
)
from actors.hours import Calendar, Span
from actors.ids import AgentId, ContactId, EntryPointName, LegId, QueueName
from actors.place import Place
from actors.treatment import ANNOUNCEMENT_LEASE, LOOK_SECONDS, TIMER, Overflows, Treatment, parted
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
    assert effects == [], "the timer has fired, and none is armed while it looks"


def test_who_is_being_offered_is_let_alone_until_he_waits_again() -> None:
    clock = Clock()
    treatment, _ = treated(clock, Diversion("waited", ON, 60))
    clock.passes(50)
    assert treatment.hold() == [CancelTimer(TIMER)]
    assert treatment.handle(TimerFired(TIMER)) == []
    clock.passes(20)
    assert wakes(treatment.resume()) == 0.0


# --- what he hears --------------------------------------------------------------------------------


def heard(effects: list[Any]) -> list[tuple[str, ...]]:
    return [effect.files for effect in effects if isinstance(effect, Play)]


def token(effects: list[Any]) -> str:
    return next(effect.token for effect in reversed(effects) if isinstance(effect, Play))


def listening(clock: Clock, *steps: Announcement, **rest: Any) -> tuple[Treatment, float | None]:
    treatment = Treatment(dossier(clock), plan(treatment=steps, **rest), PLACE)
    return treatment, wakes(treatment.start())


def stands(ahead: int, p50: float | None = None, p90: float = 0.0) -> m.QueueSeen:
    estimate = None if p50 is None else Estimate(p50, p90)
    return m.QueueSeen(CONTACT, SUPPORT, ahead, ahead, 1, 1, estimate)


POSITION = SayPosition(10, silent=False, only_better=True)
WAIT = SayWait(60, silent=False, only_better=True, step=1)


def says(treatment: Treatment, clock: Clock, seen: m.QueueSeen, after: float) -> list[Any]:
    """What is done when the timer fires, and the queue has been looked at."""
    clock.passes(after)
    looked = treatment.handle(TimerFired(TIMER))
    assert any(isinstance(effect, LookAtQueue) for effect in looked)
    effects, _ = parted(treatment.handle(seen))
    return effects


def test_a_comfort_message_is_played_between_the_music_as_often_as_it_is_written() -> None:
    clock = Clock()
    comfort = Announcement(Comfort("comfort.wav"), 30.0, 60.0, times=2)
    treatment, due = listening(clock, comfort)
    assert due == 30
    clock.passes(30)
    effects, _ = parted(treatment.handle(TimerFired(TIMER)))
    assert heard(effects) == [("comfort.wav",)]
    clock.passes(5)
    music = treatment.handle(m.PlayFinished(CUSTOMER, token(effects)))
    assert heard(music) == [("music.wav",)]
    assert wakes(music) == 55
    clock.passes(55)
    effects, _ = parted(treatment.handle(TimerFired(TIMER)))
    assert heard(effects) == [("comfort.wav",)]
    assert wakes(treatment.handle(m.PlayFinished(CUSTOMER, token(effects)))) is None


def test_a_position_is_said_and_written_down() -> None:
    clock = Clock()
    treatment, _ = listening(clock, Announcement(POSITION, 10.0))
    effects = says(treatment, clock, stands(2, 100.0, 200.0), 10)
    files = ("en/number.wav", "en/3.wav", "en/in-line.wav")
    assert heard(effects) == [files]
    (record,) = (effect for effect in effects if isinstance(effect, Record))
    assert record.event == ev.ContactAnnounced(
        ev.ContactRef(CONTACT), SUPPORT, files, 3, Estimate(100.0, 200.0)
    )


def test_only_a_better_position_is_said() -> None:
    clock = Clock()
    treatment, _ = listening(clock, Announcement(POSITION, 10.0, 10.0))
    said = []
    for ahead in (4, 4, 6, 2, 3, 0):
        effects = says(treatment, clock, stands(ahead), 10)
        said += [files[1] if len(files) > 1 else files[0] for files in heard(effects)]
        if heard(effects):
            treatment.handle(m.PlayFinished(CUSTOMER, token(effects)))
    assert said == ["en/5.wav", "en/3.wav", "en/next.wav"]


def test_every_position_is_said_where_the_rule_is_not_wanted() -> None:
    clock = Clock()
    every = SayPosition(10, silent=False, only_better=False)
    treatment, _ = listening(clock, Announcement(every, 10.0, 10.0))
    for ahead in (4, 4, 6):
        effects = says(treatment, clock, stands(ahead), 10)
        assert heard(effects) == [("en/number.wav", f"en/{ahead + 1}.wav", "en/in-line.wav")]
        treatment.handle(m.PlayFinished(CUSTOMER, token(effects)))


@pytest.mark.parametrize(
    ("silent", "files"),
    [(True, []), (False, [("en/more-than.wav", "en/10.wav", "en/before-you.wav")])],
)
def test_beyond_the_limit_less_is_said_or_nothing(silent, files) -> None:
    clock = Clock()
    step = SayPosition(10, silent=silent, only_better=True)
    treatment, _ = listening(clock, Announcement(step, 10.0, 10.0))
    assert heard(says(treatment, clock, stands(40), 10)) == files


def test_a_wait_is_said_when_it_is_known_and_when_it_is_less_than_before() -> None:
    clock = Clock()
    treatment, _ = listening(clock, Announcement(WAIT, 10.0, 10.0))
    assert heard(says(treatment, clock, stands(3), 10)) == [], "nothing is known"
    effects = says(treatment, clock, stands(3, 170.0, 290.0), 10)
    assert heard(effects) == [
        tuple(f"en/{p}.wav" for p in ("wait-between", "3", "and", "5", "minutes"))
    ]
    treatment.handle(m.PlayFinished(CUSTOMER, token(effects)))
    assert heard(says(treatment, clock, stands(3, 175.0, 300.0), 10)) == []
    assert heard(says(treatment, clock, stands(2, 100.0, 200.0), 10)) != []


def test_what_is_due_at_once_is_said_in_one_go() -> None:
    clock = Clock()
    steps = (
        Announcement(Comfort("comfort.wav"), 10.0),
        Announcement(POSITION, 10.0),
        Announcement(WAIT, 10.0),
    )
    treatment, _ = listening(clock, *steps)
    (files,) = heard(says(treatment, clock, stands(0, 5.0, 9.0), 10))
    assert files == ("comfort.wav", "en/next.wav", "en/wait-below.wav")


def test_nothing_is_begun_while_a_phone_rings_and_music_follows_what_plays() -> None:
    clock = Clock()
    treatment, _ = listening(clock, Announcement(Comfort("comfort.wav"), 10.0, 20.0))
    clock.passes(10)
    effects, _ = parted(treatment.handle(TimerFired(TIMER)))
    treatment.hold()
    assert heard(treatment.handle(m.PlayFinished(CUSTOMER, token(effects)))) == [("music.wav",)]
    clock.passes(60)
    assert treatment.handle(TimerFired(TIMER)) == []
    assert wakes(treatment.resume()) == 0


def test_an_overflow_does_not_wait_for_an_announcement() -> None:
    clock, rule = Clock(), Diversion("waited", ON, 12)
    steps = (Announcement(Comfort("comfort.wav"), 10.0),)
    treatment = Treatment(dossier(clock), plan(rule, treatment=steps), PLACE)
    treatment.start()
    clock.passes(10)
    effects, _ = parted(treatment.handle(TimerFired(TIMER)))
    assert wakes(effects) == 2
    clock.passes(2)
    assert parted(treatment.handle(TimerFired(TIMER)))[1] == Overflows(rule, None)


def test_an_announcement_that_never_ends_gives_way_to_music() -> None:
    clock = Clock()
    treatment, _ = listening(clock, Announcement(Comfort("comfort.wav"), 10.0))
    clock.passes(10)
    effects, _ = parted(treatment.handle(TimerFired(TIMER)))
    assert wakes(effects) == ANNOUNCEMENT_LEASE
    clock.passes(ANNOUNCEMENT_LEASE)
    assert heard(treatment.handle(TimerFired(TIMER))) == [("music.wav",)]


def test_a_treatment_that_is_written_anew_is_not_made_up_for() -> None:
    clock = Clock()
    treatment, _ = listening(clock, Announcement(Comfort("comfort.wav"), 500.0))
    clock.passes(100)
    early = Announcement(Comfort("early.wav"), 30.0)
    again = Announcement(Comfort("again.wav"), 30.0, 45.0)
    late = Announcement(Comfort("late.wav"), 170.0)
    assert wakes(treatment.change(plan(treatment=(early, again, late)))) == 45
    assert treatment.change(plan(treatment=(early, again, late))) == []


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


def test_after_a_restart_music_follows_whatever_played() -> None:
    clock = Clock()
    treatment = Treatment(dossier(clock), plan(), PLACE)
    assert heard(treatment.go_on(-100.0, plays=True)) == []
    finished = m.PlayFinished(CUSTOMER, "of a run before")
    assert treatment.concerns(finished)
    assert heard(treatment.handle(finished)) == [("music.wav",)]
    assert not treatment.concerns(finished)
    assert heard(Treatment(dossier(clock), plan(), PLACE).go_on(0.0, plays=False)) != []


def test_after_a_restart_he_has_waited_since_he_came() -> None:
    clock, rule = Clock(), Diversion("waited", ON, 60)
    steps = (Announcement(Comfort("early.wav"), 30.0), Announcement(Comfort("late.wav"), 55.0))
    treatment = Treatment(dossier(clock), plan(rule, treatment=steps), PLACE)
    assert wakes(treatment.go_on(-50.0, plays=False)) == 5
