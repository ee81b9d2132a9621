from __future__ import annotations

import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import sip.message
from sip.message import MalformedMessage
from sip.message.grammar import (
    ascii_lower,
    first_item,
    format_parameters,
    parse_parameters,
    parse_uint,
    split_list,
)


@pytest.mark.parametrize(
    "text",
    ["", "+12", "-1", " 12", "12 ", "12\n", "1_000", "1 000", "0x1", "١٢", "²", "1.0", "12\u00a0"],
)
def test_only_ascii_digits_are_a_number(text):
    assert parse_uint(text, 10**6) is None


@pytest.mark.parametrize(
    "text", ["2147483648", "4294967295", "4294967296", "18446744073709551616", "9" * 5000]
)
def test_a_number_over_the_maximum_is_none_and_never_wraps(text):
    assert parse_uint(text, 2**31 - 1) is None


def test_a_number_may_be_its_maximum_and_have_leading_zeros():
    assert parse_uint("2147483647", 2**31 - 1) == 2**31 - 1
    assert parse_uint("0" * 300 + "7", 9) == 7
    assert parse_uint("0" * 300, 9) == 0


def test_lower_case_is_a_matter_of_ascii():
    assert ascii_lower("BRANCH") == "branch"
    assert ascii_lower("\u212aey") == "\u212aey"


def test_a_list_is_split_outside_quotes_and_angle_brackets():
    text = '"a, \\", b" <sip:a@b;x=1,2>;q=1 ,, <sip:c> , d'
    assert split_list(text) == ['"a, \\", b" <sip:a@b;x=1,2>;q=1', "<sip:c>", "d"]
    assert first_item(text) == '"a, \\", b" <sip:a@b;x=1,2>;q=1'
    assert split_list("") == []


@pytest.mark.parametrize("text", ['"a, b', "<sip:a, b", 'a, "b'])
def test_a_list_with_an_open_quote_or_bracket_is_malformed(text):
    with pytest.raises(MalformedMessage):
        split_list(text)


def test_parameters_may_have_blanks_quotes_and_stray_semicolons():
    assert parse_parameters(";a;B=c") == {"a": None, "b": "c"}
    assert parse_parameters(' ; a = "x;\\"y" ;; b ') == {"a": 'x;"y', "b": None}
    assert parse_parameters(";;a;") == {"a": None}


@pytest.mark.parametrize(
    "text", [";a=1;a=2", ";a=1;A=2", ";=1", ";a=", ';a="x', ";a =1 ;a=2", "; =1", ';a="x"y']
)
def test_parameters_that_could_be_read_in_two_ways_are_malformed(text):
    with pytest.raises(MalformedMessage):
        parse_parameters(text)


def test_parameters_are_quoted_where_they_must_be():
    parameters = {"a": None, "b": "c", "d": 'e;"f', "g": ""}
    assert format_parameters(parameters) == ';a;b=c;d="e;\\"f";g=""'
    assert parse_parameters(format_parameters(parameters)) == parameters


def test_only_the_grammar_turns_text_into_a_number():
    sources = Path(sip.message.__file__).parent.glob("*.py")
    found = {
        source.name: re.findall(r"\b(?:int|float)\(|\\d|splitlines\(", source.read_text())
        for source in sources
    }
    assert found.pop("grammar.py") == ["int(", "int("]
    assert not any(found.values()), found


def test_every_pattern_runs_in_linear_time():
    # A possessive repeat gives nothing back, so no input makes a pattern try twice.
    patterns = {
        value.pattern: value
        for module in pkgutil.iter_modules(sip.message.__path__)
        for value in vars(importlib.import_module(f"sip.message.{module.name}")).values()
        if isinstance(value, re.Pattern)
    }
    assert len(patterns) > 10
    for source, pattern in patterns.items():
        assert not backtracks(re._parser.parse(source, pattern.flags)), source


def backtracks(node) -> bool:
    """Whether a parsed pattern has a repeat without bound that is not possessive."""
    match node:
        case (kind, (_, re._constants.MAXREPEAT, _)) if str(kind) in ("MAX_REPEAT", "MIN_REPEAT"):
            return True
    if isinstance(node, (tuple, list, re._parser.SubPattern)):
        return any(backtracks(part) for part in node)
    return False


def test_the_check_for_linear_time_sees_a_pattern_that_is_not():
    assert backtracks(re._parser.parse(r"^(\w+\s?)+$"))
    assert not backtracks(re._parser.parse(r"a*+b?"))
