"""The dispatcher against a reference that looks at everything, every time."""

from __future__ import annotations

from random import Random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from actors import messages as m
from actors.dispatcher import Dispatcher, PolicyChanged
from actors.effects import Record, TellAgent, TellQueue
from actors.ids import AgentId, ContactId, QueueName
from actors.place import Place
from actors.routing.choice import MOST_HEADS
from actors.routing.expressions import EVERYBODY, all_of, any_of, level, matches, named
from actors.routing.grammar import parse
from actors.routing.policy import Policy, QueuePolicy, Ring
from actors.routing.strategies import Strategy
from sip.machine import StartTimer, TimerFired
from tests.support.reference import Pair, Reference

SKILLS = ("english", "spanish")
AGENTS = [AgentId(f"a{n}") for n in range(7)]
QUEUES = [QueueName(f"q{n}") for n in range(3)]
HAVE = st.fixed_dictionaries({skill: st.integers(1, 4) for skill in SKILLS})
LEVELS = st.builds(level, st.sampled_from(SKILLS), st.integers(1, 3), st.just(10))
SOME = st.one_of(st.just([]), st.just([]), st.lists(st.sampled_from(AGENTS), max_size=2))
NEEDS = st.one_of(
    st.just(EVERYBODY),
    st.just(EVERYBODY),
    LEVELS,
    st.lists(LEVELS, min_size=2, max_size=2).map(all_of),
    st.tuples(LEVELS, SOME.map(named)).map(any_of),
)
MAYBE = st.one_of(st.none(), st.integers(1, 3))


@st.composite
def rules_of_queues(draw) -> Policy:
    """Most often all have one strategy, so that its agents meet it again and again."""
    queues = {}
    one = draw(st.sampled_from(Strategy))
    for name in QUEUES:
        begins = sorted(draw(st.sets(st.integers(1, 20), max_size=2)))
        later = [Ring(float(at), draw(NEEDS), draw(MAYBE)) for at in begins]
        queues[name] = QueuePolicy(
            name,
            (Ring(0.0, draw(NEEDS)), *later),
            draw(st.one_of(st.just(one), st.just(one), st.sampled_from(Strategy))),
            tuple(draw(st.lists(st.sampled_from(AGENTS), max_size=3, unique=True))),
            draw(st.integers(1, 2)),
            draw(st.one_of(st.none(), st.sampled_from([0.0, 3.0, 10.0]))),
            draw(st.one_of(st.none(), st.sampled_from([4.0, 15.0]))),
            draw(st.sampled_from([None, None, None, 0, 1, 2])),
        )
    return Policy(queues)


