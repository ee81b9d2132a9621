"""The actor: a mailbox, and a machine that decides.

A machine decides, synchronously and without I/O: ``handle(message)`` returns a list of effects.
The actor carries them out.  No state changes across an ``await``, so no handler ever sees another
handler's half-done work.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol, TypeAlias, TypeVar, TypeVarTuple

import trio
from msgspec import Struct

from sip.machine import CancelTimer, StartTimer, Stop, TimerFired
from sip.timers import Timer

MAILBOX_SIZE = 256
BURST = 64
"""Messages handled before other tasks get their turn."""


Answer = TypeVar("Answer")
Words = TypeVarTuple("Words")
Handlers: TypeAlias = Mapping[type, Callable[[Any, Any], object]]
"""What carries out an effect, by its type, given the actor and the effect."""


class Overloaded(Exception):
    """This actor's mailbox ran over: it is stuck, or the edge let too much in."""


class Machine(Protocol):
    def handle(self, message: Any) -> Sequence[Any]: ...


class Timers(Protocol):
    """The one structure that serves all timers of the process."""

    def arm(self, seconds: float, callback: Callable[[], None]) -> Timer: ...

    def cancel(self, timer: Timer) -> None: ...


class ActorStatistics(Struct, frozen=True, gc=False):
    """``mailbox`` and ``peak`` in messages; ``handled`` since the start."""

    name: str
    mailbox: int
    peak: int
    handled: int
    state: str


class _Due(Struct, frozen=True, eq=False, gc=False):
    """In the mailbox of its owner: this timer's moment has come."""

    name: str


class Turns(Protocol):
    """Whom the post asks what time it is, and whatever else the actors cannot know by themselves.

    So all of it can be written down as it comes, and be said again (docs/replay.md).
    """

    by_itself: bool
    """Whether the core goes on as it likes, a mailbox's task that delivers and what a turn has left
    to be said at its end; else it is told when.
    """

    def wall(self) -> float:
        """Seconds since 1970."""

    def begin(self, what: str, words: tuple[object, ...]) -> tuple[float, float]:
        """A turn begins, because of this.  Monotonic seconds, and seconds since 1970."""

    def ask(self, what: str, question: Callable[[], Answer]) -> Answer:
        """What ``question`` answers, which is not for the actors to know."""

    def sent(self, data: bytes, remote: tuple[str, int]) -> None:
        """What follows from this turn, and goes there."""

    def told(self, word: Struct) -> None:
        """What follows from this turn, and is for others than the actors and the network: a command
        to the media process, the answer to a command.
        """

    async def wait_for(self, what: str, name: str) -> None:
        """Until a task may go on with a turn of this kind: at once, with no pass of the loop."""


class LiveTurns:
    """They are as they come, and are forgotten."""

    by_itself = True

    def __init__(self, wall: Callable[[], float] = trio.current_time) -> None:
        self.wall = wall

    def begin(self, what: str, words: tuple[object, ...]) -> tuple[float, float]:
        return trio.current_time(), self.wall()

    def ask(self, what: str, question: Callable[[], Answer]) -> Answer:
        return question()

    def sent(self, data: bytes, remote: tuple[str, int]) -> None:
        """It has gone."""

    def told(self, word: Struct) -> None:
        """It has been said."""

    async def wait_for(self, what: str, name: str) -> None:
        """Nobody else has a say in it."""


class _Sleeper:
    """A task that waits until somebody wakes it, at the cost of one pass of the loop."""

    __slots__ = ("_task",)

    def __init__(self) -> None:
        self._task: trio.lowlevel.Task | None = None

    def wake(self) -> None:
        if self._task is not None:
            trio.lowlevel.reschedule(self._task)
            self._task = None

    async def sleep(self) -> None:
        self._task = trio.lowlevel.current_task()
        await trio.lowlevel.wait_task_rescheduled(self._abort)

    def _abort(self, _: trio.lowlevel.RaiseCancelT) -> trio.lowlevel.Abort:
        self._task = None
        return trio.lowlevel.Abort.SUCCEEDED


