"""Where a consult or a transfer may go: a destination becomes a goal, or a reason why not."""

from __future__ import annotations

from typing import Literal

from actors import commands as c
from actors.conversation import Conversation, Party
from actors.dossier import Dossier
from actors.flow import QueuePlan
from actors.ids import AgentId, EntryPointName
from actors.place import Place
from actors.reasons import Refusal
from actors.search import AtAgent, AtNumber, Goal, InQueue

NUMBER_SECONDS = 60.0
"""How long a number outside may ring."""


def resolved(to: c.AnyDestination, dossier: Dossier) -> c.AnyDestination | Refusal:
    """A directory entry stands for another destination; a number may be one of ours."""
    world = dossier.world
    match to:
        case c.ToDirectory(name):
            entry = world.directory.get(name)
            if entry is None:
                return Refusal.UNKNOWN_DESTINATION
            if entry.agent is not None:
                return c.ToAgent(AgentId(entry.agent))
            return resolved(c.ToNumber(entry.number or ""), dossier)
        case c.ToNumber(number) if number in world.entry_points:
            return c.ToEntryPoint(EntryPointName(number))
        case c.ToNumber(number) if number in world.agents:
            return c.ToAgent(AgentId(number))
        case _:
            return to


def goal_of(
    to: c.AnyDestination,
    by: Party,
    talk: Conversation,
    dossier: Dossier,
    plan: QueuePlan,
    place: Place,
    kind: Literal["consult", "transfer"],
) -> Goal | Refusal:
    """``plan`` and ``place`` are the contact's own; ``to`` has been resolved.

    A transferred customer keeps his place's instant in the new queue; a consult begins to wait
    now.
    """
    world = dossier.world
    match to:
        case c.ToAgent(agent):
            if agent not in world.agents:
                return Refusal.UNKNOWN_DESTINATION
            if agent == by.agent:
                return Refusal.OWN_SELF
            if talk.by_agent(agent) is not None:
                return Refusal.ALREADY_IN_CALL
            return AtAgent(agent, by.agent, kind, plan)
        case c.ToQueue(name):
            return _in_queue(world.plans.get(name), by, dossier, place, kind)
        case c.ToEntryPoint(name):
            entry = world.entry_points.get(name)
            if entry is None:
                return Refusal.UNKNOWN_DESTINATION
            return _in_queue(world.queue_of(entry), by, dossier, place, kind, unqueued=True)
        case c.ToNumber(number):
            role = _role(by, dossier)
            route = world.dial_plan.route(number, role)
            if route is None:
                return Refusal.NOT_IN_DIAL_PLAN
            trunk, target = route
            return AtNumber(number, target, NUMBER_SECONDS, trunk, by.agent)
        case _:
            return Refusal.UNKNOWN_DESTINATION


def described(to: c.AnyDestination) -> str:
    """For the journal: ``agent:1002``, ``queue:sales``."""
    match to:
        case c.ToAgent(agent):
            return f"agent:{agent}"
        case c.ToQueue(queue):
            return f"queue:{queue}"
        case c.ToEntryPoint(entry_point):
            return f"entry_point:{entry_point}"
        case c.ToNumber(number):
            return f"number:{number}"
        case c.ToDirectory(name):
            return f"directory:{name}"


def _in_queue(
    plan: QueuePlan | None,
    by: Party,
    dossier: Dossier,
    place: Place,
    kind: str,
    *,
    unqueued: bool = False,
) -> Goal | Refusal:
    if plan is None:
        return Refusal.UNSUPPORTED_DESTINATION if unqueued else Refusal.UNKNOWN_DESTINATION
    if plan.closed:
        return Refusal.UNKNOWN_DESTINATION
    if plan.capacity_based:
        return Refusal.UNSUPPORTED_DESTINATION  # V-21: it has no agent to talk to
    avoid = () if by.agent is None else (by.agent,)
    if kind == "transfer":
        return InQueue(plan, place, avoid, needs=dossier.needs)
    return InQueue(plan, Place(place.priority, dossier.now(), place.seq), avoid)


def _role(by: Party, dossier: Dossier) -> str:
    card = None if by.agent is None else dossier.world.agents.get(by.agent)
    return "agent" if card is None else card.role
