"""Replays one run of the server: the recording is read, and every event compared."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import trio
from msgspec import Struct

from actors.guardian import TooManyCrashes
from ccserver import __version__
from ccserver.core.app import Core, World
from ccserver.inputs.file import InputsError, Recording
from ccserver.inputs.words import Turn
from ccserver.journal.log import Journal
from ccserver.journal.storage import Rows
from ccserver.replay.comparison import Comparison, Difference
from ccserver.replay.world import NoMedia, NoTransport, RecordedTurns, RecordingOver, StandingClock
from ccserver.settings import ConfigurationError
from ccserver.settings.content import settings_of

PATIENCE = 200
"""Passes of the loop within which a task must have come to where it was then."""

TICKS = 100
"""Turns from one tick to the next."""

Tick = Callable[[float], None]
"""Told the time of the run, in seconds since 1970."""
Extra = Mapping[str, Callable[[Core, tuple[Any, ...]], None]]
"""Turns beyond those of the product, for tests: how each is taken."""


class Counts(Struct, frozen=True):
    """On which the recording and the replay agree."""

    events: int = 0
    contacts: int = 0
    turns: int = 0
    messages: int = 0
    """Sent by the network."""
    told: int = 0
    """Commands to the media process, and answers to commands."""
    seconds: float = 0.0
    """Of the run."""

    def __sub__(self, other: Counts) -> Counts:
        return Counts(
            self.events - other.events,
            self.contacts - other.contacts,
            self.turns - other.turns,
            self.messages - other.messages,
            self.told - other.told,
            self.seconds - other.seconds,
        )


class Replayed(Struct, frozen=True):
    """What came of it.  ``took``: seconds that the replay took."""

    part: Counts
    """Of the part that was asked for."""
    before: Counts
    """From the start of the run to there."""
    took: float
    difference: Difference | None
    cut: str | None
    """Why the recording ends early; None: it is whole."""
    left: int
    """Events of which no input tells any more, for it was cut."""
    last: int
    """The number of the last event on which both agree."""

    @property
    def is_same(self) -> bool:
        """Every event of the run, or of its part that was asked for, and all that was sent."""
        return self.difference is None and not self.left


def replay(
    path: Path,
    journal: Rows,
    since: float = 0.0,
    until: float = math.inf,
    extra: Extra | None = None,
    tick: Tick = lambda at: None,
) -> Replayed:
    """The run whose inputs are in this file, against its journal.

    ``since`` and ``until``: the part that is asked for, in seconds since 1970.  What came before it
    is replayed and compared, too, for what follows depends on it; and is counted apart.  ``tick``
    is told now and then how far it has come.  Raises InputsError where it cannot be replayed, and
    JournalError.
    """
    recording = Recording(path)
    try:
        if recording.start.version != __version__:
            raise InputsError(
                f"{path}: this run was of ccserver {recording.start.version}, and this is"
                f" {__version__}: replay it with that version"
            )
        clock = StandingClock()
        player = _Player(recording, journal, (since, until), extra or {}, tick, clock)
        return trio.run(player.play, clock=clock)
    finally:
        recording.close()


class _Player:
    def __init__(
        self,
        recording: Recording,
        journal: Rows,
        span: tuple[float, float],
        extra: Extra,
        tick: Tick,
        clock: StandingClock,
    ) -> None:
        start, self._clock = recording.start, clock
        self._since, self._until = span
        self._recording, self._extra, self._tick = recording, extra, tick
        self._before: Counts | None = None
        self._is_through = False
        self._comparison = Comparison(journal, start.seq, start.state, lambda: self._turns.cause)
        if not self._comparison.has_run:
            raise InputsError(
                f"{recording.path}: expected a start of the server behind event {start.seq} of the"
                " journal: it has none there"
            )
        self._journal = Journal(self._comparison, lambda: 0.0)
        self._journal.rescued = start.rescued
        self._turns = turns = RecordedTurns(
            recording.pieces(), lambda: self._journal.last_seq, self._comparison.close_now
        )
        world = World(
            transports=[NoTransport(n, *each) for n, each in enumerate(start.listeners)],
            media=NoMedia(turns),
            journal=self._journal,
            wall=turns.wall,
            epoch=start.epoch,
            secret=bytes(32),
            seed=start.seed,
            boot=start.boot,
            turns=turns,
        )
        try:
            self._settings = settings_of(start.settings)
        except (ConfigurationError, ValueError) as error:
            raise InputsError(f"{recording.path}: its configuration is wrong: {error}") from None
        self._world = world

    async def play(self) -> Replayed:
        began = time.perf_counter()
        self._core = core = Core(self._settings, self._world)
        if self._turns.head is not None:
            try:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(core.run)
                    try:
                        await self._all_turns()
                    finally:
                        self._turns.close()
                        self._clock.run_out()
                        nursery.cancel_scope.cancel()
            except* (TooManyCrashes, RecordingOver):
                pass  # the one ended the run that is replayed, too
            except* Exception as fell:
                self._turns.go_wrong(f"the core fell over: {fell.exceptions!r}")
        if self._comparison.error is not None:
            raise self._comparison.error
        took = time.perf_counter() - began
        return self._result(took)

    async def _all_turns(self) -> None:
        turns, comparison = self._turns, self._comparison
        while (head := turns.head) is not None and not comparison.is_over:
            if isinstance(head, Turn):
                if head.at >= self._until:
                    self._is_through = True
                    break
                if self._before is None and head.at >= self._since:
                    turns.end_turn()
                    self._before = self._counts()
            await self._take(head.what)
            if turns.turns % TICKS == 0:
                self._tick(turns.at)
            if turns.wrong is not None or comparison.different is not None:
                return
        turns.end_turn()

    async def _take(self, what: str) -> None:
        """The next turn."""
        turns, post = self._turns, self._core.post
        if what in ("start", "recover", "ended", "parting"):
            await self._let_its_task()
        elif what == "deliver" and len(post):
            post.deliver_burst()
        elif (hears := self._hears(what)) is None:
            turns.go_wrong(f"{what} came then, and cannot come now")
        else:
            words = turns.words
            try:
                post.turn(what, lambda *_: hears(*words), *words)
            except Exception as error:  # it did not raise then, or it would not be written down
                turns.go_wrong(f"{what} cannot be handled now: {error!r}")

    def _hears(self, what: str) -> Callable[..., object] | None:
        core = self._core
        if what in self._extra:
            return lambda *words: self._extra[what](core, words)
        say = _SAYS.get(what)
        return None if say is None else say(core)

    async def _let_its_task(self) -> None:
        """The core takes this turn by itself, in a task that waits for it or will."""
        turns = self._turns
        head = turns.head
        for _ in range(PATIENCE):
            if turns.head is not head:
                return
            turns.open_gate()
            await trio.lowlevel.checkpoint()
        assert head is not None
        turns.go_wrong(f"{head.what} {getattr(head, 'words', '')} came then, and does not come now")

    # --- what came of it ----------------------------------------------------------------------

    def _result(self, took: float) -> Replayed:
        left = 0
        difference = self._difference()
        if difference is None and not self._is_through:
            left = self._comparison.left()
        counts = self._counts()
        before = counts if self._before is None else self._before
        return Replayed(
            counts - before,
            before,
            took,
            difference,
            self._recording.cut,
            left,
            self._comparison.last,
        )

    def _counts(self) -> Counts:
        turns, comparison = self._turns, self._comparison
        return Counts(
            comparison.compared,
            comparison.contacts,
            turns.turns,
            turns.messages.count,
            turns.others.count,
            turns.passed,
        )

    def _difference(self) -> Difference | None:
        turns, comparison = self._turns, self._comparison
        if comparison.different is not None:
            return comparison.different
        if turns.wrong is None:
            return None
        if turns.unlike is not None:
            return Difference(
                turns.wrong, turns.blamed, before=comparison.before, said=turns.unlike
            )
        if comparison.awaited is None:
            # Of a killed run the inputs may go on behind the last event that its disk had: whatever
            # came of those, there is nothing to hold it against.
            return None
        return Difference(turns.wrong, turns.blamed, comparison.awaited, before=comparison.before)


_SAYS: Mapping[str, Callable[[Core], Callable[..., object]]] = {
    "message": lambda core: core.endpoint.receive,
    "unsent": lambda core: core.endpoint.connection_closed,
    "closed": lambda core: core.connection_closed,
    "media": lambda core: core.calls.media_event,
    "trying": lambda core: core.endpoint.say_trying,
    "timers": lambda core: core.timers.fire,
    "command": lambda core: core.commands.carry_out,
    "configure": lambda core: core.configure_again,
    "late": lambda core: core.admission.is_late,
    "clock set": lambda core: core.say_clock_set,
    "drain": lambda core: core.begin_to_drain,
    "end all": lambda core: core.end_all,
    "dropped": lambda core: core.guardian.drop,
    "stop": lambda core: core.say_stopped,
}
"""Who hears what comes from outside."""
