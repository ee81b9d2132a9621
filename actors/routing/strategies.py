"""The orders in which the agents who fit are chosen.

Each order is total: it ends in the instant since which an agent is available and a number that no
other has.  What it counts (contacts, talk) the agents report of themselves.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TypeAlias

from msgspec import Struct

from actors.ids import AgentId
from actors.messages import AgentAvailable

AgentKey: TypeAlias = tuple[float, float, int, str]
"""What the order counts, available since, the unique number, and who it is."""


class Strategy(StrEnum):
    """Who of those that fit and are available is given the contact."""

    LONGEST_AVAILABLE = "longest_available"
    """Who has been available longest."""
    ROUND_ROBIN = "round_robin"
    """Whoever follows the one that the queue gave a contact last, as they are listed."""
    FEWEST_CONTACTS = "fewest_contacts"
    """Who has served fewest since he signed in."""
    LEAST_TALK_TIME = "least_talk_time"
    """Who has talked least since he signed in."""
    BEST_SKILL = "best_skill"
    """Whose proficiencies in what is asked for come to most."""
    LINEAR = "linear"
    """The first that is listed."""
    WEIGHTED_RANDOM = "weighted_random"
    """By lot: who has twice the weight is drawn twice as often."""
    RING_ALL = "ring_all"
    """All of them ring; the first to answer has it."""


class OrderBy(StrEnum):
    SINCE = "since"
    CONTACTS = "contacts"
    TALKED = "talked"
    POSITION = "position"


class Turn(Struct, frozen=True, gc=False):
    """Whom a queue gave a contact last, and where he stands in the configuration."""

    agent: AgentId
    position: int


class Order(Struct, frozen=True, gc=False):
    """``listed``: with POSITION, who stands first; all others follow as the configuration has
    them.
    """

    by: OrderBy = OrderBy.SINCE
    listed: tuple[AgentId, ...] = ()

    def key(self, agent: AgentAvailable) -> AgentKey:
        """Smaller is chosen first."""
        return self._number(agent), agent.since, agent.seq, agent.agent

    def _number(self, agent: AgentAvailable) -> float:
        match self.by:
            case OrderBy.SINCE:
                return 0.0
            case OrderBy.CONTACTS:
                return agent.contacts
            case OrderBy.TALKED:
                return agent.talked
            case OrderBy.POSITION:
                return self.position(agent)

    def position(self, agent: AgentAvailable | Turn) -> int:
        """Where he stands in the list, or behind it as he stands in the configuration."""
        listed = self.listed
        if agent.agent in listed:
            return listed.index(agent.agent)
        return len(listed) + agent.position


LONGEST = Order()


def order_of(strategy: Strategy, listed: tuple[AgentId, ...]) -> Order:
    """In which those of one skill class stand."""
    match strategy:
        case Strategy.FEWEST_CONTACTS:
            return Order(OrderBy.CONTACTS)
        case Strategy.LEAST_TALK_TIME:
            return Order(OrderBy.TALKED)
        case Strategy.LINEAR | Strategy.ROUND_ROBIN:
            return Order(OrderBy.POSITION, listed)
        case _:
            return LONGEST
