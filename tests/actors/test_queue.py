"""The queue: its order, its bounds, and that nobody is being offered for ever."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from actors import events as ev
from actors import messages as m
from actors.effects import Record, TellContact, TellDispatcher, Watch
from actors.ids import AgentId, ContactId, QueueName
from actors.place import Place, requirements_of
from actors.queue import Queue, QueueSettings, QueueStatistics
from actors.routing.expressions import of_requirements
from sip.machine import CancelTimer, StartTimer, TimerFired

NAME = QueueName("support")
A, B = AgentId("1001"), AgentId("1002")
C, D, E = ContactId("c"), ContactId("d"), ContactId("e")
NEEDS = of_requirements(requirements_of({"english": 3}))


class Hall:
    """A queue whose effects are kept."""

    def __init__(self, **bounds) -> None:
        self.now = 100.0
        self.queue = Queue(QueueSettings(NAME, **bounds), lambda: self.now)
        self.effects: list = []

    def hears(self, message) -> Hall:
        self.effects = self.queue.handle(message)
        return self

    def joins(self, contact=C, since=None, tried=()) -> Hall:
        return self.hears(join(contact, self.now if since is None else since, tried))

    def offered(self, contact=C, agent=A) -> Hall:
        self.joins(contact)
        return self.hears(m.ContactPaired(contact, agent))

    def served(self, contact=C) -> Hall:
        return self.offered(contact).hears(m.ContactConnected(contact))

    @property
    def told(self) -> list:
        return [e.message for e in self.effects if isinstance(e, TellDispatcher)]

    @property
    def figures(self) -> tuple[int, int]:
        figures = self.queue.statistics()
        assert isinstance(figures, QueueStatistics)
        return figures.waiting, figures.being_offered


def join(contact, since, tried=()):
    return m.JoinQueue(contact, Place(5, since, ord(contact[0])), NEEDS, tried)


def waits(contact, since, at, tried=()):
    place, entered = Place(5, since, ord(contact[0])), None if since == at else since
    return m.ContactWaits(contact, NAME, place, NEEDS, at, tried, entered=entered)


# --- waiting ----------------------------------------------------------------------------------


def test_who_joins_waits_is_watched_and_told_to_the_dispatcher():
    hall = Hall().joins(tried=(A,))
    assert hall.effects == [
        Watch("contact/c"),
        TellDispatcher(waits(C, 100.0, 100.0, (A,))),
    ]
    assert hall.figures == (1, 0)


def test_the_order_is_that_of_the_places_not_of_the_arrivals():
    hall = Hall().joins(C, 50.0).joins(D, 40.0)
    hall.hears(replace(join(E, 60.0), place=Place(1, 60.0, 9)))
    assert hall.queue.order() == [E, D, C]


def test_what_the_dispatcher_must_know_of_a_contact_is_passed_on():
    hall = Hall().hears(replace(join(C, 100.0), tried=(A,), avoid=(B,)))
    (told,) = hall.told
    assert (told.tried, told.avoid) == ((A,), (B,))


def test_two_requests_of_one_contact_may_share_a_place():
    """Its consult of this queue ends as it comes back to it."""
    hall = Hall().joins(C, 50.0)
    hall.hears(replace(join(C, 50.0), contact=ContactId("c.2")))
    assert hall.queue.order() == ["c", "c.2"]
    assert hall.hears(m.LeaveQueue(C)).queue.order() == ["c.2"]
    assert not any(isinstance(e, Watch) for e in hall.effects)


def test_who_joins_twice_waits_once():
    hall = Hall().joins(C, 50.0)
    hall.now += 7
    hall.joins(C, 50.0, (A,))
    assert hall.effects == [TellDispatcher(waits(C, 50.0, 107.0, (A,)))]
    assert hall.figures == (1, 0)


@pytest.mark.parametrize("stage", [Hall.joins, Hall.offered, Hall.served])
def test_who_leaves_is_forgotten_and_the_dispatcher_told(stage):
    hall = stage(Hall())
    assert hall.hears(m.LeaveQueue(C)).told == [m.ContactLeft(C)]
    assert hall.figures == (0, 0)


def test_even_an_unknown_contact_leaves_for_the_dispatcher():
    """We have been started again, and it leaves before it could come back."""
    assert Hall().hears(m.LeaveQueue(C)).effects == [TellDispatcher(m.ContactLeft(C))]


def test_a_full_queue_turns_the_next_one_away():
    hall = Hall(max_waiting=1).joins(C).joins(D)
    assert hall.effects == [TellContact(D, m.Overflowed(D, NAME, "full"))]
    assert hall.queue.order() == [C]


@pytest.mark.parametrize("stage", [Hall.offered, Hall.served])
def test_a_full_queue_takes_back_who_had_a_place(stage):
    hall = stage(Hall(max_waiting=1)).joins(D).joins(C, 100.0)
    assert hall.queue.order() == [C, D]


def test_a_queue_that_starts_again_is_never_too_full_for_those_who_had_a_place():
    hall = Hall(max_waiting=1).joins(D).hears(replace(join(C, 90.0), again=True))
    assert hall.queue.order() == [C, D]


def test_who_waits_too_long_is_let_go_first_come_first():
    hall = Hall(max_wait_seconds=30.0).joins(C)
    assert StartTimer("max_wait", 30.0) in hall.effects
    hall.now += 10
    hall.joins(D)
    hall.now += 20
    hall.hears(TimerFired("max_wait"))
    assert TellContact(C, m.Overflowed(C, NAME, "max_wait")) in hall.effects
    assert hall.told == [m.ContactLeft(C)]
    assert hall.effects[-1] == StartTimer("max_wait", 10.0)
    hall.now += 10
    assert hall.hears(TimerFired("max_wait")).effects[-1] == CancelTimer("max_wait")


def test_who_is_being_offered_is_not_let_go_and_comes_back_to_the_old_bound():
    hall = Hall(max_wait_seconds=30.0).offered()
    assert CancelTimer("max_wait") in hall.effects
    hall.now += 40
    hall.joins(C, 100.0)
    assert hall.effects[-1] == StartTimer("max_wait", 0.0)


def test_a_customer_who_lost_his_agent_waits_from_then_on_at_his_old_place():
    hall = Hall(max_wait_seconds=30.0).served()
    hall.now += 600
    hall.joins(D).joins(C, 100.0)
    assert hall.effects[-1] == StartTimer("max_wait", 30.0)
    assert hall.queue.order() == [C, D]
    hall.now += 20
    hall.hears(m.ContactPaired(C, B)).joins(C, 100.0)  # nobody answered: not from now, again
    assert hall.effects[-1] == StartTimer("max_wait", 10.0)


def test_no_other_timer_is_known():
    with pytest.raises(ValueError, match="siesta"):
        Hall().hears(TimerFired("siesta"))


# --- being offered ----------------------------------------------------------------------------


def test_who_is_paired_waits_no_more_and_has_a_lease():
    hall = Hall(rona_seconds=18.0).offered()
    assert hall.effects == [StartTimer("offer", 118.0)]
    assert hall.figures == (0, 1)


def test_who_was_paired_as_he_left_stays_away():
    hall = Hall().joins().hears(m.LeaveQueue(C))
    assert hall.hears(m.ContactPaired(C, A)).effects == []
    assert hall.figures == (0, 0)


def test_a_refused_contact_waits_again_and_the_dispatcher_knows():
    hall = Hall(max_wait_seconds=30.0).offered()
    hall.now += 1
    hall.hears(m.PairingUndone(C, A))
    assert hall.effects == [StartTimer("max_wait", 29.0)]
    assert hall.figures == (1, 0)
    hall.hears(m.Restarted("dispatcher"))
    assert hall.told == [waits(C, 100.0, 100.0)]


def test_a_refused_contact_is_offered_to_the_next_agent():
    hall = Hall().offered(agent=A).hears(m.PairingUndone(C, A)).hears(m.ContactPaired(C, B))
    assert hall.figures == (0, 1)
    assert hall.hears(m.PairingUndone(C, A)).effects == []  # not of this pairing
    assert hall.figures == (0, 1)


@pytest.mark.parametrize(
    "before",
    [m.LeaveQueue(C), m.ContactConnected(C), join(C, 100.0)],
    ids=lambda b: type(b).__name__,
)
def test_a_late_refusal_changes_nothing(before):
    hall = Hall().offered().hears(before)
    figures = hall.figures
    assert hall.hears(m.PairingUndone(C, A)).effects == []
    assert hall.figures == figures


def test_whom_nobody_speaks_of_waits_again_at_his_place_and_it_is_written_down():
    hall = Hall().joins(D, 110.0).offered()
    hall.now += 118
    hall.hears(TimerFired("offer"))
    assert hall.told == [waits(C, 100.0, 218.0)]
    assert Record(ev.LeaseExpired("queue/support", C, "Offered")) in hall.effects
    assert hall.queue.order() == [C, D]
    assert hall.figures == (2, 0)


def test_the_lease_serves_whoever_is_due_next():
    hall = Hall().offered(C)
    hall.now += 50
    hall.offered(D)
    assert hall.effects == []  # it runs already
    hall.hears(m.ContactConnected(C))
    hall.now += 68
    assert hall.hears(TimerFired("offer")).effects == [StartTimer("offer", 50.0)]
    hall.now += 50
    assert hall.hears(TimerFired("offer")).told == [waits(D, 150.0, 268.0)]


def test_a_lease_that_nobody_needs_fires_in_vain():
    hall = Hall().served()
    hall.now += 118
    assert hall.hears(TimerFired("offer")).effects == []


def test_an_agent_that_starts_again_has_a_second_to_give_the_contact_back():
    hall = Hall().offered()
    assert hall.hears(m.Restarted("agent/1002")).effects == []
    assert hall.hears(m.Restarted("agent/1001")).effects == [StartTimer("offer", 1.0)]
    hall.now += 1
    assert hall.hears(TimerFired("offer")).told == [waits(C, 100.0, 101.0)]


def test_an_agent_that_starts_again_and_again_does_not_keep_a_contact():
    hall = Hall().offered().hears(m.Restarted("agent/1001"))
    hall.now += 0.5
    assert hall.hears(m.Restarted("agent/1001")).effects == []
    hall.now += 0.5
    assert hall.hears(TimerFired("offer")).told == [waits(C, 100.0, 101.0)]


def test_who_comes_back_by_himself_is_not_given_back_a_second_time():
    hall = Hall().offered().hears(m.Restarted("agent/1001")).joins(C, 100.0)
    hall.now += 1
    assert hall.hears(TimerFired("offer")).effects == []


# --- served -----------------------------------------------------------------------------------


def test_who_is_answered_is_neither_waiting_nor_offered():
    hall = Hall().served()
    assert hall.effects == [TellDispatcher(m.ContactConnected(C))]
    assert hall.figures == (0, 0)


def test_an_answer_that_outlasts_the_lease_stands():
    hall = Hall(max_wait_seconds=900.0).offered()
    hall.now += 118
    hall.hears(TimerFired("offer")).hears(m.ContactConnected(C))
    assert hall.effects == [TellDispatcher(m.ContactConnected(C)), CancelTimer("max_wait")]
    assert hall.figures == (0, 0)
    assert hall.hears(m.ContactPaired(C, B)).effects == []  # the dispatcher heard it too late


def test_a_lease_that_runs_out_as_the_conversation_ends_gives_nobody_back():
    hall = Hall().offered()
    hall.hears(m.ContactConnected(C)).hears(m.Down("contact/c", False))
    hall.now += 118
    assert hall.hears(TimerFired("offer")).effects == []
    assert hall.figures == (0, 0)


def test_a_lease_that_runs_out_before_the_conversation_ends_is_undone_by_the_end():
    hall = Hall().offered()
    hall.now += 118
    hall.hears(TimerFired("offer")).hears(m.LeaveQueue(C))
    assert hall.told == [m.ContactLeft(C)]
    assert hall.hears(m.ContactPaired(C, B)).effects == []


def test_an_answer_of_a_contact_we_have_forgotten_is_passed_on():
    """We have been started again while it rang; it is watched from now on."""
    hall = Hall().hears(m.ContactConnected(C))
    assert hall.effects == [Watch("contact/c"), TellDispatcher(m.ContactConnected(C))]


# --- others end and start again ---------------------------------------------------------------


@pytest.mark.parametrize("crashed", [False, True])
@pytest.mark.parametrize("stage", [Hall.joins, Hall.offered])
def test_a_dead_contact_waits_no_more(stage, crashed):
    hall = stage(Hall())
    assert hall.hears(m.Down("contact/c", crashed)).told == [m.ContactLeft(C)]
    assert hall.figures == (0, 0)


def test_a_dead_contact_takes_all_its_requests_along():
    hall = Hall().served(C)
    hall.hears(replace(join(C, 100.0), contact=ContactId("c.2"))).joins(D)
    assert hall.hears(m.Down("contact/c", True)).told == [m.ContactLeft(ContactId("c.2"))]
    assert hall.queue.order() == [D]


def test_who_ended_well_has_left_before():
    hall = Hall().served()
    assert hall.hears(m.Down("contact/c", False)).effects == []
    assert Hall().hears(m.Down("contact/c", True)).effects == []


def test_the_same_id_is_watched_again_only_after_its_end():
    hall = Hall().served().hears(m.Down("contact/c", False)).joins()
    assert Watch("contact/c") in hall.effects


def test_a_dispatcher_that_starts_again_is_told_who_waits_in_order():
    hall = Hall().joins(C, 50.0).joins(D, 40.0).offered(E)
    assert hall.hears(m.Restarted("dispatcher")).told == [
        waits(D, 40.0, 100.0),
        waits(C, 50.0, 100.0),
    ]


# --- the agent who served him last ------------------------------------------------------------


def served_before(**bounds) -> Hall:
    """Agent A has served the caller 0123, and is done."""
    hall = Hall(last_agent_seconds=15.0, last_agent_memory_seconds=1000.0, **bounds)
    hall.hears(replace(join(C, 100.0), caller="0123")).hears(m.ContactPaired(C, A))
    hall.hears(m.ContactConnected(C, A)).hears(m.Down("contact/c", crashed=False))
    return hall


def calls_again(hall: Hall, caller: str = "0123", **more):
    (told,) = hall.hears(replace(join(D, hall.now), caller=caller, **more)).told
    return told.preferred, told.preferred_until


def test_who_calls_again_is_kept_for_his_agent_for_a_while():
    hall = served_before()
    hall.now = 500.0
    assert calls_again(hall) == ((A,), 515.0)


def test_who_calls_from_another_number_or_much_later_is_not():
    assert calls_again(served_before(), "0456") == ((), 0.0)
    hall = served_before()
    hall.now = 1200.0
    assert calls_again(hall) == ((), 0.0)


def test_nobody_is_kept_for_an_agent_who_failed_him_now_or_must_not_have_him():
    assert calls_again(served_before(), tried=(A,)) == ((), 0.0)
    assert calls_again(served_before(), avoid=(A,)) == ((), 0.0)


def test_of_those_who_rang_together_the_one_who_answered_is_remembered():
    hall = Hall(last_agent_seconds=15.0, last_agent_memory_seconds=1000.0)
    hall.hears(replace(join(C, 100.0), caller="0123")).hears(m.ContactPaired(C, A, (B,)))
    hall.hears(m.ContactConnected(C, B))
    assert calls_again(hall)[0] == (B,)


# --- several who ring -------------------------------------------------------------------------


def test_when_the_last_of_several_refuses_the_contact_waits_again():
    hall = Hall().joins(C).hears(m.ContactPaired(C, A, (B,)))
    assert hall.figures == (0, 1)
    assert hall.hears(m.PairingUndone(C, B)).figures == (1, 0)


def test_one_of_several_who_starts_again_shortens_nothing():
    """The others ring on."""
    hall = Hall().joins(C).hears(m.ContactPaired(C, A, (B,)))
    assert hall.hears(m.Restarted("agent/1001")).effects == []


# --- rings ------------------------------------------------------------------------------------


def test_rings_count_from_when_it_came_whatever_happens_to_it():
    hall = Hall().joins(C, 100.0).hears(m.ContactPaired(C, A))
    hall.now = 120.0
    (told,) = hall.joins(C, 100.0, (A,)).told
    assert (told.at, told.entered) == (120.0, 100.0)
