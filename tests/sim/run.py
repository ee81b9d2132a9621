"""One run: a centre, its people and its faults, from a swarm; watched, judged, and replayed."""

from __future__ import annotations

import hashlib
import logging
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import trio
from msgspec import Struct
from msgspec.structs import replace

from actors import base
from ccserver.cli.replaying import shown
from ccserver.core import app
from ccserver.inputs.file import recordings
from ccserver.journal import folds, pieces
from ccserver.journal.log import Journal
from tests.sim import scheduler
from tests.sim.clients import Clients
from tests.sim.disk import SimulatedDisk
from tests.sim.faults import Faults
from tests.sim.oracles import Oracles, Violation
from tests.sim.people import People
from tests.sim.reloads import Configuration, Reloads
from tests.sim.routers import Routers
from tests.sim.swarm import QUIET_SECONDS, Swarm
from tests.support.recording import replayed
from tests.support.restarting import MortalCentre, mortal_centre

LOOK_BACK_EVERY = 150
CHECKPOINT_EVERY = 200
"""Events: most runs of the server begin at a checkpoint, and some before there is one."""
AT_ONCE, ENTRIES = 40, 10
"""Entries: some checkpoints are made in one go, and some in pieces, which may be cut short."""
LOOKS_AT_CLOCKS_EVERY = 1.0
"""Seconds, not a tenth: nothing is late in virtual time, and a clock on the wall that was set is
noticed later than it is in truth.  It was half of all that Trio had to do.
"""
LINGER = 40.0
"""Longer than any transaction stays for retransmissions."""
REPLAY = "replay"
"""The invariant of a run that comes to something else when it is taken again."""


class Outcome(Struct, frozen=True):
    """``digest``: SHA-256 of every event and every datagram with their instants (I15)."""

    swarm: Swarm
    violations: tuple[Violation, ...]
    digest: str
    contacts: int
    outcomes: dict[str, int]
    crashed: int
    deaths: int = 0
    """Of the whole server."""
    ladder: str = ""
    """The last of it, where something was violated."""


def simulate(
    swarm: Swarm,
    tick: Callable[[float], None] = lambda now: None,
    *,
    replays: bool = False,
) -> Outcome:
    """``tick`` is called every virtual second.  A centre that falls over is a violation, too.

    Every run of the server is recorded.  ``replays``: where nothing else was violated, each is
    replayed, and must come to the same.
    """
    disk = SimulatedDisk(swarm.seed, swarm.commit_seconds)
    with TemporaryDirectory(prefix="ccserver-sim-") as name, _busy(swarm):
        recorded = Path(name)
        try:
            outcome = scheduler.run(
                _run, swarm, tick, disk, recorded, seed=swarm.seed, chance=swarm.hold_back
            )
        except Exception as error:
            fell = "".join(traceback.format_exception(error)[-20:])
            return Outcome(swarm, (Violation(0.0, "crash", repr(error)),), "", 0, {}, 0, 0, fell)
        if replays and not outcome.violations:
            end = swarm.minutes * 60.0
            found = [Violation(end, REPLAY, what) for what in _differences(recorded, disk)]
            outcome = replace(outcome, violations=tuple(found))
    return outcome


@contextmanager
def _busy(swarm: Swarm) -> Iterator[None]:
    """A turn is soon over, and what is left of it waits: in a replay until the recording says so,
    for there no time passes.
    """
    at_once = base.Post.rest

    async def rest(post: base.Post, sleeper: base._Sleeper) -> None:
        if not post.turns.by_itself:
            await at_once(post, sleeper)
            return
        if not post.queue:
            await sleeper.sleep()
        await trio.sleep(swarm.burst_seconds)

    with ExitStack() as stack:
        if swarm.burst != base.BURST:
            stack.enter_context(patch.object(base, "BURST", swarm.burst))
            stack.enter_context(patch.object(base.Post, "rest", rest))
        yield


def _differences(recorded: Path, disk: SimulatedDisk) -> Iterator[str]:
    """Of each run of the server that comes to something else when it is taken again."""
    journal = Journal(disk, lambda: 0.0)
    for path in recordings(recorded):
        run = replayed(path, journal)
        if run.difference is not None:
            yield f"{path.name}: {shown(run.difference)}"
        elif not run.is_same:
            yield f"{path.name}: {run.left} events are not replayed; {run.cut}"


