"""A floor of agents, a queue and a dispatcher, each with its mailbox, and callers beside them.

The machines are the real ones, and each step of the dispatcher is compared with the model's; who
handles his next message is the test's choice, so every order that the server could take can be
taken here.  ``Caller`` stands for a contact and its phones.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from typing import Any

from actors import messages as m
from actors.agent import Agent, AgentSettings
from actors.availability import Patience
from actors.effects import (
    Record,
    ReplyTo,
    TellAgent,
    TellContact,
    TellDispatcher,
    TellQueue,
    Watch,
)
from actors.ids import (
    DISPATCHER,
    AgentId,
    ContactId,
    QueueName,
    agent_actor,
    contact_actor,
    owner_of,
    queue_actor,
)
from actors.place import Place, requirements_of
from actors.queue import Queue, QueueSettings
from actors.reasons import EndedBy, OfferFailure
from actors.routing.expressions import of_requirements
from actors.routing.outside import AssignContact
from actors.routing.policy import Outside, Policy, PolicyChanged, QueuePolicy
from sip.machine import CancelTimer, StartTimer, TimerFired
from sip.transport.path import Path
from tests.support.model import CheckedDispatcher

QUEUE = QueueName("support")
NEEDS = of_requirements(requirements_of({"english": 1}))
WRAP_UP, RONA = 10.0, 18.0
CHOOSE_FIRST: Callable[[list[str]], str] = min


class Caller:
    """A contact that knows its agent, and no more; what it tells others it returns as effects."""

    def __init__(self, name: ContactId, place: Place, avoid: tuple[AgentId, ...] = ()) -> None:
        self.name, self.place, self.avoid = name, place, avoid
        self.tried: tuple[AgentId, ...] = ()
        self.state = "waiting"
        self.agent: AgentId | None = None
        self.consulted: AgentId | None = None
        self.consult_state = "none"
        self._requests = count(2)
        self.consult_request = name

    def join(self, *, again: bool = False) -> list[Any]:
        self.state, self.agent = "waiting", None
        join = m.JoinQueue(self.name, self.place, NEEDS, self.tried, self.avoid, again)
        return [TellQueue(QUEUE, join)]

    def handle(self, message: Any) -> list[Any]:
        match message:
            case m.Assigned(request, agent) if request != self.name:
                return self._consult_assigned(request, agent)
            case m.AgentNotFree() | m.AgentLost() if message.contact != self.name:
                if (message.contact, message.agent) != (self.consult_request, self.consulted):
                    return []
                talking = self.consult_state == "talking"
                return self.consult_ends() if talking else self._no_consult()
            case m.Assigned(_, agent) if self.state == "waiting":
                self.state, self.agent = "ringing", agent
                return [StartTimer("rona", RONA)]
            case m.Assigned(_, agent):
                return [TellAgent(agent, m.OfferWithdrawn(self.name, "queue"))]
            case m.AgentLost(_, agent) if (self.state, self.agent) == ("ringing", agent):
                return [CancelTimer("rona"), *self.join(again=True)]
            case m.AgentLost(_, agent) if (self.state, self.agent) == ("talking", agent):
                return [*self.consult_ends(), *self._hung_up_on(agent), *self.join(again=True)]
            case TimerFired("rona"):
                return self.fails(OfferFailure.RONA)
            case TimerFired("consult rona"):
                return self.consult_fails(OfferFailure.RONA)
            case m.Overflowed() if self.state == "waiting":
                self.state = "ended"
            case m.Restarted(name):
                return self._tell_again(name)
        return []

    def _tell_again(self, name: str) -> list[Any]:
        told: list[Any] = []
        if self.consulted is not None and name == agent_actor(self.consulted):
            if self.consult_state == "talking":
                kept = m.ContactKept(self.consult_request, QUEUE, "consult")
                told.append(TellAgent(self.consulted, kept))
            else:
                told.extend(self._no_consult())
        if self.state == "waiting" and name == queue_actor(QUEUE):
            return [*told, *self.join(again=True)]
        if self.agent is not None and name == agent_actor(self.agent):
            if self.state == "ringing":
                return [*told, CancelTimer("rona"), *self.join(again=True)]
            if self.state == "talking":
                told.append(TellAgent(self.agent, m.ContactKept(self.name, QUEUE)))
        return told

    # --- the phones ---------------------------------------------------------------------------

    def answers(self) -> list[Any]:
        assert self.state == "ringing"
        assert self.agent is not None
        self.state, self.tried = "talking", ()
        connected = TellQueue(QUEUE, m.ContactConnected(self.name, self.agent))
        return [CancelTimer("rona"), TellAgent(self.agent, m.OfferAnswered(self.name)), connected]

    def fails(self, why: OfferFailure) -> list[Any]:
        assert self.state == "ringing"
        assert self.agent is not None
        agent = self.agent
        self.tried = (agent, *(other for other in self.tried if other != agent))
        failed = TellAgent(agent, m.OfferFailed(self.name, why))
        return [CancelTimer("rona"), failed, *self.join()]

    def loses_his_agent(self) -> list[Any]:
        assert self.state == "talking"
        assert self.agent is not None
        agent = self.agent
        return [
            *self.consult_ends(),
            TellAgent(agent, m.PhoneLost(self.name)),
            *self.join(again=True),
        ]

    def ends(self) -> list[Any]:
        """Whoever hung up: all are told, and nothing more comes of this contact."""
        state, agent = self.state, self.agent
        told = self.consult_ends()
        self.state, self.agent = "ended", None
        if state == "waiting":
            told.append(TellQueue(QUEUE, m.LeaveQueue(self.name)))
        elif state == "ringing" and agent is not None:
            withdrawn = TellAgent(agent, m.OfferWithdrawn(self.name, "ringing"))
            told += [CancelTimer("rona"), TellQueue(QUEUE, m.LeaveQueue(self.name)), withdrawn]
        elif state == "talking" and agent is not None:
            told += self._hung_up_on(agent)
        return told

    def _hung_up_on(self, agent: AgentId) -> list[Any]:
        ended = m.ConversationEnded(self.name, EndedBy.CUSTOMER)
        return [TellAgent(agent, ended), TellAgent(agent, m.AgentLegDown(self.name))]

    # --- a consult ----------------------------------------------------------------------------

    def consults(self, agent: AgentId) -> list[Any]:
        assert self.consult_state == "none"
        self.consult_request = ContactId(f"{self.name}.{next(self._requests)}")
        self.consulted, self.consult_state = agent, "asking"
        return [TellAgent(agent, m.AskedFor(self.consult_request, self.agent, "consult", QUEUE))]

    def _consult_assigned(self, request: ContactId, agent: AgentId) -> list[Any]:
        if request == self.consult_request and self.consult_state == "asking":
            self.consult_state = "ringing"
            return [StartTimer("consult rona", RONA)]
        return [TellAgent(agent, m.OfferWithdrawn(request, "queue"))]

    def consulted_answers(self) -> list[Any]:
        assert self.consult_state == "ringing"
        assert self.consulted is not None
        self.consult_state = "talking"
        answered = TellAgent(self.consulted, m.OfferAnswered(self.consult_request))
        return [CancelTimer("consult rona"), answered]

    def consult_fails(self, why: OfferFailure) -> list[Any]:
        assert self.consult_state == "ringing"
        assert self.consulted is not None
        failed = TellAgent(self.consulted, m.OfferFailed(self.consult_request, why))
        return [failed, *self._no_consult()]

    def consult_ends(self) -> list[Any]:
        agent, state, request = self.consulted, self.consult_state, self.consult_request
        told = self._no_consult()
        if agent is None:
            return []
        if state == "talking":
            ended = m.ConversationEnded(request, EndedBy.AGENT, wraps_up=False)
            return [*told, TellAgent(agent, ended), TellAgent(agent, m.AgentLegDown(request))]
        return [*told, TellAgent(agent, m.OfferWithdrawn(request, "queue"))]

    def _no_consult(self) -> list[Any]:
        self.consulted, self.consult_state = None, "none"
        return [CancelTimer("consult rona")]


class Floor:
    """``agents`` names them; all can do the same, and none is there before ``arrives``.

    ``limit``: so many of them serve the queue at once.  ``outside``: an outside router may give its
    contacts away.  ``misses``: so many offers in a row that an agent does not take make him idle.
    """

    def __init__(
        self,
        agents: int,
        *,
        limit: int | None = None,
        outside: Outside | None = None,
        misses: int = 1,
        **bounds: Any,
    ) -> None:
        self.now = 1000.0
        self._patience = Patience(misses)
        self._limited = frozenset() if limit is None else frozenset((QUEUE,))
        policy = Policy({QUEUE: QueuePolicy(QUEUE, max_agents=limit, outside=outside)})
        self._tickets = count(1)
        self._bounds = bounds
        self.agent_ids = [AgentId(f"{1001 + n}") for n in range(agents)]
        self.machines: dict[str, Any] = {}
        self.mailboxes: dict[str, deque[Any]] = {}
        self.timers: dict[tuple[str, str], float] = {}
        self.watchers: dict[str, list[str]] = {}
        self.callers: dict[ContactId, Caller] = {}
        self.events: list[Any] = []
        self.answers: dict[str, Any] = {}
        """To whoever commanded something under this name."""
        self.assigned: list[tuple[float, ContactId, AgentId]] = []
        """When, whom, and to whom: every reservation that an agent has taken."""
        self._make: dict[str, Callable[[], Any]] = {
            DISPATCHER: lambda: CheckedDispatcher(lambda: self.now, policy),
            queue_actor(QUEUE): lambda: Queue(QueueSettings(QUEUE, **bounds), lambda: self.now),
        }
        for agent in self.agent_ids:
            self._make[agent_actor(agent)] = partial(self._new_agent, agent)
        for name, make in self._make.items():
            self.machines[name], self.mailboxes[name] = make(), deque()
        if outside is not None:
            self._perform(DISPATCHER, self.dispatcher.handle(PolicyChanged(policy)))

    def _new_agent(self, agent: AgentId) -> Agent:
        settings = AgentSettings(
            agent,
            {"english": 5},
            "on_register",
            ("lunch",),
            {QUEUE: WRAP_UP},
            RONA,
            3600.0,
            patience=self._patience,
            limited_queues=self._limited,
        )
        return Agent(settings, lambda: self.now, lambda: next(self._tickets))

    @property
    def queue(self) -> Queue:
        queue: Queue = self.machines[queue_actor(QUEUE)]
        return queue

    @property
    def dispatcher(self) -> CheckedDispatcher:
        dispatcher: CheckedDispatcher = self.machines[DISPATCHER]
        return dispatcher

    def agent(self, agent: AgentId) -> Agent:
        machine: Agent = self.machines[agent_actor(agent)]
        return machine

    # --- what happens outside -----------------------------------------------------------------

    def arrives(self, agent: AgentId) -> None:
        self.tell(agent_actor(agent), m.PhonesChanged((target_of(agent),)))

    def is_cut_off(self, agent: AgentId) -> None:
        """His registration is over: no phone of his can be reached."""
        self.tell(agent_actor(agent), m.PhonesChanged(()))

    def calls(self, name: str, avoid: tuple[AgentId, ...] = ()) -> Caller:
        place = Place(5, self.now, next(self._tickets))
        caller = Caller(ContactId(name), place, avoid)
        self.callers[caller.name] = caller
        actor = contact_actor(caller.name)
        self.machines[actor], self.mailboxes[actor] = caller, deque()
        self.does(caller, caller.join())
        return caller

    def does(self, caller: Caller, effects: list[Any]) -> None:
        """Carry out what a caller's phones brought about; who has ended is gone."""
        self._perform(contact_actor(caller.name), effects)
        if caller.state == "ended":
            self.dies(caller, crashed=False)

    def dies(self, caller: Caller, *, crashed: bool = True) -> None:
        name = contact_actor(caller.name)
        del self.callers[caller.name], self.machines[name], self.mailboxes[name]
        self._forget_timers(name)
        for watcher in self.watchers.pop(name, ()):
            self.tell(watcher, m.Down(name, crashed))

    def starts_again(self, name: str) -> None:
        """It crashed: its mailbox and its timers are gone, and everyone is told."""
        self.machines[name] = self._make[name]()
        self.mailboxes[name].clear()
        self._forget_timers(name)
        kind, _, which = name.partition("/")
        if kind == "agent":
            self.arrives(AgentId(which))
        for other in self.mailboxes:
            self.tell(other, m.Restarted(name))

    def assigns(self, name: str, agent: AgentId, by: str = "router", **more: Any) -> None:
        """Somebody outside, who is answered under ``BY NAME``."""
        wish = AssignContact(ContactId(name), agent, by, f"{by} {name}", **more)
        self.tell(DISPATCHER, wish)

    # --- mailboxes and timers -----------------------------------------------------------------

    def tell(self, name: str, message: Any) -> None:
        if name in self.mailboxes:
            self.mailboxes[name].append(message)

    def busy(self) -> list[str]:
        """Who has something to read."""
        return sorted(name for name, mailbox in self.mailboxes.items() if mailbox)

    def handles(self, name: str) -> None:
        message = self.mailboxes[name].popleft()
        if isinstance(message, TimerFired) and self.timers.pop((name, message.name), None) is None:
            return  # cancelled while it lay in the mailbox
        self._perform(name, self.machines[name].handle(message))
        caller = self.machines[name]
        if isinstance(caller, Caller) and caller.state == "ended" and caller.name in self.callers:
            self.dies(caller, crashed=False)

    def settles(self, choose: Callable[[list[str]], str] = CHOOSE_FIRST) -> None:
        """Until every message is read; ``choose`` says who reads next."""
        while names := self.busy():
            self.handles(choose(names))

    def passes(self, seconds: float) -> None:
        """Time passes, and everything is read at every instant at which something happens."""
        end = self.now + seconds
        self.settles()
        while (due := min(self.timers.values(), default=end)) < end:
            self.ticks(due)
            self.settles()
        self.ticks(end)
        self.settles()

    def ticks(self, instant: float) -> None:
        """It is that late; the timers that are due lie in their mailboxes."""
        self.now = max(self.now, instant)
        for (name, timer), due in sorted(self.timers.items()):
            if due <= self.now and TimerFired(timer) not in self.mailboxes[name]:
                self.mailboxes[name].append(TimerFired(timer))

    def _perform(self, sender: str, effects: list[Any]) -> None:
        for effect in effects:
            match effect:
                case TellAgent(agent, message):
                    self.tell(agent_actor(agent), message)
                case TellQueue(queue, message):
                    self.tell(queue_actor(queue), message)
                case TellDispatcher(message):
                    self.tell(DISPATCHER, message)
                case TellContact(contact, message):
                    if isinstance(message, m.Assigned):
                        self.assigned.append((self.now, contact, message.agent))
                    self.tell(contact_actor(owner_of(contact)), message)
                case StartTimer(timer, seconds):
                    self._unread(sender, timer)
                    self.timers[sender, timer] = self.now + seconds
                case CancelTimer(timer):
                    self._unread(sender, timer)
                    self.timers.pop((sender, timer), None)
                case Watch(name):
                    if name in self.mailboxes:
                        self.watchers.setdefault(name, []).append(sender)
                    else:
                        self.tell(sender, m.Down(name, False))
                case Record(event):
                    self.events.append(event)
                case ReplyTo(reply_to, answer):
                    self.answers[reply_to] = answer

    def _forget_timers(self, name: str) -> None:
        self.timers = {key: due for key, due in self.timers.items() if key[0] != name}

    def _unread(self, name: str, timer: str) -> None:
        """One that is cancelled, or armed anew, while it lies in the mailbox has not fired."""
        mailbox = self.mailboxes.get(name)
        if mailbox is not None and TimerFired(timer) in mailbox:
            mailbox.remove(TimerFired(timer))


