from __future__ import annotations

import weakref

from sip.timers import TimerQueue


def test_an_empty_queue_has_nothing_due_and_no_deadline():
    queue: TimerQueue[str] = TimerQueue()

    assert queue.next_deadline() is None
    assert list(queue.due(1e9)) == []
    assert len(queue) == 0


def test_what_is_due_comes_in_the_order_of_deadlines():
    queue = filled(("b", 2.0), ("a", 1.0), ("c", 3.0))

    assert list(queue.due(2.0)) == ["a", "b"]
    assert queue.next_deadline() == 3.0
    assert len(queue) == 1


def test_among_equal_deadlines_the_first_armed_comes_first():
    queue = filled(("z", 1.0), ("a", 1.0), ("m", 1.0))

    assert list(queue.due(1.0)) == ["z", "a", "m"]


def test_a_deadline_is_due_at_its_instant_and_not_before():
    queue = filled(("a", 1.0))

    assert list(queue.due(0.9999)) == []
    assert list(queue.due(1.0)) == ["a"]


def test_what_was_handed_out_is_forgotten():
    queue = filled(("a", 1.0))
    list(queue.due(1.0))

    assert list(queue.due(2.0)) == []
    assert queue.next_deadline() is None


def test_a_cancelled_timer_is_neither_due_nor_the_next():
    queue = filled(("a", 1.0), ("b", 2.0))
    queue.cancel("a")

    assert queue.next_deadline() == 2.0
    assert list(queue.due(2.0)) == ["b"]


def test_cancelling_what_is_not_armed_is_no_error():
    filled(("a", 1.0)).cancel("b")


def test_arming_again_replaces_the_deadline_and_the_payload():
    queue = filled(("a", 1.0))
    queue.arm("a", 5.0, "new")

    assert len(queue) == 1
    assert queue.next_deadline() == 5.0
    assert list(queue.due(10.0)) == ["new"]


def test_arming_again_for_earlier_replaces_too():
    queue = filled(("a", 5.0))
    queue.arm("a", 1.0, "new")

    assert list(queue.due(10.0)) == ["new"]


def test_what_the_handling_of_one_cancels_is_not_handed_out_after_it():
    queue = filled(("a", 1.0), ("b", 1.0), ("c", 1.0))

    handled = []
    for payload in queue.due(1.0):
        handled.append(payload)
        queue.cancel("b")

    assert handled == ["a", "c"]


def test_what_the_handling_of_one_arms_waits_for_the_next_call():
    queue = filled(("a", 1.0))

    handled = []
    for payload in queue.due(1.0):
        handled.append(payload)
        queue.arm("a", 1.0, "again")

    assert handled == ["a"]
    assert list(queue.due(1.0)) == ["again"]


def test_timers_armed_and_cancelled_leave_nothing_behind():
    queue = filled(("kept", 1000.0))
    for n in range(20_000):
        queue.arm(n, 500.0, "x")
        queue.cancel(n)

    assert len(queue._heap) <= 2048
    assert list(queue.due(1000.0)) == ["kept"]


def test_a_timer_armed_again_and_again_leaves_nothing_behind():
    queue = filled(("kept", 1000.0))
    for n in range(20_000):
        queue.arm("a", 500.0 + n, "x")

    assert len(queue._heap) <= 2048
    assert queue.next_deadline() == 1000.0


def test_no_single_timer_pays_for_sweeping_out_all_the_cancelled_ones():
    queue: TimerQueue[str] = TimerQueue()
    for n in range(20_000):
        queue.arm(("x", n), 500.0, "x")
    for n in range(5, 20_000):
        queue.cancel(("x", n))

    most = 0
    for n in range(20_000):
        before = len(queue._old)
        queue.arm(n, 500.0, "y")
        queue.cancel(n)
        most = max(most, before - len(queue._old))

    assert 0 < most <= 8
    assert list(queue.due(500.0)) == ["x"] * 5


def test_a_cancelled_timer_holds_nothing_of_what_it_was_for():
    class Thing:
        pass

    queue: TimerQueue[Thing] = TimerQueue()
    things = [Thing(), Thing()]
    held = [weakref.ref(thing) for thing in things]
    for thing in things:
        queue.arm("a", 500.0, thing)
    queue.cancel("a")
    del thing
    things.clear()

    assert [ref() for ref in held] == [None, None]


def filled(*timers: tuple[str, float]) -> TimerQueue[str]:
    queue: TimerQueue[str] = TimerQueue()
    for name, deadline in timers:
        queue.arm(name, deadline, name)
    return queue
