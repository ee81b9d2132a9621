"""The dispatcher: it alone pairs contacts with agents, so no agent is ever given twice.

It acts when something has changed, or when time alone has changed the answer (a contact comes to
its next ring), and never polls.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import TypeAlias

import msgspec
from msgspec import Struct

from actors import events as ev
from actors import messages as m
from actors.effects import Effect, Record, ReplyTo, TellAgent, TellQueue
from actors.ids import AgentId, ContactId, QueueName, agent_actor, queue_actor
from actors.reasons import Refusal
from actors.routing.choice import Choice
from actors.routing.index import Index
from actors.routing.outside import (
    AssignContact,
    Given,
    NotGiven,
    RouterHeard,
    RouterKept,
    RouterLeft,
    choice_of,
    refusal_of,
)
from actors.routing.policy import CLOCK_GRAIN, Policy, PolicyChanged
from sip.machine import StartTimer, TimerFired

Message: TypeAlias = (
    m.ContactWaits
    | m.ContactLeft
    | m.ContactConnected
    | m.AgentAvailable
    | m.AgentUnavailable
    | m.AgentServes
    | m.AgentServed
    | m.ReservationRefused
    | m.Restarted
    | PolicyChanged
    | AssignContact
    | RouterHeard
    | RouterLeft
    | TimerFired
)


class _Paired(Struct):
    """``agents``: who may still answer; one, but for a queue whose agents all ring."""

    agents: list[AgentId]
    waits: m.ContactWaits


class _Router(Struct, frozen=True):
    """``state`` and ``by`` as in ``events.RouterChanged``."""

    state: str
    by: str | None = None


class Dispatcher:
    """``now`` gives monotonic seconds, ``draw`` a number from 0 to 1 for strategies that draw lots.

    The timer ``ring`` stands for the next instant at which time alone changes something: a ring
    begins, or an outside router has been silent for too long.
    """

    def __init__(
        self,
        now: Callable[[], float],
        policy: Policy | None = None,
        draw: Callable[[], float] | None = None,
    ) -> None:
        self._now, self._draw = now, draw
        self.index = Index() if policy is None else Index().under(policy, now())
        self._paired: dict[ContactId, _Paired] = {}
        self._routers: dict[QueueName, _Router] = {}
        """Of each queue that has one: how it stands, as it was published."""
        self._armed: float | None = None

    @property
    def given(self) -> Collection[ContactId]:
        """Requests that an agent was given, and of which nobody has said yet that he answered."""
        return self._paired.keys()

    def handle(self, message: Message) -> list[Effect]:
        return [*self._decide(message), *self._arm()]

    def _decide(self, message: Message) -> list[Effect]:
        match message:
            case m.ContactWaits(contact):
                self._paired.pop(contact, None)  # back from an agent that did not take it
                self.index.add_contact(message, self._now())
                return self._find_agents("contact", [contact], [])
            case m.ContactLeft(contact) | m.ContactConnected(contact):
                # Race: it may ring all the same, for it left as it was given away.  That counts in
                # its queue's limit until its agent says that he has it no more.
                self._paired.pop(contact, None)
                self.index.remove_contact(contact)
                return []
            case m.AgentAvailable():
                self.index.add_agent(message)
                return self._pair("agent", self.index.contact_for(message))
            case m.AgentUnavailable(agent):
                self.index.remove_agent(agent)
                return []
            case m.AgentServes(agent, contact, queue):
                self.index.serve(queue, agent, contact)
                return []
            case m.AgentServed(agent, contact):
                freed = self._parted(lambda *pair: pair == (agent, contact))
                return self._find_agents("room", [], freed)
            case m.ReservationRefused(agent, contact):
                return self._refused(agent, contact)
            case m.Restarted(name):
                return self._forget_what_was_told_by(name)
            case PolicyChanged(policy, turns):
                self.index = self.index.under(policy, self._now())
                self.index.turns = {**turns, **self.index.turns}
                awaited = self._await_routers()
                return [*awaited, *self._find_agents("policy", self.index.waiting, [])]
            case AssignContact():
                return self._assign(message)
            case RouterHeard(queue, by, reply_to):
                return self._router_heard(queue, by, reply_to)
            case RouterLeft(queue, by, reply_to):
                return self._router_left(queue, by, reply_to)
            case TimerFired("ring"):
                self._armed = None
                silent, kept = self._routers_silent()
                changed = self.index.pass_time(self._now() + CLOCK_GRAIN)
                return [*silent, *self._find_agents("time", kept | changed, [])]
            case TimerFired(name):
                raise ValueError(f"no timer of the dispatcher is called {name}")

    # --- pairing ------------------------------------------------------------------------------

    def _find_agents(
        self, on: str, contacts: Iterable[ContactId], freed: Iterable[QueueName]
    ) -> list[Effect]:
        """For these contacts, and for all of the queues that have room again: first to last."""
        these = set(contacts)
        every = these.union(*map(self.index.waiting_in, freed))
        effects: list[Effect] = []
        for contact in self.index.in_order(every):
            if not self.index.available:
                break
            why = on if contact in these else "room"
            effects += self._pair(why, self.index.agent_for(contact, self._draw))
        return effects

    def _parted(self, which: Callable[[AgentId, ContactId], bool]) -> list[QueueName]:
        """Those agents have those contacts no more; the queues that had as many as they may, and
        have room.
        """
        return self.index.serve_no_more(which)

    def _refused(self, agent: AgentId, contact: ContactId) -> list[Effect]:
        """Reserved as the agent became unavailable: the contact has lost nothing."""
        paired = self._paired.get(contact)
        if paired is None or agent not in paired.agents:
            return []  # and meanwhile the contact left, or was given to another agent
        paired.agents.remove(agent)
        if paired.agents:
            return []  # others ring
        del self._paired[contact]
        self.index.add_contact(paired.waits, self._now())
        undone = TellQueue(paired.waits.queue, m.PairingUndone(contact, agent))
        return [undone, *self._find_agents("contact", [contact], [])]

    def _forget_what_was_told_by(self, name: str) -> list[Effect]:
        """A queue or an agent has been started again; whatever still holds comes anew.

        What it said may hold no longer: it lost what lay in its mailbox, a contact's end perhaps.
        """
        for contact in list(self.index.waiting.values()):
            if queue_actor(contact.queue) == name:
                self.index.remove_contact(contact.contact)
        for contact_id, paired in list(self._paired.items()):
            if queue_actor(paired.waits.queue) == name:
                del self._paired[contact_id]
        for agent in list(self.index.available):
            if agent_actor(agent) == name:
                self.index.remove_agent(agent)
        freed = self._parted(lambda agent, _: agent_actor(agent) == name)
        return self._find_agents("room", [], freed)

    def _pair(self, on: str, choice: Choice | None) -> list[Effect]:
        if choice is None:
            return []
        contact = choice.contact
        agents = [choice.agent, *choice.others]
        self.index.remove_contact(contact.contact)
        for agent in agents:
            self.index.remove_agent(agent.agent)
            self.index.serve(contact.queue, agent.agent, contact.contact)
        self.index.take_turn(contact.queue, choice.agent)
        names = [agent.agent for agent in agents]
        self._paired[contact.contact] = _Paired(names, contact)
        now = self._now()
        possible_at = max(contact.at, choice.agent.at) if on in ("agent", "contact") else now
        assigned = ev.ContactAssigned(
            contact.contact,
            contact.queue,
            choice.agent.agent,
            possible_at,
            now,
            _explained(on, choice, self.index.policy.version),
        )
        paired = m.ContactPaired(contact.contact, names[0], tuple(names[1:]))
        return [
            *(TellAgent(agent.agent, _reserve(choice, agent, possible_at)) for agent in agents),
            TellQueue(contact.queue, paired),
            Record(assigned),
        ]

    # --- from outside -------------------------------------------------------------------------

    def _assign(self, wish: AssignContact) -> list[Effect]:
        """Whatever has changed since its author looked, what holds now decides."""
        now, waiting = self._now(), self.index.look_up(wish.contact)
        queue = QueueName("") if waiting is None else waiting.told.queue
        if self._routers.get(queue) == _Router("present", wish.by):
            self._keep_for_router(queue)  # who assigns is there
        paired = self._paired.get(wish.contact)
        refused = refusal_of(wish, self.index, () if paired is None else paired.agents, now)
        if refused is not None:
            # Race: the contact left, or was given by the rules or by another; the agent took
            # another, or became unavailable.  Whoever was heard first has it.
            event = ev.AssignmentRefused(wish.contact, queue, wish.agent, wish.by, refused.code)
            return [Record(event), ReplyTo(wish.reply_to, refused)]
        made = self._pair("assignment", choice_of(wish, self.index, now))
        return [*made, ReplyTo(wish.reply_to, Given(wish.contact, queue, wish.agent))]

    def _router_heard(self, queue: QueueName, by: str, reply_to: str) -> list[Effect]:
        if self.index.policy.of(queue).outside is None:
            return [ReplyTo(reply_to, NotGiven(Refusal.NO_OUTSIDE_ROUTING))]
        seconds = self._keep_for_router(queue)
        known = self._routers.get(queue)
        there = known is not None and known.state == "present"
        shown = [] if there else self._show_router(queue, _Router("present", by))
        return [*shown, ReplyTo(reply_to, RouterKept(queue, seconds))]

    def _router_left(self, queue: QueueName, by: str, reply_to: str) -> list[Effect]:
        if self.index.policy.of(queue).outside is None:
            return [ReplyTo(reply_to, NotGiven(Refusal.NO_OUTSIDE_ROUTING))]
        contacts = self.index.lose_router(queue, self._now())
        shown = self._show_router(queue, _Router("left", by))
        answer = ReplyTo(reply_to, RouterKept(queue, 0.0))
        return [*shown, answer, *self._find_agents("router", contacts, [])]

    def _keep_for_router(self, queue: QueueName) -> float:
        """For so many seconds more it is believed to be there."""
        outside, now = self.index.policy.of(queue).outside, self._now()
        assert outside is not None
        self.index.hear_router(queue, now + outside.silence_seconds, now)
        return outside.silence_seconds

    def _routers_silent(self) -> tuple[list[Effect], set[ContactId]]:
        """Those of whom nothing has been heard for too long, and the contacts of their queues."""
        now = self._now()
        effects: list[Effect] = []
        contacts: set[ContactId] = set()
        for queue in self.index.silent_routers(now + CLOCK_GRAIN):
            contacts |= self.index.lose_router(queue, now)
            known = self._routers.get(queue)
            by = None if known is None else known.by
            effects += self._show_router(queue, _Router("silent", by))
        return effects, contacts

    def _await_routers(self) -> list[Effect]:
        """Queues that are to have one from now on, and those that are not any more."""
        queues = self.index.policy.queues
        wanted = [name for name, queue in queues.items() if queue.outside is not None]
        gone = [name for name in self._routers if name not in wanted]
        effects: list[Effect] = []
        for name in gone:
            effects += self._show_router(name, _Router("none"))
            del self._routers[name]
        for name in wanted:
            if name not in self._routers:
                effects += self._show_router(name, _Router("awaited"))
        return effects

    def _show_router(self, queue: QueueName, router: _Router) -> list[Effect]:
        if self._routers.get(queue) == router:
            return []
        self._routers[queue] = router
        return [Record(ev.RouterChanged(queue, router.state, router.by))]

    # --- time ---------------------------------------------------------------------------------

    def _arm(self) -> list[Effect]:
        """A timer that is armed too early is left: it finds nothing to do, and is armed anew."""
        due = self.index.next_change
        if due is None or (self._armed is not None and self._armed <= due):
            return []
        self._armed = due
        return [StartTimer("ring", max(0.0, due - self._now()))]


def _reserve(choice: Choice, agent: m.AgentAvailable, possible_at: float) -> m.Reserve:
    contact, shared = choice.contact, bool(choice.others)
    return m.Reserve(contact.contact, contact.queue, possible_at, contact.channel, shared, agent.at)


def _explained(on: str, choice: Choice, rule: str) -> ev.Decision:
    contact, agent = choice.contact, choice.agent
    candidates = [
        ev.Candidate(head.id, "later" if place else "chosen", head.rank, head.tried)
        for place, head in enumerate(choice.heads)
    ]
    counts = msgspec.structs.asdict(choice.passed_over)
    return ev.Decision(
        on,
        contact.place,
        choice.needs,
        dict(agent.skills),
        agent.since,
        agent.seq,
        tuple(candidates),
        {reason: count for reason, count in counts.items() if count},
        rule,
        choice.strategy,
        choice.stage.ring,
        choice.stage.overdue,
        choice.draw,
        tuple(other.agent for other in choice.others),
        choice.by,
        choice.forced,
    )
