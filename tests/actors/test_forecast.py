"""What is known of a queue, as its events tell it."""

from __future__ import annotations

from typing import Any

import pytest

from actors import events as ev
from actors.estimate import LEAST, Estimate
from actors.forecast import Forecast
from actors.ids import AgentId, ContactId, LegId, QueueName
from actors.place import Place
from actors.reasons import Outcome
from actors.routing.policy import Policy, QueuePolicy

SUPPORT, SALES = QueueName("support"), QueueName("sales")
ADA, BEN = AgentId("1001"), AgentId("1002")
NEW = ContactId("new")


def forecast() -> Forecast:
    return Forecast({SUPPORT: [ADA, BEN], SALES: [BEN]}, lambda: 100.0, {BEN: "available"})


def queued(name: str, seq: int, queue: QueueName = SUPPORT, priority: int = 5) -> ev.ContactQueued:
    place = Place(priority, float(seq), seq)
    return ev.ContactQueued(ev.ContactRef(ContactId(name)), queue, place)


def becomes(agent: AgentId, state: str) -> ev.AgentStateChanged:
    return ev.AgentStateChanged(agent, "voice", "whatever", state)


def waiting_and_ahead(known: Forecast, place: Place, name: ContactId = NEW) -> tuple[int, int]:
    seen = known.look(name, SUPPORT, place)
    return seen.waiting, seen.ahead


def test_who_stands_before_a_place_is_counted_by_places_and_not_by_arrival() -> None:
    known = forecast()
    for event in (queued("a", 1), queued("b", 2), queued("urgent", 3, priority=1)):
        known.apply(event)
    assert waiting_and_ahead(known, Place(5, 9.0, 9)) == (3, 3)
    assert waiting_and_ahead(known, Place(2, 9.0, 9)) == (3, 1)
    assert waiting_and_ahead(known, Place(5, 2.0, 2), ContactId("b")) == (2, 2)


def test_who_leaves_in_any_way_waits_no_more() -> None:
    ref = ev.ContactRef(ContactId("a"))
    leg = LegId("a/1")
    ways: list[Any] = [
        ev.ContactPresented(ref, SUPPORT, ADA, leg, 0.0),
        ev.ContactConnected(ref, SUPPORT, ADA, leg, 1.0, 1.0),
        ev.ContactDiverted(ref, SUPPORT, "waited", "queue:sales", True),
        ev.ContactLeftQueue(ref, SUPPORT, ADA, 1.0),
        ev.ContactEnded(ref, Outcome.ABANDONED),
        ev.ServerStarted("1", "epoch"),
    ]
    for way in ways:
        known = forecast()
        known.apply(queued("a", 1))
        known.apply(queued("a", 1))
        assert waiting_and_ahead(known, Place(5, 9.0, 9)) == (1, 1)
        known.apply(way)
        known.apply(way)
        assert waiting_and_ahead(known, Place(5, 9.0, 9)) == (0, 0), way


def test_who_goes_to_another_queue_waits_there() -> None:
    known = forecast()
    known.apply(queued("a", 1))
    known.apply(queued("a", 1, SALES))
    assert waiting_and_ahead(known, Place(5, 9.0, 9)) == (0, 0)
    assert known.look(NEW, SALES, Place(5, 9.0, 9)).waiting == 1


def test_agents_count_where_they_could_serve() -> None:
    known = forecast()
    place = Place(5, 1.0, 1)

    def staff(queue: QueueName) -> tuple[int, int]:
        seen = known.look(NEW, queue, place)
        return seen.signed_in, seen.working

    assert (staff(SUPPORT), staff(SALES)) == ((1, 1), (1, 1))
    known.apply(becomes(ADA, "idle"))
    assert (staff(SUPPORT), staff(SALES)) == ((2, 1), (1, 1))
    known.apply(becomes(ADA, "engaged"))
    known.apply(becomes(BEN, "signed_out"))
    assert (staff(SUPPORT), staff(SALES)) == ((1, 1), (0, 0))


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def serves(known: Forecast, clock: Clock, agent: AgentId, seconds: float, queue: QueueName) -> None:
    """One contact, from the reservation to the end of wrap-up."""
    ref = ev.ContactRef(ContactId(f"c{clock.now}"))
    known.apply(becomes(agent, "reserved"))
    clock.now += seconds / 10
    known.apply(ev.ContactConnected(ref, queue, agent, LegId("l"), 0.0, 0.0))
    known.apply(becomes(agent, "engaged"))
    clock.now += seconds / 2
    known.apply(ev.ContactEnded(ref, Outcome.HANDLED))
    known.apply(becomes(agent, "wrap_up"))
    clock.now += seconds * 4 / 10
    known.apply(becomes(agent, "available"))


