"""A floor in a storm: several calls, and agents who hold, consult, confer, transfer and hang up
at random, over real SIP bytes.

Nobody is alone, nobody is doubled, and in the end everyone is free.
"""

from __future__ import annotations

from random import Random

import pytest
import trio

from actors import commands as c
from actors import messages as m
from actors.agent import Agent
from actors.base import Actor
from actors.contact import Contact
from actors.contact_states import Talking
from actors.effects import TellAgent, TellContact
from actors.ids import AgentId, QueueName
from actors.permissions import ACTIONS, allowed
from tests.support.centre import centre
from tests.support.network import Weather

AGENTS = [str(1001 + n) for n in range(6)]
FLOOR = {
    "agents": [
        {"id": name, "secret": f"secret-{name}", "skills": {"english": 5, "spanish": 5}}
        for name in AGENTS
    ],
    "routing": {"rona_seconds": 10, "wrap_up_seconds": 2},
}
CUSTOMERS = 3
SECONDS = 180


class Storm:
    def __init__(self, floor, random: Random) -> None:
        self.floor, self.random = floor, random
        self.phones = {}
        self.customers = []
        self.asked = 0
        self.done: dict[str, int] = {}

    def contacts(self) -> list[Contact]:
        actors = self.floor.core.directory.contacts.values()
        machines = [actor.machine for actor in actors if isinstance(actor, Actor)]
        return [machine for machine in machines if isinstance(machine, Contact)]

    # --- people -------------------------------------------------------------------------------

    async def a_customer_calls(self) -> None:
        phone = self.floor.phone(f"c{len(self.customers)}")
        self.customers.append((phone, phone.dials(self.random.choice(["2001", "2003"]))))

    def phones_answer_or_not(self) -> None:
        for phone in self.phones.values():
            for call in phone.calls:
                if call.state == "ringing":
                    chance = self.random.random()
                    if chance < 0.7:
                        phone.answers(call)
                    elif chance < 0.8:
                        phone.rejects(call, self.random.choice([486, 603]))

    def somebody_hangs_up(self) -> None:
        everyone = [(phone, call) for phone in self.phones.values() for call in phone.calls]
        talking = [(p, call) for p, call in [*everyone, *self.customers] if call.state == "talking"]
        if talking:
            phone, call = self.random.choice(talking)
            phone.hangs_up(call)

    def agents_come_back(self) -> None:
        for name in AGENTS:
            back = m.AgentCommandReceived(m.SetAvailable(), "nobody")
            self.floor.core.effects.perform(TellAgent(AgentId(name), back))

    def somebody_commands(self) -> None:
        talks = [one for one in self.contacts() if isinstance(one.state, Talking)]
        if not talks:
            return
        contact = self.random.choice(talks)
        talk, world = contact.state.control.talk, self.floor.core.centre
        agents = [party for party in talk.everyone() if party.kind == "agent"]
        if not agents:
            return
        party = self.random.choice(agents)
        action = self.random.choice([*allowed(talk, party, world), "hold", "consult"])
        if action == "end" and self.random.random() < 0.7:
            return
        to = self.random.choice(
            [
                *(c.ToAgent(AgentId(name)) for name in AGENTS),
                c.ToQueue(QueueName("spanish")),
                c.ToEntryPoint("support"),
            ]
        )
        made = {"consult": c.Consult(to), "blind_transfer": c.Transfer(to)}
        command = made.get(action, ACTIONS[action])
        by = c.Principal("x", "agent", party.agent)
        received = c.ContactCommandReceived(contact.id, command, by, "nobody")
        self.floor.core.effects.perform(TellContact(contact.id, received))
        self.done[action] = self.done.get(action, 0) + 1

    # --- what holds at every moment -----------------------------------------------------------

    def check(self) -> None:
        engaged: list[str] = []
        for contact in self.contacts():
            if not isinstance(contact.state, Talking):
                continue
            talk = contact.state.control.talk
            assert len(talk.parties) >= 2, "alone"
            engaged += [p.name for p in talk.everyone() if p.kind == "agent"]
            if talk.held:
                assert (talk.initiator or talk.primary) in talk.parties, "held by nobody"
            for leg, sources in talk.hearing().items():
                if leg in self.floor.media.sessions:
                    heard = set(self.floor.media.hears.get(leg, ()))
                    assert heard == {one for one in sources if one in self.floor.media.sessions}
        assert len(engaged) == len(set(engaged)), "an agent in two conversations"
        for actor in self.floor.core.directory.agents.values():
            assert isinstance(actor.machine, Agent)
            assert len(actor.machine.engagements) <= 1
        self.floor.check_conservation()


@pytest.mark.parametrize("seed", range(12))
async def test_nobody_is_lost_in_a_storm(autojump_clock, seed) -> None:
    weather = Weather(loss=0.03, duplication=0.03) if seed % 2 else Weather()
    async with centre(seed=seed, weather=weather, **FLOOR) as floor:
        storm = Storm(floor, Random(seed))
        for name in AGENTS:
            storm.phones[name] = await floor.agent(name)
        for second in range(SECONDS):
            living = [call for _, call in storm.customers if call.state != "ended"]
            if len(living) < CUSTOMERS:
                await storm.a_customer_calls()
            storm.phones_answer_or_not()
            storm.somebody_commands()
            if storm.random.random() < 0.06:
                storm.somebody_hangs_up()
            if second % 20 == 0:
                storm.agents_come_back()
            await trio.sleep(1)
            storm.check()
        for phone, call in storm.customers:
            if call.state in ("talking", "calling"):
                phone.hangs_up(call)
        await trio.sleep(1)
        for phone in storm.phones.values():
            for call in phone.calls:
                if call.state == "talking":
                    phone.hangs_up(call)
        await trio.sleep(200)
        assert storm.done.keys() >= {"hold", "consult"}
        floor.check_nothing_is_left()
