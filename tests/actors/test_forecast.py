"""What is known of a queue, as its events tell it."""

from __future__ import annotations

from typing import Any

from actors import events as ev
from actors.forecast import Forecast
from actors.ids import AgentId, ContactId, LegId, QueueName
from actors.place import Place
from actors.reasons import Outcome

SUPPORT, SALES = QueueName("support"), QueueName("sales")
ADA, BEN = AgentId("1001"), AgentId("1002")
NEW = ContactId("new")


def forecast() -> Forecast:
    return Forecast({SUPPORT: [ADA, BEN], SALES: [BEN]}, lambda: 100.0, {BEN: "available"})


def queued(name: str, seq: int, queue: QueueName = SUPPORT, priority: int = 5) -> ev.ContactQueued:
    place = Place(priority, float(seq), seq)
    return ev.ContactQueued(ev.ContactRef(ContactId(name)), queue, place, ())


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


def test_other_agents_and_queues_are_known_from_then_on() -> None:
    known = forecast()
    known.apply(becomes(ADA, "available"))
    known.configure({SALES: [ADA]})
    assert known.look(NEW, SALES, Place(5, 1.0, 1)).signed_in == 1
    known.apply(becomes(ADA, "signed_out"))
    known.apply(becomes(BEN, "signed_out"))
    assert known.look(NEW, SALES, Place(5, 1.0, 1)).signed_in == 0
