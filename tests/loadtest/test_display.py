from __future__ import annotations

from io import StringIO

import pytest
import trio
from rich.console import Console

from loadtest.display import Screen, in_a_line, rate
from loadtest.engine import Run
from loadtest.processes import Processes
from loadtest.watch import Sample, Watch
from tests.support import load
from tests.support.centre import centre


def shown(screen: Screen) -> str:
    """On a terminal of the usual width."""
    console = Console(width=80, record=True, file=StringIO())
    console.print(screen)
    return console.export_text()


async def test_what_is_seen_follows_the_run(autojump_clock):
    agents = {"count": 2, "answer_after": 1, "register_rate": 10}
    async with centre(routing={"wrap_up_seconds": 0}) as opened, trio.open_nursery() as nursery:
        run = Run(load.scenario(agents=agents), load.world(opened.network))
        watch = Watch(Processes([]), None, [])
        screen = Screen(run, watch)
        assert "registering" in shown(screen)

        nursery.start_soon(run.run)
        await trio.sleep(8)
        cpu = {"ccserver.core": 0.5, "ccserver.media": 0.25}
        memory = {"ccserver.core": 50_000_000, "ccserver.media": 30_000_000}
        metrics = {"ccserver_queue_waiting": 4.0, "ccserver_loop_lag_seconds:p99": 0.005}
        watch.samples.append(Sample(1.0, cpu, memory, metrics))
        seen = shown(screen)
        nursery.cancel_scope.cancel()

    assert "steady, 7 of 10 s" in seen
    told = in_a_line(run)
    assert told.startswith("steady, 7 of 10 s: ")
    assert "/s, 7 started, 7 now, 7 answered, 2 talked, 0 abandoned" in told
    words = seen.split()
    assert words[words.index("setup") + 1] == "7"
    assert words[words.index("ccserver.core") :][:4] == ["ccserver.core", "50%", "50", "MB"]
    assert words[words.index("queue_waiting") + 1] == "4"
    assert words[words.index("loop_lag_seconds:p99") + 1] == "0.005"
    assert "agents: 0 free, 0 ringing, 2 talking, 0 away" in seen
    assert "generator: 0% of a core" in seen
    assert "…" not in seen, "everything fits"


async def test_the_rate_is_that_of_now_though_nobody_calls_any_more(autojump_clock):
    phases = [
        {"name": "busy", "seconds": 4, "rate": 2},
        {"name": "calm", "seconds": 20, "rate": 0},
    ]
    async with centre() as opened, trio.open_nursery() as nursery:
        arrivals = {"process": "constant", "phases": phases}
        run = Run(load.scenario(arrivals=arrivals), load.world(opened.network))
        seen = [rate(run)]
        nursery.start_soon(run.run)
        for seconds in (3.5, 12):
            await trio.sleep(seconds)
            seen.append(rate(run))
        nursery.cancel_scope.cancel()

    assert seen == [0, pytest.approx(2, abs=0.4), 0]
