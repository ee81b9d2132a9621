"""Where in a TOML text each key and element stands, so that an error can say so."""

from __future__ import annotations

import tomllib
from bisect import bisect_left
from typing import TypeAlias

Key: TypeAlias = tuple[str | int, ...]
"""``("queues", 1, "music")``: names of keys and, from 0, numbers of elements."""

_BLANK = " \t\r\n"
_AFTER_BARE_KEY = frozenset(" \t.=]")
_AFTER_SCALAR = frozenset(",]}#\r\n")


def key_lines(text: str) -> dict[Key, int]:
    """The line, from 1, of every key, table and element of ``text``, which must be valid TOML."""
    return _Scanner(text).document()


def line_of(key: Key, lines: dict[Key, int]) -> int | None:
    """The line of ``key``, or of the nearest thing around it."""
    while key:
        if key in lines:
            return lines[key]
        key = key[:-1]
    return None


class _Scanner:
    """Goes through the text once.  tomllib has judged it: here it is only followed."""

    def __init__(self, text: str) -> None:
        self._text = text + "\n"
        self._at = 0
        self._ends = [index for index, char in enumerate(self._text) if char == "\n"]
        self._lines: dict[Key, int] = {}
        self._elements: dict[Key, int] = {}  # arrays of tables: how many so far

    def document(self) -> dict[Key, int]:
        table: Key = ()
        while self._skip_blank():
            if self._peek() == "[":
                table = self._header()
            else:
                self._pair(table)
        return self._lines

    def _header(self) -> Key:
        start = self._at
        is_element = self._text.startswith("[[", start)
        self._at += 2 if is_element else 1
        *parents, last = self._key()
        self._at += 2 if is_element else 1
        table: Key = ()
        for part in parents:
            table = self._latest((*table, part))
        table = (*table, last)
        if is_element:
            self._note(table, start)
            self._elements[table] = self._elements.get(table, 0) + 1
        table = self._latest(table)
        self._note(table, start)
        return table

    def _latest(self, key: Key) -> Key:
        count = self._elements.get(key)
        return key if count is None else (*key, count - 1)

    def _pair(self, table: Key) -> None:
        start = self._at
        key = table
        for part in self._key():
            key = (*key, part)
            self._note(key, start)
        self._at += 1  # "="
        self._value(key)

    def _key(self) -> list[str]:
        parts = []
        while True:
            self._skip(" \t")
            if self._peek() in "\"'":
                start = self._at
                self._string()
                parts.append(next(iter(tomllib.loads(f"{self._text[start : self._at]} = 0"))))
            else:
                start = self._at
                while self._peek() not in _AFTER_BARE_KEY:
                    self._at += 1
                parts.append(self._text[start : self._at])
            self._skip(" \t")
            if self._peek() != ".":
                return parts
            self._at += 1

    def _value(self, key: Key) -> None:
        self._skip(" \t")
        match self._peek():
            case "[":
                self._array(key)
            case "{":
                self._inline_table(key)
            case '"' | "'":
                self._string()
            case _:
                while self._peek() not in _AFTER_SCALAR:
                    self._at += 1

    def _array(self, key: Key) -> None:
        self._at += 1
        index = 0
        while self._skip_blank() and self._peek() != "]":
            if self._peek() == ",":
                self._at += 1
                continue
            self._note((*key, index), self._at)
            self._value((*key, index))
            index += 1
        self._at += 1

    def _inline_table(self, key: Key) -> None:
        self._at += 1
        while self._skip_blank() and self._peek() != "}":
            if self._peek() == ",":
                self._at += 1
            else:
                self._pair(key)
        self._at += 1

    def _string(self) -> None:
        quote = self._peek()
        if self._text.startswith(quote * 3, self._at):
            quote *= 3
        self._at += len(quote)
        while not self._text.startswith(quote, self._at):
            self._at += 2 if quote[0] == '"' and self._peek() == "\\" else 1
        self._at += len(quote)
        while len(quote) == 3 and self._peek() == quote[0]:
            self._at += 1  # up to two quotes may stand before the closing three

    def _skip_blank(self) -> bool:
        """Past blanks and comments; whether something is left."""
        self._skip(_BLANK)
        while self._at < len(self._text) and self._peek() == "#":
            self._at = self._text.index("\n", self._at)
            self._skip(_BLANK)
        return self._at < len(self._text)

    def _skip(self, characters: str) -> None:
        while self._at < len(self._text) and self._text[self._at] in characters:
            self._at += 1

    def _peek(self) -> str:
        return self._text[self._at]

    def _note(self, key: Key, start: int) -> None:
        self._lines.setdefault(key, bisect_left(self._ends, start) + 1)
