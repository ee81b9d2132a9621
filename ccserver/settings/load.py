"""Settings from a file, the environment and the command line; all that is wrong said at once."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct
from pydantic import ValidationError

from ccserver.settings.model import Settings
from ccserver.settings.positions import key_lines, line_of

PREFIX = "CCSERVER_"
_SECRET_KEYS = ("secret",)


class Problem(Struct, frozen=True):
    """One thing that is wrong.  ``place``: ``file:line``, ``--set`` or the variable's name."""

    place: str
    key: str
    expected: str

    def __str__(self) -> str:
        return f"{self.place}: {self.key}: {self.expected}"


class ConfigurationError(Exception):
    """Everything that is wrong, in the order of the file."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)


class Loaded(Struct, frozen=True):
    settings: Settings
    warnings: tuple[Problem, ...]
    prompts: Path


def load(
    path: Path, overrides: Iterable[str] = (), environ: Mapping[str, str] | None = None
) -> Loaded:
    """``overrides`` are ``key=value``.  Raises ConfigurationError with every problem."""
    try:
        text = path.read_text(encoding="utf-8")
        tree = tomllib.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError([Problem(str(path), "", f"cannot be read: {error}")]) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError([Problem(str(path), "", f"expected TOML: {error}")]) from None
    places: dict[str, str] = {}
    problems: list[Problem] = []
    for place, key, value in _changes(overrides, environ or {}, problems):
        places[key] = place
        _put(tree, key, value, place, problems)
    lines = key_lines(text)

    def place_of(key: str) -> str:
        for changed, place in places.items():
            if key == changed or key.startswith(f"{changed}."):
                return place
        line = line_of(key, lines)
        return str(path) if line is None else f"{path}:{line}"

    try:
        settings = Settings.model_validate(tree)
    except ValidationError as error:
        for item in error.errors(include_url=False, include_context=False):
            key = ".".join(str(part) for part in item["loc"])
            problems.append(Problem(place_of(key), key, _expected(key, item)))
        raise ConfigurationError(problems) from None
    prompts = (path.parent / settings.media.prompts).resolve()
    warnings: list[Problem] = []
    for key, expected, fatal in check(settings, prompts):
        (problems if fatal else warnings).append(Problem(place_of(key), key, expected))
    if problems:
        raise ConfigurationError(problems)
    return Loaded(settings, tuple(warnings), prompts)


def _expected(key: str, item: Any) -> str:
    message: str = item["msg"].removeprefix("Value error, ")
    if item["type"] in ("missing", "extra_forbidden") or key.rpartition(".")[2] in _SECRET_KEYS:
        return {"extra_forbidden": "no such key", "missing": "required"}.get(item["type"], message)
    return f"{message} (got {item['input']!r})" if "got" not in message else message


def _changes(
    overrides: Iterable[str], environ: Mapping[str, str], problems: list[Problem]
) -> Iterator[tuple[str, str, Any]]:
    for name in sorted(environ):
        if name.startswith(PREFIX):
            key = name.removeprefix(PREFIX).lower().replace("__", ".")
            yield name, key, _value(environ[name])
    for override in overrides:
        key, equals, value = override.partition("=")
        if not equals or not key:
            problems.append(Problem("--set", override, "expected key=value"))
            continue
        yield f"--set {key}", key.strip(), _value(value)


def _value(text: str) -> Any:
    """A TOML value where it is one, else the text itself."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _put(tree: Any, key: str, value: Any, place: str, problems: list[Problem]) -> None:
    """Set ``sip.realm`` or ``queues.0.music`` in the tree."""
    *way, last = key.split(".")
    node = tree
    for part in way:
        if isinstance(node, list):
            if not part.isascii() or not part.isdigit() or int(part) >= len(node):
                problems.append(Problem(place, key, f"expected a number below {len(node)}"))
                return
            node = node[int(part)]
        elif isinstance(node, dict):
            node = node.setdefault(part, {})
        else:
            problems.append(Problem(place, key, "no such key"))
            return
    if isinstance(node, list) and last.isascii() and last.isdigit() and int(last) < len(node):
        node[int(last)] = value
    elif isinstance(node, dict):
        node[last] = _as_list(key, value)
    else:
        problems.append(Problem(place, key, "no such key"))


