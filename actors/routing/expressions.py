"""What a contact needs of an agent, as a formula over skills and names.

Every formula is kept in one form, so that two that are built of the same parts are equal and have
the same hash, in whatever order they were written: negation stands at the leaves, levels of one
skill are merged, parts are flat, sorted and without repetition.  Build them with ``level``,
``named``, ``all_of``, ``any_of`` and ``inverse``, never with the classes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from msgspec import Struct

from actors.place import Requirements

LOWEST, HIGHEST = 0, 10
"""Proficiency 0 is that of who does not have the skill."""


class Level(Struct, frozen=True, gc=False, tag="level"):
    """The proficiency in this skill is at least ``least`` and at most ``most``."""

    skill: str
    least: int
    most: int


class Named(Struct, frozen=True, gc=False, tag="named"):
    """One of these agents; ``inverted``: anybody but these."""

    agents: tuple[str, ...]
    inverted: bool = False


class AllOf(Struct, frozen=True, tag="all"):
    """Every part holds.  Without parts: everybody."""

    parts: tuple[Expression, ...] = ()


class AnyOf(Struct, frozen=True, tag="any"):
    """At least one part holds.  Without parts: nobody."""

    parts: tuple[Expression, ...] = ()


Expression: TypeAlias = Level | Named | AllOf | AnyOf
EVERYBODY: Expression = AllOf()
NOBODY: Expression = AnyOf()


def matches(expression: Expression, skills: Mapping[str, int], agent: str) -> bool:
    """Whether this agent, who has these skills, is what the formula asks for."""
    match expression:
        case Level(skill, least, most):
            return least <= skills.get(skill, LOWEST) <= most
        case Named(agents, inverted):
            return (agent in agents) is not inverted
        case AllOf(parts):
            return all(matches(part, skills, agent) for part in parts)
        case AnyOf(parts):
            return any(matches(part, skills, agent) for part in parts)


def level(skill: str, least: int = 1, most: int = HIGHEST) -> Expression:
    """``least`` and ``most`` may lie outside 0 to 10."""
    least, most = max(least, LOWEST), min(most, HIGHEST)
    if least > most:
        return NOBODY
    return EVERYBODY if (least, most) == (LOWEST, HIGHEST) else Level(skill, least, most)


def named(agents: Iterable[str], *, inverted: bool = False) -> Expression:
    these = tuple(sorted(set(agents)))
    if not these:
        return EVERYBODY if inverted else NOBODY
    return Named(these, inverted)


def of_requirements(requirements: Requirements) -> Expression:
    """Every skill at its proficiency or better."""
    return all_of(level(need.skill, need.proficiency) for need in requirements)


def all_of(parts: Iterable[Expression]) -> Expression:
    levels: dict[str, tuple[int, int]] = {}
    these: set[str] | None = None
    others: set[str] = set()
    rest: set[Expression] = set()
    for part in _flat(parts, AllOf):
        match part:
            case Level(skill, least, most):
                low, high = levels.get(skill, (LOWEST, HIGHEST))
                levels[skill] = max(low, least), min(high, most)
            case Named(agents, inverted=True):
                others.update(agents)
            case Named(agents):
                these = set(agents) if these is None else these.intersection(agents)
            case _:
                rest.add(part)
    found = [level(skill, *bounds) for skill, bounds in levels.items()]
    if these is not None:
        found.append(named(these - others))
    elif others:
        found.append(named(others, inverted=True))
    if NOBODY in found or NOBODY in rest:
        return NOBODY
    return _of(AllOf, {*found, *rest} - {EVERYBODY})


def any_of(parts: Iterable[Expression]) -> Expression:
    levels: dict[str, list[tuple[int, int]]] = {}
    these: set[str] = set()
    others: set[str] | None = None
    rest: set[Expression] = set()
    for part in _flat(parts, AnyOf):
        match part:
            case Level(skill, least, most):
                levels.setdefault(skill, []).append((least, most))
            case Named(agents, inverted=True):
                others = set(agents) if others is None else others.intersection(agents)
            case Named(agents):
                these.update(agents)
            case _:
                rest.add(part)
    found = [level(skill, *bounds) for skill, spans in levels.items() for bounds in _merged(spans)]
    if others is not None:
        found.append(named(others - these, inverted=True))
    elif these:
        found.append(named(these))
    if EVERYBODY in found or EVERYBODY in rest:
        return EVERYBODY
    return _of(AnyOf, {*found, *rest} - {NOBODY})


def inverse(expression: Expression) -> Expression:
    match expression:
        case Level(skill, least, most):
            return any_of((level(skill, LOWEST, least - 1), level(skill, most + 1)))
        case Named(agents, inverted):
            return Named(agents, not inverted)
        case AllOf(parts):
            return any_of(map(inverse, parts))
        case AnyOf(parts):
            return all_of(map(inverse, parts))


def names_in(expression: Expression) -> Iterator[tuple[str, ...]]:
    """The sets of agents that are named anywhere in it."""
    for leaf in _leaves(expression):
        if isinstance(leaf, Named):
            yield leaf.agents


def skills_in(expression: Expression) -> frozenset[str]:
    """All skills that are spoken of."""
    return frozenset(leaf.skill for leaf in _leaves(expression) if isinstance(leaf, Level))


def wanted_skills(expression: Expression) -> frozenset[str]:
    """Those of which more than none is asked for: the more an agent has of them, the better."""
    leaves = _leaves(expression)
    return frozenset(x.skill for x in leaves if isinstance(x, Level) and x.least > LOWEST)


def written(expression: Expression) -> str:
    """As ``actors.routing.grammar`` reads it: what is read from it is equal to ``expression``."""
    return _written(expression, inside=None)


# --- the one form -------------------------------------------------------------------------------


def _flat(parts: Iterable[Expression], kind: type[AllOf | AnyOf]) -> Iterator[Expression]:
    for part in parts:
        if isinstance(part, AllOf | AnyOf) and type(part) is kind:
            yield from part.parts
        else:
            yield part


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same levels in as few spans as possible: 1 to 3 and 4 to 6 are 1 to 6."""
    merged: list[tuple[int, int]] = []
    for least, most in sorted(spans):
        if merged and least <= merged[-1][1] + 1:
            merged[-1] = merged[-1][0], max(merged[-1][1], most)
        else:
            merged.append((least, most))
    return merged


