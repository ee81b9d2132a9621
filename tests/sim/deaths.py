"""The server dies at any of its events, perhaps again as it comes back, and is started again."""

from __future__ import annotations

from itertools import count
from random import Random

import trio

from tests.sim.swarm import Fault
from tests.support.restarting import MortalCentre

MOST_EVENTS = 15
"""It dies at the latest so many events after the fault, or, if nothing happens, so much later:"""
MOST_SECONDS = 2.0
AWAY = (0.3, 3.0)
"""Seconds from a death to the next start: a Python starts, and who has died before, rests."""
AGAIN = (0, 0, 0, 0, 1, 2, 4)
"""How often it dies before it has come back."""
DISK_PAUSE = 0.5


class Deaths:
    """One after the other: who is dead already does not die."""

    def __init__(self, floor: MortalCentre) -> None:
        self._floor = floor
        self._dying = trio.Lock()

    async def dies(self, fault: Fault) -> None:
        """And is there again when this returns."""
        if self._dying.locked():
            return
        async with self._dying:
            random = Random(fault.who)
            self._falls_at_event(random.randrange(MOST_EVENTS))
            with trio.move_on_after(MOST_SECONDS):
                await self._floor.life.ended.wait()
            if fault.kind == "outage":
                await self._floor.has_no_power()
            else:
                await self._floor.is_killed()
            for _ in range(random.choice(AGAIN)):
                self._falls_at_event(random.randint(1, 7))
                await self._starts(random)
                await trio.sleep(0.1)
                await self._floor.is_killed()
            self._floor.witness = lambda entry: None
            await self._starts(random)

    async def over(self) -> None:
        """When nobody is dying any more."""
        async with self._dying:
            pass

    async def _starts(self, random: Random) -> None:
        await trio.sleep(random.uniform(*AWAY))
        while self._floor.disk.trouble is not None:  # noqa: ASYNC110
            await trio.sleep(DISK_PAUSE)
        self._floor.disk.opens_again()
        await self._floor.start()

    def _falls_at_event(self, number: int) -> None:
        """That many events from now on."""
        passed = count()
        self._floor.dies_at(lambda event: next(passed) == number)
