"""The whole dispatcher stated in the plainest way: what each message means, and who is paired then.

It keeps what it was told and nothing else; every pair is found by ``Reference``, which looks at
everybody.  Given whatever a real dispatcher heard, it says whom that must have paired.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from actors import events as ev
from actors import messages as m
from actors.dispatcher import Dispatcher
from actors.effects import Effect, Record, TellAgent, TellQueue
from actors.ids import AgentId, ContactId, QueueName, agent_actor, queue_actor
from actors.reasons import Refusal
from actors.routing.outside import AssignContact, RouterHeard, RouterLeft, version_of
from actors.routing.policy import Policy, PolicyChanged
from sip.machine import TimerFired
from tests.support.reference import GRAIN, Pair, Reference


class Model:
    """``reference`` holds who waits and who is available; ``offered`` who has been given away, and
    to whom, and has not been heard of since; ``refused`` why the last assignment from outside was.
    """

    def __init__(self, policy: Policy | None = None, now: float = 0.0) -> None:
        self.reference = Reference(Policy())
        self.refused: Refusal | None = None
        self._routers: dict[QueueName, str] = {}
        """Those that are there, by the name under which they were heard."""
        self.offered: dict[ContactId, list[AgentId]] = {}
        self._told: dict[ContactId, m.ContactWaits] = {}
        if policy is not None:
            self.hears(PolicyChanged(policy), now)

    def hears(self, message: Any, now: float, drawn: Collection[AgentId] = ()) -> list[Pair]:
        """The pairs that must be made, in their order.  ``drawn``: on whom the lots fell."""
        self.reference.now = now
        pairs = self._decide(message, drawn)
        self.offered.update((contact, list(agents)) for contact, agents in pairs)
        return pairs

    def _decide(self, message: Any, drawn: Iterable[AgentId]) -> list[Pair]:
        reference = self.reference
        match message:
            case m.ContactWaits(contact):
                return self._waits(message, drawn)
            case m.ContactLeft(contact) | m.ContactConnected(contact):
                self._forget(contact)
                return []
            case m.AgentAvailable(agent):
                reference.available[agent] = message
                pair = reference.for_agent(message)
                return [] if pair is None else [pair]
            case m.AgentUnavailable(agent):
                reference.available.pop(agent, None)
                return []
            case m.AgentServes(agent, contact, queue):
                reference.serves(queue, agent, contact)
                return []
            case m.AgentServed(agent, contact):
                return self._pairs((), reference.parted(lambda *p: p == (agent, contact)), drawn)
            case m.ReservationRefused(agent, contact):
                return self._refused(agent, contact, drawn)
            case m.Restarted(name):
                return self._restarted(name, drawn)
            case PolicyChanged(policy, turns):
                reference.last_given = {**turns, **reference.last_given}
                return self._other_rules(policy, drawn)
            case RouterHeard(queue, by):
                if reference.policy.of(queue).outside is not None:
                    reference.hear_router(queue)
                    self._routers.setdefault(queue, by)
                return []
            case RouterLeft(queue):
                self._routers.pop(queue, None)
                if queue not in reference.routed_until:
                    return []
                reference.lose_router(queue)
                return self._pairs((), (queue,), drawn)
            case AssignContact():
                return self._assign(message)
            case TimerFired("ring"):
                for queue, until in list(reference.routed_until.items()):
                    if until <= reference.now + GRAIN:
                        reference.lose_router(queue)
                        self._routers.pop(queue, None)
                # To look at all is as well as to look at those whose ring is another now: nobody
                # else's chances have changed.
                reference.judged = dict.fromkeys(reference.waiting, reference.now)
                return self._pairs(reference.waiting, (), drawn)
        raise ValueError(f"the model does not know {message}")

    def _waits(self, waits: m.ContactWaits, drawn: Iterable[AgentId]) -> list[Pair]:
        self._forget(waits.contact)
        self._told[waits.contact] = waits
        self.reference.waiting[waits.contact] = waits
        self.reference.judged[waits.contact] = self.reference.now
        return self._pairs((waits.contact,), (), drawn)

    def _forget(self, contact: ContactId) -> None:
        self.offered.pop(contact, None)
        self.reference.waiting.pop(contact, None)
        self.reference.judged.pop(contact, None)

    def _pairs(
        self, contacts: Iterable[ContactId], freed: Iterable[QueueName], drawn: Iterable[AgentId]
    ) -> list[Pair]:
        """``freed``: whoever waits in these queues is looked at too."""
        waiting = self.reference.waiting
        these = {c for c in contacts if c in waiting}
        for queue in freed:
            these |= {c for c, waits in waiting.items() if waits.queue == queue}
        return self.reference.for_contacts(these, drawn)

    def _refused(self, agent: AgentId, contact: ContactId, drawn: Iterable[AgentId]) -> list[Pair]:
        ringing = self.offered.get(contact, [])
        if agent not in ringing:
            return []
        ringing.remove(agent)
        if ringing:
            return []  # others ring
        return self._waits(self._told[contact], drawn)

    def _restarted(self, name: str, drawn: Iterable[AgentId]) -> list[Pair]:
        for contact in {*self.reference.waiting, *self.offered}:
            if queue_actor(self._told[contact].queue) == name:
                self._forget(contact)
        for agent in list(self.reference.available):
            if agent_actor(agent) == name:
                del self.reference.available[agent]
        freed = self.reference.parted(lambda agent, _: agent_actor(agent) == name)
        return self._pairs((), freed, drawn)

    def _assign(self, wish: AssignContact) -> list[Pair]:
        reference = self.reference
        waits = reference.waiting.get(wish.contact)
        agent = reference.available.get(wish.agent)
        if waits is not None and self._routers.get(waits.queue) == wish.by:
            reference.hear_router(waits.queue)
        self.refused = None
        if wish.contact in self.offered:
            self.refused = Refusal.ALREADY_ASSIGNED
        elif waits is None:
            self.refused = Refusal.CONTACT_NOT_WAITING
        elif wish.expect not in (None, version_of(waits)):
            self.refused = Refusal.STALE
        elif agent is None:
            self.refused = Refusal.AGENT_NOT_AVAILABLE
        elif not wish.forced and not reference.may_be_assigned(waits, agent):
            self.refused = Refusal.NOT_FITTING
        if self.refused is not None:
            return []
        assert waits is not None
        assert agent is not None
        return [reference.given(waits, [agent])]

    def _other_rules(self, policy: Policy, drawn: Iterable[AgentId]) -> list[Pair]:
        reference = self.reference
        before = reference.policy
        for queue in list(reference.serving):
            if policy.of(queue).max_agents is None:
                del reference.serving[queue]
        reference.policy = policy
        for queue in {*before.queues, *policy.queues}:
            if policy.of(queue).outside is None:
                reference.routed_until.pop(queue, None)
                self._routers.pop(queue, None)
            elif before.of(queue).outside is None:  # it may be there: it is waited for
                reference.hear_router(queue)
        reference.judged = dict.fromkeys(reference.waiting, reference.now)
        return self._pairs(reference.waiting, (), drawn)


class CheckedDispatcher(Dispatcher):
    """A dispatcher beside whose every step the model takes the same: they must agree."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.model = Model(self.index.policy, self._now())

    def handle(self, message: Any) -> list[Effect]:
        effects = super().handle(message)
        pairs = pairs_of(effects)
        assert self.model.hears(message, self._now(), drawn_in(effects)) == pairs, message
        assert self.index.waiting == self.model.reference.waiting
        assert self.index.available == self.model.reference.available
        return effects


