"""A day as queueing theory has it: calls at random, one queue, agents who are all alike."""

from __future__ import annotations

from math import factorial
from random import Random
from typing import Any

from actors.ids import AgentId, ContactId, EntryPointName, QueueName
from ccserver.settings import Settings
from ccserver.whatif.courses import SECOND, Course, Courses, Offer, Service, Spell
from ccserver.whatif.people import People
from ccserver.whatif.presence import Wish
from ccserver.whatif.recorded import LeftOut, Recorded
from ccserver.whatif.replayed import Replayed

BEGINS = 1_772_438_400 * SECOND
QUEUE = QueueName("support")


def settings(agents: int, /, **changes: Any) -> Settings:
    return Settings.model_validate(
        {
            "routing": {"wrap_up_seconds": 0, "rona_seconds": 20},
            "agents": [{"id": str(1001 + n), "secret": "s"} for n in range(agents)],
            "queues": [{"name": QUEUE}],
            "entry_points": [
                {"name": "support", "numbers": ["2001"], "flow": [{"queue": QUEUE}]},
            ],
            **changes,
        }
    )


def day(calls: int, agents: int, *, between: float, talks: float, seed: int = 0) -> Recorded:
    """Poisson arrivals, exponential talk, nobody gives up and phones are answered at once.

    ``between`` and ``talks`` are means, in seconds.
    """
    random = Random(seed)
    courses, now = [], 0.0
    for number in range(calls):
        now += random.expovariate(1 / between)
        talk = Service(QUEUE, AgentId(""), 0, random.expovariate(1 / talks))
        courses.append(
            Course(
                ContactId(f"c{number:06}"),
                BEGINS + int(now * SECOND),
                EntryPointName("support"),
                "anna",
                "2001",
                spells=[Spell(QUEUE, 0)],
                offers=[Offer(AgentId(""), 0, 0.0, answered=True)],
                services=[talk],
            )
        )
    ends = BEGINS + int((now + 3600) * SECOND)
    rules = settings(agents)
    return Recorded(BEGINS, ends, rules, "", {}, courses, always(rules), LeftOut())


def always(rules: Settings) -> dict[AgentId, list[Wish]]:
    """All agents are there from the beginning on."""
    return {AgentId(agent.id): [Wish(BEGINS, "available")] for agent in rules.agents}


def played(recorded: Recorded, rules: Settings, seed: int = 0) -> list[Course]:
    """What becomes of everybody, in the order in which they came."""
    courses = Courses()
    people = People(recorded.courses, seed)
    Replayed(recorded, people, rules, always(rules), courses.apply, seed).play()
    return list(courses.by_id.values())


def erlang_c(servers: int, load: float) -> float:
    """The share of calls that wait (Erlang, 1917); ``load`` in erlang, below ``servers``."""
    busy = load**servers / factorial(servers) * servers / (servers - load)
    return busy / (sum(load**k / factorial(k) for k in range(servers)) + busy)
