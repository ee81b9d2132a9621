"""Whoever gives contacts away from outside: what the dispatcher hears, answers, and holds it to.

An outside router says that it is there (``RouterHeard``) and assigns the contacts that are kept for
it; a supervisor assigns a contact of any queue by hand.  Both are the same message.  What binds
them is the facts (the contact waits, the agent is available) and, unless they force it, whom the
queue wants and lets have it; not whom its strategy would choose.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from msgspec import Struct

from actors.ids import AgentId, ContactId, QueueName
from actors.messages import ContactWaits
from actors.reasons import Refusal, RoutingVerdict
from actors.routing.choice import Choice, Head, PassedOver
from actors.routing.explanation import needs_outside, suits
from actors.routing.expressions import written
from actors.routing.index import Index
from actors.routing.strategies import LONGEST


class AssignContact(Struct, frozen=True):
    """Give this waiting contact to this agent.  Answered ``Given`` or ``NotGiven``."""

    contact: ContactId
    agent: AgentId
    by: str
    """Who wants it: the name of an account."""
    reply_to: str
    forced: bool = False
    """Whatever the queue asks of an agent."""
    expect: int | None = None
    """The contact's version that its author saw (``version_of``), or None."""


class RouterHeard(Struct, frozen=True):
    """The outside router of this queue is there.  Answered ``RouterKept`` or ``NotGiven``."""

    queue: QueueName
    by: str
    reply_to: str


class RouterLeft(Struct, frozen=True):
    """And goes: the rules hold at once.  Answered as ``RouterHeard``."""

    queue: QueueName
    by: str
    reply_to: str


class Given(Struct, frozen=True):
    """The agent has been reserved for it."""

    contact: ContactId
    queue: QueueName
    agent: AgentId


class NotGiven(Struct, frozen=True):
    """It changed nothing.  ``details``: what the code rests on, as text by name."""

    code: Refusal
    details: Mapping[str, str] = {}


class RouterKept(Struct, frozen=True):
    """``seconds``: who does not say within them that he is there, is not; 0: he has gone."""

    queue: QueueName
    seconds: float


def version_of(contact: ContactWaits) -> int:
    """Another each time that it begins to wait: since then it was offered to somebody."""
    return round(contact.at * 1e6)


def refusal_of(
    wish: AssignContact, index: Index, ringing: Collection[AgentId], now: float
) -> NotGiven | None:
    """The first reason against it; ``ringing``: the agents whom the contact is being offered to."""
    if ringing:
        return NotGiven(Refusal.ALREADY_ASSIGNED, {"agents": ", ".join(ringing)})
    waiting = index.look_up(wish.contact)
    if waiting is None:
        return NotGiven(Refusal.CONTACT_NOT_WAITING)
    if wish.expect is not None and wish.expect != version_of(waiting.told):
        return NotGiven(Refusal.STALE, {"version": str(version_of(waiting.told))})
    verdict = suits(index, wish.contact, wish.agent, now)
    if verdict.code is RoutingVerdict.NOT_AVAILABLE:
        return NotGiven(Refusal.AGENT_NOT_AVAILABLE)
    if verdict.code is RoutingVerdict.SUITS or wish.forced:
        return None
    return NotGiven(Refusal.NOT_FITTING, {"verdict": verdict.code, **verdict.details})


def choice_of(wish: AssignContact, index: Index, now: float) -> Choice:
    """The pair that is wished for, and that nothing speaks against: compared with nobody."""
    waiting, agent = index.look_up(wish.contact), index.available[wish.agent]
    assert waiting is not None
    told = waiting.told
    head = Head(agent.agent in told.tried, LONGEST.key(agent)[:-1], agent.agent)
    return Choice(
        told,
        agent,
        (head,),
        PassedOver(),
        waiting.policy.strategy,
        waiting.stage,
        written(needs_outside(waiting, now)),
        by=wish.by,
        forced=suits(index, wish.contact, wish.agent, now).code is not RoutingVerdict.SUITS,
    )
