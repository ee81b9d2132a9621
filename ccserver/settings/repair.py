"""Makes a tree with errors valid, so that what depends on several keys can be judged as well.

The result is for judging only: nobody runs with it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from ccserver.settings.positions import Key
from ccserver.settings.schema import NAME_OF_KEY, Shape, fields_of, shape_at

Model = TypeVar("Model", bound=BaseModel)

_ROUNDS = 4
"""Each round mends one level: an element that is no table, then the keys it lacks."""
_TOLD = frozenset(("id", "name", "skills", "flow"))
"""What other tables depend on."""
_PLACEHOLDERS: dict[str, Any] = {
    "from": ["192.0.2.0/24"],
    "secret": "placeholder",
    "time_zone": "UTC",
    "weekly": ["mon-sun 00:00-24:00"],
    "date": "01-01",
    "when": "no_agents",
    "after_seconds": 1,
    "role": "administrator",
    "prefix": "0",
}
"""Where a name will not do."""
_GO_WITH = {"when": ("contacts", "seconds"), "role": ("agent",)}
"""What would not fit beside the placeholder."""


def repaired(
    tree: dict[str, Any], wrong: Iterable[Key], root: type[Model]
) -> tuple[Model, frozenset[str]] | None:
    """The ``root`` without what is ``wrong``, and the tables that lost what others rely on.

    None when there is no saving it.  ``tree`` is changed.
    """
    unsure: set[str] = set()
    keys = list(wrong)
    for _ in range(_ROUNDS):
        for key in sorted(keys, key=_deepest_and_last_first):
            if len(key) <= 2 or _TOLD.intersection(key):
                unsure.add(str(key[0]))
            _mend(tree, key, root)
        try:
            return root.model_validate(tree), frozenset(unsure)
        except ValidationError as error:
            keys = [item["loc"] for item in error.errors(include_url=False)]
    return None


def _deepest_and_last_first(key: Key) -> tuple[int, tuple[int, ...]]:
    return -len(key), tuple(-part if isinstance(part, int) else 0 for part in key)


def _mend(tree: dict[str, Any], key: Key, root: type[BaseModel]) -> None:
    if key[-1] == NAME_OF_KEY:
        key = key[:-1]
    node: Any = tree
    for part in key[:-1]:
        try:
            node = node[part]
        except (KeyError, IndexError, TypeError):
            return
    last, parent = key[-1], shape_at(key[:-1], root)
    if isinstance(node, list) and isinstance(last, int) and last < len(node):
        element = shape_at(key, root)
        if element is not None and element.is_table:
            node[last] = {}
        else:
            del node[last]
    elif isinstance(node, dict) and isinstance(last, str):
        node.pop(last, None)
        if parent is not None and parent.is_table and _is_required(parent, last):
            node[last] = _PLACEHOLDERS.get(last, f"placeholder-{_position(key)}")
            for other in _GO_WITH.get(last, ()):
                node.pop(other, None)


def _is_required(table: Shape, name: str) -> bool:
    field = fields_of(table).get(name)
    return field is not None and field.is_required()


def _position(key: Key) -> int:
    return next((part for part in key if isinstance(part, int)), 0)
