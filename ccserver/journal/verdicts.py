"""Verdicts of the routing in words, for people; times are monotonic seconds."""

from __future__ import annotations

from collections.abc import Mapping

from actors.messages import AgentAvailable, ContactWaits
from actors.reasons import RoutingVerdict
from actors.routing.comparison import Standing
from actors.routing.expressions import named, written
from actors.routing.index import Waiting
from actors.routing.policy import ROUTED

IN_LINE = frozenset(
    (
        RoutingVerdict.FIRST_CHOICE,
        RoutingVerdict.ANOTHER_FIRST,
        RoutingVerdict.BY_LOT,
        RoutingVerdict.SUITS,
        RoutingVerdict.ASSIGNED,
    )
)
"""Who fits, and may have it."""


def asked_for(waiting: Waiting) -> str:
    """What a contact asks of an agent in its present ring."""
    if waiting.line is not None:
        return waiting.line.written
    if waiting.stage.ring == ROUTED:
        return "its outside router"
    return written(named(waiting.told.preferred))


def why_agent(one: Standing, agent: AgentAvailable, now: float) -> str:
    """Of an agent who is available."""
    if one.code not in IN_LINE:
        return why_barred(one.code, one.details, now)
    details = one.details
    said = [f"available for {now - agent.since:.1f} s"]
    if one.code is RoutingVerdict.ASSIGNED:
        said.append(f"{details['by']} assigned it to him")
        if "forced" in details:
            against = RoutingVerdict(details["forced"])
            said.append(f"although {why_barred(against, details, now)}")
    if one.code is RoutingVerdict.BY_LOT:
        said.append(f"in the lot with weight {details['weight']}")
    elif one.place is not None and one.place > 1 and "own_rank" in details:
        said.append(_behind(details))
    return "; ".join([*said, *_tried(details)])


def _behind(details: Mapping[str, str]) -> str:
    """Why the first one comes first: what was compared, as far as the two differ in it."""
    strategy, first = details["strategy"].replace("_", " "), details["first"]
    own, other = details["own_rank"].split(", "), details["rank"].split(", ")
    *counted, since, _ = zip(own, other, strict=True)
    for ours, theirs in counted:
        if ours != theirs:
            # Smaller ranks come first, so proficiencies stand there below zero.
            return f"{strategy}: {ours.lstrip('-')}, and {first} has {theirs.lstrip('-')}"
    if since[0] != since[1]:
        return f"{strategy}: {first} has been available for longer"
    return f"{strategy}: {first} became available at the same instant, and was heard first"


def why_contact(one: Standing, contact: ContactWaits, now: float) -> str:
    """Of a contact that an agent might have had."""
    if one.place is None:
        return why_barred(one.code, one.details, now)
    place = contact.place
    waited = f"priority {place.priority}, waited {now - place.since:.1f} s"
    return "; ".join([waited, *_tried(one.details)])


def why_barred(code: RoutingVerdict, details: Mapping[str, str], now: float) -> str:
    """Why the rules do not let the two have each other."""
    later = _later(details, now)
    match code:
        case RoutingVerdict.SKILLS_MISSING:
            has = details["has"] or "no skill"
            return f"lacks {details['missing']}, has {has}{later}"
        case RoutingVerdict.KEPT_FOR_ANOTHER:
            return f"it is kept for {details['preferred']}{later}"
        case RoutingVerdict.KEPT_FOR_ROUTER:
            return f"it is kept for the outside router{later}"
        case RoutingVerdict.QUEUE_FULL:
            most, serving = details["max_agents"], details["serving"] or "nobody"
            return f"the queue may have {most} agents at once, and has {serving}"
        case RoutingVerdict.AVOIDED:
            return "he sent it away himself"
        case _:
            return ""


def _later(details: Mapping[str, str], now: float) -> str:
    """A ring that is not reached yet."""
    if "until" not in details:
        return ""
    return f"; in {max(0.0, float(details['until']) - now):.1f} s he may"


def _tried(details: Mapping[str, str]) -> list[str]:
    return ["the two have failed before"] if "tried" in details else []
