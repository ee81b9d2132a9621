"""CPU time of a routing decision: ``python -m loadtest.bench_dispatcher``.

Microseconds per decision, beside a scan over everybody.  ``freed``: an agent becomes available
and the contact is found; ``arrives``: a contact begins to wait and the agent is found.  Each
decision is made on a full index and its pair is replaced after it, which is measured as well.
``handled`` is the whole step of the dispatcher: pair, explain, tell.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from random import Random
from statistics import median
from time import process_time

from actors.dispatcher import Dispatcher
from actors.ids import AgentId, ContactId, QueueName
from actors.messages import AgentAvailable, ContactWaits
from actors.place import Place
from actors.routing.expressions import all_of, level, matches
from actors.routing.index import Index

SIZES = (100, 1_000, 10_000)
KINDS = ((10, 10), (100, 50), (1_000, 1_000))
"""Skill classes by requirement signatures."""
ROUNDS = 300
NAIVE_ROUNDS = 30
REPEATS = 5
QUEUE = QueueName("q")


class World:
    """Makes agents and contacts of given kinds; every second skill is asked for."""

    def __init__(self, classes: int, signatures: int) -> None:
        self._random, self._numbers = Random(1), count(1)
        skills = [f"s{n}" for n in range(40)]
        self._classes = [
            {skill: self._random.randint(1, 10) for skill in self._random.sample(skills, 4)}
            for _ in range(classes)
        ]
        self._signatures = [
            all_of(
                level(skill, self._random.randint(1, 8))
                for skill in self._random.sample(skills, 1 + n % 2)
            )
            for n in range(signatures)
        ]

    def agent(self) -> AgentAvailable:
        n = next(self._numbers)
        return AgentAvailable(
            AgentId(f"a{n}"), self._random.choice(self._classes), float(n), n, float(n)
        )

    def contact(self) -> ContactWaits:
        n = next(self._numbers)
        place = Place(self._random.randint(1, 10), float(n), n)
        return ContactWaits(
            ContactId(f"c{n}"), QUEUE, place, self._random.choice(self._signatures), float(n)
        )


def per_call(operation: Callable[[], object], rounds: int) -> float:
    """CPU microseconds: median of ``REPEATS``, after one round to warm up."""
    operation()
    results = []
    for _ in range(REPEATS):
        begin = process_time()
        for _ in range(rounds):
            operation()
        results.append((process_time() - begin) / rounds * 1e6)
    return median(results)


def measure(size: int, classes: int, signatures: int) -> tuple[float, float, float, float, float]:
    world = World(classes, signatures)
    index = Index()
    agents = [world.agent() for _ in range(size)]
    contacts = [world.contact() for _ in range(size)]
    for agent in agents:
        index.add_agent(agent)
    for contact in contacts:
        index.add_contact(contact)
    pick = Random(2).choice

    def freed() -> None:
        agent = pick(agents)
        choice = index.contact_for(agent)
        if choice is not None:
            index.remove_contact(choice.contact.contact)
            index.add_contact(choice.contact)

    def arrives() -> None:
        choice = index.agent_for(pick(contacts).contact)
        if choice is not None:
            index.remove_agent(choice.agent.agent)
            index.add_agent(choice.agent)

    def naive_freed() -> None:
        agent = pick(agents)
        fitting = [c for c in contacts if matches(c.needs, agent.skills, agent.agent)]
        if fitting:
            min(fitting, key=lambda c: (agent.agent in c.tried, c.place))

    def naive_arrives() -> None:
        contact = pick(contacts)
        fitting = [a for a in agents if matches(contact.needs, a.skills, a.agent)]
        if fitting:
            min(fitting, key=lambda a: (a.agent in contact.tried, a.since, a.seq))

    # One agent after another takes the first of those who wait, who then wait again.
    dispatcher = Dispatcher(lambda: 0.0)
    for contact in contacts:
        dispatcher.handle(contact)
    for agent in agents:
        dispatcher.index.contact_for(agent)  # who fits what is worked out once, and not here
    waits = dict(dispatcher.index.waiting)

    def handled() -> None:
        agent = pick(agents)
        for effect in dispatcher.handle(agent):
            reserve = getattr(effect, "message", None)
            if reserve is not None:
                dispatcher.handle(waits[reserve.contact])
                return
        dispatcher.index.remove_agent(agent.agent)

    return (
        per_call(freed, ROUNDS),
        per_call(arrives, ROUNDS),
        per_call(handled, ROUNDS),
        per_call(naive_freed, NAIVE_ROUNDS),
        per_call(naive_arrives, NAIVE_ROUNDS),
    )


def main() -> None:
    print("us of CPU per decision         index                       naive scan")
    print("agents=waiting  kinds          freed   arrives   handled   freed    arrives")
    for classes, signatures in KINDS:
        for size in SIZES:
            figures = measure(size, min(classes, size), min(signatures, size))
            kinds = f"{min(classes, size)} x {min(signatures, size)}"
            freed, arrives, handled, naive_freed, naive_arrives = figures
            print(
                f"{size:>14}  {kinds:<13} {freed:7.1f} {arrives:9.1f} {handled:9.1f} "
                f"{naive_freed:7.0f} {naive_arrives:10.0f}"
            )


if __name__ == "__main__":
    main()
