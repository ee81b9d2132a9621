"""Settings from outside the file: the environment and ``--set``."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, get_args

import msgspec
from msgspec import Struct
from pydantic import BaseModel

from ccserver.settings.model import Settings
from ccserver.settings.positions import Key
from ccserver.settings.schema import Shape, no_such_key, shape_at, shape_of, toml

PREFIX = "CCSERVER_"
HANDED_DOWN = "CCSERVER_SET"
"""Holds overrides as a JSON list."""


class Change(Struct, frozen=True):
    """``place``: where it was said, for errors."""

    place: str
    key: str
    text: str

    @property
    def parts(self) -> list[str]:
        return self.key.split(".")


class BadChange(Exception):
    """The text says what was expected."""


def from_environment(environ: Mapping[str, str]) -> Iterator[Change]:
    """``CCSERVER_SIP__REALM`` is sip.realm.

    What has no ``__`` and names no table is somebody else's: orchestrators put CCSERVER_PORT and
    the like into the environment of whatever is called ccserver.
    """
    for name in sorted(environ):
        if name.startswith(PREFIX):
            key = name.removeprefix(PREFIX).lower().replace("__", ".")
            if "." in key or shape_at((key,)) is not None:
                yield Change(name, key, environ[name])


def handed_down(environ: Mapping[str, str]) -> list[str]:
    """The overrides that the supervisor was given: what a process is started with, all can read."""
    return msgspec.json.decode(environ.get(HANDED_DOWN, "[]"), type=list[str])


def hand_down(overrides: Iterable[str], environ: Mapping[str, str]) -> dict[str, str]:
    """``environ`` with the overrides in it, for ``load`` in another process."""
    every = [*handed_down(environ), *overrides]
    return {**environ, HANDED_DOWN: msgspec.json.encode(every).decode()}


def from_command_line(overrides: Iterable[str]) -> Iterator[Change]:
    """``sip.realm=ccserver``.  Raises BadChange at the first that is not of this form."""
    for override in overrides:
        key, equals, text = override.partition("=")
        if not equals or not key.strip():
            raise BadChange("expected KEY=VALUE")
        yield Change("--set", key.strip(), text.strip())


def apply(change: Change, tree: dict[str, Any], root: type[BaseModel] = Settings) -> Key:
    """Puts it into ``tree``, the content of a file that is to be a ``root``.  Returns the key that
    was set.

    An element of an array is named by its id or name, or by its number from 0.
    Raises BadChange when there is no such key or the value cannot be one of its type.
    """
    node: Any = tree
    key: Key = ()
    *way, last = change.parts
    for part in way:
        node, key = _step(node, key, part, root)
    place, key = _place(node, key, last, root)
    shape = shape_at(key, root)
    if shape is None:
        raise BadChange(no_such_key(key, root))
    node[place] = value_of(change.text, shape)
    return key


def _step(node: Any, key: Key, part: str, root: type[BaseModel]) -> tuple[Any, Key]:
    place, key = _place(node, key, part, root)
    if isinstance(node, dict):
        shape = shape_at(key, root)
        empty: Any = [] if shape is not None and shape.origin is list else {}
        return node.setdefault(place, empty), key
    return node[place], key


def _place(node: Any, key: Key, part: str, root: type[BaseModel]) -> tuple[Any, Key]:
    """Where in ``node`` the part is: a key of a table, or a number in an array."""
    if isinstance(node, dict):
        if shape_at((*key, part), root) is None:
            raise BadChange(no_such_key((*key, part), root))
        return part, (*key, part)
    if not isinstance(node, list):
        raise BadChange("no such key")
    for index, element in enumerate(node):
        if isinstance(element, dict) and part in (element.get("id"), element.get("name")):
            return index, (*key, index)
    if part.isascii() and part.isdigit() and len(part) < 9 and int(part) < len(node):
        return int(part), (*key, int(part))
    elements = [each for each in node if isinstance(each, dict)]
    names = [str(each[name]) for each in elements for name in ("id", "name") if name in each]
    near = difflib.get_close_matches(part, names, n=1)
    expected = f"expected the name of an element, or a number below {len(node)}, got {toml(part)}"
    raise BadChange(f"{expected}: did you mean {near[0]}?" if near else expected)


def value_of(text: str, shape: Shape) -> Any:
    """A TOML value, or plain text, or for lists ``a,b``.  Empty: nothing, where that may be."""
    if shape.optional and text == "":
        return None
    value = _as_toml(text)
    if shape.origin is list:
        if isinstance(value, list):
            return value
        element = shape_of(get_args(shape.base)[0])
        return [value_of(item.strip(), element) for item in text.split(",") if item.strip()]
    if value is None or (_is_text(shape) and not isinstance(value, str | list)):
        return text
    return value


def _is_text(shape: Shape) -> bool:
    return shape.base is str or shape.is_secret or shape.kind is not None


def _as_toml(text: str) -> Any:
    try:
        document = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return None
    return document["value"] if len(document) == 1 else None
