"""Who waits, who is available, and who is first: the dispatcher's index.  Every order is total.

Contacts stand in a line with those of their queue that need the same, agents with those that can
the same.  Whether a class of agents serves a line is worked out once, when either is first seen,
and kept as one bit.  A decision looks at the heads of the lines that hold somebody and fit: it
costs as many steps as there are such lines, not as many as there are contacts or agents.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from operator import itemgetter

from msgspec import Struct
from sortedcontainers import SortedList

from actors.ids import AgentId, ContactId, QueueName
from actors.messages import AgentAvailable, ContactWaits
from actors.routing.choice import Choice, Heads
from actors.routing.expressions import named, written
from actors.routing.kinds import Kinds
from actors.routing.limits import Limits, Pair
from actors.routing.lines import ContactLine, SkillClass
from actors.routing.policy import (
    PREFERRED,
    ROUTED,
    ContactKey,
    Policy,
    QueuePolicy,
    Stage,
    contact_key,
    stage_at,
    stages_after,
)
from actors.routing.selection import select
from actors.routing.strategies import Turn

_NAME = itemgetter(-1)
"""Of a key, whose it is."""


class Waiting(Struct):
    """A contact as it stands.  ``line``: None while it is kept for the agents it prefers, or for
    the outside router.

    ``later``: what time alone will change, the next change last.
    """

    told: ContactWaits
    policy: QueuePolicy
    stage: Stage
    key: ContactKey
    line: ContactLine | None
    later: list[tuple[float, Stage]]


class Index:
    """Waiting contacts and available agents under one policy.

    It is a function of facts alone: of the policy, of what queues and agents have told
    (``ContactWaits``, ``AgentAvailable``), of who serves whom, of the turns of round robin, of
    the outside routers that are there, and of the instant.  ``Index.of`` builds it from those.
    """

    def __init__(self, policy: Policy | None = None) -> None:
        self.policy = policy or Policy()
        self.turns: dict[QueueName, Turn] = {}
        """Whom each queue gave a contact last: round robin goes on from him."""
        self.routed_until: dict[QueueName, float] = {}
        """Queues whose outside router is there, or may be, and how long that is believed."""
        self._contacts: dict[ContactId, Waiting] = {}
        self._agents: dict[AgentId, AgentAvailable] = {}
        self._limits = Limits(self.policy)
        self._kinds = Kinds(self._limits)
        self._kept: dict[AgentId, SortedList] = {}
        """Contacts that are kept for this agent, by key."""
        self._count_kept = self._count_routed = 0
        self._particular: set[ContactId] = set()
        """Contacts to which agents are not all alike: some have failed it, or must not have it."""
        self._due = SortedList()  # (instant, contact)

    @classmethod
    def of(
        cls,
        policy: Policy,
        contacts: Iterable[ContactWaits],
        agents: Iterable[AgentAvailable],
        now: float,
        *,
        serving: Mapping[QueueName, AbstractSet[Pair]] | None = None,
        turns: Mapping[QueueName, Turn] | None = None,
        routed_until: Mapping[QueueName, float] | None = None,
    ) -> Index:
        """From facts alone, as they were at ``now``."""
        index = cls(policy)
        index.routed_until.update(routed_until or {})
        for agent in agents:
            index.add_agent(agent)
        for contact in contacts:
            index.add_contact(contact, now)
        for queue, served in (serving or {}).items():
            for pair in served:
                index.serve(queue, *pair)
        index.turns.update(turns or {})
        return index

    def under(self, policy: Policy, now: float) -> Index:
        """The same facts under other rules."""
        told = [waiting.told for waiting in self._contacts.values()]
        before, until = self.policy.queues, dict[QueueName, float]()
        for name, queue in policy.queues.items():
            if queue.outside is None:
                continue
            known = before.get(name)
            if known is None or known.outside is None:
                until[name] = now + queue.outside.silence_seconds  # it may be there: give it time
            elif name in self.routed_until:
                until[name] = self.routed_until[name]
        return Index.of(
            policy,
            told,
            self._agents.values(),
            now,
            serving=self.serving,
            turns=self.turns,
            routed_until=until,
        )

    # --- contacts -----------------------------------------------------------------------------

    def add_contact(self, contact: ContactWaits, now: float | None = None) -> None:
        """``now``: None when time has changed nothing yet."""
        self.remove_contact(contact.contact)
        policy = self.policy.of(contact.queue)
        instant = contact.at if now is None else now
        routed = contact.queue in self.routed_until
        stage = stage_at(policy, contact, instant, routed=routed)
        later = stages_after(policy, contact, instant, routed=routed)
        later.reverse()
        key = contact_key(policy, contact, stage)
        waiting = Waiting(contact, policy, stage, key, None, later)
        self._contacts[contact.contact] = waiting
        if contact.tried or contact.avoid:
            self._particular.add(contact.contact)
        if later:
            self._due.add((later[-1][0], contact.contact))
        self._stand(waiting)

    def remove_contact(self, contact: ContactId) -> ContactWaits | None:
        waiting = self._contacts.pop(contact, None)
        if waiting is None:
            return None
        self._leave(waiting)
        self._particular.discard(contact)
        if waiting.later:
            self._due.remove((waiting.later[-1][0], contact))
        return waiting.told

    @property
    def next_change(self) -> float | None:
        """The instant at which time alone will change something."""
        due = self._due[0][0] if self._due else None
        if not self.routed_until:
            return due
        silent = min(self.routed_until.values())
        return silent if due is None else min(due, silent)

    def pass_time(self, now: float) -> set[ContactId]:
        """Contacts whose ring has changed by ``now`` stand where they belong."""
        changed = set()
        while self._due and self._due[0][0] <= now:
            contact: ContactId = self._due.pop(0)[1]
            waiting = self._contacts[contact]
            self._leave(waiting)
            waiting.stage = waiting.later.pop()[1]
            waiting.key = contact_key(waiting.policy, waiting.told, waiting.stage)
            self._stand(waiting)
            if waiting.later:
                self._due.add((waiting.later[-1][0], contact))
            changed.add(contact)
        return changed

    def hear_router(self, queue: QueueName, until: float, now: float) -> None:
        """It is there: contacts are kept for it, those too that were not while it was not heard."""
        was_there = queue in self.routed_until
        self.routed_until[queue] = until
        if not was_there:
            self._look_again(queue, now)

    def lose_router(self, queue: QueueName, now: float) -> set[ContactId]:
        """It is not there: whoever was kept for it stands where the rules want him."""
        self.routed_until.pop(queue, None)
        return self._look_again(queue, now)

    def silent_routers(self, now: float) -> list[QueueName]:
        """Those of which nothing has been heard for too long."""
        return [queue for queue, until in self.routed_until.items() if until <= now]

    def _look_again(self, queue: QueueName, now: float) -> set[ContactId]:
        contacts = set(self.waiting_in(queue))
        for contact in contacts:
            self.add_contact(self._contacts[contact].told, now)
        return contacts

    def in_order(self, contacts: Iterable[ContactId]) -> list[ContactId]:
        """First to last."""
        return sorted(contacts, key=lambda each: self._contacts[each].key)

    def _stand(self, waiting: Waiting) -> None:
        if waiting.stage.ring == ROUTED:
            self._count_routed += 1
            return
        if waiting.stage.ring == PREFERRED:
            self._count_kept += 1
            for agent in waiting.told.preferred:
                self._kept.setdefault(agent, SortedList()).add(waiting.key)
            return
        line = self._kinds.line_of(waiting.told, waiting.policy, waiting.stage.ring)
        waiting.line = line
        line.add(waiting.key)
        self._kinds.waiting.noted(line)

    def _leave(self, waiting: Waiting) -> None:
        line, waiting.line = waiting.line, None
        if line is not None:
            line.remove(waiting.key)
            self._kinds.waiting.noted(line)
            return
        if waiting.stage.ring == ROUTED:
            self._count_routed -= 1
            return
        self._count_kept -= 1
        for agent in waiting.told.preferred:
            self._kept[agent].remove(waiting.key)
            if not self._kept[agent]:
                del self._kept[agent]

    # --- agents -------------------------------------------------------------------------------

    def add_agent(self, agent: AgentAvailable) -> None:
        self.remove_agent(agent.agent)
        self._agents[agent.agent] = agent
        self._kinds.enter(agent)

    def remove_agent(self, agent: AgentId) -> AgentAvailable | None:
        known = self._agents.pop(agent, None)
        if known is not None:
            self._kinds.leave(known)
        return known

    # --- how many serve, and whose turn it is ---------------------------------------------------

    def serve(self, queue: QueueName, agent: AgentId, contact: ContactId) -> None:
        """This agent has this contact of the queue in hand.  It counts where agents are limited."""
        self._limits.serve(queue, agent, contact)

    def serve_no_more(self, which: Callable[[AgentId, ContactId], bool]) -> list[QueueName]:
        """Those pairs are parted.  Returns the queues that may have an agent more now."""
        return self._limits.serve_no_more(which)

    def is_full(self, queue: QueueName) -> bool:
        return self._limits.is_full(queue)

    @property
    def serving(self) -> Mapping[QueueName, AbstractSet[Pair]]:
        """Of each queue that limits its agents: who has whom in hand."""
        return self._limits.serving

    def take_turn(self, queue: QueueName, agent: AgentAvailable) -> None:
        """He was given a contact of this queue: by whatever rules, the next follows him."""
        self.turns[queue] = Turn(agent.agent, agent.position)

    # --- questions ----------------------------------------------------------------------------

    def contact_for(self, agent: AgentAvailable) -> Choice | None:
        """The first of those that fit and whose queue may have an agent more.

        A contact that this agent has failed comes last; one that must avoid him is none of his.
        """
        heads = Heads()
        held_up = self._look_at_lines(self._kinds.class_of(agent), agent.agent, heads)
        kept_for_him = self._kept.get(agent.agent, ())
        if kept_for_him:
            here = [key for key in kept_for_him if not self.is_full(self._queue_of(key))]
            held_up += len(kept_for_him) - len(here)
            if here:
                heads.fitting += len(here)
                self._look(here[:1], here, agent.agent, heads)
        best = heads.best()
        if best is None:
            return None
        chosen = self._contacts[ContactId(best[0].id)]
        kept = self._count_kept - len(kept_for_him)
        passed_over = heads.passed_over(len(self._contacts), held_up, kept, self._count_routed)
        needs = written(named((agent.agent,))) if chosen.line is None else chosen.line.written
        strategy, stage = chosen.policy.strategy, chosen.stage
        return Choice(chosen.told, agent, best, passed_over, strategy, stage, needs)

    def _look_at_lines(self, its: SkillClass, agent: AgentId, heads: Heads) -> int:
        """The firsts of those that fit.  Returns how many stand in lines of full queues."""
        waiting, full, held_up = self._kinds.waiting, self._limits.bits & its.fitting, 0
        if full:
            open_lines = waiting.among(its.fitting & waiting.occupied & ~full)
            firsts = [line.head for line in open_lines]
            heads.fitting = sum(map(len, open_lines))
            held_up = sum(map(len, waiting.among(full)))
        else:
            pick = waiting.pick(its)
            firsts = list(filter(None, pick(waiting.heads)))
            heads.fitting = sum(pick(waiting.counts))
        if not self._particular or self._particular.isdisjoint(map(_NAME, firsts)):
            heads.fresh = firsts
            return held_up
        for first in firsts:
            line = self._contacts[first[-1]].line
            assert line is not None
            self._look([first], line.members, agent, heads)
        return held_up

    def _look(
        self,
        first: list[ContactKey],
        members: Iterable[ContactKey],
        agent: AgentId,
        heads: Heads,
    ) -> None:
        """Behind the first of these, if he is not like all others to this agent."""
        if first[0][-1] not in self._particular:
            heads.fresh += first
        else:
            heads.look_behind(members, lambda contact: self._standing_of(contact, agent))

    def _queue_of(self, key: ContactKey) -> QueueName:
        return self._contacts[ContactId(key[-1])].told.queue

    def _standing_of(self, contact: str, agent: AgentId) -> tuple[bool, bool]:
        told = self._contacts[ContactId(contact)].told
        return agent in told.tried, agent in told.avoid

    def agent_for(
        self, contact: ContactId, draw: Callable[[], float] | None = None
    ) -> Choice | None:
        """Whom the strategy of its queue chooses, of those that fit.

        An agent that has failed this contact comes last; one whom it must avoid does not come at
        all.  ``draw`` gives a number from 0 to 1, and is asked by strategies that draw lots.
        """
        waiting = self._contacts[contact]
        if self.is_full(waiting.told.queue):
            return None
        if waiting.line is None:
            if waiting.stage.ring == ROUTED:
                return None
            preferred = [self._agents[a] for a in waiting.told.preferred if a in self._agents]
            return Choice.of_preferred(waiting.told, waiting.stage, preferred, len(self._agents))
        idle = self._kinds.idle
        if not waiting.line.fitting & idle.occupied:
            return None
        return select(
            waiting.told,
            waiting.stage,
            waiting.line,
            idle,
            available=self._agents,
            turn=self.turns.get(waiting.told.queue),
            draw=draw,
        )

    def waiting_in(self, queue: QueueName) -> Iterator[ContactId]:
        return (name for name, w in self._contacts.items() if w.told.queue == queue)

    def look_up(self, contact: ContactId) -> Waiting | None:
        return self._contacts.get(contact)

    @property
    def waiting(self) -> Mapping[ContactId, ContactWaits]:
        return {contact: waiting.told for contact, waiting in self._contacts.items()}

    @property
    def available(self) -> Mapping[AgentId, AgentAvailable]:
        return self._agents
