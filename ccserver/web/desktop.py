"""What each desktop is told over its WebSocket: a snapshot, then what changes for it.

Nothing is queued.  A desktop has a set of resources that are others than it knows, and is sent
their present state whenever it can take it: who is slow skips what is past, and memory is bounded
by what there is to see.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable

import anyio

from ccserver.journal.live import Key
from ccserver.web.model import KINDS, Changes, Model, Viewer

PACE = 0.05
"""Seconds between two messages to one desktop: changes within them come together."""
PATIENCE = 10.0
"""Seconds for a desktop to take a message; then it is let go, and comes back if it lives."""
Send = Callable[[str], Awaitable[None]]


class Desktop:
    """One WebSocket.  ``desk``: its number among those of its account, the last one commands."""

    def __init__(self, model: Model, viewer: Viewer, desk: int = 0) -> None:
        self.viewer, self.desk = viewer, desk
        self._model = model
        self._dirty: dict[Key, None] = {}
        self._known: set[Key] = set()
        self._wake = asyncio.Event()

    def begin(self, after: int | None) -> str:
        """The first message: what has changed behind ``after``, or everything."""
        changed = self._model.since(self.viewer, after)
        visible = {key for key in self._model.everything() if self._model.sees(self.viewer, key)}
        self._dirty.clear()
        if changed is None:
            self._known = visible
            return self._message("snapshot", visible)
        self._known = visible | set(changed)
        return self._message("change", changed)

    def mark(self, key: Key) -> None:
        """It is another than this desktop knows."""
        self._dirty[key] = None
        self._wake.set()

    def take(self) -> str | None:
        """What is new for it, in one message; None: nothing."""
        self._wake.clear()
        dirty, self._dirty = self._dirty, {}
        fresh = []
        for key in dirty:
            if self._model.sees(self.viewer, key):
                self._known.add(key)
                fresh.append(key)
            elif key in self._known:
                fresh.append(key)
        if not fresh:
            return None
        message = self._message("change", fresh)
        self._known -= {key for key in fresh if not self._model.sees(self.viewer, key)}
        return message

    async def run(self, send: Send, after: int | None) -> None:
        """Until cancelled.  Raises TimeoutError when the desktop takes nothing any more."""
        message: str | None = self.begin(after)
        while True:
            if message is not None:
                with anyio.fail_after(PATIENCE):
                    await send(message)
                await asyncio.sleep(PACE)
            await self._wake.wait()
            message = self.take()

    def _message(self, what: str, keys: Iterable[Key]) -> str:
        """``{"type": "change", "seq": 7, "agents": {}, "contacts": {"a0...": null}, ...}``."""
        parts: dict[str, list[str]] = {kind: [] for kind in KINDS}
        for kind, name in keys:
            encoded = self._model.encoded(self.viewer, (kind, name)).decode()
            parts[kind].append(f'"{name}":{encoded}')
        listed = ",".join(f'"{kind}":{{{",".join(rows)}}}' for kind, rows in parts.items())
        desk = f'"desk":{self.desk},' if what == "snapshot" else ""
        return f'{{"type":"{what}","seq":{self._model.seq},{desk}{listed}}}'


class Desktops:
    """All that are there.  ``changed`` tells those whom it concerns."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._agents: defaultdict[str, set[Desktop]] = defaultdict(set)
        self._watchers: set[Desktop] = set()
        self._desks: defaultdict[str, int] = defaultdict(int)

    def __len__(self) -> int:
        return len(self._watchers) + sum(map(len, self._agents.values()))

    def open(self, viewer: Viewer) -> Desktop:
        """A new one, which commands from now on."""
        name = viewer.account.name
        self._desks[name] += 1
        desktop = Desktop(self._model, viewer, self._desks[name])
        if viewer.sees_all:
            self._watchers.add(desktop)
        else:
            self._agents[viewer.agent or ""].add(desktop)
        return desktop

    def close(self, desktop: Desktop) -> None:
        self._watchers.discard(desktop)
        agent = desktop.viewer.agent or ""
        self._agents[agent].discard(desktop)
        if not self._agents[agent]:
            del self._agents[agent]

    def of(self, account: str) -> int:
        """How many this account has open."""
        everyone = (*self._watchers, *(one for some in self._agents.values() for one in some))
        return sum(one.viewer.account.name == account for one in everyone)

    def commands(self, account: str, desk: int) -> bool:
        """Whether this is the desktop that was opened last."""
        return desk == self._desks[account]

    def changed(self, changes: Changes) -> None:
        for key, agents in changes.items():
            for desktop in self._watchers:
                desktop.mark(key)
            for agent in agents:
                for desktop in self._agents.get(agent, ()):
                    desktop.mark(key)
