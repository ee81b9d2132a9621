from __future__ import annotations

import tomllib
from pathlib import Path

from ccserver.settings.positions import key_lines, line_of

TRICKY = '''\
# [not.a.table]
top = """
[sip]
realm = "no"
""" # = [
literal = \'\'\'
[x]\'\'\'
"quoted.key" = 1
a.b.c = { d = 1, "e f" = [1, { g = 2 }] }

[sip] # comment
realm = "a#b\\"]"
listen = [ # comment ]
  "one", # two
  "three",

  { name = "four" },
]

[[queues]]
name = "first"
[queues.requirements]
english = 1

  [[queues]]
name = "second"
[queues.requirements]
english = 2
[[queues.steps]]
play = "x"
[[queues.steps]]
play = \'y\'
'''


def test_every_key_and_element_has_its_line():
    tomllib.loads(TRICKY)

    lines = key_lines(TRICKY)

    assert lines == {
        ("top",): 2,
        ("literal",): 6,
        ("quoted.key",): 8,
        ("a",): 9,
        ("a", "b"): 9,
        ("a", "b", "c"): 9,
        ("a", "b", "c", "d"): 9,
        ("a", "b", "c", "e f"): 9,
        ("a", "b", "c", "e f", 0): 9,
        ("a", "b", "c", "e f", 1): 9,
        ("a", "b", "c", "e f", 1, "g"): 9,
        ("sip",): 11,
        ("sip", "realm"): 12,
        ("sip", "listen"): 13,
        ("sip", "listen", 0): 14,
        ("sip", "listen", 1): 15,
        ("sip", "listen", 2): 17,
        ("sip", "listen", 2, "name"): 17,
        ("queues",): 20,
        ("queues", 0): 20,
        ("queues", 0, "name"): 21,
        ("queues", 0, "requirements"): 22,
        ("queues", 0, "requirements", "english"): 23,
        ("queues", 1): 25,
        ("queues", 1, "name"): 26,
        ("queues", 1, "requirements"): 27,
        ("queues", 1, "requirements", "english"): 28,
        ("queues", 1, "steps"): 29,
        ("queues", 1, "steps", 0): 29,
        ("queues", 1, "steps", 0, "play"): 30,
        ("queues", 1, "steps", 1): 31,
        ("queues", 1, "steps", 1, "play"): 32,
    }


def test_what_is_missing_stands_at_the_nearest_thing_around_it():
    lines = key_lines(TRICKY)

    assert line_of(("queues", 1, "music"), lines) == 25
    assert line_of(("nowhere",), lines) is None


def test_each_key_of_the_demonstration_is_in_the_line_that_is_named():
    text = Path("config/ccserver.toml").read_text()

    for key, line in key_lines(text).items():
        if isinstance(key[-1], str):
            assert key[-1] in text.splitlines()[line - 1]


def test_text_without_a_last_newline_and_with_windows_ones():
    assert key_lines("") == {}
    assert key_lines("a = 1\r\n[b]\r\nc = 1979-05-27 07:32:00") == {
        ("a",): 1,
        ("b",): 2,
        ("b", "c"): 3,
    }
