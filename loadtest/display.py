"""What is seen while a run lasts."""

from __future__ import annotations

import sys

import trio
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from loadtest.engine import Run
from loadtest.watch import Watch

LINE_PAUSE = 10.0
"""Seconds."""
LATENCIES_SHOWN = ("setup", "ring", "agent")


class Screen:
    """rich asks for it anew, four times a second, from its own thread: it only reads."""

    def __init__(self, run: Run, watch: Watch) -> None:
        self._run, self._watch = run, watch

    def __rich__(self) -> Group:
        return Group(self._calls(), self._latencies(), self._server(), self._own())

    def _calls(self) -> Table:
        run, tally = self._run, self._run.tally
        rows = tally.rows[-2:]
        rate = rows[0].started / tally.interval if len(rows) > 1 else 0.0
        table = Table(title=f"{run.phase}", box=None, title_justify="left")
        columns = {
            "calls/s": f"{rate:.0f}",
            "started": tally.started,
            "now": tally.alive,
            "answered": tally.answered,
            "talked": tally.connected,
            "abandoned": tally.outcomes["abandoned"],
            "failed": tally.failed,
        }
        if run.agents.phones:
            columns |= {f"agents {name}": n for name, n in run.agents.states().items()}
        for name in columns:
            table.add_column(name, justify="right")
        table.add_row(*map(str, columns.values()))
        return table

    def _latencies(self) -> Table:
        table = Table(box=None)
        for name in ("ms", "count", "p50", "p95", "p99", "max"):
            table.add_column(name, justify="right")
        for name in LATENCIES_SHOWN:
            found = self._run.tally.latencies[name]
            if found.count:
                values = [(found.quantile(q) or 0.0) * 1e3 for q in (0.5, 0.95, 0.99, 1.0)]
                table.add_row(name, str(found.count), *(f"{value:.1f}" for value in values))
        return table

    def _server(self) -> Table:
        table = Table(box=None)
        samples = self._watch.samples[-1:]
        for sample in samples:
            for name in sample.cpu:
                table.add_column(name, justify="right")
            for name in sample.metrics:
                table.add_column(name.removeprefix("ccserver_"), justify="right")
            cells = [
                f"{share:.0%} {sample.memory.get(name, 0) / 1e6:.0f} MB"
                for name, share in sample.cpu.items()
            ]
            table.add_row(*cells, *(f"{value:g}" for value in sample.metrics.values()))
        return table

    def _own(self) -> Text:
        run = self._run
        late = (run.tally.lateness.quantile(0.99) or 0.0) * 1e3
        said = f"generator: {run.own.share:.0%} of a core, calls {late:.1f} ms late at p99"
        return Text(said, style="bold red" if run.own.share > 0.9 or late > 50 else "dim")


def in_a_line(run: Run) -> str:
    """For those who have no terminal."""
    tally = run.tally
    setup = (tally.latencies["setup"].quantile(0.99) or 0.0) * 1e3
    return (
        f"{run.phase}: {tally.started} started, {tally.alive} now, {tally.connected} talked, "
        f"{tally.outcomes['abandoned']} abandoned, {tally.failed} failed, "
        f"setup p99 {setup:.0f} ms, generator {run.own.share:.0%}"
    )


async def show(run: Run, watch: Watch) -> None:
    """On a terminal, until cancelled."""
    with Live(Screen(run, watch), console=Console(stderr=True), refresh_per_second=4):
        await trio.sleep_forever()


async def tell(run: Run, watch: Watch) -> None:
    """A line now and then, until cancelled."""
    while True:
        await trio.sleep(LINE_PAUSE)
        print(in_a_line(run), file=sys.stderr, flush=True)
