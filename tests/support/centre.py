"""A whole centre in memory: the real core, phones that speak real SIP, virtual time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import trio

from actors import commands as c
from actors import events as ev
from actors import messages as m
from actors.agent import Agent
from actors.base import Actor
from actors.contact import Contact
from actors.contact_states import Talking
from actors.conversation import Conversation
from actors.effects import Effect, TellAgent, TellContact
from actors.ids import AgentId, ContactId, QueueName
from actors.queue import Queue
from ccserver.core.app import Core, World
from ccserver.inputs.recorder import Recorder
from ccserver.journal.log import Entry, Journal
from ccserver.journal.storage import MemoryStorage, Storage
from ccserver.settings import Loaded, Settings
from sip.message import Response, parse
from tests.support.media import MediaInMemory
from tests.support.model import check_decisions
from tests.support.network import MemoryTransport, Network, Weather
from tests.support.phones import Phone
from tests.support.recording import close_down, perform, write_now_and_then

EPOCH = 1_700_000_000.0
LONGEST_STORY = 2 * 3600.0
"""Virtual seconds: who waits for what never comes fails, and does not wait for ever."""


class WallClock:
    """Goes with the virtual clock; ``wrong_by`` seconds, which a test may change at any moment."""

    wrong_by = 0.0

    def __call__(self) -> float:
        return EPOCH + trio.current_time() + self.wrong_by


class Centre:
    """What a story needs: phones, agents, queues, and what the journal says."""

    def __init__(self, core: Core, network: Network, media: MediaInMemory, wall: WallClock) -> None:
        self.core, self.network, self.media, self.wall = core, network, media, wall
        self.file = core.settings
        """What a reload finds."""
        self.events: list[ev.AnyEvent] = []
        self._hosts = count(10)
        self._listen_to(core.journal)

    def _listen_to(self, journal: Journal) -> None:
        journal.listen(self._heard)

    def perform(self, effect: Effect) -> None:
        """As an actor would have it carried out; a recording tells of it."""
        perform(self.core, effect)

    def _heard(self, entry: Entry) -> None:
        self.events.append(entry.event)

    def phone(self, name: str, host: str | None = None) -> Phone:
        """A customer's, or one that will register; or, at its host, a trunk's gateway."""
        return Phone(self.network, name, (host or f"10.0.1.{next(self._hosts)}", 5060))

    async def agent(self, name: str) -> Phone:
        """A phone that has registered as this agent: with ``on_register``, he is available."""
        phone = self.phone(name)
        assert await phone.registers(f"secret-{name}") == 200
        await trio.sleep(0.001)
        return phone

    async def supervisor(self, name: str) -> Phone:
        """Signed in and idle: he takes no calls, and may listen to those of others."""
        phone = await self.agent(name)
        idle = m.AgentCommandReceived(m.SetIdle("break"), "nobody")
        self.perform(TellAgent(AgentId(name), idle))
        await trio.sleep(0.001)
        return phone

    def state(self, agent: str) -> str:
        """``available``, ``idle:rona``, ..."""
        machine = self.core.directory.agents[AgentId(agent)].machine
        assert isinstance(machine, Agent)
        code = getattr(machine.availability.state, "code", None)
        return f"idle:{code}" if machine.state == "idle" else machine.state

    def queue(self, name: str) -> list[ContactId]:
        machine = self.core.directory.queues[QueueName(name)].machine
        assert isinstance(machine, Queue)
        return machine.order()

    async def reloads(self, **changes: Any) -> dict[str, Any]:
        """The file says these whole sections now, and the rest as before; the server's answer."""
        before = self.file.model_dump(by_alias=True)
        self.file = Settings.model_validate({**before, **changes})
        answer = await self.core.reloading.reload("test")
        await trio.sleep(0.001)
        return answer

    # --- conversations ------------------------------------------------------------------------

    @property
    def contact(self) -> Contact:
        """The one contact there is."""
        actors = self.core.directory.contacts.values()
        (contact,) = (a.machine for a in actors if isinstance(a, Actor))
        assert isinstance(contact, Contact)
        return contact

    @property
    def talk(self) -> Conversation:
        assert isinstance(self.contact.state, Talking), self.contact.state
        return self.contact.state.control.talk

    async def does(self, agent: str, command: c.ContactCommand, *, role: Any = "agent") -> Any:
        """The agent's button on the desktop; the answer, and a moment for it to be carried out."""
        return await self.tells(self.contact.id, agent, command, role=role)

    async def tells(
        self, contact: ContactId, agent: str, command: c.ContactCommand, *, role: Any = "agent"
    ) -> Any:
        """As ``does``, where there are several contacts."""
        by = c.Principal(agent, role, AgentId(agent))
        return await self._answered(
            lambda name: TellContact(contact, c.ContactCommandReceived(contact, command, by, name))
        )

    async def commands(self, agent: str, command: m.AgentCommand) -> Any:
        """A button of the agent's own state, and its answer."""
        return await self._answered(
            lambda name: TellAgent(AgentId(agent), m.AgentCommandReceived(command, name))
        )

    async def _answered(self, order: Callable[[ContactId], Effect]) -> Any:
        answers = Answers()
        name = ContactId(f"asked{next(self._hosts)}")
        self.core.directory.contacts[name] = answers  # type: ignore[assignment]
        self.perform(order(name))
        try:
            answer = await answers.first()
        finally:
            del self.core.directory.contacts[name]
        await trio.sleep(0.05)
        return answer

    def ears(self) -> dict[str, set[str]]:
        """Who hears whom and what, by name: ``{"customer": {"1001"}, "1001": {"customer"}}``."""
        names: dict[str, str] = {party.leg: party.name for party in self.talk.everyone()}
        return {
            name: {names.get(source, source) for source in self.media.at_the_ear(leg)}
            for leg, name in names.items()
        }

    def answer_to(self, name: str) -> bytes:
        """The description in the server's first answer to an INVITE of this phone."""
        answers = (parse(d.data) for d in self.network.trace if self.network.names[d.to] == name)
        return next(a.body for a in answers if isinstance(a, Response) and a.body)

    def allowed(self, name: str) -> tuple[str, ...]:
        """What the last published state lets this participant do."""
        shown = self.of(ev.ContactStateChanged)[-1].participants
        return next(one.allowed for one in shown if one.id == name)

    def of(self, kind: Any) -> list[Any]:
        """Every event of a type, or of a union of them, in order."""
        return [event for event in self.events if isinstance(event, kind)]

    def story(self, contact: ContactId | None = None) -> list[str]:
        """The tags of the contact's events, without ``contact.``; its states are another story."""
        story = []
        for event in self.events:
            tag = str(type(event).__struct_config__.tag)
            who = getattr(event, "contact", None)
            who = getattr(who, "id", who)
            if tag == "contact.state_changed":
                continue
            if tag.startswith("contact.") and (contact is None or who == contact):
                story.append(tag.removeprefix("contact."))
        return story

    def check_nothing_is_left(self) -> None:
        """After the last call: no contact, leg, media session, transaction or timer of theirs."""
        directory = self.core.directory
        assert not directory.contacts, directory.contacts
        assert not directory.legs, directory.legs
        assert not self.media.sessions, self.media.sessions
        self.check_conservation()

    def check_conservation(self) -> None:
        """Every contact that arrived has ended exactly once, or lives; who lives may have ended,
        and wait for its phones."""
        arrived = [event.contact.id for event in self.of(ev.ContactArrived | ev.ContactPlaced)]
        ended = [event.contact.id for event in self.of(ev.ContactEnded)]
        assert len(set(ended)) == len(ended), "a contact ended twice"
        living = set(self.core.directory.contacts)
        assert {c for c in arrived if c not in set(ended)} <= living


