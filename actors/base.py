"""The actor: one mailbox, one machine, one task.

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
BURST = 32
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


class Actor:
    """Drives one machine.

    ``tell`` is all that others may do.  ``perform`` hands an effect over; what takes time reports
    back with a message.
    """

    __slots__ = (
        "_armed",
        "_ended",
        "_handled",
        "_mailbox",
        "_overflow",
        "_peak",
        "_perform",
        "_size",
        "_timers",
        "_waiting",
        "machine",
        "name",
    )

    def __init__(
        self,
        name: str,
        machine: Machine,
        perform: Callable[[Any], None],
        timers: Timers,
        *,
        mailbox_size: int = MAILBOX_SIZE,
    ) -> None:
        self.name = name
        self.machine = machine
        self._perform = perform
        self._timers = timers
        self._size = mailbox_size
        self._mailbox: deque[Any] = deque()
        self._waiting: trio.lowlevel.Task | None = None
        self._armed: dict[str, object] = {}
        self._overflow = self._ended = False
        self._peak = self._handled = 0

    def tell(self, message: Any) -> None:
        """Put a message in the mailbox.  Never waits, so never deadlocks.

        A full mailbox is its owner's failure, not the sender's.  An actor that has ended hears
        nothing; whoever watches it is told so.
        """
        if self._ended:
            return
        mailbox = self._mailbox
        if len(mailbox) >= self._size:
            self._overflow = True
        else:
            mailbox.append(message)
        if self._waiting is not None:
            trio.lowlevel.reschedule(self._waiting)
            self._waiting = None

    async def run(self) -> None:
        """Until the machine says Stop.  What the machine raises passes through."""
        try:
            running = True
            while running:
                if not self._mailbox:
                    await self._sleep()
                else:
                    await trio.lowlevel.checkpoint()
                for _ in range(min(BURST, len(self._mailbox))):
                    if self._overflow:
                        raise Overloaded(self.name)
                    if not self.handle(self._mailbox.popleft()):
                        running = False
                        break
        finally:
            self._ended = True
            self._mailbox.clear()
            for name in self._armed:
                self._timers.cancel((self.name, name))
            self._armed.clear()

    def handle(self, message: Any) -> bool:
        """One message through the machine; False when it has stopped."""
        self._peak = max(self._peak, len(self._mailbox) + 1)
        self._handled += 1
        if isinstance(message, _Due):
            if self._armed.get(message.name) is not message:
                return True  # cancelled, or armed anew, after it was due: it never fired
            del self._armed[message.name]
            message = TimerFired(message.name)
        return self.perform_all(self.machine.handle(message))

    def perform_all(self, effects: Sequence[Any]) -> bool:
        """Carry effects out in their order; False when the machine has stopped."""
        running = True
        for effect in effects:
            match effect:
                case StartTimer(name, seconds):
                    self._arm(name, seconds)
                case CancelTimer(name):
                    self._armed.pop(name, None)
                    self._timers.cancel((self.name, name))
                case Stop():
                    running = False
                case _:
                    self._perform(effect)
        return running

    def _arm(self, name: str, seconds: float) -> None:
        due = _Due(name)
        self._armed[name] = due
        self._timers.arm((self.name, name), seconds, lambda: self.tell(due))

    async def _sleep(self) -> None:
        def abort(_: trio.lowlevel.RaiseCancelT) -> trio.lowlevel.Abort:
            self._waiting = None
            return trio.lowlevel.Abort.SUCCEEDED

        self._waiting = trio.lowlevel.current_task()
        await trio.lowlevel.wait_task_rescheduled(abort)

    def statistics(self) -> ActorStatistics:
        state = type(getattr(self.machine, "state", self.machine)).__name__
        return ActorStatistics(self.name, len(self._mailbox), self._peak, self._handled, state)
