"""Recordings of centres in memory: what tests do beside the product is written down, too."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import trio

from actors.base import Actor
from actors.effects import Effect
from ccserver.core.app import Core
from ccserver.inputs import words
from ccserver.inputs.recorder import Recorder
from ccserver.journal.log import Journal
from ccserver.journal.storage import Rows
from ccserver.replay.player import Replayed, replay

words.WORDS.update({"test": tuple[bytes], "poison": tuple[str]})


class Poison:
    """A message that no machine understands: a crash."""


def perform(core: Core, effect: Effect) -> None:
    core.post.turn("test", lambda _: core.effects.perform(effect), pickle.dumps(effect))


def poison(core: Core, actor: Actor) -> None:
    """It crashes."""
    core.post.turn("poison", lambda _: actor.tell(Poison()), actor.name)


async def write_now_and_then(recorder: Recorder, journal: Journal) -> None:
    """In pieces, as a journal's writer does."""
    while True:
        await trio.sleep(60)
        _write(recorder, journal)


def close_down(recorder: Recorder, journal: Journal) -> None:
    """What has not been written yet, and that is all."""
    _write(recorder, journal)
    recorder.close()


def _write(recorder: Recorder, journal: Journal) -> None:
    taken = recorder.take(journal.last_seq)
    if taken is not None:
        recorder.write(taken)


def replayed(path: Path, journal: Rows, **more: Any) -> Replayed:
    return replay(path, journal, extra=_EXTRA, **more)


def _perform(core: Core, said: tuple[Any, ...]) -> None:
    core.effects.perform(pickle.loads(said[0]))


def _poison(core: Core, said: tuple[Any, ...]) -> None:
    directory = core.directory
    living = [directory.dispatcher, directory.monitor_desk]
    for some in (directory.queues, directory.agents, directory.contacts):
        living.extend(some.values())
    next(actor for actor in living if actor.name == said[0]).tell(Poison())


_EXTRA: Mapping[str, Any] = {"test": _perform, "poison": _poison}
