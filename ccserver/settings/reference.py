"""Pages made from models: docs/configuration.md, and docs/scenario.md for load tests.

Tests say when they are out of date.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ccserver.settings.model import Settings
from ccserver.settings.schema import Shape, describe, fields_of, shape_of, toml

_HEAD = """\
# Configuration

<!-- Made by `make docs` from ccserver/settings/model.py: change it there. -->

One TOML file; `config/ccserver.toml` is the demonstration. `ccserver check --config FILE` says all
that is wrong with one, each error with file, line, key, what was expected and what was found.

Every key can also be set in two other places; the later outdoes the earlier:

1. the file,
2. the environment: `CCSERVER_SIP__LISTEN` is `sip.listen`,
3. the command line: `ccserver run --set sip.listen=udp:192.0.2.10:5060,tcp:192.0.2.10:5060`.

There a value is a TOML value or plain text; a list may be written `a,b`; what is empty unsets a key
that may be absent. An element of an array is named by its `id` or `name`, or by its number from 0:
`CCSERVER_AGENTS__1001__SECRET`, `--set queues.support.max_waiting=20`, `--set 'trunks=[]'`.
"""


def markdown(root: type[BaseModel] = Settings, head: str = _HEAD) -> str:
    """``head`` ends in a line break."""
    return "\n".join(_lines(root, head)) + "\n"


def _lines(root: type[BaseModel], head: str) -> Iterator[str]:
    yield head
    top = []
    for name, field in fields_of(Shape(root)).items():
        shape = _shape(field)
        element = shape_of(get_args(shape.base)[0]) if shape.origin is list else None
        if shape.is_table:
            yield from _table(f"[{name}]", shape, field.description)
        elif element is not None and element.is_table:
            yield from _table(f"[[{name}]]", element, field.description)
        else:
            top.append((name, field))
    yield "## Keys outside any table\n\nThey stand above the first table of the file.\n"
    yield from _rows(top)


def _table(title: str, shape: Shape, description: str | None) -> Iterator[str]:
    yield f"## {title}\n"
    if description:
        yield f"{description}\n"
    fields = fields_of(shape)
    yield from _rows(list(fields.items()))
    for name, field in fields.items():
        inner = _shape(field)
        element = shape_of(get_args(inner.base)[0]) if inner.origin is list else None
        if element is not None and element.is_table:
            doc: type[BaseModel] = element.base
            yield from _table(f"{title}, element of {name}", element, doc.__doc__)


def _rows(fields: list[tuple[str, FieldInfo]]) -> Iterator[str]:
    yield "| key | takes | default | what it is for |\n|---|---|---|---|"
    for name, field in fields:
        cells = (f"`{name}`", describe(_shape(field)), _default(field), _one_line(field))
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
    yield ""


def _shape(field: FieldInfo) -> Shape:
    return shape_of(field.annotation, tuple(field.metadata))


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    if field.default is None:
        return "none"
    return f"`{toml(field.default) if field.default != {} else '{}'}`"


def _one_line(field: FieldInfo) -> str:
    return " ".join((field.description or "").split())