_LISTS = frozenset(("sip.listen", "sip.algorithms", "idle_codes"))


def _as_list(key: str, value: Any) -> Any:
    """``a,b`` for the keys that hold lists."""
    if key in _LISTS and isinstance(value, str):
        return [item.strip() for item in value.split(",") if item.strip()]
    return value


def check(settings: Settings, prompts: Path) -> Iterator[tuple[str, str, bool]]:
    """What no single key can know: (key, what was expected, whether it is fatal)."""
    yield from _twice("agents", [agent.id for agent in settings.agents])
    yield from _twice("queues", [queue.name for queue in settings.queues])
    yield from _twice("entry_points", [entry.name for entry in settings.entry_points])
    yield from _twice("trunks", [trunk.name for trunk in settings.trunks])
    queues = {queue.name for queue in settings.queues}
    reached: set[str] = set()
    dialled: dict[str, str] = {}
    for index, entry in enumerate(settings.entry_points):
        key = f"entry_points.{index}"
        for number in (entry.name, *entry.numbers):
            owner = dialled.setdefault(number, entry.name)
            if owner != entry.name:
                yield f"{key}.numbers", f"{number!r} is already dialled for {owner!r}", True
        for step_index, step in enumerate(entry.flow):
            given = [step.answer is not None, step.play is not None, step.queue is not None]
            where = f"{key}.flow.{step_index}"
            if sum(given) != 1:
                yield where, "expected exactly one of answer, play and queue", True
            if step.play is not None:
                yield from _file(where, prompts, step.play)
        last = entry.flow[-1].queue if entry.flow else entry.name
        if last is None:
            yield f"{key}.flow", "expected a queue as the last step", True
        elif last not in queues:
            yield f"{key}.flow", f"expected the name of a queue, got {last!r}", True
        else:
            reached.add(last)
        if not entry.flow:
            yield from _file(key, prompts, "greeting.wav")
    for index, queue in enumerate(settings.queues):
        key = f"queues.{index}"
        yield from _file(f"{key}.music", prompts, queue.music)
        if queue.overflow_prompt is not None:
            yield from _file(f"{key}.overflow_prompt", prompts, queue.overflow_prompt)
        if not any(
            all(agent.skills.get(s, 0) >= p for s, p in queue.requirements.items())
            for agent in settings.agents
        ):
            yield f"{key}.requirements", "no agent has these skills: nobody will answer", False
        if queue.name not in reached:
            yield f"{key}.name", "no entry point reaches this queue", False
    for index, trunk in enumerate(settings.trunks):
        if trunk.entry_points != "all":
            for name in trunk.entry_points:
                if name not in {entry.name for entry in settings.entry_points}:
                    yield f"trunks.{index}.entry_points", f"no entry point {name!r}", True
    sip = settings.sip
    if not sip.min_expires_seconds <= sip.default_expires_seconds <= sip.max_expires_seconds:
        yield "sip.default_expires_seconds", "expected min <= default <= max", True


def _twice(table: str, names: list[str]) -> Iterator[tuple[str, str, bool]]:
    seen: set[str] = set()
    for index, name in enumerate(names):
        if name in seen:
            yield f"{table}.{index}", f"{name!r} is there already", True
        seen.add(name)


def _file(key: str, prompts: Path, name: str) -> Iterator[tuple[str, str, bool]]:
    path = (prompts / name).resolve()
    if not path.is_relative_to(prompts) or not path.is_file():
        yield key, f"expected a file in {prompts}, got {name!r}", True