class Post:
    """All messages that are under way, in the order in which they were told.

    Whoever comes from outside (a datagram, news of media, a timer) says what it has to say within a
    ``turn``; all that follows from it is handled before the turn ends, with no task woken and no
    pass of the loop between.  What is told outside a turn wakes the task of its mailbox, or ours.
    """

    __slots__ = (
        "_at",
        "_burst",
        "_ending",
        "_instant",
        "_sleeper",
        "last",
        "queue",
        "turning",
        "turns",
    )

    def __init__(self, turns: Turns | None = None) -> None:
        self.queue: deque[tuple[Actor, Any]] = deque()
        self.turns: Turns = turns or LiveTurns()
        self._ending: list[Callable[[], None]] = []
        self.last: tuple[Callable[[], None], ...] = ()
        """What each turn does last, at its own instant: that for which nobody in it waits, the most
        urgent first.
        """
        self._sleeper = _Sleeper()
        self.turning = self._burst = False
        self._instant = self._at = 0.0

    def now(self) -> float:
        """Monotonic seconds; all of one turn is at the same instant."""
        return self._instant if self.turning else trio.current_time()

    def wall(self) -> float:
        """Seconds since 1970, of the same instant."""
        return self._at if self.turning else self.turns.wall()

    def __len__(self) -> int:
        return len(self.queue)

    def turn(self, what: str, say: Callable[[*Words], object], *words: *Words) -> None:
        """``say(*words)``, and what follows from it; ``what`` names the kind of turn."""
        if self.turning:
            say(*words)
            return
        self._instant, self._at = self.turns.begin(what, words)
        self.turning = True
        try:
            say(*words)
        finally:
            self._deliver()

    def begin_burst(self) -> None:
        """Several turns follow each other at once, and end together."""
        self._burst = True

    def end_burst(self) -> None:
        self._burst = False
        self._end()

    def at_end(self, act: Callable[[], None]) -> bool:
        """Call ``act`` once, when this turn, or its burst, ends; False: there is no turn, and it is
        not called.
        """
        if self.turning:
            self._ending.append(act)
        return self.turning

    def deliver(self) -> None:
        """Handle what there is, and what it makes actors tell each other.

        After a burst the rest is left to the task of the next one's mailbox, so that others get
        their turn.  What a machine raises ends its mailbox, and nothing else.
        """
        if self.queue and not self.turning and self.turns.by_itself:
            self.deliver_burst()

    def deliver_burst(self) -> None:
        """As ``deliver``, whoever may."""
        self._instant, self._at = self.turns.begin("deliver", ())
        self.turning = True
        self._deliver()

    def deliver_all(self) -> None:
        """Until nothing is under way; nobody else gets his turn."""
        while self.queue:
            self.deliver_burst()

    def _deliver(self) -> None:
        queue = self.queue
        try:
            for _ in range(BURST):
                if not queue:
                    return
                actor, message = queue.popleft()
                mailbox = actor.mailbox
                mailbox.waiting -= 1
                try:
                    actor.handle(message)
                except Exception as error:
                    mailbox.fail(error)
            while queue and queue[0][0].ended:  # whose task may have ended, too
                queue.popleft()[0].mailbox.waiting -= 1
        finally:
            self._end_turn()

    def _end_turn(self) -> None:
        try:
            for act in self.last:
                act()
        finally:
            self.turning = False
            if self.queue:
                self.queue[0][0].mailbox.wake()
            if not self._burst:
                self._end()

    def _end(self) -> None:
        while self._ending:
            self._ending.pop()()

    async def run(self) -> None:
        """Delivers what is told outside a turn to mailboxes that have no task; until cancelled."""
        while True:
            await self.rest(self._sleeper)
            self.deliver()

    async def rest(self, sleeper: _Sleeper) -> None:
        """For a task that delivers: until there is something to deliver, or it is woken."""
        if self.queue:
            await trio.lowlevel.checkpoint()
        else:
            await sleeper.sleep()

    def wake(self) -> None:
        self._sleeper.wake()


class Mailbox:
    """Of one actor, or of a crash group: what its machines raise ends them all, and only them.

    ``waiting``: messages that lie in it, at most ``peak`` so far; with ``size`` of them it is full.
    One with ``on_over`` has no task: that is called when its last actor has left, with what one of
    them raised.  The others have ``run``.
    """

    __slots__ = (
        "_error",
        "_living",
        "_on_over",
        "_size",
        "_sleeper",
        "name",
        "peak",
        "post",
        "waiting",
    )

    def __init__(
        self,
        post: Post,
        name: str,
        size: int = MAILBOX_SIZE,
        on_over: Callable[[Exception | None], None] | None = None,
    ) -> None:
        self.name = name
        self.waiting = self.peak = 0
        self.post, self._size = post, size
        self._on_over = on_over
        self._sleeper = None if on_over is not None else _Sleeper()
        self._living: set[Actor] = set()
        self._error: Exception | None = None

    def grows(self, waiting: int) -> bool:
        """Whether it may hold so many.  A full mailbox is its owner's failure."""
        if waiting > self._size:
            self.fail(Overloaded(self.name))
            return False
        self.peak = waiting
        return True

    def enter(self, actor: Actor) -> None:
        self._living.add(actor)

    def leave(self, actor: Actor) -> None:
        """It is over when the last one has left."""
        self._living.discard(actor)
        if self._living:
            return
        on_over, self._on_over = self._on_over, None
        if on_over is not None:
            on_over(self._error)
        elif self._sleeper is not None:
            self._sleeper.wake()

    def fail(self, error: Exception) -> None:
        """None of its actors hears anything more; whoever waits for its end has the error."""
        if self._sleeper is None and not self._living:
            raise error  # by what was to be done at its end: nobody else would ever hear of it
        if self._error is None:
            self._error = error
        self.silence()

    def close(self) -> None:
        """Nobody is told, or hears anything more."""
        self._on_over = None
        self.silence()

    def silence(self) -> None:
        for actor in list(self._living):
            actor.silence()

    def wake(self) -> None:
        (self._sleeper or self.post).wake()

    async def run(self) -> None:
        """Until its last actor has stopped.  What a machine raised passes through."""
        assert self._sleeper is not None
        try:
            while self._living:
                await self.post.rest(self._sleeper)
                self.post.deliver()
        finally:
            self.silence()
        if self._error is not None:
            raise self._error


