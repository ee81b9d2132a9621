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

from actors import events as ev
from actors import messages as m
from actors.dispatcher import Dispatcher, PolicyChanged
from actors.effects import Record, ReplyTo
from actors.ids import AgentId, ContactId, QueueName
from actors.place import Place
from actors.routing.choice import MOST_HEADS
from actors.routing.expressions import EVERYBODY, all_of, any_of, level, matches, named
from actors.routing.grammar import parse
from actors.routing.outside import AssignContact, NotGiven, RouterHeard, RouterLeft, version_of
from actors.routing.policy import Outside, Policy, QueuePolicy, Ring
from actors.routing.strategies import Strategy
from sip.machine import StartTimer, TimerFired
from tests.support.model import Model, drawn_in, pairs_of

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
            outside=draw(st.sampled_from([None, None, Outside(6.0, 4.0), Outside(15.0, 3.0)])),
        )
    return Policy(queues)


class DispatcherLife(RuleBasedStateMachine):
    """Whoever comes and goes, whatever the rules: the pairs are those of the reference, in its
    order, with its strategies, rings, weights and limits, beside outside routers that come and go,
    and whoever assigns by hand.
    """

    @initialize(policy=rules_of_queues(), seed=st.integers(0, 9))
    def opens(self, policy, seed) -> None:
        self.now = 0.0
        self.number = 0
        self.due: float | None = None
        self.model = Model(policy)
        self.reference = self.model.reference
        self.dispatcher = Dispatcher(lambda: self.now, policy, Random(seed).random)
        self.told: dict[ContactId, m.ContactWaits] = {}
        self.paired: dict[ContactId, tuple[list[AgentId], m.ContactWaits]] = {}
        self.talking: dict[AgentId, tuple[ContactId, QueueName]] = {}
        self.answer: object = None

    def next(self) -> int:
        self.number += 1
        return self.number

    # --- what the dispatcher does, and what it should -----------------------------------------

    def tell(self, message) -> None:
        effects = self.dispatcher.handle(message)
        for effect in effects:
            match effect:
                case Record(ev.ContactAssigned() as event):
                    self.says_why(event)
                case ReplyTo(_, answer):
                    self.answer = answer
                case StartTimer("ring", seconds):
                    self.due = self.now + seconds
        pairs = pairs_of(effects)
        assert pairs == self.model.hears(message, self.now, drawn_in(effects))
        for contact, agents in pairs:
            self.paired[contact] = list(agents), self.told[contact]

    def says_why(self, event) -> None:
        """From the decision alone: the choice, and that everybody is accounted for."""
        decision, (best, *later) = event.decision, event.decision.candidates
        order = [(c.tried, c.rank) for c in decision.candidates]
        assert order == sorted(order)
        assert best.verdict == "chosen"
        assert all(c.verdict == "later" for c in later)
        assert decision.forced or matches(parse(decision.needs), decision.skills, event.agent)
        assert best.id == (event.contact if decision.on == "agent" else event.agent)
        assert all(count > 0 for count in decision.passed_over.values())
        known = len(decision.candidates) + sum(decision.passed_over.values())
        assert known >= len(decision.candidates) <= MOST_HEADS

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
        self.waits(waits)

    @rule(data=st.data(), queues=st.lists(st.sampled_from(QUEUES), min_size=2, max_size=6))
    def several_contacts_wait(self, data, queues) -> None:
        for queue in queues:
            priority = data.draw(st.integers(1, 10))
            waits = st.sampled_from([0.0, 0.0, 5.0, 12.0])
            self.new_contact(priority, queue, EVERYBODY, [], [], [], data.draw(waits))

    def waits(self, waits) -> None:
        self.told[waits.contact] = waits
        self.tell(waits)

    @precondition(lambda self: self.paired)
    @rule(data=st.data())
    def a_contact_comes_back(self, data) -> None:
        contact = data.draw(st.sampled_from(sorted(self.paired)))
        _, waits = self.paired.pop(contact)
        self.waits(waits)

    @precondition(lambda self: self.reference.waiting or self.paired)
    @rule(data=st.data())
    def a_contact_leaves(self, data) -> None:
        contact = data.draw(st.sampled_from(sorted({*self.reference.waiting, *self.paired})))
        self.paired.pop(contact, None)
        self.tell(m.ContactLeft(contact))

    @precondition(lambda self: self.paired)
    @rule(data=st.data())
    def an_agent_answers(self, data) -> None:
        contact = data.draw(st.sampled_from(sorted(self.paired)))
        agents, waits = self.paired.pop(contact)
        by = data.draw(st.sampled_from(agents))
        self.tell(m.ContactConnected(contact, by))
        self.talking[by] = contact, waits.queue
        if self.reference.policy.of(waits.queue).max_agents is not None:
            self.tell(m.AgentServes(by, contact, waits.queue))

    @precondition(lambda self: self.talking)
    @rule(data=st.data())
    def a_conversation_ends(self, data) -> None:
        agent = data.draw(st.sampled_from(sorted(self.talking)))
        contact, _ = self.talking.pop(agent)
        self.tell(m.AgentServed(agent, contact))

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
        self.tell(told)

    @rule(data=st.data(), agents=st.permutations(AGENTS))
    def most_agents_are_available(self, data, agents) -> None:
        for agent in agents[:5]:
            contacts, weight = data.draw(st.integers(0, 3)), data.draw(st.integers(1, 3))
            self.frees(agent, data.draw(HAVE), contacts, 0.0, weight)

    @precondition(lambda self: len(self.reference.available) > 3)
    @rule(data=st.data())
    def an_agent_becomes_unavailable(self, data) -> None:
        agent = data.draw(st.sampled_from(sorted(self.reference.available)))
        self.tell(m.AgentUnavailable(agent))

    @precondition(lambda self: self.paired)
    @rule(data=st.data())
    def a_reservation_is_refused(self, data) -> None:
        contact = data.draw(st.sampled_from(sorted(self.paired)))
        agents, _ = self.paired[contact]
        agent = data.draw(st.sampled_from(agents))
        agents.remove(agent)
        if not agents:
            del self.paired[contact]  # and it waits at the place it had
        self.tell(m.ReservationRefused(agent, contact))

    # --- from outside -------------------------------------------------------------------------

    @rule(queue=st.sampled_from(QUEUES), by=st.sampled_from(["ada", "ben"]))
    def a_router_is_heard(self, queue, by) -> None:
        self.tell(RouterHeard(queue, by, "r"))
        there = self.reference.policy.of(queue).outside is not None
        assert isinstance(self.answer, NotGiven) is not there

    @rule(queue=st.sampled_from(QUEUES))
    def a_router_goes(self, queue) -> None:
        self.tell(RouterLeft(queue, "ada", "r"))

    @precondition(lambda self: self.reference.waiting or self.paired)
    @rule(
        data=st.data(),
        agent=st.sampled_from(AGENTS),
        by=st.sampled_from(["ada", "ben"]),
        forced=st.booleans(),
    )
    def somebody_assigns(self, data, agent, by, forced) -> None:
        waiting = self.reference.waiting
        contact = ContactId(data.draw(st.sampled_from(sorted({*waiting, *self.paired, "gone"}))))
        versions = [version_of(waiting[contact]), 7] if contact in waiting else [7]
        expect = data.draw(st.sampled_from([None, *versions]))
        self.tell(AssignContact(contact, agent, by, "r", forced, expect))
        assert getattr(self.answer, "code", None) == self.model.refused

    # --- time and rules -----------------------------------------------------------------------

    @rule(seconds=st.sampled_from([0.5, 1.0, 3.0, 7.0]))
    def time_passes(self, seconds) -> None:
        """At every instant at which the dispatcher wants to be woken, it is."""
        end = self.now + seconds
        while self.due is not None and self.due <= end:
            self.now, self.due = self.due, None
            self.tell(TimerFired("ring"))
        self.now = self.reference.now = end
        self.reference.judged.clear()  # whose time has come should have been looked at

    @precondition(lambda self: self.number % 8 == 7)
    @rule(policy=rules_of_queues())
    def the_rules_change(self, policy) -> None:
        self.tell(PolicyChanged(policy))

    @invariant()
    def nobody_waits_in_vain(self) -> None:
        reference = self.reference
        assert not any(reference.candidates(c) for c in reference.waiting.values())
        assert self.dispatcher.index.waiting == reference.waiting
        assert self.dispatcher.index.available == reference.available


TestDispatcherLife = DispatcherLife.TestCase
TestDispatcherLife.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
