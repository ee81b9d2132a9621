"""Everybody who could have been chosen, in their order, each with the verdict on the pair.

No rule is written here.  Who would have come next is found by asking the index again without those
whom it has chosen already, and why somebody would not is ``explanation.explain``'s to say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from functools import partial

from msgspec import Struct

from actors.ids import AgentId, ContactId
from actors.messages import AgentAvailable
from actors.reasons import RoutingVerdict
from actors.routing.choice import Choice
from actors.routing.explanation import Verdict, explain, suits
from actors.routing.index import Index
from actors.routing.strategies import Strategy


class Standing(Struct, frozen=True):
    """An agent, or a contact; ``place`` in the line: 1 is the chosen one, None is not in it."""

    id: str
    code: RoutingVerdict
    details: Mapping[str, str] = {}
    place: int | None = None


def agents_for(index: Index, contact: ContactId, choice: Choice | None = None) -> list[Standing]:
    """Everybody who is available, in the order in which this contact, which waits, would have been
    given to them; behind them those to whom it would not.

    ``choice``: what was chosen for it.  Where lots are drawn, nobody is next.
    """
    verdicts = {agent: explain(index, contact, agent) for agent in index.available}
    rest, line = deepcopy(index), list[AgentId]()
    first = 1
    if choice is not None:
        line = [choice.agent.agent, *(other.agent for other in choice.others)]
        first = len(line)
        for agent in line:
            rest.remove_agent(agent)
    waiting = rest.look_up(contact)
    if waiting is not None and waiting.policy.strategy is not Strategy.WEIGHTED_RANDOM:
        while (found := rest.agent_for(contact)) is not None:
            line.append(found.agent.agent)
            rest.remove_agent(found.agent.agent)
    behind = sorted(set(verdicts).difference(line))
    return [
        *(_standing(a, verdicts[a], max(1, n - first + 2)) for n, a in enumerate(line)),
        *(_standing(agent, verdicts[agent]) for agent in behind),
    ]


def agents_outside(index: Index, contact: ContactId, choice: Choice, now: float) -> list[Standing]:
    """Everybody who is available, as somebody outside assigned the contact to one of them: he, and
    of the others whether it could have been assigned to them.
    """
    assigned = {"by": str(choice.by)}
    chosen = choice.agent.agent
    if choice.forced:
        against = suits(index, contact, chosen, now)
        assigned |= {"forced": against.code, **against.details}
    others = sorted(agent for agent in index.available if agent != chosen)
    return [
        Standing(chosen, RoutingVerdict.ASSIGNED, assigned, 1),
        *(_standing(agent, suits(index, contact, agent, now)) for agent in others),
    ]


def contacts_for(index: Index, agent: AgentAvailable) -> list[Standing]:
    """Everybody who waits, in the order in which this agent, who is available, would have been
    given them; behind them those that he would not.
    """
    verdicts = {contact: explain(index, contact, agent.agent) for contact in index.waiting}
    rest, line = deepcopy(index), list[ContactId]()
    while (choice := rest.contact_for(agent)) is not None:
        line.append(choice.contact.contact)
        rest.remove_contact(choice.contact.contact)
    behind = sorted(set(verdicts).difference(line))
    return [
        *(_standing(c, verdicts[c], place) for place, c in enumerate(line, start=1)),
        *(_standing(contact, verdicts[contact]) for contact in behind),
    ]


def were_they_available(
    index: Index,
    contact: ContactId,
    agents: Iterable[AgentAvailable],
    assigned_at: float | None = None,
) -> dict[AgentId, Verdict]:
    """What would be said of agents who are not, each by himself.

    ``assigned_at``: at which instant somebody outside assigned the contact; None: nobody did.
    """
    judge: Callable[[Index, ContactId, AgentId], Verdict] = explain
    if assigned_at is not None:
        judge = partial(suits, now=assigned_at)
    supposed, found = deepcopy(index), dict[AgentId, Verdict]()
    for agent in agents:
        supposed.add_agent(agent)
        found[agent.agent] = judge(supposed, contact, agent.agent)
        supposed.remove_agent(agent.agent)
    return found


def _standing(name: str, verdict: Verdict, place: int | None = None) -> Standing:
    return Standing(name, verdict.code, verdict.details, place)