def _of(kind: type[AllOf | AnyOf], parts: set[Expression]) -> Expression:
    if len(parts) == 1:
        return parts.pop()
    return kind(tuple(sorted(parts, key=_order)))


def _order(expression: Expression) -> tuple[Any, ...]:
    match expression:
        case Level(skill, least, most):
            return 0, skill, least, most
        case Named(agents, inverted):
            return 1, inverted, agents
        case AnyOf(parts):
            return 2, *map(_order, parts)
        case AllOf(parts):
            return 3, *map(_order, parts)


def _leaves(expression: Expression) -> Iterator[Level | Named]:
    match expression:
        case AllOf(parts) | AnyOf(parts):
            for part in parts:
                yield from _leaves(part)
        case _:
            yield expression


# --- as text ------------------------------------------------------------------------------------


def _written(expression: Expression, inside: type[AllOf | AnyOf] | None) -> str:
    match expression:
        case Level(skill, least, most):
            return _level_written(skill, least, most)
        case Named(agents, inverted):
            no = "not " if inverted else ""
            names = [f"{no}agent:{agent}" for agent in agents]
            return _joined(names, AllOf if inverted else AnyOf, inside)
        case AllOf(parts) | AnyOf(parts):
            kind = type(expression)
            return _joined([_written(part, kind) for part in parts], kind, inside)


def _joined(parts: list[str], kind: type[AllOf | AnyOf], inside: type[AllOf | AnyOf] | None) -> str:
    if not parts:
        return "everybody" if kind is AllOf else "nobody"
    text = (" and " if kind is AllOf else " or ").join(parts)
    return f"({text})" if len(parts) > 1 and inside not in (None, kind) else text


def _level_written(skill: str, least: int, most: int) -> str:
    match least, most:
        case 0, 0:
            return f"not {skill}"
        case 1, 10:
            return skill
        case 0, _:
            return f"{skill} <= {most}"
        case _, 10:
            return f"{skill} >= {least}"
        case _ if least == most:
            return f"{skill} == {least}"
        case _:
            return f"{least} <= {skill} <= {most}"
