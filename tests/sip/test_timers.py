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
    queue: TimerQueue[str] = TimerQueue()
    first = queue.arm(1.0, "a")
    queue.arm(2.0, "b")
    queue.cancel(first)

    assert queue.next_deadline() == 2.0
    assert list(queue.due(2.0)) == ["b"]


def test_cancelling_what_was_due_or_cancelled_is_no_error_and_counts_once():
    queue: TimerQueue[str] = TimerQueue()
    due, cancelled = queue.arm(1.0, "a"), queue.arm(2.0, "b")
    queue.arm(3.0, "c")
    list(queue.due(1.0))
    for _ in range(2):
        queue.cancel(due)
        queue.cancel(cancelled)

    assert len(queue) == 1


def test_what_the_handling_of_one_cancels_is_not_handed_out_after_it():
    queue: TimerQueue[str] = TimerQueue()
    _, second, _ = (queue.arm(1.0, name) for name in "abc")

    handled = []
    for payload in queue.due(1.0):
        handled.append(payload)
        queue.cancel(second)

    assert handled == ["a", "c"]


def test_what_the_handling_of_one_arms_waits_for_the_next_call():
    queue = filled(("a", 1.0))

    handled = []
    for payload in queue.due(1.0):
        handled.append(payload)
        queue.arm(1.0, "again")

    assert handled == ["a"]
    assert list(queue.due(1.0)) == ["again"]


def test_timers_armed_and_cancelled_leave_nothing_behind():
    queue = filled(("kept", 1000.0))
    for _ in range(20_000):
        queue.cancel(queue.arm(500.0, "x"))

    assert len(queue._heap) <= 2048
    assert list(queue.due(1000.0)) == ["kept"]


def test_no_single_timer_pays_for_sweeping_out_all_the_cancelled_ones():
    queue: TimerQueue[str] = TimerQueue()
    armed = [queue.arm(500.0, "x") for _ in range(20_000)]
    for timer in armed[5:]:
        queue.cancel(timer)

    most = 0
    for _ in range(20_000):
        before = len(queue._old)
        queue.cancel(queue.arm(500.0, "y"))
        most = max(most, before - len(queue._old))

    assert 0 < most <= 8
    assert list(queue.due(500.0)) == ["x"] * 5


def test_a_cancelled_timer_holds_nothing_of_what_it_was_for():
    class Thing:
        pass

    queue: TimerQueue[Thing] = TimerQueue()
    thing = Thing()
    held = weakref.ref(thing)
    queue.cancel(queue.arm(500.0, thing))
    del thing

    assert held() is None


def filled(*timers: tuple[str, float]) -> TimerQueue[str]:
    queue: TimerQueue[str] = TimerQueue()
    for name, deadline in timers:
        queue.arm(deadline, name)
    return queue
