"""A random day of a whole centre: people call, answer, ignore, go to lunch, and the rules change.

The same seed gives the same day.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import trio

from actors import messages as m
from actors.effects import TellAgent, TellDispatcher
from actors.ids import AgentId, QueueName
from actors.routing.outside import AssignContact, RouterHeard
from ccserver.journal.storage import Storage
from tests.support.centre import Centre, centre
from tests.support.phones import Call, Phone

SKILLS = ("english", "spanish", "billing")
QUEUES = ("support", "sales", "spanish")
AGENTS = [str(1001 + n) for n in range(12)]
SECONDS = 2700.0
CALLERS = 70
CHANGES = 6
COMMANDS = 60


class Day:
    agents = AGENTS
    """Who come to work."""

    def __init__(self, floor: Centre, random: Random, *, routed: bool = False) -> None:
        self.floor, self.random, self._routed = floor, random, routed

    async def pass_by(self) -> None:
        """Everything of the day, and then an end of all calls."""
        async with trio.open_nursery() as nursery:
            for name in self.agents:
                nursery.start_soon(self._works, name)
            async with trio.open_nursery() as public:
                for number in range(CALLERS):
                    public.start_soon(self._calls, number)
                public.start_soon(self._commands)
                public.start_soon(self._reloads)
                if self._routed:
                    nursery.start_soon(self._routes)
            nursery.cancel_scope.cancel()

    # --- people -------------------------------------------------------------------------------

    async def _works(self, name: str) -> None:
        random = Random(f"{self.floor.network.seed} {name}")
        await trio.sleep(random.uniform(0, SECONDS / 10))
        phone = self.floor.phone(name)
        await phone.registers(f"secret-{name}", expires=3600)
        async with trio.open_nursery() as nursery:
            while True:
                nursery.start_soon(self._serves, phone, await phone.rings(), random)

    async def _serves(self, phone: Phone, call: Call, random: Random) -> None:
        await trio.sleep(random.expovariate(1 / 4))
        if call.state != "ringing":
            return
        chance = random.random()
        if chance < 0.08:
            phone.rejects(call, random.choice([486, 480, 603]))
        elif chance > 0.16:  # and between the two, he lets it ring
            phone.answers(call)
            await trio.sleep(random.expovariate(1 / 90))
            if call.state == "talking":
                phone.hangs_up(call)

    async def _calls(self, number: int) -> None:
        random = Random(f"{self.floor.network.seed} caller {number}")
        await trio.sleep(random.uniform(0, SECONDS))
        phone = self.floor.phone(f"caller{number}")
        call = phone.dials(random.choice(["2001", "2002", "2003"]))
        await trio.sleep(random.expovariate(1 / 200))
        if call.state in ("calling", "talking"):
            phone.hangs_up(call)

    async def _commands(self) -> None:
        for _ in range(COMMANDS):
            await trio.sleep(self.random.expovariate(COMMANDS / SECONDS))
            agent = self.random.choice(sorted(self.floor.core.directory.agents))
            wish = self.random.choice([m.SetIdle("lunch"), m.SetAvailable(), m.SetAvailable()])
            command = m.AgentCommandReceived(wish, "nobody")
            self.floor.perform(TellAgent(agent, command))

    async def _routes(self) -> None:
        """From outside: is there, is silent for a while, and assigns whom it likes to whom."""
        random = Random(f"{self.floor.network.seed} router")
        while True:
            await trio.sleep(random.choice([1.0, 3.0, 3.0, 30.0]))
            heard = RouterHeard(QueueName(random.choice(QUEUES)), "router", "nobody")
            self.floor.perform(TellDispatcher(heard))
            index = self.floor.core.directory.index()
            if index.waiting and random.random() < 0.6:
                contact = random.choice(sorted(index.waiting))
                agent = random.choice(sorted(index.available) or self.agents)
                forced = random.random() < 0.2
                wish = AssignContact(contact, AgentId(agent), "router", "nobody", forced)
                self.floor.perform(TellDispatcher(wish))

    async def _reloads(self) -> None:
        for _ in range(CHANGES):
            await trio.sleep(self.random.expovariate(CHANGES / SECONDS))
            answer = await self.floor.reloads(
                **self.random.choice(
                    [agents(self.random), queues(self.random, routed=self._routed)]
                )
            )
            assert answer["ok"], answer


def agents(random: Random) -> dict[str, Any]:
    """All of them, with skills of today; now and then one is missing."""
    return {
        "agents": [
            {
                "id": name,
                "secret": f"secret-{name}",
                "skills": {s: random.randint(1, 10) for s in SKILLS if random.random() < 0.6},
            }
            for name in AGENTS
            if random.random() < 0.95
        ]
    }


STRATEGIES = (
    "longest_available",
    "round_robin",
    "fewest_contacts",
    "least_talk_time",
    "best_skill",
    "linear",
    "weighted_random",
    "ring_all",
)
WANTED = {"support": "english", "sales": "billing", "spanish": "spanish"}


def queues(random: Random, *, routed: bool = False) -> dict[str, Any]:
    """All of them, for the entry points lead there; their rules are others each day."""
    made = [_rules(name, random) for name in QUEUES]
    if routed:
        for rules in made:
            if random.random() < 0.4:
                silence = random.choice([5.0, 15.0])
                rules |= {"routing": "external", "external_seconds": 25.0}
                rules |= {"external_silence_seconds": silence}
    return {"queues": made}


def _rules(name: str, random: Random) -> dict[str, Any]:
    rules: dict[str, Any] = {
        "name": name,
        "requirements": {WANTED[name]: random.randint(1, 5)},
        "strategy": random.choice(STRATEGIES),
        "weight": random.randint(1, 3),
    }
    if random.random() < 0.6:
        rules["rings"] = [
            {"after_seconds": random.uniform(5, 30), "needs": WANTED[name]},
            {"after_seconds": random.uniform(40, 60), "or_needs": random.choice(SKILLS)},
        ]
    if random.random() < 0.3:
        rules["max_agents"] = random.randint(1, 4)
    if random.random() < 0.3:
        rules |= {"scoring": "waited", "priority_seconds": 30.0}
    if random.random() < 0.3:
        rules |= {"last_agent_seconds": 20.0}
    return rules


@asynccontextmanager
async def random_day(
    seed: int,
    storage: Storage | None = None,
    recorded: Path | None = None,
    *,
    routed: bool = False,
) -> AsyncIterator[Centre]:
    """The centre as it is when the day is over.  ``storage``: its journal's; ``recorded``: the
    directory for its inputs; ``routed``: somebody outside gives contacts away, too.
    """
    random = Random(seed)
    numbers = {"support": "2001", "sales": "2002", "spanish": "2003"}
    begin = {
        **agents(Random(seed)),
        **queues(random, routed=routed),
        "entry_points": [
            {"name": name, "numbers": [number], "flow": [{"answer": True}, {"queue": name}]}
            for name, number in numbers.items()
        ],
        "routing": {"rona_seconds": 12, "wrap_up_seconds": 8},
    }
    async with centre(seed=seed, storage=storage, recorded=recorded, **begin) as floor:
        await Day(floor, random, routed=routed).pass_by()
        yield floor
