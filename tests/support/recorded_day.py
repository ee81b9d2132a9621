"""A day of a centre whose rules stay as they are: what a what-if must find again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any

from tests.support.centre import EPOCH, Centre, centre
from tests.support.day import AGENTS, Day

RULES: dict[str, Any] = {
    "agents": [
        {
            "id": name,
            "secret": f"secret-{name}",
            "skills": {"english": 5 + place % 3, "billing": 4 + place % 4},
        }
        for place, name in enumerate(AGENTS[:5])
    ],
    "queues": [
        {"name": "support", "requirements": {"english": 6}},
        {"name": "sales", "requirements": {"billing": 5}},
        {"name": "spanish", "requirements": {"english": 5}},
    ],
    "entry_points": [
        {"name": name, "numbers": [number], "flow": [{"answer": True}, {"queue": name}]}
        for name, number in (("support", "2001"), ("sales", "2002"), ("spanish", "2003"))
    ],
    "routing": {"rona_seconds": 12, "wrap_up_seconds": 8},
}
BEGINS = int(EPOCH * 1_000_000)
ENDS = BEGINS + 4000 * 1_000_000


class QuietDay(Day):
    """People do what they do on any day; nobody changes the rules."""

    agents = AGENTS[:5]

    async def _reloads(self) -> None:
        pass


@asynccontextmanager
async def quiet_day(seed: int) -> AsyncIterator[Centre]:
    """The centre as it is when the day is over."""
    async with centre(seed=seed, **RULES) as floor:
        await QuietDay(floor, Random(seed)).pass_by()
        yield floor