def test_who_comes_to_free_agents_does_not_wait_and_who_comes_behind_them_is_not_known() -> None:
    known = forecast()
    assert known.look(NEW, SUPPORT, Place(5, 9.0, 9)).estimate == Estimate(0.0, 0.0)
    known.apply(queued("a", 1))
    assert known.look(NEW, SUPPORT, Place(5, 9.0, 9)).estimate is None


def test_the_wait_is_known_from_how_long_the_last_ones_took_with_wrap_up() -> None:
    clock = Clock()
    known = Forecast({SUPPORT: [ADA]}, clock, {ADA: "available"})
    for _ in range(LEAST):
        serves(known, clock, ADA, 100.0, SUPPORT)
    known.apply(becomes(ADA, "reserved"))
    clock.now += 30
    for ahead, wait in enumerate((70.0, 170.0, 270.0)):
        estimate = known.look(NEW, SUPPORT, Place(5, 1e6, 99)).estimate
        assert estimate is not None
        assert (estimate.p50, estimate.p90) == (pytest.approx(wait), pytest.approx(wait))
        known.apply(queued(f"c{ahead}", ahead))


def test_a_phone_that_rang_in_vain_says_nothing_of_how_long_contacts_take() -> None:
    clock = Clock()
    known = Forecast({SUPPORT: [ADA]}, clock, {ADA: "available"})
    for _ in range(LEAST):
        known.apply(becomes(ADA, "reserved"))
        clock.now += 18
        known.apply(becomes(ADA, "available"))
    known.apply(becomes(ADA, "engaged"))
    assert known.look(NEW, SUPPORT, Place(5, 1e6, 99)).estimate is None


def test_those_before_us_in_a_queue_of_the_same_agents_count() -> None:
    clock = Clock()
    known = Forecast({SUPPORT: [ADA], SALES: [ADA, BEN]}, clock, {ADA: "available"})
    for _ in range(LEAST):
        serves(known, clock, ADA, 100.0, SUPPORT)
    known.apply(becomes(ADA, "engaged"))
    clock.now += 2

    def wait() -> float:
        clock.now += 3  # an estimate serves all who ask within two seconds
        estimate = known.look(NEW, SUPPORT, Place(5, 1e6, 99)).estimate
        assert estimate is not None
        return estimate.p50

    alone = wait()
    known.apply(queued("a", 1, SALES))
    known.apply(queued("b", 2, SALES))
    assert wait() == pytest.approx(alone + 100, abs=5), "half of their agents are ours"


def test_where_all_have_gone_to_lunch_nothing_is_known() -> None:
    clock = Clock()
    known = Forecast({SUPPORT: [ADA]}, clock, {ADA: "available"})
    for _ in range(LEAST):
        serves(known, clock, ADA, 100.0, SUPPORT)
    known.apply(becomes(ADA, "idle"))
    assert known.look(NEW, SUPPORT, Place(5, 1e6, 99)).estimate is None


def test_where_seconds_are_worth_priority_the_line_is_the_dispatchers() -> None:
    rules = Policy({SUPPORT: QueuePolicy(SUPPORT, priority_seconds=60.0)})
    known = Forecast({SUPPORT: [ADA]}, lambda: 0.0, {}, rules)
    known.apply(queued("long", 10))
    known.apply(queued("urgent", 200, priority=1))
    new = Place(5, 100.0, 300)
    assert waiting_and_ahead(known, new) == (2, 2), "four steps of priority are 240 seconds"
    assert waiting_and_ahead(known, Place(3, 100.0, 300)) == (2, 1)
    known.configure({SUPPORT: [ADA]})
    assert waiting_and_ahead(known, Place(1, 100.0, 300)) == (2, 0)
    assert waiting_and_ahead(known, new) == (2, 2)


def test_a_heavier_queue_of_the_same_agents_stands_before_us() -> None:
    clock = Clock()
    rules = Policy({SALES: QueuePolicy(SALES, weight=3)})
    known = Forecast({SUPPORT: [ADA], SALES: [ADA]}, clock, {ADA: "available"}, rules)
    for _ in range(LEAST):
        serves(known, clock, ADA, 100.0, SUPPORT)
    known.apply(becomes(ADA, "engaged"))
    known.apply(queued("late", 10_000, SALES))
    seen = known.look(NEW, SUPPORT, Place(5, 1.0, 1))
    assert seen.ahead == 0
    assert seen.estimate is not None
    assert seen.estimate.p50 == pytest.approx(200.0)


def test_other_agents_and_queues_are_known_from_then_on() -> None:
    known = forecast()
    known.apply(becomes(ADA, "available"))
    known.configure({SALES: [ADA]})
    assert known.look(NEW, SALES, Place(5, 1.0, 1)).signed_in == 1
    known.apply(becomes(ADA, "signed_out"))
    known.apply(becomes(BEN, "signed_out"))
    assert known.look(NEW, SALES, Place(5, 1.0, 1)).signed_in == 0
