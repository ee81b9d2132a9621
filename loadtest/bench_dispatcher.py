"""What a routing decision costs: ``python -m loadtest.bench_dispatcher [--plot FILE.svg]``.

Microseconds of one decision, beside a scan over everybody.  ``freed``: an agent becomes available
and the contact is found; ``arrives``: a contact begins to wait and the agent is found; ``handled``:
the whole step of the dispatcher, which pairs, explains and tells.  A decision is made on a full
index, and what it changed is put back unmeasured.  Decisions are made several times, in the same
order, and the least time of each counts: what else ran on the core is none of theirs.
"""

from __future__ import annotations

import argparse
import gc
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import count, islice
from pathlib import Path
from random import Random
from time import thread_time_ns
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from actors.dispatcher import Dispatcher
from actors.ids import AgentId, ContactId, QueueName
from actors.messages import AgentAvailable, ContactWaits, Reserve
from actors.place import Place
from actors.routing.expressions import Expression, all_of, level, matches
from actors.routing.index import Index
from actors.routing.policy import Policy, QueuePolicy, Ring
from actors.routing.strategies import Strategy
from loadtest.loglog import Curve, plot

SIZES = (100, 1_000, 10_000, 100_000)
KINDS = ((10, 10), (100, 50), (1_000, 1_000))
"""Skill classes by queues, each with needs of its own."""
ROUNDS, PASSES, NAIVE_ROUNDS = 3_000, 5, 30
MOST_NAIVE = 10_000
"""A scan of more takes minutes, and says nothing new."""


_FOR_EVER = 10**12
T = TypeVar("T")


class Cost(Struct, frozen=True):
    """Microseconds."""

    p50: float
    p99: float

    def __str__(self) -> str:
        return f"{self.p50:7.1f} /{self.p99:8.1f}"


class Decisions(Struct, frozen=True):
    """Of as many agents as contacts who wait, by longest available."""

    freed: Cost
    arrives: Cost
    handled: Cost


class Floor:
    """Agents and contacts of given kinds; every second skill is asked for."""

    def __init__(
        self, agents: int, contacts: int, classes: int, queues: int, how: Strategy
    ) -> None:
        self.random, self._numbers = Random(1), count(1)
        skills = [f"s{n}" for n in range(40)]
        self._classes = [
            {skill: self.random.randint(1, 10) for skill in self.random.sample(skills, 4)}
            for _ in range(classes)
        ]

        def needs(n: int) -> Expression:
            asked = self.random.sample(skills, 1 + n % 2)
            return all_of(level(skill, self.random.randint(1, 8)) for skill in asked)

        rules = [
            QueuePolicy(QueueName(f"q{n}"), (Ring(0.0, needs(n)),), how) for n in range(queues)
        ]
        self._queues = [each.name for each in rules]
        self.policy = Policy({each.name: each for each in rules})
        self.agents = [self._agent() for _ in range(agents)]
        self.contacts = [self._contact() for _ in range(contacts)]

    def _agent(self) -> AgentAvailable:
        n, draw = next(self._numbers), self.random
        skills = draw.choice(self._classes)
        done, talked, weight = draw.randint(0, 50), float(draw.randint(0, 9000)), draw.randint(1, 3)
        return AgentAvailable(
            AgentId(f"a{n}"), skills, float(n), n, float(n), done, talked, weight, n
        )

    def _contact(self) -> ContactWaits:
        n = next(self._numbers)
        place = Place(self.random.randint(1, 10), float(n), n)
        queue = self.random.choice(self._queues)
        return ContactWaits(ContactId(f"c{n}"), queue, place, all_of(()), float(n))

    def index(self) -> Index:
        """Round robin has arrived somewhere in every queue."""
        index = Index.of(self.policy, self.contacts, self.agents, 0.0)
        for queue in self._queues:
            index.take_turn(queue, self.random.choice(self.agents))
        return index

    # --- decisions ----------------------------------------------------------------------------

    def freed(self, index: Index) -> Cost:
        return _cost(index.contact_for, islice(self._some(self.agents), ROUNDS))

    def arrives(self, index: Index) -> Cost:
        draw = self.random.random
        return _cost(
            lambda contact: index.agent_for(contact.contact, draw),
            islice(self._some(self.contacts), ROUNDS),
        )

    def naive_freed(self) -> Cost:
        """Filter all contacts, take the least."""
        needs = {name: rules.rings[0].needs for name, rules in self.policy.queues.items()}

        def scan(agent: AgentAvailable) -> object:
            fitting = [
                c for c in self.contacts if matches(needs[c.queue], agent.skills, agent.agent)
            ]
            return min(fitting, key=lambda c: (agent.agent in c.tried, c.place), default=None)

        return _cost(scan, islice(self._some(self.agents), NAIVE_ROUNDS))

    def handled(self) -> Cost:
        """Agents become available one by one while many wait; whom each is given waits again."""
        dispatcher = Dispatcher(lambda: 0.0, self.policy, self.random.random)
        for contact in self.contacts:
            dispatcher.handle(contact)
        known = {contact.contact: contact for contact in self.contacts}
        for agent in self.agents[:2_000]:
            dispatcher.index.contact_for(agent)  # who fits what is worked out once, and not here
        times = []
        for n, agent in zip(range(ROUNDS), self._some(self.agents[:2_000]), strict=False):
            told = replace(agent, seq=10_000_000 + n)
            begin = thread_time_ns()
            effects = dispatcher.handle(told)
            times.append(thread_time_ns() - begin)
            dispatcher.index.remove_agent(agent.agent)
            for effect in effects:
                message = getattr(effect, "message", None)
                if isinstance(message, Reserve):
                    dispatcher.handle(known[message.contact])
        return _percentiles(times)

    def _some(self, among: Sequence[T]) -> Iterator[T]:
        while True:
            yield self.random.choice(among)


