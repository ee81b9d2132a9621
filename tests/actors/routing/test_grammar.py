"""What a manager writes: what is understood, and what is said of the rest."""

from __future__ import annotations

import pytest

from actors.routing.expressions import (
    EVERYBODY,
    NOBODY,
    all_of,
    any_of,
    inverse,
    level,
    named,
)
from actors.routing.grammar import DEEPEST, LONGEST, ExpressionError, parse


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("english", level("english", 1)),
        ("english >= 5", level("english", 5)),
        ("english > 5", level("english", 6)),
        ("english<=5", level("english", 0, 5)),
        ("english < 5", level("english", 0, 4)),
        ("english == 5", level("english", 5, 5)),
        ("english = 5", level("english", 5, 5)),
        ("english != 5", inverse(level("english", 5, 5))),
        ("3 <= english <= 7", level("english", 3, 7)),
        ("3 < english < 7", level("english", 4, 6)),
        ("7 >= english > 3", level("english", 4, 7)),
        ("5 <= english", level("english", 5)),
        ("5 == english", level("english", 5, 5)),
        ("not trainee", level("trainee", 0, 0)),
        ("NOT trainee AND english", all_of((level("trainee", 0, 0), level("english")))),
        ("agent:1001", named(("1001",))),
        ("not agent:1001", named(("1001",), inverted=True)),
        ("everybody", EVERYBODY),
        ("nobody", NOBODY),
        ("tier-2.b_c >= 1", level("tier-2.b_c", 1)),
        ("2nd_line", level("2nd_line")),
    ],
)
def test_a_comparison_is_a_span_of_levels(text, meaning):
    assert parse(text) == meaning


def test_and_binds_more_tightly_than_or_and_not_than_both():
    a, b, c = level("a"), level("b"), level("c")
    assert parse("a or b and c") == any_of((a, all_of((b, c))))
    assert parse("(a or b) and c") == all_of((any_of((a, b)), c))
    assert parse("not a and b") == all_of((inverse(a), b))
    assert parse("not (a and b)") == any_of((inverse(a), inverse(b)))
    assert parse("not not a") == a


@pytest.mark.parametrize(
    ("text", "position", "expected", "got"),
    [
        ("", 1, "a skill", "the end"),
        ("english >= ", 12, "a proficiency from 0 to 10", "the end"),
        ("english >= 11", 12, "a proficiency from 0 to 10", '"11"'),
        ("english >= five", 12, "a proficiency", '"five"'),
        ("english and", 12, "a skill", "the end"),
        ("english and or billing", 13, "a skill", '"or"'),
        ("(english", 9, '"and", "or" or ")"', "the end"),
        ("english)", 8, '"and", "or" or the end', '")"'),
        ("english billing", 9, '"and", "or" or the end', '"billing"'),
        ("english & billing", 9, "a skill, a number or a sign", '"&"'),
        ("english >= 5 >= 3", 14, '"and", "or" or the end', '">="'),
        ("5", 2, "a sign", "the end"),
        ("5 <= 7", 6, "a skill", '"7"'),
        ("5 <= agent:1001", 6, "a skill", '"agent:1001"'),
        ("english >= 5\x00", 13, "a skill, a number or a sign", '"?"'),
    ],
)
def test_an_error_says_where_and_what_was_expected(text, position, expected, got):
    with pytest.raises(ExpressionError) as wrong:
        parse(text)
    assert wrong.value.position == position
    assert f"position {position}: expected {expected}" in str(wrong.value)
    assert str(wrong.value).endswith(f"got {got}")


def test_what_is_too_long_or_too_deep_is_refused():
    with pytest.raises(ExpressionError, match=f"at most {LONGEST} characters"):
        parse(" " * LONGEST + "a")
    deep = "(" * (DEEPEST + 1) + "a" + ")" * (DEEPEST + 1)
    with pytest.raises(ExpressionError, match=f"at most {DEEPEST} parentheses"):
        parse(deep)
    assert parse(deep[1:-1]) == level("a")
