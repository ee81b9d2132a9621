"""Customers and agents of a simulated centre: what they do, when, and how they misbehave."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from random import Random

import trio

from actors import commands as c
from actors import messages as m
from actors.base import Actor
from actors.contact import Contact
from actors.contact_states import Talking
from actors.effects import TellAgent, TellContact
from actors.ids import AgentId, QueueName
from actors.permissions import ACTIONS, allowed
from tests.sim.reloads import GATEWAY
from tests.sim.swarm import Manners, Swarm, agent_names, supervisor_names
from tests.support.phones import Call, Phone
from tests.support.restarting import MortalCentre

REGISTERS_EVERY = 120.0
RTP_TIMEOUT = 20.0
LONGEST_TALK = 600.0
LIVE = ("calling", "answering", "talking")
NUMBERS = ("2001", "2001", "2003")
REJECTIONS = (486, 603, 480, 404, 500)
POLITE = Manners(
    answers=1.0,
    rejects=0.0,
    answer_seconds=0.5,
    talk_seconds=5.0,
    stay_seconds=30.0,
    commands=0.0,
    wishes=0.0,
)
"""Of everybody, when the faults are over."""


class People:
    """Everybody has random numbers of his own, so leaving one out changes nobody else."""

    def __init__(self, floor: MortalCentre, swarm: Swarm, nursery: trio.Nursery) -> None:
        self.floor, self.swarm, self.nursery = floor, swarm, nursery
        self.manners = swarm.manners
        self.agents: dict[str, Phone] = {}
        self.gateway = floor.phone("gateway", GATEWAY)
        """Whoever is called outside: he picks up as agents do, or does not."""
        self.customers: list[tuple[Phone, Call]] = []
        """With their calls, as long as these have not ended."""
        self.calling = self.registering = True
        self.commanded: dict[str, int] = {}
        self._numbers = count(1)

    def random(self, who: str) -> Random:
        return Random(f"{self.swarm.seed} {who}")

    def start(self) -> None:
        for name in [*agent_names(self.swarm), *supervisor_names(self.swarm)]:
            self.agents[name] = phone = self.floor.phone(name)
            self.nursery.start_soon(self._agent, name, phone)
            self.nursery.start_soon(self._stays_registered, phone)
        self.nursery.start_soon(self._agent, "gateway", self.gateway)
        self.nursery.start_soon(self._customers)
        self.nursery.start_soon(self._audio)
        self.nursery.start_soon(self._desktops)

    async def become_polite(self) -> None:
        """No more calls, and everybody does what the centre hopes for."""
        self.manners, self.calling = POLITE, False
        for name, phone in self.agents.items():
            phone.silent = False
            for call in phone.open_calls():
                if call.state == "talking":
                    self.nursery.start_soon(self._leaves, phone, call, 60.0)
            self.nursery.start_soon(self._registers, phone)
            self._wishes(name, m.SetAvailable())
        outside = [(self.gateway, call) for call in self.gateway.open_calls()]
        for phone, call in [*self.customers, *outside]:
            if call.state in ("calling", "talking"):
                self.nursery.start_soon(self._leaves, phone, call, 60.0)

    def calls(self) -> Iterator[tuple[Phone, Call]]:
        """Everybody's that have not ended."""
        for phone in (self.gateway, *self.agents.values()):
            yield from ((phone, call) for call in phone.open_calls())
        yield from self.customers

    # --- customers ----------------------------------------------------------------------------

    async def _customers(self) -> None:
        random = self.random("arrivals")
        while self.calling:
            await trio.sleep(random.expovariate(self.swarm.arrivals_per_minute / 60.0))
            if self.calling:
                self._calls(random)

    def _calls(self, random: Random) -> None:
        number = next(self._numbers)
        address = (f"10.1.{number // 200}.{10 + number % 200}", 5060)
        phone = Phone(self.floor.network, f"c{number}", address)
        call = phone.dials(random.choice(NUMBERS))
        self.customers.append((phone, call))
        if random.random() < 0.8:
            stays = random.expovariate(1 / self.manners.stay_seconds)
            self.nursery.start_soon(self._leaves, phone, call, stays)

    async def _leaves(self, phone: Phone, call: Call, after: float) -> None:
        await trio.sleep(after)
        if call.state in ("calling", "talking") and not call.cancelled:
            phone.hangs_up(call)

    async def _audio(self) -> None:
        """The media process tells of every phone that sends no audio: its call is over, or it has
        no power, and the server has not heard of it.
        """
        media = self.floor.media
        quiet: dict[str, float] = {}
        while True:
            await trio.sleep(1.0)
            self.customers = [one for one in self.customers if one[1].state != "ended"]
            phones = [self.gateway, *self.agents.values(), *(phone for phone, _ in self.customers)]
            alive = {
                phone.address[0]
                for phone in phones
                if not phone.silent and any(call.state in LIVE for call in phone.open_calls())
            }
            remotes = ((session, media.remotes.get(session)) for session in media.sessions)
            sending = {
                session: remote.address in alive
                for session, remote in remotes
                if remote is not None and remote.direction == "sendrecv"
            }
            quiet = {
                session: quiet.get(session, 0.0) + 1.0
                for session, sends in sending.items()
                if not sends
            }
            for session, seconds in quiet.items():
                if seconds >= RTP_TIMEOUT and session not in media.silent:
                    media.silent.add(session)
                    media.falls_silent(session, seconds)
            media.silent -= {session for session, sends in sending.items() if sends}

    # --- agents at their phones ---------------------------------------------------------------

    async def _stays_registered(self, phone: Phone) -> None:
        while self.registering:
            await self._registers(phone)
            await trio.sleep(REGISTERS_EVERY)

    async def _registers(self, phone: Phone) -> None:
        with trio.move_on_after(32.0):
            await phone.registers(f"secret-{phone.name}")

    async def _agent(self, name: str, phone: Phone) -> None:
        random = self.random(f"agent {name}")
        while True:
            call = await phone.rings()
            self.nursery.start_soon(self._is_offered, phone, call, Random(random.random()))

    async def _is_offered(self, phone: Phone, call: Call, random: Random) -> None:
        choice = random.random()
        await trio.sleep(random.expovariate(1 / self.manners.answer_seconds))
        if call.state != "ringing":
            return
        if choice < self.manners.rejects:
            phone.rejects(call, random.choice(REJECTIONS))
        elif choice < self.manners.rejects + self.manners.answers:
            phone.answers(call)
            await trio.sleep(random.expovariate(1 / self.manners.talk_seconds))
            if self.manners is not POLITE and random.random() < 0.4:
                await trio.sleep(LONGEST_TALK)  # the customer, or another agent, should
            while call.state == "answering" and self.manners is POLITE:
                await call.changed.wait()  # else nobody ever ends it
            if call.state == "talking":
                phone.hangs_up(call)

    # --- agents at their desktops -------------------------------------------------------------

    async def _desktops(self) -> None:
        random = self.random("desktops")
        while True:
            await trio.sleep(1.0)
            for contact in self._talking():
                if random.random() < self.manners.commands:
                    self._commands(contact, random)
            name = random.choice(sorted(self.agents))
            if random.random() < self.manners.wishes:
                self._wishes(name, random.choice((m.SetIdle("lunch"), m.SignOut(), m.EndWrapUp())))
            if random.random() < 0.1 or self.manners is POLITE:
                self._wishes(name, m.SetAvailable())

    def _wishes(self, name: str, command: m.AgentCommand) -> None:
        if not self.floor.life.serves or name not in self.floor.core.directory.agents:
            return
        received = m.AgentCommandReceived(command, "nobody")
        self.floor.perform(TellAgent(AgentId(name), received))

    def _talking(self) -> Iterator[Contact]:
        if not self.floor.life.serves:
            return
        for actor in list(self.floor.core.directory.contacts.values()):
            machine = actor.machine if isinstance(actor, Actor) else None
            if isinstance(machine, Contact) and isinstance(machine.state, Talking):
                yield machine

    def _commands(self, contact: Contact, random: Random) -> None:
        assert isinstance(contact.state, Talking)
        talk, world = contact.state.control.talk, self.floor.core.centre
        agents = [party for party in talk.everyone() if party.kind == "agent"]
        if not agents:
            return
        party = random.choice(agents)
        action = random.choice([*allowed(talk, party, world), "hold", "consult"])
        if action == "end" and random.random() < 0.7:
            return
        to = random.choice(
            [
                *(c.ToAgent(AgentId(name)) for name in sorted(self.agents)),
                c.ToQueue(QueueName("spanish")),
                c.ToEntryPoint("support"),
            ]
        )
        made = {"consult": c.Consult(to), "blind_transfer": c.Transfer(to)}
        command = made.get(action, ACTIONS.get(action))
        if command is None:
            return
        by = c.Principal("x", "agent", party.agent)
        received = c.ContactCommandReceived(contact.id, command, by, "nobody")
        self.floor.perform(TellContact(contact.id, received))
        self.commanded[action] = self.commanded.get(action, 0) + 1
