"""What a queue's manager has written down: whom it wants, how that changes with time, who is first.

All of it is data, and of it follow a contact's stage (which ring, overdue or not) at an instant and
the key by which contacts are ordered.  Times are monotonic seconds, counted from the instant at
which the contact entered the queue.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from msgspec import Struct

from actors.ids import AgentId, QueueName
from actors.messages import ContactWaits
from actors.place import DEFAULT_PRIORITY, Place
from actors.routing.expressions import EVERYBODY, Expression
from actors.routing.strategies import Strategy, Turn

PREFERRED = -1
"""The ring before all others: the agents whom this very contact prefers."""
ROUTED = -2
"""And before that one: the contact is kept for the outside router."""
CLOCK_GRAIN = 1e-6
"""A timer that fires so much too early is on time: two ways to add up an instant differ by less."""

ContactKey: TypeAlias = tuple[int, int, int, float, int, str]
"""Overdue (0) before not (1), minus the weight, the priority, since when, the unique number, who.

``RANKED_BY`` names all but the last."""
RANKED_BY = ("band", "weight", "priority", "since", "seq")


class Ring(Struct, frozen=True):
    """Whom a contact may be given from ``after_seconds`` on."""

    after_seconds: float = 0.0
    needs: Expression = EVERYBODY
    priority: int | None = None
    """From here on it stands at least so far in front."""


class Outside(Struct, frozen=True):
    """An outside router may give away a queue's contacts: before the rules do, never instead."""

    seconds: float
    """So long from its coming into the queue a contact is kept for it."""
    silence_seconds: float
    """Who is not heard of for so long is not there: the rules hold at once."""


class QueuePolicy(Struct, frozen=True):
    """One queue's.  The first ring begins at 0; each next one later, and takes the place of it."""

    name: QueueName
    rings: tuple[Ring, ...] = (Ring(),)
    strategy: Strategy = Strategy.LONGEST_AVAILABLE
    listed: tuple[AgentId, ...] = ()
    """Linear and round robin: who stands first."""
    weight: int = 1
    """Contacts of heavier queues are served before those of lighter ones."""
    priority_seconds: float | None = None
    """None: priority first, then the longest wait.  Else each step of priority is worth so many
    seconds of waiting."""
    overtaking_seconds: float | None = None
    """Who has waited so long is overtaken by nobody any more."""
    max_agents: int | None = None
    """So many of its contacts are in agents' hands at once, and no more."""
    last_agent_seconds: float = 0.0
    """A caller whom one of the queue's agents served before is kept for him so long."""
    last_agent_memory_seconds: float = 0.0
    """How long it is remembered who that was."""
    outside: Outside | None = None
    """None: the rules alone."""


class Policy(Struct, frozen=True):
    """Every queue's.  ``version``: of the configuration that it was made of."""

    queues: Mapping[QueueName, QueuePolicy] = {}
    version: str = ""

    def of(self, queue: QueueName) -> QueuePolicy:
        """A queue of which nothing is written takes whoever has been available longest."""
        return self.queues.get(queue) or QueuePolicy(queue)

    @property
    def draws_lots(self) -> bool:
        return any(q.strategy is Strategy.WEIGHTED_RANDOM for q in self.queues.values())


class PolicyChanged(Struct, frozen=True):
    """To the dispatcher: the rules are others from now on.  Who waits is looked at again; who is
    being offered, or talks, goes on by the rules he was given by (R20).

    ``turns``: whom each queue gave a contact last, for a dispatcher that has just begun; one that
    has gone on itself knows better.
    """

    policy: Policy
    turns: Mapping[QueueName, Turn] = {}


class Stage(Struct, frozen=True, gc=False):
    """``ring``: an index of the queue's rings, or ``PREFERRED``, or ``ROUTED``."""

    ring: int = 0
    overdue: bool = False


FIRST_STAGE = Stage()


def stage_at(
    policy: QueuePolicy, contact: ContactWaits, now: float, *, routed: bool = False
) -> Stage:
    """``routed``: the outside router of its queue is there."""
    by = now + CLOCK_GRAIN
    within = policy.overtaking_seconds
    overdue = within is not None and contact.place.since + within <= by
    entered = entered_at(contact)
    outside = policy.outside
    if routed and outside is not None and entered + outside.seconds > by:
        return Stage(ROUTED, overdue)
    if contact.preferred and contact.preferred_until > by:
        return Stage(PREFERRED, overdue)
    return Stage(ring_at(policy, contact, now), overdue)


def ring_at(policy: QueuePolicy, contact: ContactWaits, now: float) -> int:
    """The last that has begun, whomever the contact is kept for."""
    age = now + CLOCK_GRAIN - entered_at(contact)
    begun = [n for n, ring in enumerate(policy.rings) if ring.after_seconds <= age]
    return begun[-1] if begun else 0


def stages_after(
    policy: QueuePolicy, contact: ContactWaits, now: float, *, routed: bool = False
) -> list[tuple[float, Stage]]:
    """What time alone will change: at which instants, and to which stage.  In their order."""
    alike = len(policy.rings) == 1 and policy.overtaking_seconds is None
    if alike and not contact.preferred and not routed:
        return []
    entered = entered_at(contact)
    instants = {entered + ring.after_seconds for ring in policy.rings[1:]}
    if policy.overtaking_seconds is not None:
        instants.add(contact.place.since + policy.overtaking_seconds)
    if contact.preferred:
        instants.add(contact.preferred_until)
    if routed and policy.outside is not None:
        instants.add(entered + policy.outside.seconds)
    stages = []
    last = stage_at(policy, contact, now, routed=routed)
    for instant in sorted(instants):
        stage = stage_at(policy, contact, instant, routed=routed)
        if instant > now + CLOCK_GRAIN and stage != last:
            stages.append((instant, stage))
            last = stage
    return stages


def entered_at(contact: ContactWaits) -> float:
    return contact.at if contact.entered is None else contact.entered


def contact_key(policy: QueuePolicy, contact: ContactWaits, stage: Stage) -> ContactKey:
    """Smaller is served first.  It changes with the stage only, never with time by itself.

    Where seconds are worth priority, the key is the instant at which a contact of middle priority
    would have had to begin waiting to have the same score now, and so at any time.
    """
    place, name = contact.place, contact.contact
    if stage.overdue:
        return 0, 0, 0, place.since, place.seq, name
    priority = _priority(policy, place, stage)
    if policy.priority_seconds is None:
        return 1, -policy.weight, priority, place.since, place.seq, name
    worth = (priority - DEFAULT_PRIORITY) * policy.priority_seconds
    return 1, -policy.weight, DEFAULT_PRIORITY, place.since + worth, place.seq, name


def _priority(policy: QueuePolicy, place: Place, stage: Stage) -> int:
    """What the rings that have begun have raised it to."""
    begun = policy.rings[: max(0, stage.ring + 1)]
    raised = [ring.priority for ring in begun if ring.priority is not None]
    return min([place.priority, *raised])
