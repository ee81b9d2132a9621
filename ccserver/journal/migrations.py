"""Events of earlier versions, brought into the shape they have now.

A field that was added needs nothing: it has a default.  Where a field has changed its meaning or
become another, the event's tag has its steps here, oldest first; each takes and gives the event as
JSON has it, and leaves alone what is of its own or a later shape.  They are asked only when an
event cannot be read as it stands, so they cost those of today nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import msgspec

Event: TypeAlias = dict[str, Any]
Step: TypeAlias = Callable[[Event], Event]


def upgraded(payload: bytes) -> bytes | None:
    """The same event as this version writes it; None: nothing is known of its shape."""
    try:
        event = msgspec.json.decode(payload, type=dict[str, Any])
    except msgspec.DecodeError:
        return None
    steps = STEPS.get(str(event.get("event")), ())
    before = event
    for step in steps:
        event = step(event)
    return None if event == before else msgspec.json.encode(event)


def _needs_as_text(event: Event) -> Event:
    """Requirements were a list of skills with proficiencies; candidates had their rank in parts."""
    decision = event.get("decision", {})
    if "requirements" not in decision:
        return event
    decision = dict(decision)
    asked = decision.pop("requirements")
    decision["needs"] = " and ".join(_compared(each) for each in asked) or "everybody"
    decision["candidates"] = [_ranked(each) for each in decision["candidates"]]
    decision.pop("rule", None)
    return {**event, "decision": decision}


def _compared(requirement: dict[str, Any]) -> str:
    return f"{requirement['skill']} >= {requirement.get('proficiency', 1)}"


def _ranked(candidate: dict[str, Any]) -> dict[str, Any]:
    if "rank" in candidate:
        return candidate
    ranked: dict[str, Any] = {
        name: candidate[name] for name in ("id", "verdict", "tried") if name in candidate
    }
    ranked["rank"] = [candidate.get("priority", 0), candidate["since"], candidate["seq"]]
    return ranked


STEPS: dict[str, tuple[Step, ...]] = {"contact.assigned": (_needs_as_text,)}
