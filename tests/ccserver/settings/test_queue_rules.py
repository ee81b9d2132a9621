"""A queue's rules: what they mean, what is wrong with them, and what is worth a warning."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from pydantic import ValidationError

from actors.routing.expressions import matches, written
from actors.routing.policy import Outside
from actors.routing.strategies import Strategy
from ccserver.settings import Settings
from ccserver.settings.queue_checks import check_rules
from ccserver.settings.queue_rules import StrategyName, rules_of

AGENTS = [
    {"id": "1001", "secret": "s", "skills": {"english": 8, "billing": 6}},
    {"id": "1002", "secret": "s", "skills": {"english": 5}},
    {"id": "1003", "secret": "s", "skills": {"sales": 4}},
]


def settings(**support: Any) -> Settings:
    sales = {"name": "sales", "requirements": {"sales": 1}}
    queues = [{"name": "support", **support}, sales]
    return Settings.model_validate({"agents": AGENTS, "queues": queues})


def rules(**support: Any):
    made = settings(**support)
    return rules_of(made.queues[0], {queue.name: queue for queue in made.queues})


def found(unsure: frozenset[str] = frozenset(), **support: Any) -> list[tuple[str, str, bool]]:
    made = settings(**support)
    findings = check_rules(("queues", 0), made.queues[0], made, unsure)
    return [(".".join(map(str, f.key[2:])), f.text, f.fatal) for f in findings]


def who(needs) -> list[str]:
    return [a["id"] for a in AGENTS if matches(needs, a.get("skills", {}), a["id"])]


# --- what they mean ---------------------------------------------------------------------------


def test_the_table_is_short_for_the_formula_and_both_hold():
    (ring,) = rules(requirements={"english": 5}, needs="not billing").rings
    assert written(ring.needs) == "not billing and english >= 5"


def test_a_ring_with_needs_takes_the_place_of_what_was_asked_before():
    first, second = rules(
        requirements={"billing": 5}, rings=[{"after_seconds": 20.0, "needs": "english"}]
    ).rings
    assert (who(first.needs), who(second.needs)) == (["1001"], ["1001", "1002"])
    assert second.after_seconds == 20.0


def test_rings_add_skills_agents_and_queues_and_keep_what_was_added():
    rings = rules(
        needs="billing",
        rings=[
            {"after_seconds": 10.0, "or_needs": "english >= 5"},
            {"after_seconds": 20.0, "queues": ["sales"]},
        ],
    ).rings
    assert [who(ring.needs) for ring in rings] == [
        ["1001"],
        ["1001", "1002"],
        ["1001", "1002", "1003"],
    ]
    named = rules(needs="billing", rings=[{"after_seconds": 9.0, "agents": ["1003"]}]).rings
    assert who(named[1].needs) == ["1001", "1003"]


def test_a_queue_with_agents_has_them_in_their_order_and_no_others():
    made = rules(agents=["1002", "1001"], needs="english")
    assert made.listed == ("1002", "1001")
    assert who(made.rings[0].needs) == ["1001", "1002"]
    assert who(rules(agents=["1002"], needs="english").rings[0].needs) == ["1002"]


def test_priority_is_worth_seconds_only_where_waiting_is_scored():
    assert rules(priority_seconds=30.0).priority_seconds is None
    assert rules(scoring="waited", priority_seconds=30.0).priority_seconds == 30.0


def test_an_outside_router_is_waited_for_only_where_the_queue_says_so():
    assert rules().outside is None
    made = rules(routing="external", external_seconds=8.0, external_silence_seconds=3.0)
    assert made.outside == Outside(8.0, 3.0)


def test_a_key_of_external_routing_is_doubtful_without_it_and_leaves_the_rules_some_time():
    assert [(key, fatal) for key, _, fatal in found(external_seconds=8.0)] == [
        ("external_seconds", False)
    ]
    ((key, text, fatal),) = found(routing="external", external_seconds=30.0, max_wait_seconds=30.0)
    assert (key, fatal) == ("external_seconds", False)
    assert "max_wait_seconds, which is 30" in text
    assert found(routing="external", max_wait_seconds=60.0) == []


def test_every_strategy_has_its_name():
    assert list(get_args(StrategyName)) == [strategy.value for strategy in Strategy]


# --- what is wrong ----------------------------------------------------------------------------


def test_a_formula_that_cannot_be_read_says_where_and_what_was_expected():
    with pytest.raises(ValidationError, match="position 12: expected a proficiency from 0 to 10"):
        settings(needs="english >= lots")


@pytest.mark.parametrize(
    ("support", "key", "said"),
    [
        ({"agents": ["1009"]}, "agents.0", "expected the id of an agent"),
        (
            {"rings": [{"after_seconds": 9.0, "agents": ["1009"]}]},
            "rings.0.agents.0",
            "expected the id of an agent",
        ),
        (
            {"rings": [{"after_seconds": 9.0, "queues": ["retail"]}]},
            "rings.0.queues.0",
            'expected the name of a queue (sales, support), got "retail"',
        ),
        (
            {
                "rings": [
                    {"after_seconds": 9.0, "priority": 3},
                    {"after_seconds": 9.0, "priority": 2},
                ]
            },
            "rings.1.after_seconds",
            "expected more than 9, when the ring before it begins",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_place(support, key, said):
    fatal = [(where, text) for where, text, is_fatal in found(**support) if is_fatal]
    assert [where for where, _ in fatal] == [key]
    assert said in fatal[0][1]


# --- what is worth a warning ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("support", "key", "said"),
    [
        ({"needs": "english or french"}, "needs", "skill that some agent has (billing, english, "),
        ({"needs": "english >= 9"}, "needs", "nobody will answer"),
        (
            {"needs": "english >= 9", "rings": [{"after_seconds": 5.0, "needs": "english"}]},
            "needs",
            "nobody will answer in the first 5 seconds",
        ),
        (
            {"rings": [{"after_seconds": 5.0, "needs": "english >= 9"}]},
            "rings.0",
            "it can never match",
        ),
        (
            {"needs": "english", "rings": [{"after_seconds": 5.0, "or_needs": "billing"}]},
            "rings.0",
            "the same agents fit as before it",
        ),
        (
            {"max_wait_seconds": 5.0, "rings": [{"after_seconds": 5.0, "priority": 1}]},
            "rings.0.after_seconds",
            "it never begins",
        ),
    ],
)
def test_what_is_doubtful_is_a_warning_with_the_reason(support, key, said):
    (one,) = found(**support)
    assert (one[0], one[2]) == (key, False)
    assert said in one[1]


def test_what_makes_sense_is_not_spoken_of():
    assert (
        found(needs="english and not trainee", rings=[{"after_seconds": 5.0, "priority": 1}]) == []
    )


def test_where_a_table_is_wrong_a_name_that_is_not_found_proves_nothing():
    doubtful = {"agents": ["1009"], "needs": "french"}
    assert found(frozenset(("agents",)), **doubtful) == []
