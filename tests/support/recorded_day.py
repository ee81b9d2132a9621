"""A day of a centre whose rules stay as they are: what a what-if must find again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import trio

from actors import commands as c
from actors import events as ev
from actors import messages as m
from actors.ids import AgentId, QueueName, owner_of
from tests.support.centre import EPOCH, Centre, centre
from tests.support.day import AGENTS, QUEUES, Day
from tests.support.phones import Call, Phone

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


GATEWAY = "10.0.1.250"
OUTSIDE: dict[str, Any] = {
    "trunks": [{"name": "lan", "from": ["10.0.1.0/24"], "gateway": f"{GATEWAY}:5060"}],
    "dial_plan": [{"prefix": "0", "trunk": "lan"}],
}


class DayWithErrands(QuietDay):
    """Agents call numbers outside, consult each other, hand conversations over by name, and send
    customers to another queue, also those whom they were given.
    """

    async def pass_by(self) -> None:
        async with trio.open_nursery() as nursery:
            for name in self.agents:
                nursery.start_soon(self._has_errands, name)
            nursery.start_soon(self._answers_outside, nursery)
            await super().pass_by()
            nursery.cancel_scope.cancel()

    async def _has_errands(self, name: str) -> None:
        random = Random(f"{self.floor.network.seed} errands of {name}")
        while True:
            await trio.sleep(random.expovariate(1 / 90))
            shown = self.floor.core.live.agents[AgentId(name)]
            if shown.state == "available":
                await self._soon(self.floor.commands(name, m.PlaceCall("0123")))
            elif shown.state == "engaged" and shown.contact is not None:
                contact = owner_of(shown.contact)
                other = c.ToAgent(AgentId(random.choice(self._free() or self.agents)))
                chance = random.random()
                if chance < 0.3:
                    await self._soon(self.floor.tells(contact, name, c.Transfer(other)))
                elif chance < 0.5 and contact not in self._placed():
                    queue = c.ToQueue(QueueName(random.choice(QUEUES)))
                    await self._soon(self.floor.tells(contact, name, c.Transfer(queue)))
                else:
                    await self._soon(self.floor.tells(contact, name, c.Consult(other)))
                    await trio.sleep(random.expovariate(1 / 40))
                    await self._soon(self.floor.tells(contact, name, c.EndConsult()))

    def _free(self) -> list[str]:
        agents = self.floor.core.live.agents
        return [name for name in self.agents if agents[AgentId(name)].state == "available"]

    def _placed(self) -> set[str]:
        return {event.contact.id for event in self.floor.of(ev.ContactPlaced)}

    async def _soon(self, answer: Awaitable[object]) -> None:
        """A contact that has just ended does not answer."""
        with trio.move_on_after(1):
            await answer

    async def _answers_outside(self, nursery: trio.Nursery) -> None:
        random = Random(f"{self.floor.network.seed} outside")
        gateway = self.floor.phone("gateway", GATEWAY)
        while True:
            nursery.start_soon(self._talks_outside, gateway, await gateway.rings(), random)

    async def _talks_outside(self, gateway: Phone, call: Call, random: Random) -> None:
        await trio.sleep(random.uniform(3, 15))
        if call.state == "ringing":
            gateway.answers(call)
            await trio.sleep(random.expovariate(1 / 60))
            if call.state == "talking":
                gateway.hangs_up(call)


@asynccontextmanager
async def quiet_day(seed: int) -> AsyncIterator[Centre]:
    """The centre as it is when the day is over."""
    async with centre(seed=seed, **RULES) as floor:
        await QuietDay(floor, Random(seed)).pass_by()
        yield floor


@asynccontextmanager
async def day_with_errands(seed: int) -> AsyncIterator[Centre]:
    """The same of a day on which agents had more to do than what the queues gave them."""
    async with centre(seed=seed, **RULES, **OUTSIDE) as floor:
        await DayWithErrands(floor, Random(seed)).pass_by()
        yield floor
