"""Failure isolation: a crash ends one actor with its crash group, and is told to who asked."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import trio

from actors.base import Post
from actors.messages import Down

Watcher: TypeAlias = Callable[[Down], None]
CrashReport: TypeAlias = Callable[[str, Exception], None]
Live: TypeAlias = Callable[[], Awaitable[None]]


class TooManyCrashes(Exception):
    """Starting again does not help.  Let the process end and be started clean."""


class Guardian:
    """Runs actors so that none takes another down with it.

    ``report`` hears of every crash, once.  An essential actor (agent, queue, dispatcher) is started
    again, empty, and told everything anew; ``most`` crashes ``within`` seconds end the guardian's
    nursery with ``TooManyCrashes``.  Each end and each start is a turn of the post.
    """

    def __init__(
        self,
        nursery: trio.Nursery,
        report: CrashReport,
        post: Post,
        *,
        most: int = 5,
        within: float = 60.0,
    ) -> None:
        self._nursery, self._report, self._post = nursery, report, post
        self._most, self._within = most, within
        self._watchers: dict[str, list[Watcher]] = {}
        self._living: dict[str, Callable[[], None] | None] = {}
        """What is called when each has ended."""
        self._crashes: deque[float] = deque(maxlen=most)

    def watch(self, name: str, watcher: Watcher) -> None:
        """``watcher`` hears ``Down`` when ``name`` ends: at once, when it is not alive."""
        if name in self._living:
            self._watchers.setdefault(name, []).append(watcher)
        else:
            watcher(Down(name, crashed=False))

    def start(
        self,
        name: str,
        live: Live,
        ended: Callable[[], None] | None = None,
        *,
        essential: bool = False,
    ) -> None:
        """``live`` is called here, and anew at each start: it makes a fresh machine, mends no old
        one, and gives what is awaited; ``ended`` is called when that has ended, however it did.
        """
        self._living[name] = ended
        self._nursery.start_soon(self._run, name, live(), live, essential, name=name)

    async def _run(
        self,
        name: str,
        life: Awaitable[None],
        live: Live,
        essential: bool,
    ) -> None:
        crash: Exception | None = None
        try:
            await life
        except Exception as error:  # an ExceptionGroup is one too; Cancelled passes
            crash = error
        except BaseException:
            if self._living.get(name) is not None:  # in a replay it may have been dropped
                self._post.turn("dropped", self.drop, name)
            raise
        ended = self._living[name]
        await self._post.turns.wait_for("ended", name)
        self._post.turn("ended", lambda name: self._over(name, crash), name)
        if crash is not None and essential:
            why = crash
            self._post.turn("again", lambda name: self._again(name, why, live, ended), name)

    def drop(self, name: str) -> None:
        """The server ends, and it with it."""
        ended = self._living.pop(name)
        if ended is not None:
            ended()

    def _over(self, name: str, crash: Exception | None) -> None:
        ended = self._living[name]
        if ended is not None:
            ended()
        if crash is not None:
            self._report(name, crash)
        del self._living[name]
        down = Down(name, crashed=crash is not None)
        for watcher in self._watchers.pop(name, ()):
            watcher(down)

    def _again(
        self, name: str, crash: Exception, live: Live, ended: Callable[[], None] | None
    ) -> None:
        self._count(crash)
        self.start(name, live, ended, essential=True)

    def _count(self, crash: Exception) -> None:
        now = self._post.now()
        if len(self._crashes) == self._most and now - self._crashes[0] < self._within:
            raise TooManyCrashes from crash
        self._crashes.append(now)

    @property
    def living(self) -> int:
        """How many actors and crash groups are alive."""
        return len(self._living)
