"""Whether diversions and overflows fit the rest: they lead somewhere, and not in a circle."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

from actors.dial_plan import DIALLED, LONGEST
from actors.speech import PIECES
from ccserver.settings.finding import Finding, file_of, listed
from ccserver.settings.flow import DESTINATIONS, Diversion, TreatmentStep
from ccserver.settings.model import EntryPoint, Queue, Settings
from ccserver.settings.positions import Key

Node: TypeAlias = tuple[str, str]
"""``("queue", "support")``."""
_NEEDS = {"waiting": "contacts", "estimated_wait": "seconds", "waited": "seconds"}


def check_flow(settings: Settings, prompts: Path, unsure: frozenset[str]) -> Iterator[Finding]:
    for where, element in _elements(settings):
        yield from _hours(where, element, settings, unsure)
        for key, rule in _rules(where, element):
            yield from _rule(key, rule, settings, prompts, unsure)
            yield from _closed(key, rule, element, settings)
        if isinstance(element, Queue):
            for at, step in enumerate(element.treatment):
                yield from _step((*where, "treatment", at), step, settings, prompts)
    if not unsure:
        yield from _circles(settings)


def reached_by_rules(settings: Settings) -> set[str]:
    """The queues to which some rule leads."""
    rules = [rule for key, element in _elements(settings) for _, rule in _rules(key, element)]
    return {rule.queue for rule in rules if rule.queue is not None}


def _elements(settings: Settings) -> Iterator[tuple[Key, Queue | EntryPoint]]:
    for index, queue in enumerate(settings.queues):
        yield ("queues", index), queue
    for index, entry in enumerate(settings.entry_points):
        yield ("entry_points", index), entry


def _rules(key: Key, element: Queue | EntryPoint) -> Iterator[tuple[Key, Diversion]]:
    overflows = element.overflows if isinstance(element, Queue) else []
    for name, rules in (("diversions", element.diversions), ("overflows", overflows)):
        for index, rule in enumerate(rules):
            yield (*key, name, index), rule


def _hours(
    key: Key, element: Queue | EntryPoint, settings: Settings, unsure: frozenset[str]
) -> Iterator[Finding]:
    names = {hours.name for hours in settings.hours}
    if element.hours is not None and element.hours not in names and "hours" not in unsure:
        text = f'expected the name of opening hours ({listed(names)}), got "{element.hours}"'
        yield Finding((*key, "hours"), text)


def _rule(
    key: Key, rule: Diversion, settings: Settings, prompts: Path, unsure: frozenset[str]
) -> Iterator[Finding]:
    needs = _NEEDS.get(rule.when)
    for name in ("contacts", "seconds"):
        given = getattr(rule, name) is not None
        if given and name != needs:
            yield Finding((*key, name), f'expected nothing with when = "{rule.when}"')
        elif name == needs and not given:
            yield Finding(key, f'expected {name}, for that is what "{rule.when}" counts')
    if rule.when == "waited" and key[-2] == "diversions":
        text = 'expected "waited" in overflows only: nobody has waited at the door'
        yield Finding((*key, "when"), text)
    given_to = [name for name in DESTINATIONS if getattr(rule, name) is not None]
    if len(given_to) != 1:
        got = " and ".join(given_to) or "none"
        yield Finding(key, f"expected exactly one of {', '.join(DESTINATIONS)}, got {got}")
    queues = {queue.name for queue in settings.queues}
    if rule.queue is not None and rule.queue not in queues and "queues" not in unsure:
        text = f'expected the name of a queue ({listed(queues)}), got "{rule.queue}"'
        yield Finding((*key, "queue"), text)
    entries = {entry.name for entry in settings.entry_points}
    if (
        rule.entry_point is not None
        and rule.entry_point not in entries
        and "entry_points" not in unsure
    ):
        text = f'expected the name of an entry point ({listed(entries)}), got "{rule.entry_point}"'
        yield Finding((*key, "entry_point"), text)
    if rule.number is not None and not _can_be_dialled(rule.number, settings, unsure):
        text = f'expected a number that the dial plan leads to a gateway, got "{rule.number}"'
        yield Finding((*key, "number"), text)
    if rule.message is not None:
        yield from file_of((*key, "message"), prompts, rule.message)


def _can_be_dialled(number: str, settings: Settings, unsure: frozenset[str]) -> bool:
    if not set(number) <= DIALLED or len(number) > LONGEST:
        return False
    rules = [rule for rule in settings.dial_plan if number.startswith(rule.prefix)]
    longest = max(rules, key=lambda rule: len(rule.prefix), default=None)
    return "dial_plan" in unsure or (longest is not None and longest.trunk is not None)


def _closed(
    key: Key, rule: Diversion, element: Queue | EntryPoint, settings: Settings
) -> Iterator[Finding]:
    if rule.when != "closed" or element.hours is not None:
        return
    if isinstance(element, EntryPoint):
        behind = {queue.name: queue.hours for queue in settings.queues}
        if behind.get(_queue_of(element) or "") is not None:
            return
    yield Finding((*key, "when"), "expected hours beside it: without them it is never closed")


# --- the treatment --------------------------------------------------------------------------------


def _step(key: Key, step: TreatmentStep, settings: Settings, prompts: Path) -> Iterator[Finding]:
    if (step.play is None) == (step.say is None):
        yield Finding(key, "expected exactly one of play and say")
    if step.play is not None:
        yield from file_of((*key, "play"), prompts, step.play)
        for name in ("only_better", "limit", "silent_beyond_limit"):
            if name in step.model_fields_set:
                yield Finding((*key, name), "expected together with say only")
    if step.say != "estimated_wait" and "round_minutes" in step.model_fields_set:
        yield Finding((*key, "round_minutes"), 'expected together with say = "estimated_wait" only')
    if step.times is not None and step.times > 1 and step.every_seconds is None:
        yield Finding((*key, "times"), "expected together with every_seconds")
    if step.say is not None and prompts.is_dir():
        voice = prompts / settings.routing.voice
        missing = [piece for piece in PIECES if not (voice / f"{piece}.wav").is_file()]
        if missing:
            text = f"expected the spoken pieces in {voice}, but {missing[0]}.wav is missing"
            yield Finding((*key, "say"), text)


# --- circles ------------------------------------------------------------------------------------


def _circles(settings: Settings) -> Iterator[Finding]:
    """A customer who is sent round in a circle arrives nowhere.

    Where only waiting leads on (``waited``), he has at least had his time everywhere: that is said,
    and may be meant.
    """
    edges = list(_edges(settings))
    for key, start, end, at_once in edges:
        if not at_once or key[-1] == "flow":
            continue
        way = _way(end, start, [(a, b) for _, a, b, now in edges if now])
        if way is not None:
            text = f"expected no way back, but it leads round: {_shown([start, *way])}"
            yield Finding(key, text)
    for key, start, end, at_once in edges:
        if at_once:
            continue
        way = _way(end, start, [(a, b) for _, a, b, _ in edges])
        if way is not None:
            text = (
                f"expected no way back: who waits long enough goes round: {_shown([start, *way])}"
            )
            yield Finding(key, text, fatal=False)


def _edges(settings: Settings) -> Iterator[tuple[Key, Node, Node, bool]]:
    """The key of the rule, whence, where to, and whether without waiting in between."""
    for where, element in _elements(settings):
        start = ("queue" if isinstance(element, Queue) else "entry point", element.name)
        for key, rule in _rules(where, element):
            at_once = rule.when != "waited"
            if rule.queue is not None:
                yield (*key, "queue"), start, ("queue", rule.queue), at_once
            if rule.entry_point is not None:
                end = ("entry point", rule.entry_point)
                yield (*key, "entry_point"), start, end, at_once
        if isinstance(element, EntryPoint) and (queue := _queue_of(element)) is not None:
            yield (*where, "flow"), start, ("queue", queue), True


def _way(start: Node, end: Node, edges: list[tuple[Node, Node]]) -> list[Node] | None:
    """The shortest, with both ends; None: there is none."""
    ways, seen = [[start]], {start}
    for way in ways:
        if way[-1] == end:
            return way
        for one, other in edges:
            if one == way[-1] and other not in seen:
                seen.add(other)
                ways.append([*way, other])
    return None


def _queue_of(entry: EntryPoint) -> str | None:
    if not entry.flow:
        return entry.name
    return next((step.queue for step in entry.flow if step.queue is not None), None)


def _shown(way: list[Node]) -> str:
    return " -> ".join(f'{kind} "{name}"' for kind, name in way)
