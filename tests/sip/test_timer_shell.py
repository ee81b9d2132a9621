"""The task that makes timers fire: when, and how many at a time."""

from __future__ import annotations

import trio

from sip.timer_shell import TimerShell


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
