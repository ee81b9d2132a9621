"""Which agent a contact is given: the strategies, applied to the classes that fit."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import accumulate
from operator import itemgetter, mul
from typing import Any

from actors.ids import AgentId
from actors.messages import AgentAvailable, ContactWaits
from actors.routing.choice import MOST_HEADS, Choice, Head, Heads, PassedOver
from actors.routing.lines import ContactLine, first_in_turn, in_turn
from actors.routing.policy import Stage
from actors.routing.sides import Fits, Idle
from actors.routing.strategies import LONGEST, AgentKey, Strategy, Turn

_SINCE, _WHO = itemgetter(1), itemgetter(3)


class NothingToDraw(Exception):
    """The strategy draws lots, and whoever asked had none."""


def select(
    contact: ContactWaits,
    stage: Stage,
    line: ContactLine,
    idle: Idle,
    *,
    available: Mapping[AgentId, AgentAvailable],
    turn: Turn | None,
    draw: Callable[[], float] | None,
) -> Choice | None:
    """Of the classes that fit somebody is available; ``available`` are all agents there are.

    ``turn``: whom the queue gave a contact last.
    """
    strategy = line.strategy
    fits = idle.fits(line)
    if strategy is Strategy.WEIGHTED_RANDOM:
        return _drawn(contact, stage, line, idle, available, draw)
    last = line.order.position(turn) if turn is not None else None
    heads = Heads()
    heads.fitting = sum(fits.pick(idle.counts))
    if contact.tried or contact.avoid:
        standing = _standing_towards(contact)
        for keys in _all_keys(fits, strategy, last):
            heads.look_behind(keys, standing)
    else:
        heads.fresh = _first_of_each(fits, strategy, idle, last)
        heads.unseen = (line.fitting & idle.occupied).bit_count() - len(heads.fresh)
    best = heads.best()
    if best is None:
        return None
    ringing = [available[AgentId(best[0].id)]]
    if strategy is Strategy.RING_ALL:
        ringing = _everybody(contact, fits, idle, available)
    passed_over = heads.passed_over(len(available))
    others = tuple(ringing[1:])
    return Choice(
        contact, ringing[0], best, passed_over, strategy, stage, line.written, others=others
    )


def _standing_towards(contact: ContactWaits) -> Callable[[str], tuple[bool, bool]]:
    return lambda agent: (agent in contact.tried, agent in contact.avoid)


# --- those that order ---------------------------------------------------------------------------


def _first_of_each(
    fits: Fits, strategy: Strategy, idle: Idle, turn: int | None
) -> list[tuple[Any, ...]]:
    """The heads of the classes; of the best skilled, as many levels as there are heads to keep."""
    firsts = idle.heads_by[fits.at]
    if strategy is Strategy.ROUND_ROBIN:
        return _next_of_each(fits, idle, turn)
    if strategy is not Strategy.BEST_SKILL:
        return list(filter(None, fits.pick(firsts)))
    found: list[tuple[Any, ...]] = []
    for level, _, pick in fits.levels:
        found += [(level, *key[1:]) for key in pick(firsts) if key is not None]
        if len(found) >= MOST_HEADS:
            break
    return found


def _next_of_each(fits: Fits, idle: Idle, turn: int | None) -> list[tuple[Any, ...]]:
    """Who follows the last in each class; one who is alone in his follows by himself."""
    firsts = fits.pick(idle.heads_by[fits.at])
    if turn is None:
        return [(0, *key) for key in firsts if key is not None]
    at = fits.at
    counts = fits.pick(idle.counts)
    found: list[tuple[Any, ...]] = []
    for key, count, each in zip(firsts, counts, fits.classes, strict=True):
        if not count:
            continue
        if key[0] > turn:
            found.append((0, *key))
        elif count == 1:
            found.append((1, *key))
        else:
            found.append(first_in_turn(each.standings[at], turn))
    return found


def _all_keys(
    fits: Fits, strategy: Strategy, turn: int | None
) -> Iterator[Iterable[tuple[Any, ...]]]:
    """Of each class all keys in the order of the strategy, and comparable with those of others."""
    if strategy is Strategy.BEST_SKILL:
        for level, classes, _ in fits.levels:
            for each in classes:
                yield _at_level(level, each.members)
        return
    for each in fits.classes:
        standing = each.standings[fits.at]
        if strategy is Strategy.ROUND_ROBIN:
            yield in_turn(standing, turn)
        else:
            yield standing.members


def _at_level(level: int, keys: Iterable[AgentKey]) -> Iterator[tuple[Any, ...]]:
    return ((level, *key[1:]) for key in keys)


def _everybody(
    contact: ContactWaits, fits: Fits, idle: Idle, available: Mapping[AgentId, AgentAvailable]
) -> list[AgentAvailable]:
    """Who rings: those who have failed it last, and nobody whom it must avoid."""
    keys: list[AgentKey] = []
    counts, firsts = fits.pick(idle.counts), fits.pick(idle.heads)
    for count, key, each in zip(counts, firsts, fits.classes, strict=True):
        if count == 1:
            keys.append(key)
        elif count:
            keys.extend(each.members)
    keys.sort(key=_SINCE)  # numbers alone are quickly compared
    keys.sort()  # of equal ones the rest of the key
    agents = list(map(available.__getitem__, map(_WHO, keys)))
    if not contact.tried and not contact.avoid:
        return agents
    allowed = [agent for agent in agents if agent.agent not in contact.avoid]
    return sorted(allowed, key=lambda agent: agent.agent in contact.tried)


# --- by lot -------------------------------------------------------------------------------------


def _drawn(
    contact: ContactWaits,
    stage: Stage,
    line: ContactLine,
    idle: Idle,
    available: Mapping[AgentId, AgentAvailable],
    draw: Callable[[], float] | None,
) -> Choice | None:
    """Each agent's chance is his weight; who has failed the contact has one if nobody else has."""
    if draw is None:
        raise NothingToDraw
    fits = idle.fits(line)
    avoided = _among(contact.avoid, fits)
    left_out = {**avoided, **_among(contact.tried, fits)}
    until = _shares(fits, idle, left_out)
    if not until[-1]:
        left_out = avoided
        until = _shares(fits, idle, left_out)
    if not until[-1]:
        return None
    number = draw()
    point = min(number * until[-1], until[-1] - 0.5)  # a product may be rounded up to the sum
    place = bisect_right(until, point)
    each = fits.classes[place]
    without = [LONGEST.key(available[agent]) for agent, its in left_out.items() if its == place]
    at = int((point - (until[place - 1] if place else 0)) // each.weight)
    for taken in sorted(map(each.members.index, without)):
        at += taken <= at
    key = each.members[at]
    fitting = sum(fits.pick(idle.counts))
    passed_over = PassedOver(
        skills=len(available) - fitting,
        tried=len(left_out) - len(avoided),
        behind=fitting - len(left_out) - 1,
        avoided=len(avoided),
    )
    head = Head(key[-1] in contact.tried, key[:-1], key[-1])
    return Choice(
        contact,
        each.agents[key[-1]],
        (head,),
        passed_over,
        Strategy.WEIGHTED_RANDOM,
        stage,
        line.written,
        number,
    )


def _among(agents: Iterable[AgentId], fits: Fits) -> dict[AgentId, int]:
    """Those of them who are available and fit, each with the place of his class."""
    return {
        agent: place
        for agent in agents
        for place, each in enumerate(fits.classes)
        if agent in each.agents
    }


def _shares(fits: Fits, idle: Idle, left_out: Mapping[AgentId, int]) -> list[int]:
    """Of each class: what it weighs, and all before it, without those who are left out."""
    counts = list(fits.pick(idle.counts))
    for place in left_out.values():
        counts[place] -= 1
    return list(accumulate(map(mul, counts, fits.weights)))