async def _run(
    swarm: Swarm, tick: Callable[[float], None], disk: SimulatedDisk, recorded: Path
) -> Outcome:
    with ExitStack() as stack:
        stack.enter_context(disk.as_thread())
        stack.enter_context(patch.object(folds, "EVERY", CHECKPOINT_EVERY))
        stack.enter_context(patch.object(folds, "AT_ONCE", AT_ONCE))
        stack.enter_context(patch.object(pieces, "ENTRIES", ENTRIES))
        stack.enter_context(patch.object(app, "LAG_PAUSE", LOOKS_AT_CLOCKS_EVERY))
        return await _opened(swarm, tick, disk, recorded)


async def _opened(
    swarm: Swarm, tick: Callable[[float], None], disk: SimulatedDisk, recorded: Path
) -> Outcome:
    configuration = Configuration(swarm)
    async with mortal_centre(
        seed=swarm.seed,
        weather=swarm.weather,
        disk=disk,
        recorded=recorded,
        prints_ladder=False,
        tail=swarm.tail,
        longest=swarm.minutes * 60 + 2 * QUIET_SECONDS,
        **configuration.sections(),
    ) as floor:
        disk.is_dead = lambda: floor.life.over
        floor.media.opens_after = swarm.media_seconds
        async with trio.open_nursery() as nursery:
            people = People(floor, swarm, nursery)
            violations: list[Violation] = []

            def found(invariant: str, what: str) -> None:
                violations.append(Violation(trio.current_time(), invariant, what))

            reloads = Reloads(floor, configuration, found)
            faults = Faults(floor, people, nursery, reloads)
            clients = Clients(floor, swarm, nursery, found)
            routers = Routers(floor, swarm, configuration, nursery, found)
            oracles = Oracles(floor, people, configuration, routers, faults.crashed, violations)
            with _errors_to(oracles):
                people.start()
                clients.start()
                routers.start()
                nursery.start_soon(faults.happen, swarm.faults)
                end = swarm.minutes * 60.0
                if await _watch(oracles, end, tick):
                    clients.asking = False
                    await faults.are_over()
                    await people.become_polite()
                    if await _watch(oracles, end + QUIET_SECONDS, tick):
                        people.registering = False
                        await trio.sleep(LINGER)
                        oracles.look_at_the_end()
                        clients.look_at_the_end()
            nursery.cancel_scope.cancel()
        return _outcome(swarm, floor, oracles, faults)


async def _watch(oracles: Oracles, until: float, tick: Callable[[float], None]) -> bool:
    """Whether nothing was violated."""
    second = 0
    while trio.current_time() < until and not oracles.violations:
        await trio.sleep(1.0)
        oracles.look()
        second += 1
        if second % LOOK_BACK_EVERY == 0 and until < 3600:
            oracles.look_back()
        tick(trio.current_time())
    return not oracles.violations


def _outcome(swarm: Swarm, floor: MortalCentre, oracles: Oracles, faults: Faults) -> Outcome:
    outcomes: dict[str, int] = {}
    for ended in oracles.told.ended.values():
        outcomes[ended.outcome.value] = outcomes.get(ended.outcome.value, 0) + 1
    return Outcome(
        swarm,
        tuple(oracles.violations),
        _digest(floor),
        len(oracles.told.arrived),
        outcomes,
        len(faults.crashed),
        floor.runs - 1,
        "\n".join(floor.network.ladder().splitlines()[-80:]) if oracles.violations else "",
    )


def _digest(floor: MortalCentre) -> str:
    digest = hashlib.sha256()
    for row in floor.disk.rows:
        digest.update(repr(row).encode())
    for datagram in floor.network.trace:
        digest.update(repr((datagram.at, datagram.source, datagram.to)).encode())
        digest.update(datagram.data)
    return digest.hexdigest()


@contextmanager
def _errors_to(oracles: Oracles) -> Iterator[None]:
    root = logging.getLogger()
    root.addHandler(oracles)
    try:
        yield
    finally:
        root.removeHandler(oracles)