class DispatcherLife(RuleBasedStateMachine):
    """Whoever comes and goes, whatever the rules: the pairs are those of the reference, in its
    order, with its strategies, rings, weights and limits.
    """

    @initialize(policy=rules_of_queues(), seed=st.integers(0, 9))
    def opens(self, policy, seed) -> None:
        self.now = 0.0
        self.number = 0
        self.due: float | None = None
        self.reference = Reference(policy)
        self.dispatcher = Dispatcher(lambda: self.now, policy, Random(seed).random)
        self.paired: dict[ContactId, tuple[list[AgentId], m.ContactWaits]] = {}
        self.talking: dict[AgentId, tuple[ContactId, QueueName]] = {}

    def next(self) -> int:
        self.number += 1
        return self.number

    # --- what the dispatcher does, and what it should -----------------------------------------

    def hears(self, message) -> tuple[list[Pair], list[AgentId]]:
        """The pairs that it made, and whom its lots fell on."""
        known = {**self.reference.waiting}
        pairs: list[Pair] = []
        drawn = []
        asked: dict[ContactId, list[AgentId]] = {}
        for effect in self.dispatcher.handle(message):
            match effect:
                case TellAgent(agent, m.Reserve(contact)):
                    asked.setdefault(contact, []).append(agent)
                case TellQueue(_, m.ContactPaired(contact, agent, others)):
                    assert asked[contact] == [agent, *others]
                    pairs.append((contact, (agent, *others)))
                    self.paired[contact] = asked[contact], known[contact]
                case Record(event):
                    self.says_why(event)
                    if event.decision.draw is not None:
                        drawn.append(event.agent)
                case StartTimer("ring", seconds):
                    self.due = self.now + seconds
        return pairs, drawn

    def says_why(self, event) -> None:
        """From the decision alone: the choice, and that everybody is accounted for."""
        decision, (best, *later) = event.decision, event.decision.candidates
        order = [(c.tried, c.rank) for c in decision.candidates]
        assert order == sorted(order)
        assert best.verdict == "chosen"
        assert all(c.verdict == "later" for c in later)
        assert matches(parse(decision.needs), decision.skills, event.agent)
        assert best.id == (event.contact if decision.on == "agent" else event.agent)
        assert all(count > 0 for count in decision.passed_over.values())
        known = len(decision.candidates) + sum(decision.passed_over.values())
        assert known >= len(decision.candidates) <= MOST_HEADS

    def tell(self, message, contacts=(), agent=None, freed=()) -> None:
        """``contacts``: those whose chances may be better now; ``agent``: who is available;
        ``freed``: queues that may have room.
        """
        before = {**self.reference.waiting}
        pairs, drawn = self.hears(message)
        expected = []
        if agent is not None and (pair := self.reference.for_agent(agent)) is not None:
            expected.append(pair)
        these = {c for c in contacts if c in before}
        these |= {c for c, waits in before.items() if waits.queue in freed}
        these &= set(self.reference.waiting)
        expected += self.reference.for_contacts(these, drawn)
        assert pairs == expected

    def parted(self, which) -> list[QueueName]:
        """Pairs that are over; the queues that had no room, and have."""
        freed = []
        for queue, served in self.reference.serving.items():
            was_full = not self.reference.has_room(queue)
            for agent, contact in list(served.items()):
                if which(agent, contact):
                    del served[agent]
            if was_full and self.reference.has_room(queue):
                freed.append(queue)
        return freed

    # --- contacts -----------------------------------------------------------------------------

    @rule(
        priority=st.integers(1, 10),
        queue=st.sampled_from(QUEUES),
        asks=NEEDS,
        tried=SOME,
        avoid=SOME,
        preferred=SOME,
        waited=st.sampled_from([0.0, 0.0, 5.0, 12.0]),
    )
    def a_contact_waits(self, priority, queue, asks, tried, avoid, preferred, waited) -> None:
        self.new_contact(priority, queue, asks, tried, avoid, preferred, waited)

    def new_contact(self, priority, queue, asks, tried, avoid, preferred, waited) -> None:
        number = self.next()
        waits = m.ContactWaits(
            ContactId(f"c{number}"),
            queue,
            Place(priority, self.now - waited, number),
            asks,
            self.now,
            tuple(tried),
            tuple(avoid),
            entered=self.now - waited,
            preferred=tuple(dict.fromkeys(preferred)),
            preferred_until=self.now - waited + 8.0 if preferred else 0.0,
        )
        self.waits(waits, [])

    @rule(data=st.data(), queues=st.lists(st.sampled_from(QUEUES), min_size=2, max_size=6))
    def several_contacts_wait(self, data, queues) -> None:
        for queue in queues:
            priority = data.draw(st.integers(1, 10))
            waits = st.sampled_from([0.0, 0.0, 5.0, 12.0])
            self.new_contact(priority, queue, EVERYBODY, [], [], [], data.draw(waits))

    def waits(self, waits, freed) -> None:
        self.reference.waiting[waits.contact] = waits
        self.tell(waits, [waits.contact], freed=freed)

    @precondition(lambda self: self.paired)
    @rule(data=st.data())
    def a_contact_comes_back(self, data) -> None:
        contact = data.draw(st.sampled_from(sorted(self.paired)))
        _, waits = self.paired.pop(contact)
        self.waits(waits, self.parted(lambda _, served: served == contact))

    @precondition(lambda self: self.reference.waiting or self.paired)
    @rule(data=st.data())
    def a_contact_leaves(self, data) -> None:
        contact = data.draw(st.sampled_from(sorted({*self.reference.waiting, *self.paired})))
        self.reference.waiting.pop(contact, None)
        self.paired.pop(contact, None)
        freed = self.parted(lambda _, served: served == contact)
        self.tell(m.ContactLeft(contact), freed=freed)

    @precondition(lambda self: self.paired)
    @rule(data=st.data())
    def an_agent_answers(self, data) -> None:
        contact = data.draw(st.sampled_from(sorted(self.paired)))
        agents, waits = self.paired.pop(contact)
        by = data.draw(st.sampled_from(agents))
        self.parted(lambda agent, served: served == contact and agent != by)
        self.tell(m.ContactConnected(contact, by))
        self.talking[by] = contact, waits.queue
        if self.reference.policy.of(waits.queue).max_agents is not None:
            self.reference.serving.setdefault(waits.queue, {})[by] = contact
            self.tell(m.AgentServes(by, contact, waits.queue))

    @precondition(lambda self: self.talking)
    @rule(data=st.data())
    def a_conversation_ends(self, data) -> None:
        agent = data.draw(st.sampled_from(sorted(self.talking)))
        contact, _ = self.talking.pop(agent)
        freed = self.parted(lambda *pair: pair == (agent, contact))
        self.tell(m.AgentServed(agent, contact), freed=freed)

    # --- agents -------------------------------------------------------------------------------

    @rule(
        agent=st.sampled_from(AGENTS),
        skills=HAVE,
        contacts=st.integers(0, 3),
        talked=st.sampled_from([0.0, 10.0]),
        weight=st.integers(1, 3),
    )
    def an_agent_is_available(self, agent, skills, contacts, talked, weight) -> None:
        self.frees(agent, skills, contacts, talked, weight)

    def frees(self, agent, skills, contacts, talked, weight) -> None:
        in_hand = {held for agents, _ in self.paired.values() for held in agents}
        if agent in in_hand or agent in self.talking:
            return
        number, position = self.next(), AGENTS.index(agent)
        told = m.AgentAvailable(
            agent, skills, self.now, number, self.now, contacts, talked, weight, position
        )
        freed = self.parted(lambda other, _: other == agent)
        self.reference.available[agent] = told
        self.tell(told, agent=told, freed=freed)

    @rule(data=st.data(), agents=st.permutations(AGENTS))
    def most_agents_are_available(self, data, agents) -> None:
        for agent in agents[:5]:
            contacts, weight = data.draw(st.integers(0, 3)), data.draw(st.integers(1, 3))
            self.frees(agent, data.draw(HAVE), contacts, 0.0, weight)

    @precondition(lambda self: len(self.reference.available) > 3)
    @rule(data=st.data())
    def an_agent_becomes_unavailable(self, data) -> None:
        agent = data.draw(st.sampled_from(sorted(self.reference.available)))
        del self.reference.available[agent]
        self.tell(m.AgentUnavailable(agent))

    @precondition(lambda self: self.paired)
    @rule(data=st.data())
    def a_reservation_is_refused(self, data) -> None:
        contact = data.draw(st.sampled_from(sorted(self.paired)))
        agents, waits = self.paired[contact]
        agent = data.draw(st.sampled_from(agents))
        agents.remove(agent)
        freed = self.parted(lambda *pair: pair == (agent, contact))
        if not agents:
            del self.paired[contact]
            self.reference.waiting[contact] = waits  # at the place it had
            self.tell(m.ReservationRefused(agent, contact), [contact], freed=freed)
        else:
            self.tell(m.ReservationRefused(agent, contact))

    # --- time and rules -----------------------------------------------------------------------

    @rule(seconds=st.sampled_from([0.5, 1.0, 3.0, 7.0]))
    def time_passes(self, seconds) -> None:
        """At every instant at which the dispatcher wants to be woken, it is."""
        end = self.now + seconds
        while self.due is not None and self.due <= end:
            self.now = self.reference.now = self.due
            self.due = None
            # Whoever is in another ring than an instant ago is looked at; to the reference it is
            # as well to look at all, for nobody else's chances have changed.
            self.tell(TimerFired("ring"), list(self.reference.waiting))
        self.now = self.reference.now = end

    @precondition(lambda self: self.number % 8 == 7)
    @rule(policy=rules_of_queues())
    def the_rules_change(self, policy) -> None:
        before = self.reference.policy
        self.reference.policy = policy
        for queue in QUEUES:  # what had no limit was not counted
            if before.of(queue).max_agents is None:
                self.reference.serving.pop(queue, None)
        self.tell(PolicyChanged(policy), list(self.reference.waiting))

    @invariant()
    def nobody_waits_in_vain(self) -> None:
        reference = self.reference
        assert not any(reference.candidates(c) for c in reference.waiting.values())
        assert self.dispatcher.index.waiting == reference.waiting
        assert self.dispatcher.index.available == reference.available


TestDispatcherLife = DispatcherLife.TestCase
TestDispatcherLife.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
