"""What every file of ours has in common: it is read, changed by overrides, and judged by a model;
each thing that is wrong has a file, a line, a key and an expectation.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from msgspec import Struct
from pydantic import BaseModel, ValidationError

from actors.routing.grammar import ExpressionError
from ccserver.settings import changes
from ccserver.settings.finding import Finding
from ccserver.settings.positions import Key, line_of
from ccserver.settings.repair import repaired
from ccserver.settings.schema import NAME, NAME_OF_KEY, describe, no_such_key, shape_at, toml

Model = TypeVar("Model", bound=BaseModel)
_NOWHERE = 1 << 30
"""Sorts what is not in the file behind what is."""


class Problem(Struct, frozen=True):
    """One thing that is wrong.  ``place``: ``file:line``, ``--set`` or the variable's name."""

    place: str
    key: str
    text: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.place, self.key, self.text) if part)


class ConfigurationError(Exception):
    """Everything that is wrong, in the order of the file.  Never shows a secret."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)


def read(path: Path) -> tuple[str, dict[str, Any]]:
    try:
        text = path.read_text(encoding="utf-8")
        return text, tomllib.loads(text)
    except OSError as error:
        reason = error.strerror or str(error)
        problem = Problem(str(path), "", f"expected a file that can be read: {reason}")
    except UnicodeDecodeError as error:
        problem = Problem(str(path), "", f"expected UTF-8: byte {error.start} is not")
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        found = re.search(r"\(at line ([0-9]+), column [0-9]+\)", message)
        place = f"{path}:{found[1]}" if found else str(path)
        problem = Problem(place, "", f"expected TOML: {message}")
    raise ConfigurationError([problem])


def validated(
    tree: dict[str, Any], root: type[Model]
) -> tuple[Model | None, list[Finding], frozenset[str]]:
    """The model, what is wrong with single keys, and the tables that lost what others rely on.

    Where something is wrong, the model is for judging only; None when there is no saving it.
    """
    try:
        return root.model_validate(tree), [], frozenset()
    except ValidationError as error:
        wrong = [(item["loc"], item) for item in error.errors(include_url=False)]
    findings = [Finding(key, _explain(key, item, root)) for key, item in wrong]
    model, unsure = repaired(tree, [key for key, _ in wrong], root) or (None, frozenset())
    return model, findings, unsure


class Places:
    """Where each key was set last."""

    def __init__(self, path: Path, lines: dict[Key, int]) -> None:
        self._path, self._lines = path, lines
        self.changed: dict[Key, str] = {}

    def _change(self, key: Key) -> str | None:
        for length in range(len(key), 0, -1):
            if key[:length] in self.changed:
                return self.changed[key[:length]]
        return None

    def line(self, key: Key) -> int | None:
        return None if self._change(key) else line_of(key, self._lines)

    def in_order(self, findings: Iterable[Finding]) -> list[Finding]:
        """As they stand in the file."""
        return sorted(findings, key=lambda finding: self.line(finding.key) or _NOWHERE)

    def problem(self, finding: Finding) -> Problem:
        place = self._change(finding.key)
        if place is None:
            line = self.line(finding.key)
            place = str(self._path) if line is None else f"{self._path}:{line}"
        key = ".".join(str(part) for part in finding.key if part != NAME_OF_KEY)
        return Problem(place, key, finding.text)


def apply_changes(
    tree: dict[str, Any],
    overrides: Iterable[str],
    environ: Mapping[str, str],
    places: Places,
    root: type[BaseModel],
) -> list[Problem]:
    """Those that could not be applied."""
    problems: list[Problem] = []
    wanted = list(changes.from_environment(environ))
    for override in (*changes.handed_down(environ), *overrides):
        try:
            wanted += changes.from_command_line([override])
        except changes.BadChange as error:
            problems.append(Problem("--set", override.partition("=")[0], str(error)))
    for change in wanted:
        try:
            places.changed[changes.apply(change, tree, root)] = change.place
        except changes.BadChange as error:
            problems.append(Problem(change.place, change.key, str(error)))
    return problems


def _explain(key: Key, item: Any, root: type[BaseModel]) -> str:
    """``expected a whole number of at least 1, got "x"``."""
    if key[-1] == NAME_OF_KEY:  # the name in a table of skills
        return f"expected {describe(NAME)}, got {toml(key[-2])}"
    shape = shape_at(key, root)
    if shape is None or item["type"] == "extra_forbidden":
        return no_such_key(key, root)
    wrong = item.get("ctx", {}).get("error")
    if isinstance(wrong, ExpressionError):
        return str(wrong)
    expected = f"expected {describe(shape)}"
    if item["type"] == "missing":
        return f"{expected}, got nothing"
    if shape.is_secret:
        return f"{expected}, got something else"
    value = item["input"]
    return f"{expected}, got {'a list' if isinstance(value, list) else toml(value)}"
