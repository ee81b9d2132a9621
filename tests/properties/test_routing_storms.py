"""Many at once: the order stays that of the rules, and nobody is forgotten or given twice."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from actors import messages as m
from actors.dispatcher import Dispatcher
from actors.ids import AgentId, ContactId
from actors.routing.policy import Policy, PolicyChanged, entered_at
from actors.routing.strategies import Strategy
from sip.machine import StartTimer, TimerFired
from tests.support import routing
from tests.support.model import CheckedDispatcher, pairs_of
from tests.support.reference import Reference

SKILLS = [f"s{n}" for n in range(50)]


class Office:
    """A dispatcher, its clock, and whom it gave to whom: each step is compared with the model's."""

    def __init__(self, policy: Policy, make: type[Dispatcher] = CheckedDispatcher) -> None:
        self.now = 0.0
        self.due: float | None = None
        self.dispatcher = make(lambda: self.now, policy)
        self.pairs: list[tuple[ContactId, AgentId]] = []

    def hears(self, message) -> list[tuple[ContactId, AgentId]]:
        effects = self.dispatcher.handle(message)
        for effect in effects:
            if isinstance(effect, StartTimer):
                self.due = self.now + effect.seconds
        made = [(contact, agent) for contact, agents in pairs_of(effects) for agent in agents]
        self.pairs += made
        return made

    def passes(self, until: float) -> None:
        """Every instant at which the dispatcher wants to be woken."""
        while self.due is not None and self.due <= until:
            self.now, self.due = self.due, None
            self.hears(TimerFired("ring"))
        self.now = until


def rules(random: Random) -> Policy:
    """Five queues, each with rings, a weight and a scoring of its own, and one bound for all."""
    made = []
    for name in ("a", "b", "c", "d", "e"):
        asks = random.choice(SKILLS[:4])
        made.append(
            routing.rules(
                name,
                routing.ring(40.0, f"{asks} or {random.choice(SKILLS[:4])}", random.randint(1, 5)),
                routing.ring(90.0),
                asks=f"{asks} >= {random.randint(1, 5)}",
                weight=random.randint(1, 3),
                priority_seconds=random.choice([None, 20.0]),
                overtaking_seconds=300.0,
                strategy=random.choice([s for s in Strategy if s is not Strategy.WEIGHTED_RANDOM]),
            )
        )
    return routing.policy(*made)


@pytest.mark.parametrize("seed", range(3))
def test_a_thousand_contacts_are_served_in_the_order_of_the_model_r17(seed):
    """Random priorities, rings that widen, and other rules in the middle of it."""
    random = Random(seed)
    office = Office(rules(random))
    model = office.dispatcher.model.reference
    given = 0
    longest = 0
    for number in range(1000):
        office.passes(office.now + random.expovariate(1 / 2))
        priority, queue = random.randint(1, 10), random.choice("abcde")
        waits = routing.contact(f"c{number}", queue=queue, priority=priority, since=office.now)
        office.hears(waits)
        if number % 250 == 249:
            office.hears(PolicyChanged(rules(random)))
        at_work = [agent for _, agent in office.pairs[given:]]
        if random.random() < 0.45 or not at_work:
            name = at_work[0] if at_work else AgentId(f"n{number}")
            given += bool(at_work)
            skills = {skill: random.randint(1, 10) for skill in random.sample(SKILLS[:4], 2)}
            agent = routing.agent(name, since=office.now, seq=number, skills=skills)
            before = dict(model.waiting)
            made = office.hears(agent)
            if made:
                nobody_was_overtaken(model, before, made[0][0], agent)
        longest = max(longest, len(model.waiting))
    assert len(office.pairs) > 300
    assert longest > 100


def nobody_was_overtaken(model, waiting, chosen, agent):
    """Of those whom the agent fits and who have waited for the bound, the first comes first."""
    bound = 300.0
    overdue = [
        waits.place.since
        for waits in waiting.values()
        if waits.place.since + bound <= model.now and model.fits(waits, agent)
    ]
    if overdue:
        assert waiting[chosen].place.since == min(overdue)