class Answers:
    """Whom a command is answered to."""

    def __init__(self) -> None:
        self._send, self._receive = trio.open_memory_channel[Any](10)

    def tell(self, answer: Any) -> None:
        self._send.send_nowait(answer)

    async def first(self) -> Any:
        return await self._receive.receive()


DEFAULT: Mapping[str, Any] = {
    "sip": {"options_seconds": 0},
    "routing": {"rona_seconds": 18, "wrap_up_seconds": 5},
    "agents": [
        {"id": "1001", "secret": "secret-1001", "skills": {"english": 8}},
        {"id": "1002", "secret": "secret-1002", "skills": {"english": 5}},
        {"id": "1003", "secret": "secret-1003", "skills": {"spanish": 9}},
    ],
    "queues": [
        {"name": "support", "requirements": {"english": 1}},
        {"name": "spanish", "requirements": {"spanish": 5}},
    ],
    "entry_points": [
        {"name": "support", "numbers": ["2001"]},
        {"name": "spanish", "numbers": ["2003"]},
    ],
    "trunks": [{"name": "lan", "from": ["10.0.1.0/24"]}],
}


@asynccontextmanager
async def centre(
    *,
    seed: int = 0,
    weather: Weather | None = None,
    storage: Storage | None = None,
    longest: float = LONGEST_STORY,
    recorded: Path | None = None,
    **changes: Any,
) -> AsyncIterator[Centre]:
    """Open a centre with ``DEFAULT`` settings, whole sections of which may be replaced.

    ``recorded``: the directory in which its inputs are written down.
    """
    settings = Settings.model_validate({**DEFAULT, **changes})
    wall = WallClock()
    async with trio.open_nursery() as nursery:
        network = Network(nursery, seed, weather or Weather())
        media = MediaInMemory()
        recorder = None if recorded is None else Recorder(wall)
        journal = Journal(storage or MemoryStorage(), wall, recorder)
        if storage is not None:
            nursery.start_soon(journal.run)

        async def load_again() -> Loaded:
            return Loaded(opened.file, (), Path())

        world = World(
            transports=[MemoryTransport(network)],
            media=media,
            journal=journal,
            wall=wall,
            epoch=seed + 1,
            secret=b"0123456789abcdef",
            seed=seed,
            load=load_again,
            turns=recorder,
        )
        core = Core(settings, world)
        if recorder is not None and recorded is not None:
            recorder.open(recorded, core.beginning(), 1.0)
            nursery.start_soon(write_now_and_then, recorder, journal)
        opened = Centre(core, network, media, wall)
        await nursery.start(core.run)
        await trio.sleep(0.001)
        try:
            with trio.fail_after(longest):
                yield opened
        except BaseException:
            print(network.ladder())
            raise
        finally:
            if recorder is not None:
                close_down(recorder, journal)
        check_decisions(opened.events)
        nursery.cancel_scope.cancel()
