"""The task that makes timers fire: when, and how many at a time."""

from __future__ import annotations

import math

import trio

from sip.timer_shell import KeyedTimers, Lingering, TimerShell
from sip.timers import Timer


async def test_timers_with_slack_come_together_and_never_early(nursery, autojump_clock):
    shell, fired = TimerShell(), list[tuple[str, float]]()
    nursery.start_soon(shell.run)
    await trio.sleep(0.03)
    start = trio.current_time()

    def arm(name: str, seconds: float, slack: float = 0.0) -> None:
        shell.arm(seconds, lambda: fired.append((name, trio.current_time())), slack)

    arm("exact", 1.0)
    arm("a", 1.0, 0.1)
    arm("b", 1.02, 0.1)
    arm("c", 1.2, 0.1)
    await trio.sleep(2)

    times = dict(fired)
    assert times["exact"] == start + 1.0
    assert times["a"] == times["b"] != times["c"]
    assert 1.0 <= times["a"] - start <= 1.1
    assert 1.2 <= times["c"] - start <= 1.3


async def test_what_is_armed_in_a_turn_is_armed_at_its_end_unless_cancelled_by_then(
    nursery, autojump_clock
) -> None:
    turning = True
    shell, fired = TimerShell(turning=lambda: turning), list[tuple[str, float]]()
    nursery.start_soon(shell.run)
    start = trio.current_time()

    def arm(name: str, seconds: float) -> Timer:
        return shell.arm(seconds, lambda: fired.append((name, trio.current_time() - start)))

    arm("second", 2.0)
    cancelled = arm("cancelled", 1.0)
    arm("first", 0.5)
    shell.cancel(cancelled)
    shell.cancel(cancelled)
    assert len(shell) == 0
    shell.settle()
    turning = False
    assert len(shell) == 2
    arm("third", 2.0)
    assert len(shell) == 3, "outside a turn at once"
    await trio.sleep(5)
    assert fired == [("first", 0.5), ("second", 2.0), ("third", 2.0)]
    assert len(shell) == 0


async def test_timers_known_by_keys_fire_once_unless_cancelled_or_armed_again(
    nursery, autojump_clock
) -> None:
    shell = TimerShell()
    keyed, fired = KeyedTimers(shell), list[tuple[str, float]]()
    nursery.start_soon(shell.run)

    def arm(key: str, seconds: float) -> None:
        keyed.arm(key, seconds, lambda: fired.append((key, trio.current_time())))

    arm("kept", 1.0)
    arm("cancelled", 1.0)
    arm("later", 1.0)
    arm("later", 2.0)
    keyed.cancel("cancelled")
    keyed.cancel("unknown")
    start = trio.current_time()
    await trio.sleep(5)
    arm("kept", 1.0)
    await trio.sleep(5)

    assert fired == [("kept", start + 1.0), ("later", start + 2.0), ("kept", start + 6.0)]
    assert len(shell) == 0


async def test_what_lingers_is_forgotten_in_its_time_with_few_timers(
    nursery, autojump_clock
) -> None:
    shell, forgotten = TimerShell(), dict[int, float]()
    lingering = Lingering[int](shell, lambda n: forgotten.update({n: trio.current_time()}))
    nursery.start_soon(shell.run)
    kept = {}
    for n in range(100):
        lingering.keep(n, 5.0 if n % 2 else 32.0)
        kept[n] = trio.current_time() + (5.0 if n % 2 else 32.0)
        await trio.sleep(0.01)
    assert len(shell) == 2
    await trio.sleep(40)
    assert forgotten.keys() == kept.keys()
    assert all(0 <= forgotten[n] - kept[n] <= 0.2 for n in kept)
    assert len(shell) == 0

    lingering.keep(100, 5.0)
    await trio.sleep(6)
    assert 100 in forgotten


def test_a_timer_with_slack_is_not_early_where_rounding_would_have_it_so() -> None:
    """What lingers till then would look at its time again and again, and time would stand still."""
    now, fired = [0.0], list[float]()
    shell = TimerShell(lambda: now[0])
    shell.arm(math.nextafter(0.9, 1.0), lambda: fired.append(now[0]), 0.1)

    for instant in (0.9, 1.0):
        now[0] = instant
        shell.fire()

    assert fired == [1.0]
