"""Which agent a contact is given: the strategies, applied to the classes that fit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from actors.ids import AgentId
from actors.messages import AgentAvailable, ContactWaits
from actors.routing.choice import Choice, Head, Heads, PassedOver
from actors.routing.expressions import wanted_skills
from actors.routing.lines import ContactLine, SkillClass
from actors.routing.policy import Stage
from actors.routing.strategies import LONGEST, AgentKey, Strategy


class NothingToDraw(Exception):
    """The strategy draws lots, and whoever asked had none."""


def select(
    contact: ContactWaits,
    stage: Stage,
    line: ContactLine,
    classes: list[SkillClass],
    *,
    available: Mapping[AgentId, AgentAvailable],
    turn: AgentKey | None,
    draw: Callable[[], float] | None,
) -> Choice | None:
    """``classes`` fit and hold somebody; ``available`` are all agents there are."""
    strategy = line.strategy
    if strategy is Strategy.WEIGHTED_RANDOM:
        return _drawn(contact, stage, line, classes, available, draw)
    heads = Heads()
    barred = bool(contact.tried or contact.avoid)
    for each in classes:
        heads.fitting += len(each)
        if barred:
            heads.look_behind(_keys(each, line, turn), _standing_towards(contact))
        else:
            heads.fresh.append(_first(each, line, turn))
    best = heads.best()
    if best is None:
        return None
    ringing = [available[AgentId(best[0].id)]]
    if strategy is Strategy.RING_ALL:
        ringing = _everybody(contact, classes)
    passed_over = heads.passed_over(len(available))
    agent, *others = ringing
    return Choice(
        contact, agent, best, passed_over, strategy, stage, line.written, others=tuple(others)
    )


def _standing_towards(contact: ContactWaits) -> Callable[[str], tuple[bool, bool]]:
    return lambda agent: (agent in contact.tried, agent in contact.avoid)


# --- those that order ---------------------------------------------------------------------------


def _first(each: SkillClass, line: ContactLine, turn: AgentKey | None) -> tuple[Any, ...]:
    match line.strategy:
        case Strategy.LONGEST_AVAILABLE | Strategy.RING_ALL:
            first: tuple[Any, ...] = each.head
        case Strategy.BEST_SKILL:
            first = (-_score(each, line), *each.head[1:])
        case Strategy.ROUND_ROBIN:
            round_, key = each.next_in_turn(line, turn)
            first = (round_, *key)
        case _:
            first = each.ordered(line)[0]
    return first


def _keys(each: SkillClass, line: ContactLine, turn: AgentKey | None) -> Iterable[tuple[Any, ...]]:
    """The keys of a class in the order of the strategy, and comparable with those of others."""
    match line.strategy:
        case Strategy.BEST_SKILL:
            score = _score(each, line)
            return ((-score, *key[1:]) for key in each.members)
        case Strategy.ROUND_ROBIN:
            return ((round_, *key) for round_, key in each.in_turn(line, turn))
        case _:
            ordered: Iterable[tuple[Any, ...]] = each.ordered(line)
            return ordered


def _score(each: SkillClass, line: ContactLine) -> int:
    score = each.scores.get(line.number)
    if score is None:
        wanted = wanted_skills(line.needs)
        score = each.scores[line.number] = sum(each.skills.get(skill, 0) for skill in wanted)
    return score


def _everybody(contact: ContactWaits, classes: list[SkillClass]) -> list[AgentAvailable]:
    """Who rings: those who have failed it last, and nobody whom it must avoid."""
    agents = [agent for each in classes for agent in each.agents.values()]
    allowed = [agent for agent in agents if agent.agent not in contact.avoid]
    return sorted(allowed, key=lambda agent: (agent.agent in contact.tried, LONGEST.key(agent)))


# --- by lot -------------------------------------------------------------------------------------

_Share: TypeAlias = tuple[SkillClass, frozenset[AgentId], int]
"""A class, who of it is left out, and what the others weigh together."""


def _drawn(
    contact: ContactWaits,
    stage: Stage,
    line: ContactLine,
    classes: list[SkillClass],
    available: Mapping[AgentId, AgentAvailable],
    draw: Callable[[], float] | None,
) -> Choice | None:
    """Each agent's chance is his weight; who has failed the contact has one if nobody else has."""
    if draw is None:
        raise NothingToDraw
    avoided = {agent for each in classes for agent in contact.avoid if agent in each.agents}
    left_out = avoided.union(a for each in classes for a in contact.tried if a in each.agents)
    pool = _shares(classes, left_out)
    if not pool:
        left_out = avoided
        pool = _shares(classes, left_out)
    if not pool:
        return None
    number = draw()
    point = number * sum(share for _, _, share in pool)
    (each, without, share), *rest = pool
    while point >= share and rest:
        point -= share
        (each, without, share), *rest = rest
    at = min(int(point // each.weight), len(each) - len(without) - 1)
    for taken in sorted(each.members.index(LONGEST.key(each.agents[one])) for one in without):
        at += taken <= at
    key = each.members[at]
    fitting = sum(map(len, classes))
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


def _shares(classes: list[SkillClass], left_out: set[AgentId]) -> list[_Share]:
    """In an order that does not depend on who was seen first."""
    shares = []
    for each in sorted(classes, key=lambda one: one.name):
        without = frozenset(agent for agent in left_out if agent in each.agents)
        if len(without) < len(each):
            shares.append((each, without, (len(each) - len(without)) * each.weight))
    return shares