def _cost(decide: Callable[[T], object], some: Iterable[T]) -> Cost:
    """After a first round that works out who fits what."""
    ones = list(some)
    for one in ones:
        decide(one)
    least = [_FOR_EVER] * len(ones)
    for _ in range(PASSES):
        for n, one in enumerate(ones):
            begin = thread_time_ns()
            decide(one)
            least[n] = min(least[n], thread_time_ns() - begin)
    return _percentiles(least)


def _percentiles(nanoseconds: list[int]) -> Cost:
    ordered = sorted(nanoseconds)
    return Cost(ordered[len(ordered) // 2] / 1e3, ordered[len(ordered) * 99 // 100] / 1e3)


def decisions(floor: Floor) -> Decisions:
    index = floor.index()
    return Decisions(floor.freed(index), floor.arrives(index), floor.handled())


def measure(size: int, classes: int, queues: int) -> Decisions:
    """With so many agents, and as many contacts who wait."""
    gc.disable()
    return decisions(Floor(size, size, classes, queues, Strategy.LONGEST_AVAILABLE))


def by_size() -> list[Curve]:
    """Longest available: agents and contacts together from a hundred to a hundred thousand."""
    print("us, p50 / p99            freed             arrives           handled           scan")
    print("agents=waiting  kinds")
    curves: list[Curve] = []
    for classes, queues in KINDS:
        points: list[tuple[float, float]] = []
        for size in SIZES:
            floor = Floor(size, size, classes, queues, Strategy.LONGEST_AVAILABLE)
            cost = decisions(floor)
            naive = floor.naive_freed() if size <= MOST_NAIVE else None
            points.append((size, cost.freed.p50))
            kinds, costs = f"{classes} x {queues}", f"{cost.freed} {cost.arrives} {cost.handled}"
            print(f"{size:>14}  {kinds:<12} {costs} {naive or '-'}", flush=True)
            if classes == KINDS[0][0] and naive is not None:
                scanned = (size, naive.p50)
                if not curves or curves[0].name != "a scan over everybody":
                    curves.insert(0, Curve("a scan over everybody", []))
                curves[0] = Curve(curves[0].name, [*curves[0].points, scanned])
        curves.append(Curve(f"index, {classes} kinds of agents x {queues}", points))
    return curves


def by_strategy(classes: int, queues: int, agents: int = 1_000, contacts: int = 10_000) -> None:
    kinds = f"{classes} x {queues} kinds"
    print(f"\n{agents} agents, {contacts} contacts waiting, {kinds}; us, p50 / p99")
    print("strategy              freed             arrives           handled")
    for how in Strategy:
        floor = Floor(agents, contacts, classes, queues, how)
        index = floor.index()
        freed, arrives = floor.freed(index), floor.arrives(index)
        print(f"{how:<20} {freed} {arrives} {floor.handled()}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plot", type=Path, help="where to draw the cost over the size, as SVG")
    chosen = parser.parse_args()
    gc.disable()
    for classes, queues in KINDS[1:]:
        by_strategy(classes, queues)
    print()
    curves = by_size()
    if chosen.plot is not None:
        title = "A freed agent is given a contact: microseconds (p50)"
        chosen.plot.write_text(plot(title, "agents = contacts waiting", "us", curves))


if __name__ == "__main__":
    main()