def pairs_of(effects: Iterable[Effect]) -> list[Pair]:
    """Whom a dispatcher paired: what it told the queue, and each agent."""
    reserved: dict[ContactId, list[AgentId]] = {}
    pairs: list[Pair] = []
    for effect in effects:
        match effect:
            case TellAgent(agent, m.Reserve(contact)):
                reserved.setdefault(contact, []).append(agent)
            case TellQueue(_, m.ContactPaired(contact, agent, others)):
                assert reserved.pop(contact) == [agent, *others]
                pairs.append((contact, (agent, *others)))
    assert not reserved, "reserved, and no queue was told"
    return pairs


def drawn_in(effects: Iterable[Effect]) -> list[AgentId]:
    return [
        effect.event.agent
        for effect in effects
        if isinstance(effect, Record)
        and isinstance(effect.event, ev.ContactAssigned)
        and effect.event.decision.draw is not None
    ]


def check_decisions(events: Iterable[ev.AnyEvent]) -> int:
    """Whatever the dispatcher of a server heard, it paired whom the model does: as many times.

    A server that was killed may have told the first of the pairs only.
    """
    model, decided = Model(), 0
    heard: ev.Heard | None = None
    assigned: list[ev.ContactAssigned] = []

    def compare(*, killed: bool = False) -> int:
        if heard is None:
            return 0
        drawn = [one.agent for one in assigned if one.decision.draw is not None]
        made = [(one.contact, (one.agent, *one.decision.others)) for one in assigned]
        message = heard.message  # type: ignore[attr-defined]
        pairs = model.hears(message, heard.now, drawn)
        assert made == (pairs[: len(made)] if killed else pairs), heard
        return len(made)

    for event in events:
        match event:
            case ev.ServerStarted() | ev.ActorCrashed(_, "dispatcher"):
                decided += compare(killed=isinstance(event, ev.ServerStarted))
                model, heard, assigned = Model(), None, []
            case ev.Heard():
                decided += compare()
                heard, assigned = event, []
            case ev.ContactAssigned():
                assigned.append(event)
    return decided + compare()
