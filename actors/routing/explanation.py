"""Why a contact is, or is not, given to an agent: one pair, judged by the index as it stands.

``explain`` is a pure function of the index, and so of facts (``Index.of``).  Whoever has a journal
replays it to the instant in question (``ccserver.journal.decisions.Replay``), takes the replay's
index as it was before the decision, and asks::

    verdict = explain(replay.index, contact, agent)
    verdict.code      # FirstChoice, SkillsMissing, ...: RoutingVerdict, docs/reasons.md
    verdict.details   # {"needs": "english >= 5", "missing": "english >= 5", ...}

It asks whether the *contact* would be given this agent, had it to be given somebody now; whom a
freed agent would be given is ``Index.contact_for``.  ``suits`` asks whether somebody outside may
assign it to him, whoever the rules would choose.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from actors.ids import AgentId, ContactId
from actors.messages import AgentAvailable
from actors.reasons import RoutingVerdict
from actors.routing.expressions import (
    AllOf,
    Expression,
    all_of,
    matches,
    named,
    written,
)
from actors.routing.index import Index, Waiting
from actors.routing.policy import PREFERRED, ROUTED, ring_at
from actors.routing.strategies import Strategy

_TRIED = "he has failed this contact before: those who have not come first"


class Verdict(Struct, frozen=True):
    """``details``: what it rests on, as text by name; which names, the code says."""

    code: RoutingVerdict
    details: Mapping[str, str] = {}


def explain(index: Index, contact: ContactId, agent: AgentId) -> Verdict:
    """The first reason against the pair, in this order: the contact does not wait, the agent is not
    available, he must not have it, the queue has as many agents as it may, the contact is kept for
    the outside router or for others, he does not fit, another comes first.  Else it is the first
    choice.
    """
    waiting, available = index.look_up(contact), index.available.get(agent)
    if waiting is None:
        return Verdict(RoutingVerdict.NOT_WAITING)
    if available is None:
        return Verdict(RoutingVerdict.NOT_AVAILABLE)
    barred = _barred(index, waiting, agent)
    if barred is not None:
        return barred
    if waiting.stage.ring == ROUTED:
        return Verdict(RoutingVerdict.KEPT_FOR_ROUTER, _next(waiting))
    if waiting.stage.ring == PREFERRED:
        if agent in waiting.told.preferred:
            return _among(index, waiting, available)
        return _kept(waiting)
    assert waiting.line is not None
    if not matches(waiting.line.needs, available.skills, agent):
        return Verdict(
            RoutingVerdict.SKILLS_MISSING, _lacking(waiting, waiting.line.needs, available)
        )
    return _among(index, waiting, available)


def suits(index: Index, contact: ContactId, agent: AgentId, now: float) -> Verdict:
    """The first reason against assigning it to him from outside, or ``SUITS``.

    A contact that is kept for the outside router may have whoever is what its ring asks for, were
    there no router; the agents that it prefers are no bar to it.
    """
    waiting, available = index.look_up(contact), index.available.get(agent)
    if waiting is None:
        return Verdict(RoutingVerdict.NOT_WAITING)
    if available is None:
        return Verdict(RoutingVerdict.NOT_AVAILABLE)
    barred = _barred(index, waiting, agent)
    if barred is not None:
        return barred
    if waiting.stage.ring == PREFERRED and agent not in waiting.told.preferred:
        return _kept(waiting)
    needs = needs_outside(waiting, now)
    if waiting.stage.ring != PREFERRED and not matches(needs, available.skills, agent):
        return Verdict(RoutingVerdict.SKILLS_MISSING, _lacking(waiting, needs, available))
    tried = {"tried": _TRIED} if agent in waiting.told.tried else {}
    return Verdict(RoutingVerdict.SUITS, tried)


def needs_outside(waiting: Waiting, now: float) -> Expression:
    """What a contact asks of an agent whom it is assigned from outside."""
    if waiting.stage.ring == PREFERRED:
        return named(waiting.told.preferred)
    if waiting.line is not None:
        return waiting.line.needs
    return _needs_at(waiting, ring_at(waiting.policy, waiting.told, now))


def _barred(index: Index, waiting: Waiting, agent: AgentId) -> Verdict | None:
    if agent in waiting.told.avoid:
        return Verdict(RoutingVerdict.AVOIDED)
    queue = waiting.told.queue
    if not index.is_full(queue):
        return None
    most, now = index.policy.of(queue).max_agents, index.serving.get(queue, ())
    shown = ", ".join(sorted(agent for agent, _ in now))
    return Verdict(RoutingVerdict.QUEUE_FULL, {"max_agents": str(most), "serving": shown})


def _kept(waiting: Waiting) -> Verdict:
    preferred = ", ".join(waiting.told.preferred)
    return Verdict(RoutingVerdict.KEPT_FOR_ANOTHER, {"preferred": preferred, **_next(waiting)})


def _among(index: Index, waiting: Waiting, agent: AgentAvailable) -> Verdict:
    """He fits: what is to be said of him beside the others who do."""
    details = {"ring": str(waiting.stage.ring)}
    strategy = waiting.policy.strategy
    if agent.agent in waiting.told.tried:
        details["tried"] = _TRIED
    if strategy is Strategy.WEIGHTED_RANDOM and waiting.stage.ring != PREFERRED:
        return Verdict(RoutingVerdict.BY_LOT, {**details, "weight": str(agent.weight)})
    choice = index.agent_for(waiting.told.contact)
    assert choice is not None
    chosen = (choice.agent.agent, *(other.agent for other in choice.others))
    if agent.agent in chosen:
        return Verdict(RoutingVerdict.FIRST_CHOICE, {**details, "strategy": choice.strategy})
    first = choice.heads[0]
    details |= {"strategy": choice.strategy, "first": first.id, "rank": _listed(first.rank)}
    own = next((head for head in choice.heads if head.id == agent.agent), None)
    if own is not None:
        details["own_rank"] = _listed(own.rank)
    return Verdict(RoutingVerdict.ANOTHER_FIRST, details)


def _lacking(waiting: Waiting, needs: Expression, agent: AgentAvailable) -> dict[str, str]:
    """The parts of what is asked for that he is not, and when the next ring asks for another."""
    parts = needs.parts if isinstance(needs, AllOf) else (needs,)
    missing = [part for part in parts if not matches(part, agent.skills, agent.agent)]
    has = ", ".join(f"{skill} {level}" for skill, level in sorted(agent.skills.items()))
    return {
        "needs": written(needs),
        "missing": written(all_of(missing)),
        "has": has,
        **_next(waiting, agent),
    }


def _next(waiting: Waiting, agent: AgentAvailable | None = None) -> dict[str, str]:
    """``until``: the instant (monotonic seconds) at which he will fit, or all will be asked."""
    for instant, stage in reversed(waiting.later):
        if stage.ring in (PREFERRED, ROUTED):
            continue
        if agent is None or matches(_needs_at(waiting, stage.ring), agent.skills, agent.agent):
            return {"until": f"{instant:.3f}"}
    return {}


def _needs_at(waiting: Waiting, ring: int) -> Expression:
    return all_of((waiting.policy.rings[ring].needs, waiting.told.needs))


def _listed(rank: tuple[float, ...]) -> str:
    return ", ".join(f"{number:g}" for number in rank)
