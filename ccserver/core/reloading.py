"""The configuration read again while the server runs: checked whole, then done or refused whole."""

from __future__ import annotations

import logging
import signal
from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec
import trio

from actors.commands import Principal
from actors.events import ConfigurationChange
from actors.reasons import Refusal
from ccserver.core.door.commands import Disk
from ccserver.door import Answer
from ccserver.settings import ConfigurationError, Loaded, Problem, Settings
from ccserver.settings.content import applicable, content_of, difference, version_of

log = logging.getLogger(__name__)

OPERATION = "centre.reload"
DURABLE_SECONDS = 5.0
"""For the disk to take the configuration; the answer must not come before."""


async def no_file() -> Loaded:
    """For a centre that was made of no file."""
    raise ConfigurationError([Problem("", "", "expected a file to read again, there is none")])


class Configurable(Protocol):
    """The centre: its settings now, and how it is given others."""

    settings: Settings

    def configure(
        self, settings: Settings, by: str, changes: tuple[ConfigurationChange, ...]
    ) -> int: ...


class Reloading:
    """``load`` reads and checks the file."""

    def __init__(
        self,
        load: Callable[[], Awaitable[Loaded]],
        centre: Configurable,
        disk: Disk,
    ) -> None:
        self._load, self._centre, self._disk = load, centre, disk
        self._one_at_a_time = trio.Lock()

    async def on_signal(self, *, task_status: trio.TaskStatus[None]) -> None:
        """Until cancelled: each SIGHUP reloads."""
        with trio.open_signal_receiver(signal.SIGHUP) as signals:
            task_status.started()
            async for _ in signals:
                await self.reload("signal")

    async def answer(self, by: Principal | None) -> Answer:
        """To whoever asks at the door: the server's operator, or an administrator."""
        if by is not None and by.role != "administrator":
            detail = "only an administrator reloads the configuration"
            return {"refused": Refusal.NOT_PERMITTED, "detail": detail}
        return await self.reload("operator" if by is None else by.user)

    async def reload(self, by: str) -> Answer:
        """``{"ok": true, "version", "changes", "needs_restart", "warnings"}``; a wrong file changes
        nothing, and every error in it is said.
        """
        async with self._one_at_a_time:
            try:
                loaded = await self._load()
            except ConfigurationError as error:
                count = len(error.problems)
                log.error("not reloaded, for the configuration has %d errors:\n%s", count, error)
                return {
                    "refused": Refusal.CONFIGURATION_WRONG,
                    "detail": f"{count} errors in the configuration: nothing has changed",
                    "errors": [
                        {"place": p.place, "field": p.key, "detail": p.text} for p in error.problems
                    ],
                }
            return await self._apply(loaded, by)

    async def _apply(self, loaded: Loaded, by: str) -> Answer:
        running = self._centre.settings
        effective, needs_restart = applicable(running, loaded.settings)
        changes = difference(running, effective)
        for warning in loaded.warnings:
            log.warning("%s", warning)
        if needs_restart:
            log.warning("at the next start only: %s", ", ".join(needs_restart))
        if changes and not self._disk.ready:
            detail = "the disk takes nothing now: nothing has changed"
            return {"refused": Refusal.STORAGE_UNAVAILABLE, "detail": detail}
        if changes:
            recorded = self._centre.configure(effective, by, changes)
            log.info("reloaded: %s", ", ".join(f"{c.key} {c.what}" for c in changes))
            with trio.move_on_after(DURABLE_SECONDS) as patience:
                await self._disk.wait_durable(recorded)
            if patience.cancelled_caught:
                return {"refused": Refusal.NO_ANSWER, "detail": "reloaded, but not on the disk yet"}
        else:
            log.info("reloaded: nothing that a running server can change is another than before")
        return {
            "ok": True,
            "version": version_of(content_of(effective)),
            "changes": [msgspec.to_builtins(change) for change in changes],
            "needs_restart": list(needs_restart),
            "warnings": [str(warning) for warning in loaded.warnings],
        }
