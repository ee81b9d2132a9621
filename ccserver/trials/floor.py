"""The server's machines without the server: their messages in one line, their timers on one clock.

Who uses a floor plays the people and their phones (``Phones``); everything else is what the server
does.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Sequence
from itertools import count
from random import Random
from typing import Any, Protocol

from msgspec.structs import replace

from actors import effects as do
from actors import events as ev
from actors import messages as m
from actors.agent import Agent
from actors.contact import Contact
from actors.contact_states import Start
from actors.dispatcher import Dispatcher
from actors.dossier import AgentCard, Dossier
from actors.ids import (
    DISPATCHER,
    AgentId,
    ContactId,
    EntryPointName,
    LegId,
    agent_actor,
    contact_actor,
    owner_of,
    queue_actor,
)
from actors.queue import Queue
from actors.recorded_dispatcher import RecordedDispatcher
from actors.routing.outside import RouterLeft
from actors.routing.policy import PolicyChanged
from ccserver import __version__
from ccserver.core import plan
from ccserver.core.outlook import Outlook
from ccserver.settings import Settings
from ccserver.settings.content import content_of, version_of
from sip.machine import CancelTimer, StartTimer, Stop, TimerFired
from sip.message import NameAddr, Uri
from sip.transport.path import Path

BEGINNING = 1_000_000.0
"""The instant of the clock at which what is played begins."""
PHONE = Path("udp", 0, ("192.0.2.1", 5060))
"""RFC 5737: an address of nobody."""
MOST_AT_ONCE = 1_000_000
"""Messages at one instant: who tells each other the same for ever is stopped."""


class EndlessStory(Exception):
    """The machines do not come to rest."""


class Phones(Protocol):
    """Who plays what people and their phones do, by ``Floor.rings``, ``answers`` and ``ends``."""

    def called(self, contact: ContactId, leg: LegId, dial: m.Dial) -> None:
        """This leg's phone is called."""

    def hears(self, contact: ContactId, leg: LegId, token: str) -> None:
        """A prompt plays to it: it is over when ``Floor.has_heard`` says so."""

    def replied(self, to: str, answer: object) -> None:
        """A command given in the name of ``to`` was answered."""


