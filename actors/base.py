"""The actor: a mailbox, a task that reads it, and a machine that decides.

A machine decides, synchronously and without I/O: ``handle(message)`` returns a list of effects.
The actor carries them out.  No state changes across an ``await``, so no handler ever sees another
handler's half-done work.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import trio

from sip.machine import CancelTimer, StartTimer, Stop, TimerFired

MAILBOX_SIZE = 256
BURST = 64
"""Messages handled before other tasks get their turn."""


class Overloaded(Exception):
    """This actor's mailbox ran over: it is stuck, or the edge let too much in."""


class Machine(Protocol):
    def handle(self, message: Any) -> Sequence[Any]: ...


class Timers(Protocol):
    """The one structure that serves all timers of the process."""

    def arm(self, key: object, seconds: float, callback: Callable[[], None]) -> None: ...

    def cancel(self, key: object) -> None: ...


@dataclass(frozen=True, slots=True)
class ActorStatistics:
    """``mailbox`` and ``peak`` in messages; ``handled`` since the start."""

    name: str
    mailbox: int
    peak: int
    handled: int
    state: str


@dataclass(frozen=True, slots=True, eq=False)
class _Due:
    """In the mailbox of its owner: this timer's moment has come."""

    name: str


class Mailbox:
    """A bounded queue of messages, and the task that reads it.

    It is one actor's own, or that of a crash group: a contact and its legs speak with each other
    a hundred times a call, and what stays in one mailbox needs no wake-up and no switch of tasks.
    """

    __slots__ = ("_living", "_overflow", "_queue", "_size", "_waiting", "name")

    def __init__(self, name: str, size: int = MAILBOX_SIZE) -> None:
        self.name = name
        self._size = size
        self._queue: deque[tuple[Actor, Any]] = deque()
        self._living: set[Actor] = set()
        self._waiting: trio.lowlevel.Task | None = None
        self._overflow = False

    def __len__(self) -> int:
        return len(self._queue)

    def put(self, actor: Actor, message: Any) -> None:
        """Never waits, so never deadlocks.  A full mailbox is its owner's failure."""
        if len(self._queue) >= self._size:
            self._overflow = True
        else:
            self._queue.append((actor, message))
        if self._waiting is not None:
            trio.lowlevel.reschedule(self._waiting)
            self._waiting = None

    def enter(self, actor: Actor) -> None:
        self._living.add(actor)

    def leave(self, actor: Actor) -> None:
        self._living.discard(actor)

    async def run(self) -> None:
        """Until its last actor has stopped.  What a machine raises passes through, and ends all.

        What an actor tells another of the same mailbox is read in the same turn.
        """
        queue = self._queue
        try:
            while self._living:
                if queue:
                    await trio.lowlevel.checkpoint()
                else:
                    await self._sleep()
                for _ in range(BURST):
                    if self._overflow:
                        raise Overloaded(self.name)
                    if not queue:
                        break
                    actor, message = queue.popleft()
                    actor.handle(message)
        finally:
            queue.clear()
            for actor in list(self._living):
                actor.silence()

    async def _sleep(self) -> None:
        self._waiting = trio.lowlevel.current_task()
        await trio.lowlevel.wait_task_rescheduled(self._abort)

    def _abort(self, _: trio.lowlevel.RaiseCancelT) -> trio.lowlevel.Abort:
        self._waiting = None
        return trio.lowlevel.Abort.SUCCEEDED


class Actor:
    """Drives one machine.

    ``tell`` is all that others may do.  ``perform`` hands an effect over; what takes time reports
    back with a message.  ``mailbox``: of its crash group; else it has its own, of ``size``.
    ``on_end`` is called when the machine has stopped; not when its mailbox's task ended.
    """

    __slots__ = (
        "_armed",
        "_ended",
        "_handled",
        "_on_end",
        "_peak",
        "_perform",
        "_timers",
        "machine",
        "mailbox",
        "name",
    )

    def __init__(
        self,
        name: str,
        machine: Machine,
        perform: Callable[[Any], None],
        timers: Timers,
        *,
        mailbox: Mailbox | None = None,
        size: int = MAILBOX_SIZE,
        on_end: Callable[[], None] | None = None,
    ) -> None:
        self.name = name
        self.machine = machine
        self.mailbox = Mailbox(name, size) if mailbox is None else mailbox
        self._perform = perform
        self._timers = timers
        self._on_end = on_end
        self._armed: dict[str, object] = {}
        self._ended = False
        self._peak = self._handled = 0
        self.mailbox.enter(self)

    def tell(self, message: Any) -> None:
        """Put a message in the mailbox.

        An actor that has ended hears nothing; whoever watches it is told so.
        """
        if not self._ended:
            self.mailbox.put(self, message)

    async def run(self) -> None:
        """Its own mailbox's life."""
        await self.mailbox.run()

    def silence(self) -> None:
        """It hears nothing more, and none of its timers fires."""
        self._ended = True
        for name in self._armed:
            self._timers.cancel((self.name, name))
        self._armed.clear()
        self.mailbox.leave(self)

    def handle(self, message: Any) -> None:
        """One message through the machine."""
        if self._ended:
            return  # it stopped as this waited behind another message
        waiting = len(self.mailbox) + 1
        if waiting > self._peak:
            self._peak = waiting
        self._handled += 1
        if type(message) is _Due:
            if self._armed.get(message.name) is not message:
                return  # cancelled, or armed anew, after it was due: it never fired
            del self._armed[message.name]
            message = TimerFired(message.name)
        self.perform_all(self.machine.handle(message))

    def perform_all(self, effects: Sequence[Any]) -> None:
        """Carry effects out in their order."""
        stops = False
        for effect in effects:
            kind = type(effect)
            if kind is StartTimer:
                self._arm(effect.name, effect.seconds)
            elif kind is CancelTimer:
                if self._armed.pop(effect.name, None) is not None:
                    self._timers.cancel((self.name, effect.name))
            elif kind is Stop:
                stops = True
            else:
                self._perform(effect)
        if stops:
            self.silence()
            if self._on_end is not None:
                self._on_end()

    def _arm(self, name: str, seconds: float) -> None:
        due = _Due(name)
        self._armed[name] = due
        self._timers.arm((self.name, name), seconds, lambda: self.tell(due))

    def statistics(self) -> ActorStatistics:
        """``mailbox`` and ``peak`` count what waits for the whole crash group."""
        state = type(getattr(self.machine, "state", self.machine)).__name__
        return ActorStatistics(self.name, len(self.mailbox), self._peak, self._handled, state)