def test_all_of_a_thousand_agents_are_freed_at_once_among_ten_thousand_r22():
    """Fifty skills: each agent takes the first in the line of all who fits him.

    The reference looks at all once, in the end: beside each step it would take minutes.
    """
    random = Random(22)
    asks = [f"{random.choice(SKILLS)} >= {random.randint(1, 6)}" for _ in range(60)]
    policy = routing.policy(*(routing.rules(f"q{n}", asks=text) for n, text in enumerate(asks)))
    office, model = Office(policy, Dispatcher), Reference(policy)
    draw = random.randint
    contacts = [
        routing.contact(f"c{n}", queue=f"q{draw(0, 59)}", priority=draw(1, 10), since=n)
        for n in range(10_000)
    ]
    office.now = 10_000.0
    for waits in contacts:
        assert office.hears(waits) == []
    agents = [
        routing.agent(
            f"n{n}",
            since=10_000.0,
            seq=n,
            skills={skill: random.randint(1, 10) for skill in random.sample(SKILLS, 3)},
        )
        for n in range(1_000)
    ]

    for agent in agents:
        office.hears(agent)

    model.now = office.now
    line = sorted(contacts, key=model.score)
    expected = []
    for agent in agents:
        first = next((waits for waits in line if model.fits(waits, agent)), None)
        if first is not None:
            line.remove(first)
            expected.append((first.contact, agent.agent))
    assert office.pairs == expected
    assert len(expected) > 800


def test_a_thousand_agents_are_cut_off_and_come_back_r23():
    """Nobody is given to one who is not there, and the line is as it was."""
    office = Office(routing.policy(routing.rules("q")))
    names = [f"n{n}" for n in range(1_000)]
    for n, name in enumerate(names):
        office.now = n / 1_000
        office.hears(routing.agent(name, since=office.now, seq=n))
    for name in names:
        office.hears(m.AgentUnavailable(AgentId(name)))
    for n in range(1_200):
        office.now = 2.0 + n / 100
        assert office.hears(routing.contact(f"c{n}", since=office.now, seq=n)) == []
    for n, name in enumerate(reversed(names)):
        office.now = 31.0 + n / 1_000
        office.hears(routing.agent(name, since=office.now, seq=2_000 + n))
    assert [contact for contact, _ in office.pairs] == [f"c{n}" for n in range(1_000)]
    assert [agent for _, agent in office.pairs] == list(reversed(names))
    assert len(office.dispatcher.index.waiting) == 200


@pytest.mark.parametrize(
    "strategy", [Strategy.LONGEST_AVAILABLE, Strategy.ROUND_ROBIN, Strategy.FEWEST_CONTACTS]
)
def test_agents_of_one_instant_are_offered_alike_r25(strategy):
    """All have been available since the same instant, as after a restart."""
    office = Office(routing.policy(routing.rules("q", strategy=strategy)))
    agents = [AgentId(f"n{n}") for n in range(20)]
    given: Counter[AgentId] = Counter()
    ticket = 0

    def free(agent):
        nonlocal ticket
        ticket += 1
        position = agents.index(agent)
        told = routing.agent(
            agent, since=office.now, seq=ticket, contacts=given[agent], position=position
        )
        office.hears(told)

    for agent in agents:
        free(agent)
    for n in range(500):
        ((_, agent),) = office.hears(routing.contact(f"c{n}", since=office.now, seq=n))
        given[agent] += 1
        assert max(given.values()) - min(given[each] for each in agents) <= 1
        if n % 7 == 0:
            office.now += 1.0  # and those between are freed at one instant
        office.hears(m.ContactConnected(ContactId(f"c{n}"), agent))
        free(agent)


def test_the_same_facts_in_another_order_give_the_same_choice_r25():
    random = Random(25)
    agents = [
        routing.agent(
            f"n{n}", since=5.0, seq=n, skills={s: random.randint(1, 9) for s in SKILLS[:3]}
        )
        for n in range(40)
    ]
    waits = routing.contact("c", since=9.0, asks="s0 >= 3")
    for strategy in Strategy:
        under = routing.policy(routing.rules("q", strategy=strategy))
        chosen = set()
        for _ in range(5):
            random.shuffle(agents)
            index = routing.index_of(*agents, waits, under=under, now=9.0)
            choice = index.agent_for(waits.contact, lambda: 0.37)
            assert choice is not None
            chosen.add((choice.agent.agent, tuple(other.agent for other in choice.others)))
        assert len(chosen) == 1, strategy
    assert entered_at(waits) == 9.0
