"""Who is there: the hours of the recorded agents, for those of another configuration."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from msgspec import Struct

from actors.ids import AgentId, QueueName
from ccserver.core import plan
from ccserver.settings import Settings
from ccserver.whatif.courses import SECOND
from ccserver.whatif.presence import Wish, without_errands
from ccserver.whatif.recorded import Recorded
from ccserver.whatif.schedule import Shifts, hours

Hours: TypeAlias = dict[AgentId, Sequence[Wish]]
"""When each agent is there, and as what."""
_ORDER = re.compile(r"([+-]?)(\d{1,4}):(.+)")


class StaffingError(ValueError):
    """What was wished cannot be; the text says what was expected."""


class Staffing(Struct, frozen=True):
    """``settings``: with those agents who were added.  ``notes``: whose hours were given to whom,
    for people.
    """

    settings: Settings
    wishes: Hours
    notes: tuple[str, ...]


def staffed(
    settings: Settings,
    recorded: Recorded,
    orders: Iterable[str] = (),
    shifts: Shifts | None = None,
) -> Staffing:
    """``orders``: ``+2:sales``, two more who may serve sales; ``-1:sales``, one less; ``12:sales``,
    as many.  ``shifts``: who works when, in place of that day's hours.

    An agent whom the day does not know has the hours of the one most like him.  Who is added is
    like one who was there, with his skills and hours.  Raises StaffingError.
    """
    if shifts is None:
        wishes, notes = _known(settings, recorded)
    else:
        wishes, notes = _scheduled(settings, recorded, shifts)
    for order in orders:
        settings, wishes = _ordered(order, settings, wishes, notes)
    return Staffing(settings, wishes, tuple(notes))


def _known(settings: Settings, recorded: Recorded) -> tuple[Hours, list[str]]:
    """Their own hours, or those of whoever serves the same queues; in the order of the day."""
    then = {AgentId(agent.id) for agent in recorded.settings.agents}
    now = {AgentId(agent.id) for agent in settings.agents}
    wishes: Hours = {name: wanted for name, wanted in recorded.wishes.items() if name in now}
    notes = []
    theirs, ours = _queues_of(recorded.settings), _queues_of(settings)
    given = dict.fromkeys(recorded.wishes, 0)
    for agent in settings.agents:
        name = AgentId(agent.id)
        if name in then or not given:
            continue
        mine = ours.get(name, frozenset())
        # Of those who are as much like him, the one whose hours have been given least often.
        like = min(given, key=lambda one: (-_likeness(mine, theirs.get(one)), given[one]))
        given[like] += 1
        wishes[name] = without_errands(recorded.wishes[like])
        notes.append(f"{name}, who was not there that day, has the hours of {like}")
    gone = [name for name in recorded.wishes if name not in now]
    if gone:
        notes.append(f"{', '.join(gone)}: there that day, and not in this configuration")
    return wishes, notes


def _scheduled(settings: Settings, recorded: Recorded, shifts: Shifts) -> tuple[Hours, list[str]]:
    known = {AgentId(agent.id) for agent in settings.agents}
    unknown = [agent for agent in shifts if agent not in known]
    if unknown:
        raise StaffingError(f"the schedule has agents whom nobody knows: {', '.join(unknown)}")
    wishes: Hours = {
        agent: hours(theirs, recorded.wishes.get(agent, ()), recorded.ends)
        for agent, theirs in shifts.items()
        if theirs
    }
    if not wishes:
        raise StaffingError("the schedule has nobody at work in that time")
    worked = sum(end - begin for theirs in shifts.values() for begin, end in theirs) / SECOND / 3600
    notes = [
        f"{len(wishes)} agents are there by the schedule, {worked:.1f} h in all, and available all"
        " that time but for what they had in hand beside the queues that day: breaks are gaps in it"
    ]
    absent = [name for name in recorded.wishes if name in known and name not in wishes]
    if absent:
        notes.append(f"{', '.join(absent)}: there that day, and not in the schedule")
    return wishes, notes


def _queues_of(settings: Settings) -> dict[AgentId, frozenset[QueueName]]:
    """Which of them each agent may serve."""
    found: dict[AgentId, set[QueueName]] = {}
    for queue, able in plan.able_agents(settings).items():
        for agent in able:
            found.setdefault(agent, set()).add(queue)
    return {agent: frozenset(queues) for agent, queues in found.items()}


def _likeness(mine: frozenset[QueueName], theirs: frozenset[QueueName] | None) -> float:
    """The share of the queues of both that both may serve."""
    other = theirs or frozenset()
    return len(mine & other) / max(1, len(mine | other))


def _ordered(
    order: str, settings: Settings, wishes: Hours, notes: list[str]
) -> tuple[Settings, Hours]:
    found = _ORDER.fullmatch(order)
    if found is None:
        raise StaffingError(f'expected "+2:sales", "-1:sales" or "12:sales", got "{order}"')
    sign, number, queue = found[1], int(found[2]), QueueName(found[3])
    able = plan.able_agents(settings)
    if queue not in able:
        raise StaffingError(f'expected a queue ({", ".join(able)}), got "{queue}"')
    there = [agent for agent in able[queue] if agent in wishes]
    change = {"+": number, "-": -number, "": number - len(there)}[sign]
    if -change > len(there):
        raise StaffingError(f"{order}: only {len(there)} who may serve {queue} were there")
    if change > 0 and not there:
        raise StaffingError(f"{order}: nobody who may serve {queue} was there, to be like him")
    if change < 0:
        leave = there[change:]
        notes.append(f"not there: {', '.join(leave)}")
        return settings, {name: hours for name, hours in wishes.items() if name not in leave}
    wishes, agents = dict(wishes), list(settings.agents)
    taken = {agent.id for agent in agents}
    by_id = {agent.id: agent for agent in agents}
    for place in range(change):
        like = there[place % len(there)]
        name = next(n for k in range(2, 10_000) if (n := f"{like[:58]}-{k}") not in taken)
        taken.add(name)
        agents.append(by_id[like].model_copy(update={"id": name}))
        wishes[AgentId(name)] = without_errands(wishes[like])
        notes.append(f"{name} is added, like {like} and with the same hours")
    return settings.model_copy(update={"agents": agents}), wishes