def all_talking(agents: int) -> Floor:
    """Each agent with a caller of his own, ``c0``, ``c1``, ...; one more has not come."""
    floor = Floor(agents + 1)
    floor.agent_ids.pop()
    for n, agent in enumerate(floor.agent_ids):
        floor.arrives(agent)
        caller = floor.calls(f"c{n}")
        floor.settles()
        floor.does(caller, caller.answers())
    floor.settles()
    return floor


def end_the_call_of(floor: Floor, agent: AgentId) -> None:
    (caller,) = [c for c in floor.callers.values() if c.agent == agent]
    floor.does(caller, caller.ends())


def target_of(agent: AgentId) -> m.Target:
    host = "10.0.0.9"
    return m.Target(f"sip:{agent}@x", f"sip:{agent}@{host}", Path("udp", 0, (host, 5060)))


def every_order(play: Callable[[Callable[[list[str]], str]], None]) -> Iterator[int]:
    """``play`` once for every order in which the mailboxes could be read; yields their number.

    ``play`` must do the same for the same choices.
    """
    planned: list[int] = []
    made: list[tuple[int, int]] = []
    """Which of how many."""

    def choose(names: list[str]) -> str:
        at = len(made)
        choice = planned[at] if at < len(planned) else 0
        made.append((choice, len(names)))
        return names[choice]

    for played in count(1):
        made.clear()
        play(choose)
        yield played
        while made and made[-1][0] + 1 == made[-1][1]:
            made.pop()
        if not made:
            return
        planned[:] = [choice for choice, _ in made]
        planned[-1] += 1
