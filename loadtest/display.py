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
INTERVALS_SHOWN = 5
"""In the rate: of fewer, callers who come by chance make it dance."""
LATENCIES_SHOWN = ("setup", "ring", "agent")


class Screen:
    """rich asks for it anew, four times a second, from its own thread: it only reads."""

    def __init__(self, run: Run, watch: Watch) -> None:
        self._run, self._watch = run, watch

    def __rich__(self) -> Group:
        parts = [self._calls(), self._agents(), self._latencies(), self._server(), self._own()]
        return Group(*(part for part in parts if part is not None))

    def _calls(self) -> Table:
        run, tally = self._run, self._run.tally
        columns = {
            "calls/s": f"{rate(run):.3g}",
            "started": tally.started,
            "now": tally.alive,
            "answered": tally.answered,
            "talked": tally.connected,
            "abandoned": tally.outcomes["abandoned"],
            "failed": tally.failed,
        }
        table = _table(*columns, title=progress(run))
        table.add_row(*map(str, columns.values()))
        return table

    def _agents(self) -> Text | None:
        agents = self._run.agents
        if not agents.phones:
            return None
        counts = ", ".join(f"{count} {name}" for name, count in agents.states().items())
        return Text(f" agents: {counts}")

    def _latencies(self) -> Table:
        table = _table("ms", "count", "p50", "p95", "p99", "max")
        for name in LATENCIES_SHOWN:
            found = self._run.tally.latencies[name]
            if found.count:
                values = [(found.quantile(q) or 0.0) * 1e3 for q in (0.5, 0.95, 0.99, 1.0)]
                table.add_row(name, str(found.count), *(f"{value:.1f}" for value in values))
        return table

    def _server(self) -> Table | None:
        """A row for each figure: names are long, and many."""
        if not self._watch.samples:
            return None
        sample = self._watch.samples[-1]
        table = Table("server", box=None)
        table.add_column(justify="right")
        table.add_column()
        for name, share in sample.cpu.items():
            table.add_row(name, f"{share:.0%}", f"{sample.memory.get(name, 0) / 1e6:.0f} MB")
        for name, value in sample.metrics.items():
            table.add_row(name.removeprefix("ccserver_"), f"{value:g}")
        return table

    def _own(self) -> Text:
        run = self._run
        late = (run.tally.lateness.quantile(0.99) or 0.0) * 1e3
        said = f" generator: {run.own.share:.0%} of a core, calls {late:.1f} ms late at p99"
        return Text(said, style="bold red" if run.own.share > 0.9 or late > 50 else "dim")


def _table(*columns: str, title: str | None = None) -> Table:
    table = Table(title=title, title_justify="left", box=None)
    for name in columns:
        table.add_column(name, justify="right")
    return table


def progress(run: Run) -> str:
    """``steady, 12 of 60 s``; ``draining, 65 s`` when no more calls are to come."""
    if run.elapsed is None:
        return run.phase
    planned = run.planned_seconds
    of = f" of {planned:.0f}" if run.elapsed < planned else ""
    return f"{run.phase}, {int(run.elapsed)}{of} s"


def rate(run: Run) -> float:
    """Calls a second, of the last intervals that are over."""
    tally = run.tally
    over = int((run.elapsed or 0.0) / tally.interval)
    first = max(0, over - INTERVALS_SHOWN)
    started = sum(row.started for row in tally.rows[first:over])  # later rows: nobody called
    return started / ((over - first) * tally.interval) if over else 0.0


def in_a_line(run: Run) -> str:
    """For those who have no terminal."""
    tally = run.tally
    setup = (tally.latencies["setup"].quantile(0.99) or 0.0) * 1e3
    return (
        f"{progress(run)}: {rate(run):.3g}/s, {tally.started} started, {tally.alive} now, "
        f"{tally.answered} answered, {tally.connected} talked, "
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
