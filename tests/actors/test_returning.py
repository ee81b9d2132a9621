"""Places that are kept for callers who hang up and come back (P-9)."""

from __future__ import annotations

from actors import events as ev
from actors.ids import ContactId, EntryPointName, LegId, QueueName
from actors.messages import Regained
from actors.place import Place
from actors.reasons import During, Outcome
from actors.returning import MOST, Returning

SUPPORT, SALES = QueueName("support"), QueueName("sales")
ANNA, BERT = "+4930123", "+4930456"
PLACE = Place(5, 100.0, 7)


class Door:
    """Callers come and go; the clock is the test's."""

    def __init__(self, seconds: float = 60.0) -> None:
        self.now = 1000.0
        self.kept = Returning({SUPPORT: seconds, SALES: 0.0}, lambda: self.now)

    def arrives(self, name: str, ani: str = ANNA) -> ContactId:
        contact = ContactId(name)
        ref = ev.ContactRef(contact)
        arrived = ev.ContactArrived(ref, EntryPointName("e"), ani, "1", LegId(f"{name}/0"))
        self.kept.apply(arrived)
        return contact

    def waits(self, contact: ContactId, queue: QueueName = SUPPORT, place: Place = PLACE) -> None:
        self.kept.apply(ev.ContactQueued(ev.ContactRef(contact), queue, place))

    def hangs_up(
        self,
        contact: ContactId,
        during: During = During.QUEUE,
        queue: QueueName | None = SUPPORT,
        outcome: Outcome = Outcome.ABANDONED,
    ) -> None:
        ref = ev.ContactRef(contact)
        self.kept.apply(ev.ContactEnded(ref, outcome, queue, during=during))

    def leaves(self, name: str = "first", ani: str = ANNA) -> None:
        contact = self.arrives(name, ani)
        self.waits(contact)
        self.hangs_up(contact)

    def asks(
        self, name: str, ani: str = ANNA, queue: QueueName = SUPPORT
    ) -> tuple[ContactId, Regained | None]:
        contact = self.arrives(name, ani)
        return contact, self.kept.take(contact, queue, ani)


def test_who_comes_back_in_time_has_his_place_again() -> None:
    door = Door()
    door.leaves()
    door.now += 60
    assert door.asks("again")[1] == Regained(PLACE, ContactId("first"))


def test_who_was_cut_off_by_us_has_his_place_again() -> None:
    door = Door()
    first = door.arrives("first")
    door.waits(first)
    door.hangs_up(first, outcome=Outcome.FAILED)
    assert door.asks("again")[1] == Regained(PLACE, first)


def test_who_comes_back_too_late_has_not() -> None:
    door = Door()
    door.leaves()
    door.now += 60.001
    assert door.asks("again")[1] is None
    assert len(door.kept) == 0


def test_a_place_is_kept_for_the_caller_and_the_queue() -> None:
    door = Door()
    door.leaves()
    assert door.asks("bert", BERT)[1] is None
    assert door.asks("elsewhere", ANNA, SALES)[1] is None
    assert door.asks("again")[1] is not None


def test_a_queue_that_keeps_none_keeps_none() -> None:
    door = Door()
    contact = door.arrives("first")
    door.waits(contact, SALES)
    door.hangs_up(contact, queue=SALES)
    assert len(door.kept) == 0


def test_nobody_has_it_twice_even_if_two_are_at_the_door() -> None:
    door = Door()
    door.leaves()
    assert door.asks("again")[1] is not None
    assert door.asks("and again")[1] is None


def test_who_takes_it_and_does_not_wait_leaves_it_for_the_next_time() -> None:
    for leaves in ("hangs up", "is diverted"):
        door = Door()
        door.leaves()
        contact, place = door.asks("again")
        assert place is not None
        if leaves == "hangs up":
            door.hangs_up(contact, During.FLOW, None)
        else:
            ref = ev.ContactRef(contact)
            door.kept.apply(ev.ContactDiverted(ref, SUPPORT, "closed", "busy:486", False))
        assert door.asks("at last")[1] == place


def test_who_hangs_up_again_keeps_it_again() -> None:
    door = Door()
    door.leaves()
    contact, _ = door.asks("again")
    door.waits(contact)
    door.hangs_up(contact, During.RINGING)
    assert door.asks("at last")[1] == Regained(PLACE, ContactId("again"))


def test_who_was_served_or_was_let_go_or_did_not_wait_has_none() -> None:
    door = Door()
    ref = ev.ContactRef(door.arrives("served"))
    door.waits(ref.id)
    door.kept.apply(ev.ContactEnded(ref, Outcome.HANDLED, SUPPORT))
    ref = ev.ContactRef(door.arrives("overflowed"))
    door.waits(ref.id)
    door.kept.apply(ev.ContactEnded(ref, Outcome.OVERFLOWED, SUPPORT))
    door.hangs_up(door.arrives("in the flow"), During.FLOW, None)
    assert len(door.kept) == 0


def test_a_caller_without_a_number_has_none() -> None:
    door = Door()
    for ani in ("anonymous", ""):
        door.leaves("first", ani)
        assert door.asks("again", ani)[1] is None
    assert len(door.kept) == 0


def test_no_more_than_so_many_are_kept_and_the_oldest_goes() -> None:
    door = Door()
    for n in range(MOST + 1):
        door.leaves(f"c{n}", f"+{n}")
    assert len(door.kept) == MOST
    assert door.asks("first", "+0")[1] is None
    assert door.asks("second", "+1")[1] is not None


def test_another_configuration_counts_from_then_on() -> None:
    door = Door()
    door.leaves()
    door.kept.configure({})
    assert door.asks("again")[1] is None, "of callers who come now nothing is remembered"
    door.kept.configure({SUPPORT: 60.0})
    assert door.asks("and again")[1] is not None
