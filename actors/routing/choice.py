"""A pair that was chosen, whom it was compared with, and how many were passed over and why."""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Any

from msgspec import Struct

from actors.messages import AgentAvailable, ContactWaits
from actors.routing.expressions import named, written
from actors.routing.policy import Stage
from actors.routing.strategies import Strategy

MOST_HEADS = 8
"""Heads kept with a choice: the chosen one and those that come next."""


class Head(Struct, frozen=True, gc=False, order=True):
    """The first of a line that was compared.  The order of the fields is the rule of the choice."""

    tried: bool
    """The agent has failed this contact before: taken only where nobody else fits."""
    rank: tuple[float, ...]
    """Of a contact, ``policy.RANKED_BY``; of an agent, what the strategy counts, since, seq."""
    id: str


class PassedOver(Struct, frozen=True, gc=False):
    """How many were not chosen, by reason."""

    skills: int = 0
    """They do not fit."""
    tried: int = 0
    """They fit and stood in front of a head, but the pair has failed before."""
    behind: int = 0
    """They fit, and stand behind the head of their line."""
    avoided: int = 0
    """The agent must not have the contact: he sent it away himself (V-51)."""
    full: int = 0
    """Their queue has as many agents as it may."""
    kept: int = 0
    """They are kept for the agents they prefer."""
    routed: int = 0
    """They are kept for the outside router of their queue."""


class Choice(Struct, frozen=True):
    """A pair, and the heads it was compared with: the chosen one first, at most ``MOST_HEADS``."""

    contact: ContactWaits
    agent: AgentAvailable
    heads: tuple[Head, ...]
    passed_over: PassedOver
    strategy: Strategy = Strategy.LONGEST_AVAILABLE
    stage: Stage = Stage()
    needs: str = "everybody"
    """What the contact asks for in this stage, with what it asks for itself."""
    draw: float | None = None
    """The number that was drawn."""
    others: tuple[AgentAvailable, ...] = ()
    """Who rings beside the agent."""
    by: str | None = None
    """Who assigned it from outside; None: the rules did."""
    forced: bool = False
    """Against the rules."""

    @classmethod
    def of_preferred(
        cls, contact: ContactWaits, stage: Stage, available: Sequence[AgentAvailable], known: int
    ) -> Choice | None:
        """The first of those whom the contact prefers."""
        allowed = [agent for agent in available if agent.agent not in contact.avoid]
        heads = sorted(
            Head(agent.agent in contact.tried, (contact.preferred.index(agent.agent),), agent.agent)
            for agent in allowed
        )
        if not heads:
            return None
        chosen = next(agent for agent in allowed if agent.agent == heads[0].id)
        avoided = len(available) - len(allowed)
        passed_over = PassedOver(kept=known - len(available), avoided=avoided)
        needs = written(named(contact.preferred))
        return cls(
            contact, chosen, tuple(heads[:MOST_HEADS]), passed_over, stage=stage, needs=needs
        )


class Heads:
    """The heads of the lines that fit, as they are found: keys that end in an id.

    ``unseen``: so many more are fresh, and stand behind as many of ``fresh`` as are kept.
    """

    __slots__ = ("avoided", "behind_tried", "fitting", "fresh", "tried", "unseen")

    def __init__(self) -> None:
        self.fresh: list[tuple[Any, ...]] = []
        self.tried: list[tuple[Any, ...]] = []
        self.fitting = self.behind_tried = self.avoided = self.unseen = 0

    def look_behind(
        self, members: Iterable[tuple[Any, ...]], standing: Callable[[str], tuple[bool, bool]]
    ) -> None:
        """The first of this line has failed the other, or must not have him; ``standing`` says of
        any member whether he was tried, and whether he is avoided.
        """
        tried: list[tuple[Any, ...]] = []
        for member in members:
            was_tried, is_avoided = standing(member[-1])
            if is_avoided:
                self.avoided += 1
            elif was_tried:
                tried.append(member)
            else:
                self.fresh.append(member)
                self.behind_tried += len(tried)
                return
        if tried:
            self.tried.append(tried[0])

    def best(self) -> tuple[Head, ...] | None:
        """The chosen one first; None: there is nobody."""
        best = [Head(False, key[:-1], key[-1]) for key in _least(self.fresh)]
        if len(best) < MOST_HEADS and self.tried:
            tried = _least(self.tried)[: MOST_HEADS - len(best)]
            best += [Head(True, key[:-1], key[-1]) for key in tried]
        return tuple(best) if best else None

    def passed_over(self, known: int, full: int = 0, kept: int = 0, routed: int = 0) -> PassedOver:
        found = len(self.fresh) + self.unseen + len(self.tried)
        behind = self.fitting - self.behind_tried - self.avoided - found
        skills = known - self.fitting - full - kept - routed
        return PassedOver(skills, self.behind_tried, behind, self.avoided, full, kept, routed)


def _least(keys: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """In their order.  Most of many are compared once, with the last that is kept."""
    kept = sorted(keys[:MOST_HEADS])
    if len(keys) > MOST_HEADS:
        last = kept[-1]
        for key in islice(keys, MOST_HEADS, None):
            if key < last:
                insort(kept, key)
                del kept[-1]
                last = kept[-1]
    return kept