class Actor:
    """Drives one machine.

    ``tell`` is all that others may do.  ``handlers`` carry out effects, ``OWN_EFFECTS`` among them;
    what takes time reports back with a message.  ``mailbox``: its own, or that of its crash group.
    ``on_end`` is called when the machine has stopped; not when its mailbox failed.  ``handled``:
    messages, since the start.
    """

    __slots__ = (
        "_armed",
        "_handlers",
        "_on_end",
        "_stops",
        "_timers",
        "ended",
        "handled",
        "machine",
        "mailbox",
        "name",
    )

    def __init__(
        self,
        name: str,
        machine: Machine,
        handlers: Handlers,
        timers: Timers,
        mailbox: Mailbox,
        *,
        on_end: Callable[[], None] | None = None,
    ) -> None:
        self.name = name
        self.machine = machine
        self.mailbox = mailbox
        self.ended = self._stops = False
        self._handlers, self._timers = handlers, timers
        self._on_end = on_end
        self._armed: dict[str, tuple[_Due, Timer]] = {}
        self.handled = 0
        mailbox.enter(self)

    def tell(self, message: Any) -> None:
        """Put a message in the mailbox: never waits, so never deadlocks.

        An actor that has ended hears nothing; whoever watches it is told so.
        """
        mailbox = self.mailbox
        waiting = mailbox.waiting + 1
        if self.ended or (waiting > mailbox.peak and not mailbox.grows(waiting)):
            return
        mailbox.waiting = waiting
        post = mailbox.post
        post.queue.append((self, message))
        if not post.turning:  # else whoever turns comes and delivers
            mailbox.wake()

    def silence(self) -> None:
        """It hears nothing more, and none of its timers fires."""
        self._end()
        self.mailbox.leave(self)

    def _end(self) -> None:
        self.ended = True
        for _, timer in self._armed.values():
            self._timers.cancel(timer)
        self._armed.clear()

    def handle(self, message: Any) -> None:
        """One message through the machine; its effects are carried out in their order."""
        if self.ended:
            return  # it stopped as this waited behind another message
        self.handled += 1
        if type(message) is _Due:
            armed = self._armed.get(message.name)
            if armed is None or armed[0] is not message:
                return  # cancelled, or armed anew, after it was due: it never fired
            del self._armed[message.name]
            message = TimerFired(message.name)
        handlers = self._handlers
        for effect in self.machine.handle(message):
            handlers[type(effect)](self, effect)
        if self._stops:
            self._end()
            if self._on_end is not None:
                self._on_end()
            self.mailbox.leave(self)

    def start_timer(self, effect: StartTimer) -> None:
        name = effect.name
        before = self._armed.get(name)
        if before is not None:
            self._timers.cancel(before[1])
        due = _Due(name)
        self._armed[name] = due, self._timers.arm(effect.seconds, partial(self.tell, due))

    def cancel_timer(self, effect: CancelTimer) -> None:
        armed = self._armed.pop(effect.name, None)
        if armed is not None:
            self._timers.cancel(armed[1])

    def stop(self, _: Stop) -> None:
        """When the effects behind it have been carried out."""
        self._stops = True

    def statistics(self) -> ActorStatistics:
        """``mailbox`` and ``peak`` count what waits for the whole crash group."""
        state = type(getattr(self.machine, "state", self.machine)).__name__
        mailbox = self.mailbox
        return ActorStatistics(self.name, mailbox.waiting, mailbox.peak, self.handled, state)


OWN_EFFECTS: Handlers = {
    StartTimer: Actor.start_timer,
    CancelTimer: Actor.cancel_timer,
    Stop: Actor.stop,
}
"""Those that an actor carries out itself."""
