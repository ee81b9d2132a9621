"""Where in a TOML file a key stands, so that an error can say so."""

from __future__ import annotations

import re
from collections import Counter

_TABLE = re.compile(r"\s*(\[\[?)\s*([A-Za-z0-9_.\-\"']+)\s*\]\]?\s*(?:#.*)?")
_KEY = re.compile(r"\s*([A-Za-z0-9_\-.\"']+)\s*=")


def key_lines(text: str) -> dict[str, int]:
    """Dotted key → line, from 1.  Tables of an array are numbered: ``queues.1.music``."""
    lines: dict[str, int] = {}
    seen: Counter[str] = Counter()
    table = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if found := _TABLE.fullmatch(line):
            table = _plain(found[2])
            if found[1] == "[[":
                seen[table] += 1
                table = f"{table}.{seen[table] - 1}"
            lines.setdefault(table, number)
        elif found := _KEY.match(line):
            key = _plain(found[1])
            lines.setdefault(f"{table}.{key}" if table else key, number)
    return lines


def line_of(key: str, lines: dict[str, int]) -> int | None:
    """The line of a key, or of the nearest thing around it."""
    while key:
        if key in lines:
            return lines[key]
        key = key.rpartition(".")[0]
    return None


def _plain(key: str) -> str:
    return key.replace('"', "").replace("'", "")
