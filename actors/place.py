"""A contact's place in line, and what it asks of an agent."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

DEFAULT_PRIORITY = 5


class Place(Struct, frozen=True, gc=False, order=True):
    """Where a contact stands: one immutable value that joining a queue takes.

    Smaller is served first.  A contact that comes back (RONA, a lost agent) brings the place it
    had, and so stands in front by itself.
    """

    priority: int
    """1 (first) to 10."""
    since: float
    """The instant it first began to wait, in monotonic seconds."""
    seq: int
    """Unique in the process: the last word of every ordering."""


class Requirement(Struct, frozen=True, gc=False, order=True):
    """A skill the agent must have, at this proficiency (1-10) or better."""

    skill: str
    proficiency: int = 1


Requirements = tuple[Requirement, ...]
"""Sorted by skill, each skill once: the requirement signature of a contact."""


def requirements_of(needs: Mapping[str, int]) -> Requirements:
    return tuple(Requirement(skill, needs[skill]) for skill in sorted(needs))
