"""A day of a centre that never was, and its journal: people are invented, and all else is played.

Calls come as a shop's do, with a hump in the morning and one in the afternoon; people talk and wait
for as long as lots say, drawn from exponential distributions; agents work in three shifts, go to
lunch, and now and then do not hear their phones.  The same seed gives the same day.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import accumulate
from pathlib import Path
from random import Random
from typing import Any

from actors import events as ev
from actors.ids import AgentId, ContactId, EntryPointName, IdSource, QueueName
from actors.reasons import EndedBy, OfferFailure
from ccserver.journal import codec
from ccserver.journal.storage import Row, SqliteStorage
from ccserver.settings import Settings
from ccserver.whatif.courses import SECOND, Course, Offer, Service, Spell
from ccserver.whatif.people import People
from ccserver.whatif.presence import Wish
from ccserver.whatif.recorded import LeftOut, Recorded
from ccserver.whatif.replayed import Replayed

HOURS = 12
BY_HOUR = (3, 6, 9, 10, 8, 6, 7, 9, 8, 6, 4, 3)
"""How many come in each hour, against the others."""
QUEUES = (
    ("sales", "2001", 0.3, 240.0),
    ("support", "2002", 0.5, 200.0),
    ("billing", "2003", 0.2, 150.0),
)
"""Name, number, share of all calls, and how long people talk on average."""
SHIFTS = ((0.0, 8.5), (1.5, 10.0), (3.5, 12.0))
"""Hours after the beginning."""
PATIENCE, GREETING, WRITING, LUNCH = 150.0, 6.0, 20.0, 1800.0
"""Seconds; the patience and the wrap-up that people take are means."""
MISSED = 0.01
"""Share of the calls that an agent does not hear."""
BATCH = 50_000


def rules(agents: int, data: Path) -> dict[str, Any]:
    """The configuration, as in its file: each agent has two of three skills."""
    names = [name for name, *_ in QUEUES]
    return {
        "data": {"dir": str(data)},
        "routing": {"wrap_up_seconds": 45.0, "rona_seconds": 15.0},
        "agents": [
            {
                "id": str(1001 + n),
                "secret": "invented",
                "skills": {name: 5 for name in names if name != names[n % len(names)]},
            }
            for n in range(agents)
        ],
        "queues": [{"name": name, "needs": name} for name in names],
        "entry_points": [
            {
                "name": name,
                "numbers": [number],
                "flow": [{"answer": True}, {"play": "greeting.wav"}, {"queue": name}],
            }
            for name, number, *_ in QUEUES
        ],
    }


def write_day(settings: Settings, begins: datetime, calls: int, seed: int) -> int:
    """The journal of that day, in ``data.dir``; gives the number of its events."""
    invented = invented_day(settings, begins, calls, seed)
    storage = SqliteStorage(Path(settings.data.dir) / "journal.sqlite")
    rows: list[Row] = []
    written = 0

    def hear(at: int, event: ev.AnyEvent) -> None:
        nonlocal written
        written += 1
        rows.append((written, at, codec.tag_of(event), codec.encode(event)))
        if len(rows) == BATCH:
            storage.write(rows)
            rows.clear()

    try:
        Replayed(invented, People(invented.courses), settings, invented.wishes, hear, seed).play()
        storage.write(rows)
    finally:
        storage.close()
    return written


def invented_day(settings: Settings, begins: datetime, calls: int, seed: int) -> Recorded:
    """The people of that day: of each customer it is known for how long he would have waited and
    talked, whatever became of him, as no journal knows it.
    """
    random = Random(seed)
    start = int(begins.timestamp() * SECOND)
    courses = list(_customers(random, begins, calls))
    wishes = {
        AgentId(agent.id): list(_day_of_work(random, start, SHIFTS[place % len(SHIFTS)]))
        for place, agent in enumerate(settings.agents)
    }
    ends = start + HOURS * 3600 * SECOND
    return Recorded(start, ends, settings, "", {}, courses, wishes, LeftOut())


def _customers(random: Random, begins: datetime, calls: int) -> Iterator[Course]:
    hours = list(accumulate(BY_HOUR))
    instants = sorted(
        3600.0 * (random.choices(range(HOURS), cum_weights=hours)[0] + random.random())
        for _ in range(calls)
    )
    now = 0.0
    ids = IdSource(lambda: begins.timestamp() + now, random.getrandbits(50))
    shares = [share for _, _, share, _ in QUEUES]
    for number, now in enumerate(instants):
        name, dialled, _, talks = random.choices(QUEUES, shares)[0]
        queue, nobody = QueueName(name), AgentId("")
        arrived = int((begins.timestamp() + now) * SECOND)
        missed = random.random() < MISSED
        offers = [Offer(nobody, 0, 0.0, False, OfferFailure.RONA, 60.0)] if missed else []
        offers.append(Offer(nobody, 0, random.uniform(1.5, 6.0), answered=True))
        service = Service(queue, nobody, 0, random.expovariate(1 / talks))
        service.ended_by = random.choice((EndedBy.CUSTOMER, EndedBy.AGENT))
        service.wrap_up = random.expovariate(1 / WRITING)
        yield Course(
            ContactId(ids.make()),
            arrived,
            EntryPointName(name),
            f"0{700_000_000 + number}",
            dialled,
            GREETING,
            [Spell(queue, 0, random.expovariate(1 / PATIENCE), gave_up=True)],
            offers,
            [service],
        )


def _day_of_work(random: Random, start: int, shift: tuple[float, float]) -> Iterator[Wish]:
    comes, goes = (hour * 3600.0 + random.uniform(0, 300.0) for hour in shift)
    lunch = comes + (goes - comes) * random.uniform(0.35, 0.6)
    day = (
        (comes, "available"),
        (lunch, "idle:lunch"),
        (lunch + LUNCH, "available"),
        (goes, "signed_out"),
    )
    for seconds, state in day:
        yield Wish(start + int(seconds * SECOND), state)
