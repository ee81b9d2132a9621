"""Whether a queue's rules make sense with these agents and the other queues."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from actors.routing.expressions import Expression, matches, wanted_skills
from actors.routing.grammar import parse
from ccserver.settings.finding import Finding, listed
from ccserver.settings.model import Agent, Queue, Settings
from ccserver.settings.positions import Key
from ccserver.settings.queue_rules import needs_of_rings

_EXTERNAL = frozenset(("external_seconds", "external_silence_seconds"))


def check_rules(
    key: Key, queue: Queue, settings: Settings, unsure: frozenset[str]
) -> Iterator[Finding]:
    """``unsure``: tables of which an element is wrong, so that a name not found proves nothing."""
    yield from _names(key, queue, settings, unsure)
    yield from _instants(key, queue)
    yield from _outside_routing(key, queue)
    if "agents" in unsure:
        return
    yield from _skills_that_nobody_has(key, queue, settings.agents)
    if "queues" not in unsure:
        every = {each.name: each for each in settings.queues}
        yield from _rings_for_nobody(key, queue, every, settings.agents)


def _names(key: Key, queue: Queue, settings: Settings, unsure: frozenset[str]) -> Iterator[Finding]:
    """Those that are named are there."""
    agents = {agent.id for agent in settings.agents}
    queues = {each.name for each in settings.queues}
    places: list[tuple[Key, str, str]] = [
        ((*key, "agents", at), "agents", name) for at, name in enumerate(queue.agents)
    ]
    for number, ring in enumerate(queue.rings):
        where: Key = (*key, "rings", number)
        places += [((*where, "agents", n), "agents", name) for n, name in enumerate(ring.agents)]
        places += [((*where, "queues", n), "queues", name) for n, name in enumerate(ring.queues)]
    for place, table, name in places:
        known = agents if table == "agents" else queues
        if table not in unsure and name not in known:
            kind = "the id of an agent" if table == "agents" else "the name of a queue"
            yield Finding(place, f'expected {kind} ({listed(known)}), got "{name}"')


def _instants(key: Key, queue: Queue) -> Iterator[Finding]:
    """A ring begins after the one before it, and before nobody waits any more."""
    before = 0.0
    for number, ring in enumerate(queue.rings):
        where: Key = (*key, "rings", number, "after_seconds")
        most = queue.max_wait_seconds
        if ring.after_seconds <= before:
            text = f"expected more than {before:g}, when the ring before it begins"
            yield Finding(where, f"{text}, got {ring.after_seconds:g}")
        elif most is not None and ring.after_seconds >= most:
            text = f"expected less than max_wait_seconds, which is {most:g}: it never begins"
            yield Finding(where, text, fatal=False)
        before = max(before, ring.after_seconds)


def _outside_routing(key: Key, queue: Queue) -> Iterator[Finding]:
    """Its keys mean something, and leave the rules some time."""
    if queue.routing == "rules":
        for name in sorted(_EXTERNAL & queue.model_fields_set):
            text = 'expected together with routing = "external": nothing is kept for a router'
            yield Finding((*key, name), text, fatal=False)
        return
    most = queue.max_wait_seconds
    if most is not None and queue.external_seconds >= most:
        text = f"expected less than max_wait_seconds, which is {most:g}: the rules never have it"
        yield Finding((*key, "external_seconds"), text, fatal=False)


def _skills_that_nobody_has(key: Key, queue: Queue, agents: Sequence[Agent]) -> Iterator[Finding]:
    known = {skill for agent in agents for skill in agent.skills}
    asked: list[tuple[Key, str]] = [((*key, "requirements", s), s) for s in queue.requirements]
    texts: list[tuple[Key, str | None]] = [((*key, "needs"), queue.needs)]
    for number, ring in enumerate(queue.rings):
        where: Key = (*key, "rings", number)
        texts += [((*where, "needs"), ring.needs), ((*where, "or_needs"), ring.or_needs)]
    for place, text in texts:
        if text is not None:
            asked += [(place, skill) for skill in sorted(wanted_skills(parse(text)))]
    for place, skill in asked:
        if skill not in known:
            text = f'expected a skill that some agent has ({listed(known)}), got "{skill}"'
            yield Finding(place, text, fatal=False)


def _rings_for_nobody(
    key: Key, queue: Queue, every: Mapping[str, Queue], agents: Sequence[Agent]
) -> Iterator[Finding]:
    """Rings that no agent is in, and rings that change nothing."""
    rings = [_members(needs, agents) for needs in needs_of_rings(queue, every)]
    asks = "requirements" if queue.requirements or queue.needs is None else "needs"
    if not rings[0]:
        first = next((n for n, members in enumerate(rings) if members), None)
        text = "expected skills that some agent has: nobody will answer"
        if first is not None:
            text += f" in the first {queue.rings[first - 1].after_seconds:g} seconds"
        yield Finding((*key, asks), text, fatal=False)
    if not any(rings):
        return
    for number, ring in enumerate(queue.rings):
        where: Key = (*key, "rings", number)
        before, now = rings[number], rings[number + 1]
        if not now:
            text = "expected somebody: no agent is what it asks for, so it can never match"
            yield Finding(where, text, fatal=False)
        elif now == before and ring.priority is None:
            text = "expected a change: the same agents fit as before it"
            yield Finding(where, text, fatal=False)


def _members(needs: Expression, agents: Sequence[Agent]) -> frozenset[str]:
    return frozenset(agent.id for agent in agents if matches(needs, agent.skills, agent.id))
