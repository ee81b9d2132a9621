"""The way to a queue: what is asked, in which order, and when the call is answered."""

from __future__ import annotations

from typing import Any

from actors import events as ev
from actors import messages as m
from actors.commands import ToEntryPoint, ToQueue
from actors.diversion import Busy, Diversion, Farewell
from actors.dossier import MOST_DIVERSIONS, Dossier, World
from actors.effects import LookAtQueue, Play, Record, TellLeg
from actors.flow import AnswerCall, EntryPoint, PlayPrompt, QueuePlan, WaitInQueue
from actors.hours import Calendar, Span
from actors.ids import ContactId, EntryPointName, LegId, QueueName
from actors.walk import PROMPT, Lost, Reached, Released, Walk, parted
from sip.machine import TimerFired
from sip.message import NameAddr, Uri

SUPPORT, SALES = QueueName("support"), QueueName("sales")
CUSTOMER = LegId("c1/0")
NEVER = Calendar("never", "UTC", ((),) * 7)
ALWAYS = Calendar("always", "UTC", ((Span(0, 1440),),) * 7)
FLOW = (AnswerCall(), PlayPrompt("greeting.wav"), WaitInQueue(SUPPORT))


def plan(name: QueueName = SUPPORT, **rules: Any) -> QueuePlan:
    return QueuePlan(name, "music.wav", 18.0, "sorry.wav", **rules)


def walk(*plans: QueuePlan, entry_points: tuple[EntryPoint, ...] = ()) -> Walk:
    world = World({p.name: p for p in plans}, {e.name: e for e in entry_points})
    caller = NameAddr("Anna", Uri.parse("sip:anna@example.com"))
    ref = ev.ContactRef(ContactId("c1"))
    return Walk(Dossier(ref, CUSTOMER, caller, world, lambda: 7.0, lambda: 1e9, arrival=1))


def entry(*flow: Any, **rules: Any) -> EntryPoint:
    return EntryPoint(EntryPointName("main"), flow or FLOW, **rules)


def seen(queue: QueueName = SUPPORT, waiting: int = 0, signed_in: int = 1) -> m.QueueSeen:
    return m.QueueSeen(ContactId("c1"), queue, waiting, waiting, signed_in, signed_in)


def looks(outcome: list[Any]) -> list[QueueName]:
    return [effect.queue for effect in outcome if isinstance(effect, LookAtQueue)]


def test_it_answers_plays_and_looks_before_it_reaches_the_queue() -> None:
    way = walk(plan())
    assert way.enter(entry()) == [TellLeg(CUSTOMER, m.Answer())]
    (play, _) = way.handle(m.LegAnswered(CUSTOMER))
    assert isinstance(play, Play)
    assert play.files == ("greeting.wav",)
    assert looks(way.handle(m.PlayFinished(CUSTOMER, play.token))) == [SUPPORT]
    _, news = parted(way.handle(seen()))
    assert news == Reached(plan(), 5, seen())


def test_a_flow_that_only_waits_answers_when_the_door_is_passed() -> None:
    way = walk(plan())
    assert looks(way.enter(entry(WaitInQueue(SUPPORT, 2)))) == [SUPPORT]
    effects, news = parted(way.handle(seen()))
    assert TellLeg(CUSTOMER, m.Answer()) in effects
    assert news is None
    assert parted(way.handle(m.LegAnswered(CUSTOMER)))[1] == Reached(plan(), 2, seen())


def test_where_only_the_clock_is_asked_the_queue_is_not() -> None:
    rules = (Diversion("closed", Busy(600)),)
    way = walk(plan())
    _, news = parted(way.enter(entry(hours=NEVER, diversions=rules)))
    assert news == Released("closed", 600)
    assert walk(plan()).enter(entry(hours=ALWAYS, diversions=rules)) == [
        TellLeg(CUSTOMER, m.Answer())
    ]


def test_an_entry_point_without_hours_has_those_of_its_queue() -> None:
    way = walk(plan(hours=NEVER))
    _, news = parted(way.enter(entry(diversions=(Diversion("closed", Busy()),))))
    assert news == Released("closed", 486)


def test_the_first_rule_that_holds_is_taken_and_written_down() -> None:
    rules = (
        Diversion("waiting", Busy(), 10),
        Diversion("no_agents", ToQueue(SALES)),
        Diversion("waiting", Farewell("sorry.wav"), 1),
    )
    way = walk(plan(diversions=rules), plan(SALES))
    way.enter(entry(WaitInQueue(SUPPORT)))
    outcome = way.handle(seen(waiting=3, signed_in=0))
    (record,) = (effect for effect in outcome if isinstance(effect, Record))
    assert record.event == ev.ContactDiverted(
        ev.ContactRef(ContactId("c1")),
        SUPPORT,
        "no_agents",
        "queue:sales",
        True,
        None,
        ev.QueueFigures(3, 0, 0),
    )
    assert looks(outcome) == [SALES], "the next queue has a door of its own"


def test_a_message_that_never_ends_lets_the_customer_go_all_the_same() -> None:
    way = walk(plan())
    way.let_go("sorry.wav", "full")
    way.handle(m.LegAnswered(CUSTOMER))
    assert parted(way.handle(TimerFired(PROMPT)))[1] == Released("full")


def test_a_greeting_that_never_ends_fails_the_contact() -> None:
    way = walk(plan())
    way.enter(entry())
    way.handle(m.LegAnswered(CUSTOMER))
    assert parted(way.handle(TimerFired(PROMPT)))[1] == Lost("prompt never ended")


def test_a_circle_that_no_check_has_seen_ends_in_a_queue() -> None:
    round_it = Diversion("no_agents", ToEntryPoint(EntryPointName("main")))
    main = entry(WaitInQueue(SUPPORT))
    way = walk(plan(diversions=(round_it,)), entry_points=(main,))
    way.enter(main)
    outcomes = [way.handle(seen(signed_in=0)) for _ in range(MOST_DIVERSIONS + 1)]
    recorded = [effect for one in outcomes for effect in one if isinstance(effect, Record)]
    assert len(recorded) == MOST_DIVERSIONS
    assert TellLeg(CUSTOMER, m.Answer()) in outcomes[-1]
