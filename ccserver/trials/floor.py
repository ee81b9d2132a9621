"""The server's machines without the server: their messages in one line, their timers on one clock.

What a phone would do is played: it rings at once, its agent answers or does not, and hangs up when
he has talked.  Prompts are over as soon as they begin.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from itertools import count
from random import Random
from typing import Any

from actors import effects as do
from actors import events as ev
from actors import messages as m
from actors.agent import Agent
from actors.contact import Contact, Start
from actors.dispatcher import Dispatcher
from actors.dossier import Dossier
from actors.forecast import Forecast
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
from actors.reasons import EndedBy
from actors.recorded_dispatcher import RecordedDispatcher
from actors.routing.policy import PolicyChanged
from ccserver import __version__
from ccserver.core import plan
from ccserver.journal.log import Entry
from ccserver.settings import Settings
from ccserver.settings.content import content_of, version_of
from ccserver.trials.model import AgentThere, Caller, Change, Trial
from sip.machine import CancelTimer, StartTimer, Stop, TimerFired
from sip.message import NameAddr, Uri
from sip.transport.path import Path

BEGINNING = 1_000_000.0
"""The instant of the clock at which the story begins."""
_PHONE = Path("udp", 0, ("192.0.2.1", 5060))
"""RFC 5737: an address of nobody."""
LONGEST_STORY = 1_000_000
"""Messages: who tells each other the same for ever is stopped."""


class EndlessStory(Exception):
    """The machines do not come to rest."""


class Floor:
    """``play`` it once; ``entries`` are the journal that a server would have written."""

    def __init__(self, settings: Settings, trial: Trial) -> None:
        self._settings, self._trial = settings, trial
        first = min([0.0, *(caller.after_seconds for caller in trial.callers)])
        earliest = max([-first, *(there.available_seconds for there in trial.agents)])
        self.now = BEGINNING - earliest - 1.0
        self.entries: list[Entry] = []
        self._tickets, self._numbers = count(1), count(1)
        self._random = Random(trial.seed)
        self._machines: dict[str, Any] = {}
        self._messages: deque[tuple[str, Any]] = deque()
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._timers: dict[tuple[str, str], int] = {}
        self._watchers: dict[str, list[str]] = {}
        self._legs: dict[LegId, AgentThere | None] = {}
        """Those that are up or ring, and whose phone it is."""
        self._there = {there.id: there for there in trial.agents}
        self._world = plan.world(settings, lambda host, port: Path("udp", 0, (host, port)))
        self._forecast = Forecast(plan.able_agents(settings), self._clock, {})

    def play(self) -> list[Entry]:
        """From before the beginning to the end of the story."""
        self._open()
        for there in self._trial.agents:
            arrives = BEGINNING - there.available_seconds
            self._at(arrives, partial(self._arrives, there))
            if there.engaged_seconds or there.state == "idle":
                self._at(BEGINNING, partial(self._begins, there))
        for caller in self._trial.callers:
            self._at(BEGINNING + caller.after_seconds, partial(self._calls, caller))
        for change in self._trial.changes:
            self._at(BEGINNING + change.after_seconds, partial(self._changes, change))
        self._until(BEGINNING + self._trial.seconds)
        return self.entries

    def wall(self, instant: float | None = None) -> float:
        """Seconds since 1970."""
        since = (self.now if instant is None else instant) - BEGINNING
        return self._trial.at.timestamp() + since

    # --- the centre ---------------------------------------------------------------------------

    def _open(self) -> None:
        settings = self._settings
        content = content_of(settings)
        version = version_of(content)
        self._record(ev.ServerStarted(__version__, "trial", "", self.now))
        self._record(ev.CentreConfigured(version, content, "trial"))
        draw = self._random.random
        self._machines[DISPATCHER] = RecordedDispatcher(Dispatcher, self._clock, draw)
        for queue in plan.queues(settings):
            self._machines[queue_actor(queue.name)] = Queue(queue, self._clock)
        for agent in plan.agents(settings):
            made = Agent(agent, self._clock, lambda: next(self._tickets))
            self._machines[agent_actor(agent.id)] = made
        self._tell(DISPATCHER, PolicyChanged(plan.policy(settings, version)))

    def _clock(self) -> float:
        return self.now

    def _record(self, event: ev.AnyEvent) -> None:
        at = int(self.wall() * 1_000_000)
        self.entries.append(Entry(len(self.entries) + 1, at, event))
        self._forecast.apply(event)

    # --- people -------------------------------------------------------------------------------

    def _arrives(self, there: AgentThere) -> None:
        aor = f"sip:{there.id}@{self._settings.sip.realm}"
        target = m.Target(aor, f"sip:{there.id}@192.0.2.1", _PHONE)
        self._tell(agent_actor(AgentId(there.id)), m.PhonesChanged((target,)))
        self._commands(there.id, m.SetAvailable())

    def _begins(self, there: AgentThere) -> None:
        name = agent_actor(AgentId(there.id))
        if there.state == "idle":
            self._commands(there.id, m.SetIdle(self._settings.idle_codes[0]))
        if there.engaged_seconds:
            earlier = ContactId(f"earlier-{there.id}")
            self._tell(name, m.ContactKept(earlier, None))
            self._at(BEGINNING + there.engaged_seconds, partial(self._is_done, name, earlier))

    def _is_done(self, agent: str, earlier: ContactId) -> None:
        """With the conversation that he had when the story began."""
        self._tell(agent, m.ConversationEnded(earlier, EndedBy.CUSTOMER))
        self._tell(agent, m.AgentLegDown(earlier))

    def _changes(self, change: Change) -> None:
        match change.state:
            case "available":
                self._commands(change.agent, m.SetAvailable())
            case "signed_out":
                self._commands(change.agent, m.SignOut())
            case "idle":
                code = change.code or self._settings.idle_codes[0]
                self._commands(change.agent, m.SetIdle(code))

    def _commands(self, agent: str, command: m.AgentCommand) -> None:
        received = m.AgentCommandReceived(command, "nobody")
        self._tell(agent_actor(AgentId(agent)), received)

    def _calls(self, caller: Caller) -> None:
        contact = ContactId(caller.name)
        leg = LegId(f"{contact}/0")
        self._legs[leg] = None
        shown = NameAddr("", Uri.parse(f"sip:{caller.ani}@{self._settings.sip.realm}"))
        dossier = Dossier(
            ev.ContactRef(contact, master=contact),
            leg,
            shown,
            self._world,
            self._clock,
            self.wall,
            arrival=next(self._tickets),
        )
        entry = self._world.entry_points[EntryPointName(caller.dials)]
        longest = self._settings.routing.max_contact_seconds
        machine = Contact(dossier, entry, ani=caller.ani, dnis=caller.dials, longest=longest)
        self._machines[contact_actor(contact)] = machine
        self._tell(contact_actor(contact), Start())
        if caller.patience_seconds is not None:
            self._at(self.now + caller.patience_seconds, partial(self._gives_up, contact, leg))

    def _gives_up(self, contact: ContactId, customer: LegId) -> None:
        """Unless an agent talks with him, or has."""
        connected = (e.event for e in self.entries if isinstance(e.event, ev.ContactConnected))
        if not any(event.contact.id == contact for event in connected):
            self._ends(customer, "bye")

    # --- phones -------------------------------------------------------------------------------

    def _rings(self, leg: LegId, dial: m.Dial) -> None:
        number = Uri.parse(dial.target.aor).user or ""
        there = self._there.get(number) if dial.trunk is None else AgentThere(id=number)
        self._legs[leg] = there
        self._to_contact(leg, m.LegInvited(leg, self.now))
        self._to_contact(leg, m.LegRinging(leg))
        if there is not None and there.answers:
            self._at(self.now + there.answers_after_seconds, partial(self._answers, leg, there))

    def _answers(self, leg: LegId, there: AgentThere) -> None:
        if leg in self._legs:
            self._to_contact(leg, m.LegAnswered(leg))
            self._at(self.now + there.talks_seconds, partial(self._ends, leg, "bye"))

    def _ends(self, leg: LegId, cause: str, *, by_us: bool = False) -> None:
        if leg in self._legs:
            del self._legs[leg]
            self._to_contact(leg, m.LegEnded(leg, cause, by_us=by_us))

    def _to_contact(self, leg: LegId, message: Any) -> None:
        self._tell(contact_actor(ContactId(leg.partition("/")[0])), message)

    # --- messages, effects, time --------------------------------------------------------------

    def _tell(self, name: str, message: Any) -> None:
        if name in self._machines:
            self._messages.append((name, message))

    def _at(self, instant: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._due, (instant, next(self._numbers), act))

    def _until(self, end: float) -> None:
        handled = 0
        while self._messages or (self._due and self._due[0][0] <= end):
            if not self._messages:
                instant, _, act = heapq.heappop(self._due)
                self.now = max(self.now, instant)
                act()
                continue
            handled += 1
            if handled > LONGEST_STORY:
                raise EndlessStory
            name, message = self._messages.popleft()
            machine = self._machines.get(name)
            if machine is not None:
                self._perform(name, machine.handle(message))
        self.now = end

    def _perform(self, name: str, effects: Sequence[Any]) -> None:
        for effect in effects:
            match effect:
                case do.Record(event):
                    self._record(event)
                case do.TellAgent(agent, message):
                    self._tell(agent_actor(agent), message)
                case do.TellQueue(queue, message):
                    self._tell(queue_actor(queue), message)
                case do.TellDispatcher(message):
                    self._tell(DISPATCHER, message)
                case do.TellContact(contact, message):
                    self._tell(contact_actor(owner_of(contact)), message)
                case do.LookAtQueue(contact, queue, place):
                    seen = self._forecast.look(contact, queue, place)
                    self._tell(contact_actor(owner_of(contact)), seen)
                case do.TellLeg(leg, m.Answer()):
                    self._to_contact(leg, m.LegAnswered(leg))
                case do.TellLeg(leg, m.HangUp()):
                    self._ends(leg, "bye", by_us=True)
                case do.StartLeg(leg, dial):
                    self._rings(leg, dial)
                case do.Play(leg, token, _, loop) if not loop:
                    self._to_contact(leg, m.PlayFinished(leg, token))
                case do.Watch(watched):
                    self._watchers.setdefault(watched, []).append(name)
                case StartTimer(timer, seconds):
                    self._arm(name, timer, seconds)
                case CancelTimer(timer):
                    self._timers.pop((name, timer), None)
                case Stop():
                    self._stop(name)

    def _arm(self, name: str, timer: str, seconds: float) -> None:
        number = next(self._numbers)
        self._timers[name, timer] = number

        def fires() -> None:
            if self._timers.get((name, timer)) == number:
                del self._timers[name, timer]
                self._tell(name, TimerFired(timer))

        self._at(self.now + seconds, fires)

    def _stop(self, name: str) -> None:
        del self._machines[name]
        for watcher in self._watchers.pop(name, ()):
            self._tell(watcher, m.Down(name, crashed=False))
