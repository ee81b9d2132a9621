"""The routing policy stated in the plainest way: look at everybody, filter, sort.

It keeps no index and remembers no order; each question is answered from the list of all facts.
It is slow, and it is what the dispatcher must agree with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from actors import messages as m
from actors.ids import AgentId, ContactId, QueueName
from actors.routing.expressions import matches, wanted_skills
from actors.routing.policy import Policy, QueuePolicy
from actors.routing.strategies import Strategy, Turn

Pair = tuple[ContactId, tuple[AgentId, ...]]
GRAIN = 1e-6


class Reference:
    """``serving``: for each queue, which agents have which of its contacts in hand.

    ``judged``: when a contact's ring was looked at last, if that is not now.
    """

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.now = 0.0
        self.waiting: dict[ContactId, m.ContactWaits] = {}
        self.available: dict[AgentId, m.AgentAvailable] = {}
        self.judged: dict[ContactId, float] = {}
        self.serving: dict[QueueName, set[tuple[AgentId, ContactId]]] = {}
        self.last_given: dict[QueueName, Turn] = {}
        self.routed_until: dict[QueueName, float] = {}
        """Queues whose outside router is believed to be there, and how long, by the rules of when
        it was heard of, or began to be waited for."""

    # --- what a contact is now ----------------------------------------------------------------

    def rules(self, contact: m.ContactWaits) -> QueuePolicy:
        return self.policy.of(contact.queue)

    def instant(self, contact: m.ContactWaits) -> float:
        return self.judged.get(contact.contact, self.now) + GRAIN

    def age(self, contact: m.ContactWaits) -> float:
        """Since it entered the queue."""
        entered = contact.at if contact.entered is None else contact.entered
        return self.instant(contact) - entered

    def is_kept(self, contact: m.ContactWaits) -> bool:
        return bool(contact.preferred) and contact.preferred_until > self.instant(contact)

    def is_routed(self, contact: m.ContactWaits) -> bool:
        """Kept for the outside router of its queue."""
        outside = self.rules(contact).outside
        there = contact.queue in self.routed_until
        return there and outside is not None and self.age(contact) < outside.seconds

    def hear_router(self, queue: QueueName) -> None:
        outside = self.policy.of(queue).outside
        assert outside is not None
        if queue not in self.routed_until:
            self.look_again(queue)
        self.routed_until[queue] = self.now + outside.silence_seconds

    def lose_router(self, queue: QueueName) -> None:
        del self.routed_until[queue]
        self.look_again(queue)

    def look_again(self, queue: QueueName) -> None:
        theirs = (c for c, waits in self.waiting.items() if waits.queue == queue)
        self.judged.update(dict.fromkeys(theirs, self.now))

    def ring(self, contact: m.ContactWaits) -> int:
        rings = self.rules(contact).rings
        return max(n for n, ring in enumerate(rings) if ring.after_seconds <= self.age(contact))

    def ring_now(self, contact: m.ContactWaits) -> int:
        """Which it would be in if nobody kept it, and it were looked at."""
        looked, self.judged = self.judged, {}
        try:
            return self.ring(contact)
        finally:
            self.judged = looked

    def score(self, contact: m.ContactWaits) -> tuple[float, ...]:
        """Smaller is first."""
        rules, place = self.rules(contact), contact.place
        bound = rules.overtaking_seconds
        if bound is not None and self.instant(contact) >= place.since + bound:
            return (0, 0, 0, place.since, place.seq)
        kept = self.is_kept(contact) or self.is_routed(contact)
        begun = [] if kept else rules.rings[: self.ring(contact) + 1]
        priority = min([place.priority, *(r.priority for r in begun if r.priority is not None)])
        if rules.priority_seconds is None:
            return (1, -rules.weight, priority, place.since, place.seq)
        virtual = place.since + (priority - 5) * rules.priority_seconds
        return (1, -rules.weight, 5, virtual, place.seq)

    # --- who may have whom --------------------------------------------------------------------

    def has_room(self, queue: QueueName) -> bool:
        most = self.policy.of(queue).max_agents
        served = {contact for _, contact in self.serving.get(queue, ())}
        return most is None or len(served) < most

    def fits(self, contact: m.ContactWaits, agent: m.AgentAvailable) -> bool:
        """By the rules."""
        return not self.is_routed(contact) and self.may_be_assigned(contact, agent)

    def may_be_assigned(self, contact: m.ContactWaits, agent: m.AgentAvailable) -> bool:
        """From outside, unforced."""
        if agent.agent in contact.avoid or not self.has_room(contact.queue):
            return False
        ring = self.ring(contact)
        if self.is_routed(contact):
            ring = self.ring_now(contact)
        elif self.is_kept(contact):
            return agent.agent in contact.preferred
        needs = self.rules(contact).rings[ring].needs
        return all(matches(one, agent.skills, agent.agent) for one in (needs, contact.needs))

    def rank(self, contact: m.ContactWaits, agent: m.AgentAvailable) -> tuple[object, ...]:
        """Smaller is first."""
        rules = self.rules(contact)
        longest = (agent.since, agent.seq)
        if self.is_kept(contact):
            return (contact.preferred.index(agent.agent),)
        match rules.strategy:
            case Strategy.FEWEST_CONTACTS:
                return (agent.contacts, longest)
            case Strategy.LEAST_TALK_TIME:
                return (agent.talked, longest)
            case Strategy.BEST_SKILL:
                needs = (rules.rings[self.ring(contact)].needs, contact.needs)
                wanted = {skill for one in needs for skill in wanted_skills(one)}
                return (-sum(agent.skills.get(skill, 0) for skill in wanted), longest)
            case Strategy.LINEAR:
                return (self.position(rules, agent), longest)
            case Strategy.ROUND_ROBIN:
                last = self.last_given.get(contact.queue)
                position = self.position(rules, agent)
                waits_a_round = last is not None and position <= self.position(rules, last)
                return (waits_a_round, position, longest)
            case _:
                return (longest,)

    def position(self, rules: QueuePolicy, agent: m.AgentAvailable | Turn) -> int:
        listed = [*rules.listed]
        return listed.index(agent.agent) if agent.agent in listed else len(listed) + agent.position

    # --- decisions ----------------------------------------------------------------------------

    def candidates(self, contact: m.ContactWaits) -> list[m.AgentAvailable]:
        """Best first."""
        fitting = [agent for agent in self.available.values() if self.fits(contact, agent)]
        return sorted(fitting, key=lambda a: (a.agent in contact.tried, self.rank(contact, a)))

    def for_agent(self, agent: m.AgentAvailable) -> Pair | None:
        fitting = [c for c in self.waiting.values() if self.fits(c, agent)]
        if not fitting:
            return None
        best = min(fitting, key=lambda c: (agent.agent in c.tried, self.score(c)))
        return self.given(best, [agent])

    def for_contacts(self, contacts: Iterable[ContactId], drawn: Iterable[AgentId]) -> list[Pair]:
        """One after another, first to last.  ``drawn``: whom the lots fell on."""
        lots = iter(drawn)
        pairs = []
        for contact in sorted((self.waiting[c] for c in contacts), key=self.score):
            agents = self.candidates(contact)
            if not agents:
                continue
            strategy = self.rules(contact).strategy
            if strategy is Strategy.RING_ALL and not self.is_kept(contact):
                pairs.append(self.given(contact, agents))
            elif strategy is Strategy.WEIGHTED_RANDOM and not self.is_kept(contact):
                fresh = [a for a in agents if a.agent not in contact.tried] or agents
                lot = next(lots, None)
                pairs.append(self.given(contact, [a for a in fresh if a.agent == lot]))
            else:
                pairs.append(self.given(contact, agents[:1]))
        return pairs

    def given(self, contact: m.ContactWaits, agents: list[m.AgentAvailable]) -> Pair:
        assert agents, "the lot fell on nobody who may be drawn"
        del self.waiting[contact.contact]
        for agent in agents:
            del self.available[agent.agent]
            self.serves(contact.queue, agent.agent, contact.contact)
        self.last_given[contact.queue] = Turn(agents[0].agent, agents[0].position)
        return contact.contact, tuple(agent.agent for agent in agents)

    # --- how many serve -----------------------------------------------------------------------

    def serves(self, queue: QueueName, agent: AgentId, contact: ContactId) -> None:
        """It counts where agents are limited."""
        if self.policy.of(queue).max_agents is not None:
            self.serving.setdefault(queue, set()).add((agent, contact))

    def parted(self, which: Callable[[AgentId, ContactId], bool]) -> list[QueueName]:
        """Those pairs are over; the queues that had no room, and have."""
        freed = []
        for queue, served in self.serving.items():
            was_full = not self.has_room(queue)
            served -= {pair for pair in served if which(*pair)}
            if was_full and self.has_room(queue):
                freed.append(queue)
        return freed
