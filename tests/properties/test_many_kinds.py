"""A floor with many kinds of agents, more than are kept with a choice: whom each strategy takes."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.ids import AgentId
from actors.messages import AgentAvailable
from actors.routing.choice import MOST_HEADS, Choice
from actors.routing.strategies import Strategy, Turn
from tests.support.reference import Reference
from tests.support.routing import Q, agent, contact, index_of, policy, rules

SKILLS = ("english", "french", "billing", "sales")
SEEDS = st.integers(0, 2**32)


def somebody(random: Random, n: int) -> AgentAvailable:
    return agent(
        f"a{n}",
        since=float(random.randint(0, 9)),
        seq=n,
        skills={skill: random.randint(1, 4) for skill in random.sample(SKILLS, 2)},
        contacts=random.randint(0, 3),
        talked=float(random.randint(0, 3)),
        weight=random.randint(1, 3),
        position=random.randint(0, 150),
    )


def kind(one: AgentAvailable) -> object:
    return tuple(sorted(one.skills.items())), one.weight


@pytest.mark.parametrize("strategy", Strategy)
@settings(deadline=None)
@given(seed=SEEDS, asks=st.sampled_from([None, "english", "english or billing"]))
def test_among_many_kinds_it_takes_whom_a_scan_takes_while_agents_come_and_go(
    strategy: Strategy, seed: int, asks: str | None
) -> None:
    random = Random(seed)
    under = policy(rules(Q, asks=asks, strategy=strategy, listed=(AgentId("a7"), AgentId("a3"))))
    agents = {one.agent: one for one in (somebody(random, n) for n in range(120))}
    index, reference = index_of(*agents.values(), under=under), Reference(under)
    reference.available.update(agents)
    for n in range(12):
        some = random.sample(sorted(agents), 6)
        told = contact(f"c{n}", tried=tuple(some[:2]) if n % 3 == 2 else ())
        index.add_contact(told)
        expected = reference.candidates(told)
        lot = random.random()
        choice = index.agent_for(told.contact, lambda lot=lot: lot)
        assert choice is not None
        if strategy is Strategy.WEIGHTED_RANDOM:
            assert choice.agent == on_whom_it_falls(lot, expected, told.tried)
        else:
            assert choice.agent == expected[0]
            assert [head.id for head in choice.heads] == first_of_each_kind(expected)
        if strategy is Strategy.RING_ALL:
            assert [choice.agent, *choice.others] == expected
        assert everybody_is_counted(choice, len(reference.available), len(expected))
        index.remove_contact(told.contact)
        index.take_turn(Q, choice.agent)
        reference.last_given[Q] = Turn(choice.agent.agent, choice.agent.position)
        gone = [choice.agent.agent, *some[2:]]
        for name in gone:
            index.remove_agent(name)
            reference.available.pop(name, None)
        back = somebody(random, 1_000 + n)
        index.add_agent(back)
        agents[back.agent] = reference.available[back.agent] = back


def first_of_each_kind(best_first: list[AgentAvailable]) -> list[str]:
    """A kind all of whom have failed it stands behind the others, with its first."""
    heads: dict[object, str] = {}
    for one in best_first:
        heads.setdefault(kind(one), one.agent)
    return list(heads.values())[:MOST_HEADS]


def on_whom_it_falls(
    lot: float, fitting: list[AgentAvailable], tried: tuple[AgentId, ...]
) -> AgentAvailable:
    """As if each stood there as often as he weighs."""
    drawn = [one for one in fitting if one.agent not in tried] or fitting
    drawn.sort(key=lambda one: (kind(one), one.since, one.seq))
    tickets = [one for one in drawn for _ in range(one.weight)]
    return tickets[int(lot * len(tickets))]


def everybody_is_counted(choice: Choice, available: int, fitting: int) -> bool:
    passed = choice.passed_over
    kinds = fitting - passed.tried - passed.behind
    return passed.skills == available - fitting and kinds >= len(choice.heads)
