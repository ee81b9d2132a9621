"""Failure isolation: a crash ends one actor with its crash group, and is told to who asked."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import trio

from actors.messages import Down

Watcher: TypeAlias = Callable[[Down], None]
CrashReport: TypeAlias = Callable[[str, Exception], None]
Turn: TypeAlias = Callable[[Watcher, Down], None]


class TooManyCrashes(Exception):
    """Starting again does not help.  Let the process end and be started clean."""


class Guardian:
    """Runs actors so that none takes another down with it.

    ``report`` hears of every crash, once; ``turn(say, down)`` is a turn of the post.  An essential
    actor (agent, queue, dispatcher) is started again, empty, and told everything anew; ``most``
    crashes ``within`` seconds end the guardian's nursery with ``TooManyCrashes``.
    """

    def __init__(
        self,
        nursery: trio.Nursery,
        report: CrashReport,
        turn: Turn,
        *,
        most: int = 5,
        within: float = 60.0,
    ) -> None:
        self._nursery, self._report, self._turn = nursery, report, turn
        self._most, self._within = most, within
        self._watchers: dict[str, list[Watcher]] = {}
        self._living: set[str] = set()
        self._crashes: deque[float] = deque(maxlen=most)

    def watch(self, name: str, watcher: Watcher) -> None:
        """``watcher`` hears ``Down`` when ``name`` ends: at once, when it is not alive."""
        if name in self._living:
            self._watchers.setdefault(name, []).append(watcher)
        else:
            watcher(Down(name, crashed=False))

    def start(
        self, name: str, run: Callable[[], Awaitable[None]], *, essential: bool = False
    ) -> None:
        """``run`` is called anew at each start: it makes a fresh machine, mends no old one."""
        self._living.add(name)
        self._nursery.start_soon(self._run, name, run, essential, name=name)

    async def _run(self, name: str, run: Callable[[], Awaitable[None]], essential: bool) -> None:
        crash: Exception | None = None
        try:
            await run()
        except Exception as error:  # an ExceptionGroup is one too; Cancelled passes
            crash = error
            self._report(name, error)
        finally:
            self._living.discard(name)
        self._turn(self._tell, Down(name, crashed=crash is not None))
        if crash is not None and essential:
            self._count(crash)
            self.start(name, run, essential=True)

    def _tell(self, down: Down) -> None:
        for watcher in self._watchers.pop(down.name, ()):
            watcher(down)

    def _count(self, crash: Exception) -> None:
        now = trio.current_time()
        if len(self._crashes) == self._most and now - self._crashes[0] < self._within:
            raise TooManyCrashes from crash
        self._crashes.append(now)

    @property
    def living(self) -> int:
        """How many actors and crash groups are alive."""
        return len(self._living)
