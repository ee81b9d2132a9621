"""Failure isolation: a crash ends one actor with its crash group, and is told to who asked."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import trio

from actors.base import Mailbox, Post
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
    nursery with ``TooManyCrashes``.  Each end and each start is a turn of the post; the good end of
    a crash group is part of the turn that led to it.
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
        """What is called when each has ended; None: nothing."""
        self._groups: dict[str, Mailbox] = {}
        """Crash groups: no task is theirs until one crashes."""
        self._crashes: deque[float] = deque(maxlen=most)
        nursery.start_soon(self._drop_at_the_end)

    def watch(self, name: str, watcher: Watcher) -> None:
        """``watcher`` hears ``Down`` when ``name`` ends: at once, when it is not alive."""
        if name in self._living:
            self._watchers.setdefault(name, []).append(watcher)
        else:
            watcher(Down(name, crashed=False))

    def start(self, name: str, live: Live) -> None:
        """An essential actor.  ``live`` is called here, and anew at each start: it makes a fresh
        machine, mends no old one, and gives what is awaited.
        """
        self._living[name] = None
        self._nursery.start_soon(self._run, name, live(), live, name=name)

    def group(
        self, name: str, part: Callable[[Exception], Awaitable[None]], ended: Callable[[], None]
    ) -> Mailbox:
        """The mailbox of a crash group.  What one of its actors has raised is given to ``part``,
        which raises it when it has done what is left to do.  ``ended`` is called when the group has
        ended, however it did.
        """

        def over(error: Exception | None) -> None:
            del self._groups[name]
            if error is None:
                self._over(name, None)
            else:
                self._nursery.start_soon(self._run, name, part(error), None, name=name)

        self._living[name] = ended
        mailbox = self._groups[name] = Mailbox(self._post, name, on_over=over)
        return mailbox

    async def _drop_at_the_end(self) -> None:
        try:
            await trio.sleep_forever()
        finally:
            for name in list(self._groups):
                if name in self._groups:  # it may have ended as another was dropped
                    self._post.turn("dropped", self.drop, name)

    async def _run(self, name: str, life: Awaitable[None], live: Live | None) -> None:
        crash: Exception | None = None
        try:
            await life
        except Exception as error:  # an ExceptionGroup is one too; Cancelled passes
            crash = error
        except BaseException:
            if self._living.get(name) is not None:  # in a replay it may have been dropped
                self._post.turn("dropped", self.drop, name)
            raise
        await self._post.turns.wait_for("ended", name)
        self._post.turn("ended", lambda name: self._over(name, crash), name)
        if crash is not None and live is not None:
            why, again = crash, live
            self._post.turn("again", lambda name: self._again(name, why, again), name)

    def drop(self, name: str) -> None:
        """The server ends, and it with it."""
        group = self._groups.pop(name, None)
        if group is not None:
            group.close()
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

    def _again(self, name: str, crash: Exception, live: Live) -> None:
        self._count(crash)
        self.start(name, live)

    def _count(self, crash: Exception) -> None:
        now = self._post.now()
        if len(self._crashes) == self._most and now - self._crashes[0] < self._within:
            raise TooManyCrashes from crash
        self._crashes.append(now)

    @property
    def living(self) -> int:
        """How many actors and crash groups are alive."""
        return len(self._living)
