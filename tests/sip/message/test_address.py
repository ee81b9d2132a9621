from __future__ import annotations

import pytest

from sip.message import MalformedMessage, NameAddr, Uri


def test_parameters_belong_to_the_uri_or_to_the_header():
    inside = NameAddr.parse("<sip:a@example.com;x=1>;tag=2")
    assert inside.uri.params == {"x": "1"}
    assert inside.params == {"tag": "2"}
    outside = NameAddr.parse("sip:a@example.com;tag=2")
    assert outside.uri.params == {}
    assert outside.tag == "2"


@pytest.mark.parametrize(
    ("text", "display"),
    [
        ("<sip:a@example.com>", ""),
        ('"" <sip:a@example.com>', ""),
        ("Alice Smith <sip:a@example.com>", "Alice Smith"),
        ("Alice<sip:a@example.com>", "Alice"),
        ('"Smith, \\"Al\\" \\\\"<sip:a@example.com>', 'Smith, "Al" \\'),
        ("Jürgen (office) <sip:a@example.com>", "Jürgen (office)"),
        ('"<sip:x@y>" <sip:a@example.com>', "<sip:x@y>"),
        ('"Al" <sip:a@[2001:db8::1]>', "Al"),
    ],
)
def test_display_names(text, display):
    assert NameAddr.parse(text).display == display


@pytest.mark.parametrize(
    "text",
    [
        "",
        "*",
        "<>",
        "Alice",
        '"Alice <sip:a@example.com>',
        "<sip:a@example.com",
        "sip:a@example.com>",
        "<sip:a@example.com> x",
        "<sip:a@example.com>;tag=1;tag=2",
        "<sip:a@example.com:99999>",
        "Smith, Al <sip:a@example.com>",
        "sip:a@example.com?Subject=x",
        "sip:a@example.com,sip:b@example.com",
        "< sip:a@example.com>",
        "<<sip:a@example.com>>",
    ],
)
def test_what_is_no_address_is_malformed(text):
    with pytest.raises(MalformedMessage):
        NameAddr.parse(text)


def test_what_is_written_is_always_in_brackets_and_quotes():
    address = NameAddr('A "b" \\', Uri.parse("sip:a@example.com;lr"), {"tag": "1", "x": "a b"})
    assert str(address) == '"A \\"b\\" \\\\" <sip:a@example.com;lr>;tag=1;x="a b"'
    assert NameAddr.parse(str(address)) == address
    assert str(NameAddr("", Uri.parse("sip:a@example.com"))) == "<sip:a@example.com>"


@pytest.mark.parametrize(
    ("params", "seconds"),
    [
        ("", None),
        (";expires=60", 60),
        (";expires=0", 0),
        (";expires=soon", 3600),
        (";expires=-1", 3600),
        (";expires=280297596632815", 2**32 - 1),
    ],
)
def test_the_lifetime_of_a_contact(params, seconds):
    assert NameAddr.parse(f"<sip:a@example.com>{params}").expires == seconds


@pytest.mark.parametrize(
    ("params", "q"),
    [
        ("", 1.0),
        (";q=1.0", 1.0),
        (";q=0", 0.0),
        (";q=0.5", 0.5),
        (";q=.25", 0.25),
        (";q=0.1239", 0.123),
        (";q=high", 1.0),
        (";q=0.x", 1.0),
    ],
)
def test_the_preference_of_a_contact(params, q):
    assert NameAddr.parse(f"<sip:a@example.com>{params}").q == q
