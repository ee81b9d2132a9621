from __future__ import annotations

from io import StringIO

import trio
from rich.console import Console

from loadtest.display import Screen, in_a_line
from loadtest.engine import Run
from loadtest.processes import Processes
from loadtest.watch import Sample, Watch
from tests.support import load
from tests.support.centre import centre


def shown(screen: Screen) -> str:
    console = Console(width=160, record=True, file=StringIO())
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
        watch.samples.append(
            Sample(1.0, {"core": 0.5}, {"core": 50_000_000}, {"ccserver_queue_waiting": 4.0})
        )
        seen = shown(screen)
        nursery.cancel_scope.cancel()

    assert "steady" in seen
    assert in_a_line(run).startswith("steady: 7 started, ")
    words = seen.split()
    assert words[words.index("setup") + 1] == "7"
    assert "50% 50 MB" in seen
    assert "queue_waiting" in seen
    assert "generator: 0% of a core" in seen
