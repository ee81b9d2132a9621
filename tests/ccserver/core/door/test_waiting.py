"""Who waits, and to whom each could be given, as it is read out of the dispatcher's index."""

from __future__ import annotations

from random import Random

import pytest

from actors.ids import AgentId, ContactId, QueueName
from actors.reasons import RoutingVerdict
from actors.routing.explanation import suits
from actors.routing.index import Index
from actors.routing.policy import Outside
from ccserver.core.door.waiting import MOST_AGENTS, MOST_CONTACTS, WhoWaits
from tests.support import routing

Q = QueueName("q")


def seen(index: Index, now: float = 0.0) -> WhoWaits:
    return WhoWaits(lambda: index, lambda: now)


@pytest.mark.parametrize("seed", range(20))
def test_whom_a_contact_suits_is_what_the_verdict_on_each_agent_says(seed):
    """With rings, a router or none, agents it prefers or must not have, and a limit."""
    random = Random(seed)
    names = [f"a{n}" for n in range(8)]
    under = routing.policy(
        routing.rules(
            "q",
            routing.ring(8.0, random.choice(["s1", "s2 >= 3"])),
            asks=random.choice([None, "s1 >= 2", "agent:a1 or s2"]),
            outside=random.choice([None, Outside(10.0, 20.0)]),
            max_agents=random.choice([None, None, 1]),
        )
    )
    index = Index().under(under, 0.0)
    for place, name in enumerate(names):
        skills = {skill: random.randint(1, 5) for skill in ("s1", "s2") if random.random() < 0.6}
        index.add_agent(routing.agent(name, since=float(place), skills=skills))
    for number in range(12):
        some = tuple(random.sample(names, random.choice([0, 0, 2])))
        preferred = tuple(map(AgentId, random.sample(names, random.choice([0, 0, 2]))))
        waits = routing.contact(
            f"c{number}",
            since=float(number),
            asks=random.choice([None, "s2"]),
            avoid=some,
            preferred=preferred,
            preferred_until=25.0,
        )
        index.add_contact(waits, 12.0)
    if random.random() < 0.5:
        index.serve(Q, AgentId("z"), ContactId("x"))

    told = seen(index, 12.0).in_queue(Q)

    assert len(told["contacts"]) == 12
    for contact in told["contacts"]:
        verdicts = {n: suits(index, contact["contact"], AgentId(n), 12.0).code for n in names}
        expected = [n for n, code in verdicts.items() if code is RoutingVerdict.SUITS]
        assert contact["suits"] == expected
        found = seen(index, 12.0).candidates(contact["contact"])["agents"]
        assert {one["agent"]: one["verdict"] for one in found} == verdicts
        codes = [one["verdict"] == "SUITS" for one in found]
        assert codes == sorted(codes, reverse=True)


def test_contacts_come_in_the_order_of_the_rules_and_no_more_than_can_be_said_at_once():
    index = Index()
    for number in range(MOST_CONTACTS + 5):
        index.add_contact(routing.contact(f"c{number}", priority=10 - number % 10, seq=number))
    for number in range(MOST_AGENTS + 3):
        index.add_agent(routing.agent(f"a{number}", since=-float(number), seq=number))

    told = seen(index).in_queue(Q)

    assert [one["priority"] for one in told["contacts"]] == sorted(
        one["priority"] for one in told["contacts"]
    )
    assert (len(told["contacts"]), told["more_contacts"]) == (MOST_CONTACTS, 5)
    assert (len(told["agents"]), told["more_agents"]) == (MOST_AGENTS, 3)
    assert told["agents"][0]["agent"] == f"a{MOST_AGENTS + 2}"  # available for longest
    assert seen(index).candidates(ContactId("c0"))["more_agents"] == 3


def test_of_a_contact_that_does_not_wait_there_is_nothing_to_say():
    assert seen(Index()).candidates(ContactId("c"))["refused"] == "CONTACT_NOT_WAITING"