class Floor:
    """``begins``: seconds since 1970 at the instant BEGINNING; ``starts``: the clock's first
    instant.  ``hear`` is told every event, with its time in microseconds since 1970.
    ``estimated``: somebody goes by the wait that is to be expected.
    """

    def __init__(
        self,
        settings: Settings,
        phones: Phones,
        hear: Callable[[int, ev.AnyEvent], None],
        *,
        begins: float,
        starts: float = BEGINNING,
        seed: int = 0,
        estimated: bool = True,
    ) -> None:
        self.settings, self._phones, self._hear = settings, phones, hear
        self._begins, self.now = begins, starts
        self._tickets, self._numbers = count(1), count(1)
        self._random = Random(seed)
        self._machines: dict[str, Any] = {}
        self._messages: deque[tuple[str, Any]] = deque()
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._timers: dict[tuple[str, str], int] = {}
        self._watchers: dict[str, list[str]] = {}
        self._stands_for: dict[AgentId, Callable[[ContactId], AgentId | None]] = {}
        self._legs: set[LegId] = set()
        """Those that are up or ring."""
        self.world = plan.world(settings, lambda host, port: Path("udp", 0, (host, port)))
        self._outlook, self._estimated = Outlook(settings, self.clock, {}), estimated

    def clock(self) -> float:
        return self.now

    def wall(self) -> float:
        """Seconds since 1970."""
        return self._begins + (self.now - BEGINNING)

    def open(self) -> None:
        """The centre starts; nobody is there yet."""
        settings = self.settings
        content = content_of(settings)
        version = version_of(content)
        self._record(ev.ServerStarted(__version__, "trial", "", self.now))
        self._record(ev.CentreConfigured(version, content, "trial"))
        draw = self._random.random
        self._machines[DISPATCHER] = RecordedDispatcher(Dispatcher, self.clock, draw)
        for queue in plan.queues(settings):
            self._machines[queue_actor(queue.name)] = Queue(queue, self.clock)
        for agent in plan.agents(settings):
            made = Agent(agent, self.clock, lambda: next(self._tickets))
            self._machines[agent_actor(agent.id)] = made
        policy = plan.policy(settings, version)
        self.tell(DISPATCHER, PolicyChanged(policy))
        for name, rules in policy.queues.items():
            if rules.outside is not None:  # nobody routes from outside here: nothing is kept for it
                self.tell(DISPATCHER, RouterLeft(name, "trial", "trial"))

    def has_also(
        self, agent: AgentId, machine: Any, stands_for: Callable[[ContactId], AgentId | None]
    ) -> None:
        """Somebody who is in no configuration, and may be asked for by name.

        ``stands_for``: who it is whom a contact knows by this name.
        """
        self._stands_for[agent] = stands_for
        agents = {**self.world.agents, agent: AgentCard()}
        self.world = replace(self.world, agents=agents)
        self._machines[agent_actor(agent)] = machine

    # --- what people do -----------------------------------------------------------------------

    def has_phone(self, agent: str) -> None:
        """His phone registers."""
        target = m.Target(f"sip:{agent}@{self.settings.sip.realm}", f"sip:{agent}@192.0.2.1", PHONE)
        self.tell(agent_actor(AgentId(agent)), m.PhonesChanged((target,)))

    def commands(self, agent: str, command: m.AgentCommand) -> None:
        """He presses a button: ``Phones.replied`` hears the answer."""
        self.tell(agent_actor(AgentId(agent)), m.AgentCommandReceived(command, agent))

    def calls(self, contact: ContactId, ani: str, dialled: str) -> LegId:
        """A customer calls this number of an entry point, or its name."""
        leg = LegId(f"{contact}/0")
        self._legs.add(leg)
        shown = NameAddr("", Uri.parse(f"sip:{ani}@{self.settings.sip.realm}"))
        dossier = Dossier(
            ev.ContactRef(contact, master=contact),
            leg,
            shown,
            self.world,
            self.clock,
            self.wall,
            arrival=next(self._tickets),
        )
        entry = self.world.entry_points[EntryPointName(dialled)]
        longest = self.settings.routing.max_contact_seconds
        self._machines[contact_actor(contact)] = Contact(
            dossier, entry, ani=ani, dnis=dialled, longest=longest
        )
        self.tell(contact_actor(contact), Start())
        return leg

    # --- what phones do -----------------------------------------------------------------------

    def is_up(self, leg: LegId) -> bool:
        """It rings, or talks."""
        return leg in self._legs

    def rings(self, leg: LegId) -> None:
        self._to_contact(leg, m.LegInvited(leg, self.now))
        self._to_contact(leg, m.LegRinging(leg))

    def answers(self, leg: LegId) -> None:
        if leg in self._legs:
            self._to_contact(leg, m.LegAnswered(leg))

    def ends(
        self, leg: LegId, cause: str, status: int | None = None, *, by_us: bool = False
    ) -> None:
        """It hangs up, or refuses with this SIP status."""
        if leg in self._legs:
            self._legs.discard(leg)
            self._to_contact(leg, m.LegEnded(leg, cause, status, by_us=by_us))

    def has_heard(self, leg: LegId, token: str) -> None:
        self._to_contact(leg, m.PlayFinished(leg, token))

    def _to_contact(self, leg: LegId, message: Any) -> None:
        self.tell(contact_actor(ContactId(leg.partition("/")[0])), message)

    # --- messages, effects, time --------------------------------------------------------------

    def tell(self, name: str, message: Any) -> None:
        """Who is not there does not hear it."""
        if name in self._machines:
            self._messages.append((name, message))

    def at(self, instant: float, act: Callable[[], None]) -> None:
        """In the order of the instants, and of the calls of this."""
        heapq.heappush(self._due, (instant, next(self._numbers), act))

    def until(self, end: float) -> None:
        """Raises EndlessStory."""
        handled = 0
        while self._messages or (self._due and self._due[0][0] <= end):
            if not self._messages:
                instant, _, act = heapq.heappop(self._due)
                if instant > self.now:
                    self.now, handled = instant, 0
                act()
                continue
            handled += 1
            if handled > MOST_AT_ONCE:
                raise EndlessStory
            name, message = self._messages.popleft()
            machine = self._machines.get(name)
            if machine is not None:
                self._perform(name, machine.handle(message))
        self.now = end

    def _record(self, event: ev.AnyEvent) -> None:
        self._hear(int(self.wall() * 1_000_000), event)
        self._outlook.apply(event)

    def _perform(self, name: str, effects: Sequence[Any]) -> None:
        for effect in effects:
            match effect:
                case do.Record(event):
                    self._record(event)
                case do.TellAgent(agent, message):
                    self.tell(agent_actor(agent), message)
                case do.TellQueue(queue, m.JoinQueue(contact, avoid=avoid) as join) if avoid:
                    known = tuple(self._known(contact, agent) for agent in avoid)
                    self.tell(queue_actor(queue), replace(join, avoid=known))
                case do.TellQueue(queue, message):
                    self.tell(queue_actor(queue), message)
                case do.TellDispatcher(message):
                    self.tell(DISPATCHER, message)
                case do.TellContact(contact, message):
                    self.tell(contact_actor(owner_of(contact)), message)
                case do.LookAtQueue(contact) as asked:
                    seen = self._outlook.look(asked, estimated=self._estimated)
                    self.tell(contact_actor(owner_of(contact)), seen)
                case do.TellLeg(leg, m.Answer()):
                    self._to_contact(leg, m.LegAnswered(leg))
                case do.TellLeg(leg, m.HangUp()):
                    self.ends(leg, "bye", by_us=True)
                case do.StartLeg(leg, dial):
                    self._legs.add(leg)
                    self._phones.called(ContactId(leg.partition("/")[0]), leg, dial)
                case do.Play(leg, token, _, loop) if not loop:
                    self._phones.hears(ContactId(leg.partition("/")[0]), leg, token)
                case do.ReplyTo(reply_to, answer):
                    self._phones.replied(reply_to, answer)
                case do.Watch(watched):
                    self._watchers.setdefault(watched, []).append(name)
                case StartTimer(timer, seconds):
                    self._arm(name, timer, seconds)
                case CancelTimer(timer):
                    self._timers.pop((name, timer), None)
                case Stop():
                    self._stop(name)

    def _known(self, request: ContactId, agent: AgentId) -> AgentId:
        stands_for = self._stands_for.get(agent)
        return agent if stands_for is None else stands_for(owner_of(request)) or agent

    def _arm(self, name: str, timer: str, seconds: float) -> None:
        number = next(self._numbers)
        self._timers[name, timer] = number

        def fires() -> None:
            if self._timers.get((name, timer)) == number:
                del self._timers[name, timer]
                self.tell(name, TimerFired(timer))

        self.at(self.now + seconds, fires)

    def _stop(self, name: str) -> None:
        del self._machines[name]
        for watcher in self._watchers.pop(name, ()):
            self.tell(watcher, m.Down(name, crashed=False))
