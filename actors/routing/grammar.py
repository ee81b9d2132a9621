"""Reads what a contact needs: ``english >= 5 and (billing or sales >= 3) and not trainee``.

    either     = both { "or" both }
    both       = one { "and" one }
    one        = "not" one | "(" either ")" | "everybody" | "nobody" | agent | skill
    agent      = "agent:" NAME
    skill      = NAME [ sign NUMBER ] | NUMBER sign NAME [ sign NUMBER ]
    sign       = ">=" | ">" | "<=" | "<" | "==" | "=" | "!="

A skill alone means that the agent has it, at any proficiency.  The words may be in capitals.
"""

from __future__ import annotations

import re

from msgspec import Struct

from actors.routing.expressions import (
    EVERYBODY,
    HIGHEST,
    LOWEST,
    NOBODY,
    Expression,
    all_of,
    any_of,
    inverse,
    level,
    named,
)

LONGEST = 1000
"""Characters."""
DEEPEST = 20
"""Parentheses and ``not`` inside each other."""
_TOKEN = re.compile(
    r"(?P<name>agent:[A-Za-z0-9][A-Za-z0-9_.\-]*|[A-Za-z0-9][A-Za-z0-9_.\-]*)"
    r"|(?P<sign>>=|<=|==|!=|>|<|=)|(?P<bracket>[()])"
)
_AGENT = "agent:"
_WORDS = frozenset(("and", "or", "not", "everybody", "nobody"))
_MIRRORED = {">=": "<=", ">": "<", "<=": ">=", "<": ">", "==": "==", "=": "=", "!=": "!="}


class ExpressionError(ValueError):
    """``position`` counts characters from 1; the text says what was expected there, and found."""

    def __init__(self, position: int, expected: str, got: str) -> None:
        super().__init__(f"position {position}: expected {expected}, got {got}")
        self.position = position


class _Token(Struct, frozen=True, gc=False):
    """``kind``: word, name, number, sign, bracket or end."""

    kind: str
    text: str
    position: int

    @property
    def shown(self) -> str:
        return "the end" if self.kind == "end" else f'"{self.text}"'


def parse(text: str) -> Expression:
    """Raises ExpressionError."""
    if len(text) > LONGEST:
        raise ExpressionError(LONGEST, f"at most {LONGEST} characters", f"{len(text)}")
    reader = _Reader(_tokens(text))
    found = reader.either(0)
    if reader.next.kind != "end":
        raise reader.wrong('"and", "or" or the end')
    return found


def _tokens(text: str) -> list[_Token]:
    tokens = []
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        found = _TOKEN.match(text, at)
        if found is None:
            shown = text[at] if text[at].isprintable() else "?"
            raise ExpressionError(at + 1, "a skill, a number or a sign", f'"{shown}"')
        kind, word = str(found.lastgroup), found[0]
        if kind == "name" and word.lower() in _WORDS:
            kind, word = "word", word.lower()
        elif kind == "name" and word.isdigit():
            kind = "number"
        tokens.append(_Token(kind, word, at + 1))
        at = found.end()
    return [*tokens, _Token("end", "", len(text) + 1)]


class _Reader:
    """Goes through the tokens once; ``next`` is the one to read."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._at = 0

    @property
    def next(self) -> _Token:
        return self._tokens[self._at]

    def wrong(self, expected: str) -> ExpressionError:
        return ExpressionError(self.next.position, expected, self.next.shown)

    def either(self, depth: int) -> Expression:
        parts = [self._both(depth)]
        while self._take("word", "or"):
            parts.append(self._both(depth))
        return any_of(parts)

    def _both(self, depth: int) -> Expression:
        parts = [self._one(depth)]
        while self._take("word", "and"):
            parts.append(self._one(depth))
        return all_of(parts)

    def _one(self, depth: int) -> Expression:
        if depth > DEEPEST:
            raise self.wrong(f"at most {DEEPEST} parentheses inside each other")
        if self._take("word", "not"):
            return inverse(self._one(depth + 1))
        if self._take("bracket", "("):
            found = self.either(depth + 1)
            if not self._take("bracket", ")"):
                raise self.wrong('"and", "or" or ")"')
            return found
        if self._take("word", "everybody"):
            return EVERYBODY
        if self._take("word", "nobody"):
            return NOBODY
        return self._skill()

    def _skill(self) -> Expression:
        parts = []
        before = self._number_and_sign()
        token = self.next
        if token.kind != "name":
            raise self.wrong("a skill" if before else 'a skill, a number, "not" or "("')
        self._at += 1
        if token.text.startswith(_AGENT):
            if before is not None:
                raise ExpressionError(token.position, "a skill", token.shown)
            return named((token.text.removeprefix(_AGENT),))
        if before is not None:
            sign, number = before
            parts.append(_compared(token.text, _MIRRORED[sign], number))
        if self.next.kind == "sign":
            sign = self._read().text
            parts.append(_compared(token.text, sign, self._number()))
        return all_of(parts) if parts else level(token.text)

    def _number_and_sign(self) -> tuple[str, int] | None:
        if self.next.kind != "number":
            return None
        number = self._number()
        if self.next.kind != "sign":
            raise self.wrong('a sign as ">="')
        return self._read().text, number

    def _number(self) -> int:
        token = self.next
        too_long = len(token.text) > 2
        if token.kind != "number" or too_long or int(token.text) > HIGHEST:
            raise self.wrong(f"a proficiency from {LOWEST} to {HIGHEST}")
        self._at += 1
        return int(token.text)

    def _take(self, kind: str, text: str) -> bool:
        if (self.next.kind, self.next.text) != (kind, text):
            return False
        self._at += 1
        return True

    def _read(self) -> _Token:
        self._at += 1
        return self._tokens[self._at - 1]


def _compared(skill: str, sign: str, number: int) -> Expression:
    match sign:
        case ">=":
            return level(skill, number)
        case ">":
            return level(skill, number + 1)
        case "<=":
            return level(skill, LOWEST, number)
        case "<":
            return level(skill, LOWEST, number - 1)
        case "!=":
            return inverse(level(skill, number, number))
        case _:
            return level(skill, number, number)
