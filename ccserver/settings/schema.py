"""What the models say of a key: its type in words, its default, what it is for."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

import annotated_types as at
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from ccserver.settings.kinds import Kind, Name
from ccserver.settings.model import Settings
from ccserver.settings.positions import Key


class Shape(NamedTuple):
    """A type without its wrapping.  ``marks``: Kind and bounds.  ``optional``: may be absent."""

    base: Any
    marks: tuple[Any, ...] = ()
    optional: bool = False

    @property
    def origin(self) -> Any:
        return get_origin(self.base) or self.base

    @property
    def is_table(self) -> bool:
        return isinstance(self.base, type) and issubclass(self.base, BaseModel)

    @property
    def is_secret(self) -> bool:
        return self.base is SecretStr

    @property
    def kind(self) -> Kind | None:
        return next((mark for mark in self.marks if isinstance(mark, Kind)), None)

    def mark(self, sort: type) -> Any:
        return next((mark for mark in self.marks if isinstance(mark, sort)), None)


def shape_of(annotation: Any, marks: tuple[Any, ...] = ()) -> Shape:
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *extra = get_args(annotation)
        return shape_of(inner, (*_flat(extra), *marks))
    if origin in (Union, UnionType):
        members = [member for member in get_args(annotation) if member is not type(None)]
        if len(members) == 1:
            return shape_of(members[0], marks)._replace(optional=True)
    return Shape(annotation, marks)


def _flat(marks: list[Any]) -> Iterator[Any]:
    for mark in marks:
        if isinstance(mark, FieldInfo):
            yield from mark.metadata
        else:
            yield mark


NAME = shape_of(Name)
NAME_OF_KEY = "[key]"
"""Ends the place of an error that is in the name of a key, not in its value."""


def fields_of(shape: Shape) -> dict[str, FieldInfo]:
    """By the name that stands in the file."""
    table: type[BaseModel] = shape.base
    return {field.alias or name: field for name, field in table.model_fields.items()}


def shape_at(key: Key, root: type[BaseModel] = Settings) -> Shape | None:
    """The shape of what may stand at ``key`` of a ``root``; None: no such key."""
    shape = Shape(root)
    for part in key:
        found = _inside(shape, part)
        if found is None:
            return None
        shape = found
    return shape


def _inside(shape: Shape, part: str | int) -> Shape | None:
    if shape.is_table and isinstance(part, str):
        field = fields_of(shape).get(part)
        return None if field is None else shape_of(field.annotation, tuple(field.metadata))
    if shape.origin is list and isinstance(part, int):
        return shape_of(get_args(shape.base)[0])
    if shape.origin is dict and isinstance(part, str):
        return shape_of(get_args(shape.base)[1])
    return None


def no_such_key(key: Key, root: type[BaseModel] = Settings) -> str:
    """Says so, and which key may have been meant."""
    table = shape_at(key[:-1], root)
    names = list(fields_of(table)) if table is not None and table.is_table else []
    near = difflib.get_close_matches(str(key[-1]), names, n=1)
    return f"no such key: did you mean {near[0]}?" if near else "no such key"


def describe(shape: Shape) -> str:
    """What is expected, to be read after "expected": ``a whole number from 1 to 10``."""
    if shape.kind is not None:
        return shape.kind.words
    if shape.origin is list:
        least = "at least one of " if shape.mark(at.MinLen) else ""
        return f"a list of {least}{describe(shape_of(get_args(shape.base)[0]))}"
    if shape.origin is dict:
        name, value = map(shape_of, get_args(shape.base))
        return f"a table of {describe(name).partition(':')[0]} = {describe(value)}"
    if shape.origin is Literal:
        return " or ".join(toml(choice) for choice in get_args(shape.base))
    if shape.is_table:
        return "a table"
    words = {int: "a whole number", float: "a number", bool: "true or false"}.get(shape.base)
    if words is None:
        return "text that is not empty" if shape.mark(at.MinLen) else "text"
    return words + _bounds(shape)


def _bounds(shape: Shape) -> str:
    least, above = shape.mark(at.Ge), shape.mark(at.Gt)
    most = shape.mark(at.Le)
    if least and most:
        return f" from {toml(least.ge)} to {toml(most.le)}"
    words = f" of at least {toml(least.ge)}" if least else ""
    words += f" above {toml(above.gt)}" if above else ""
    return f"{words} up to {toml(most.le)}" if most else words


def toml(value: Any) -> str:
    """A value as it would stand in the file, shortened; never what is in a table."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            shown = value if len(value) <= 60 else f"{value[:60]}..."
            return '"' + "".join(c if c.isprintable() else "?" for c in shown) + '"'
        case float() if value.is_integer():
            return str(int(value))
        case list():
            return "[" + ", ".join(map(toml, value)) + "]"
        case dict() | BaseModel():
            return "a table"
        case _:
            return str(value)
