"""What the core is doing at this moment, for who must find out why: on SIGUSR1, into a file."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import trio

from actors.base import ActorStatistics

log = logging.getLogger(__name__)

DIAGNOSIS = "diagnosis.txt"
Statistics = Callable[[], Mapping[str, Iterable[ActorStatistics]]]


async def write_on_signal(
    directory: Path, statistics: Statistics, *, task_status: trio.TaskStatus[None]
) -> None:
    """Until cancelled: each SIGUSR1 writes ``diagnosis.txt`` anew.  A full disk costs no call."""
    with trio.open_signal_receiver(signal.SIGUSR1) as signals:
        task_status.started()
        async for _ in signals:
            text = report(statistics())
            try:
                (directory / DIAGNOSIS).write_text(text, encoding="utf-8")
            except OSError as error:
                log.error("no diagnosis: %s", error)
            else:
                log.info("diagnosis written to %s", directory / DIAGNOSIS)


def report(statistics: Mapping[str, Iterable[ActorStatistics]]) -> str:
    """Tasks by nursery, then actors by kind: mailbox now, at most, handled, state."""
    root = trio.lowlevel.current_root_task()
    lines = ["Tasks", *([] if root is None else _tasks(root, 1)), "", "Actors"]
    for kind, actors in sorted(statistics.items()):
        lines.extend(
            f"  {kind:12} {one.name}: {one.state}; "
            f"{one.mailbox} waiting, {one.peak} at most, {one.handled} handled"
            for one in sorted(actors, key=lambda actor: actor.name)
        )
    return "\n".join(lines) + "\n"


def _tasks(task: trio.lowlevel.Task, depth: int) -> Iterator[str]:
    yield "  " * depth + task.name
    for nursery in task.child_nurseries:
        for child in sorted(nursery.child_tasks, key=lambda one: one.name):
            yield from _tasks(child, depth + 1)
