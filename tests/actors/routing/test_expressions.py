"""Formulas over skills: whom they fit, and that equal ones are equal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.place import requirements_of
from actors.routing.expressions import (
    EVERYBODY,
    NOBODY,
    AllOf,
    AnyOf,
    Level,
    Named,
    all_of,
    any_of,
    inverse,
    level,
    matches,
    named,
    names_in,
    of_requirements,
    skills_in,
    wanted_skills,
    written,
)
from actors.routing.grammar import parse

SKILLS = ("english", "billing")
AGENTS = ("1001", "1002", "1003")
LEAVES = st.one_of(
    st.builds(level, st.sampled_from(SKILLS), st.integers(-1, 11), st.integers(-1, 11)),
    st.builds(named, st.lists(st.sampled_from(AGENTS)), inverted=st.booleans()),
)
FORMULAS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(all_of),
        st.lists(inner, max_size=3).map(any_of),
        inner.map(inverse),
    ),
    max_leaves=8,
)
HAVE = st.dictionaries(st.sampled_from(SKILLS), st.integers(1, 10))
WHO = st.sampled_from(AGENTS)


@given(FORMULAS, FORMULAS, HAVE, WHO)
def test_and_or_and_not_mean_what_they_say(one, other, skills, agent):
    a, b = matches(one, skills, agent), matches(other, skills, agent)
    assert matches(all_of((one, other)), skills, agent) == (a and b)
    assert matches(any_of((one, other)), skills, agent) == (a or b)
    assert matches(inverse(one), skills, agent) == (not a)


@given(FORMULAS, FORMULAS, FORMULAS)
def test_the_order_and_the_grouping_make_no_difference(a, b, c):
    for build in (all_of, any_of):
        assert build((a, b, c)) == build((c, b, a)) == build((build((a, b)), c))
        assert hash(build((a, b, c))) == hash(build((c, a, b, a)))


@given(FORMULAS)
def test_what_is_written_is_read_back_as_the_same(formula):
    assert parse(written(formula)) == formula


@given(FORMULAS)
def test_a_formula_turned_round_twice_fits_the_same_agents(formula):
    again = inverse(inverse(formula))
    for english in range(11):
        for billing in (0, 3, 10):
            skills = {"english": english, "billing": billing}
            for agent in AGENTS:
                assert matches(again, skills, agent) == matches(formula, skills, agent)


def test_levels_of_one_skill_become_one():
    assert all_of((level("english", 3), level("english", 0, 7))) == Level("english", 3, 7)
    assert all_of((level("english", 8), level("english", 0, 7))) == NOBODY
    assert any_of((level("english", 1, 3), level("english", 4, 6))) == Level("english", 1, 6)
    assert any_of((level("english", 0, 5), level("english", 5))) == EVERYBODY
    apart = any_of((level("english", 9), level("english", 1, 2)))
    assert apart == AnyOf((Level("english", 1, 2), Level("english", 9, 10)))


def test_names_become_one_set():
    assert any_of((named(("1002",)), named(("1001",)))) == Named(("1001", "1002"))
    assert all_of((named(("1001", "1002")), named(("1002",), inverted=True))) == Named(("1001",))
    assert all_of((named(("1001",)), named(("1002",)))) == NOBODY
    assert any_of((named(("1001",)), named(("1001",), inverted=True))) == EVERYBODY
    assert named(()) == NOBODY
    assert named((), inverted=True) == EVERYBODY


def test_nothing_asked_fits_everybody_and_no_choice_fits_nobody():
    assert matches(EVERYBODY, {}, "1001")
    assert not matches(NOBODY, {"english": 10}, "1001")
    assert (all_of(()), any_of(())) == (EVERYBODY, NOBODY)
    assert of_requirements(()) == EVERYBODY


def test_a_table_of_requirements_is_a_formula():
    table = requirements_of({"english": 5, "billing": 1})
    assert of_requirements(table) == parse("billing and english >= 5")


def test_what_a_formula_speaks_of_can_be_asked():
    formula = parse("english >= 5 and not trainee and (billing or agent:1001 or agent:1002)")
    assert skills_in(formula) == {"english", "trainee", "billing"}
    assert wanted_skills(formula) == {"english", "billing"}
    assert list(names_in(formula)) == [("1001", "1002")]
    assert list(names_in(AllOf())) == []


@pytest.mark.parametrize(
    "text",
    [
        "not trainee",
        "english",
        "english >= 5",
        "english <= 4",
        "english == 5",
        "3 <= english <= 7",
        "everybody",
        "nobody",
        "agent:1001 or agent:1002",
        "not agent:1001 and not agent:1002",
        "english and (agent:1001 or agent:1002)",
        "english and (billing or sales >= 3)",
        "english or (billing and sales >= 3)",
    ],
)
def test_a_formula_is_written_as_people_write_it(text):
    assert sorted(written(parse(text)).split()) == sorted(text.split())
