"""A queue's rules as a manager writes them down, and as the dispatcher applies them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, Field

from actors.ids import AgentId, QueueName
from actors.place import requirements_of
from actors.routing import policy
from actors.routing.expressions import (
    EVERYBODY,
    NOBODY,
    Expression,
    all_of,
    any_of,
    named,
    of_requirements,
)
from actors.routing.grammar import parse
from actors.routing.strategies import Strategy
from ccserver.settings.kinds import Kind, Name
from ccserver.settings.section import Seconds, Section, SomeSeconds

Proficiency = Annotated[int, Field(ge=1, le=10)]
Priority = Annotated[int, Field(ge=1, le=10)]
Weight = Annotated[int, Field(ge=1, le=100)]


def _readable(text: str) -> str:
    parse(text)  # an ExpressionError says where, and what was expected there
    return text


Needs: TypeAlias = Annotated[
    str,
    AfterValidator(_readable),
    Kind(
        'a formula over skills, as "english >= 5 and (billing or sales >= 3) and not trainee"',
        '"english >= 5"',
    ),
]


StrategyName: TypeAlias = Literal[
    "longest_available",
    "round_robin",
    "fewest_contacts",
    "least_talk_time",
    "best_skill",
    "linear",
    "weighted_random",
    "ring_all",
]


class Ring(Section):
    """From an instant on, whom the queue wants instead, or as well."""

    after_seconds: SomeSeconds
    """When it begins, counted from the contact's coming into the queue."""
    needs: Needs | None = None
    """In place of requirements and needs of the queue, or of the ring before."""
    or_needs: Needs | None = None
    """These agents too, whether or not they are among the queue's."""
    queues: list[Name] = []
    """The agents of these queues too: those whom they want at first."""
    agents: list[Name] = []
    """These agents too."""
    priority: Priority | None = None
    """The contact's priority from here on, if that is better than the one it has."""


class QueueRules(Section):
    name: Name
    """Unique among the queues."""
    requirements: dict[Name, Proficiency] = {}
    """The skills an agent must have, each at this proficiency or better: short for needs."""
    needs: Needs | None = None
    """What an agent must be, beside requirements: `"english >= 5 and not trainee"`."""
    agents: list[Name] = []
    """Who serves the queue, in the order of linear and round_robin; empty: whoever has the
    skills."""
    rings: list[Ring] = []
    """How the choice widens while a contact waits, one step after another."""
    strategy: StrategyName = "longest_available"
    """Which of the agents who fit is given a contact: docs/routing.md."""
    weight: Weight = 1
    """An agent who fits contacts of several queues gets one of the heaviest."""
    scoring: Literal["priority", "waited"] = "priority"
    """"priority": by priority, then the longest wait. "waited": by the seconds waited, to which
    each step of priority adds priority_seconds."""
    priority_seconds: Seconds = 60.0
    """With scoring = "waited": what a step of priority is worth."""
    overtaking_seconds: SomeSeconds | None = None
    """Who has waited so long is overtaken by nobody who came later, from whatever queue."""
    max_agents: Annotated[int, Field(ge=0)] | None = None
    """So many agents at once ring or talk for the queue; 0: it is paused."""
    last_agent_seconds: Seconds = 0.0
    """A caller who comes again is kept so long for the agent who served him last; 0: not at all."""
    last_agent_memory_seconds: Seconds = 86_400.0
    """How long it is remembered who that was."""
    routing: Literal["rules", "external"] = "rules"
    """"external": an outside router may give the contacts away first, by the API; "rules": what is
    written here alone (docs/routing.md)."""
    external_seconds: SomeSeconds = 20.0
    """With routing = "external": for so long from its coming into the queue a contact is kept for
    the outside router; then the rules have it too."""
    external_silence_seconds: SomeSeconds = 10.0
    """With routing = "external": a router that is not heard of for so long is not there, and the
    rules have all contacts at once."""


def first_needs(queue: QueueRules) -> Expression:
    """Whom the queue wants at first."""
    return all_of((_members(queue), _skills(queue)))


def needs_of_rings(queue: QueueRules, others: Mapping[str, QueueRules]) -> Iterator[Expression]:
    """Whom it wants at first, and from each ring on.  Of ``others``, those that are not there add
    nobody.
    """
    members, skills, added = _members(queue), _skills(queue), NOBODY
    yield all_of((members, skills))
    for ring in queue.rings:
        if ring.needs is not None:
            skills = parse(ring.needs)
        if ring.or_needs is not None:
            added = any_of((added, parse(ring.or_needs)))
        wanted_there = (first_needs(others[name]) for name in ring.queues if name in others)
        added = any_of((added, named(ring.agents), *wanted_there))
        yield any_of((all_of((members, skills)), added))


def rules_of(queue: QueueRules, others: Mapping[str, QueueRules]) -> policy.QueuePolicy:
    begins = (0.0, *(ring.after_seconds for ring in queue.rings))
    priorities = (None, *(ring.priority for ring in queue.rings))
    needs = needs_of_rings(queue, others)
    return policy.QueuePolicy(
        QueueName(queue.name),
        tuple(map(policy.Ring, begins, needs, priorities)),
        Strategy(queue.strategy),
        tuple(map(AgentId, queue.agents)),
        queue.weight,
        queue.priority_seconds if queue.scoring == "waited" else None,
        queue.overtaking_seconds,
        queue.max_agents,
        queue.last_agent_seconds,
        queue.last_agent_memory_seconds,
        _outside(queue),
    )


def _outside(queue: QueueRules) -> policy.Outside | None:
    if queue.routing == "rules":
        return None
    return policy.Outside(queue.external_seconds, queue.external_silence_seconds)


def _members(queue: QueueRules) -> Expression:
    return named(queue.agents) if queue.agents else EVERYBODY


def _skills(queue: QueueRules) -> Expression:
    table = of_requirements(requirements_of(queue.requirements))
    return table if queue.needs is None else all_of((table, parse(queue.needs)))
