"""What a configuration says, without its secrets: to be written down, read back and compared."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import msgspec

from actors.events import ConfigurationChange
from ccserver.settings.model import Settings
from ccserver.settings.positions import Key
from ccserver.settings.schema import fields_of, shape_at

VERSION_DIGITS = 12
_NAMES = ("id", "name", "prefix")
"""What tells the elements of an array apart, where they have one of these."""


def content_of(settings: Settings) -> dict[str, Any]:
    """Every key with its value, defaults too, as JSON has it; asterisks stand for a secret."""
    return settings.model_dump(mode="json", by_alias=True)


def settings_of(content: dict[str, Any]) -> Settings:
    """The settings again, but for the secrets.  Raises pydantic.ValidationError for the content of
    a version whose keys are not ours.
    """
    return Settings.model_validate(content)


def version_of(content: dict[str, Any]) -> str:
    """Twelve hexadecimal digits that are the same for the same content, on any machine."""
    canonical = msgspec.json.encode(content, order="sorted")
    return hashlib.sha256(canonical).hexdigest()[:VERSION_DIGITS]


def difference(before: Settings, after: Settings) -> tuple[ConfigurationChange, ...]:
    """What ``after`` has added, changed and removed, by key, as
    ``agents.1001.skills.english``.

    A secret that is another is named, and neither value shown.
    """
    one, other = (each.model_dump(by_alias=True) for each in (before, after))
    return tuple(_compared((), one, other))


AT_START_ONLY = (
    *(
        "sip",
        "media",
        "metrics",
        "web",
        "data",
        "journal",
        "store",
        "audit",
        "log",
        "drain",
        "reports",
        "accounts",
    ),
)
"""Sections and tables that a running server cannot change: its sockets, its other processes."""


def applicable(running: Settings, wanted: Settings) -> tuple[Settings, tuple[str, ...]]:
    """What of ``wanted`` a running server can do at once, and the keys that wait for a restart."""
    kept = {name: getattr(running, name) for name in AT_START_ONLY}
    effective = wanted.model_copy(update=kept)
    return effective, tuple(change.key for change in difference(effective, wanted))


def _compared(key: Key, one: Any, other: Any) -> Iterator[ConfigurationChange]:
    if one == other:
        return
    if isinstance(one, dict) and isinstance(other, dict):
        for part in dict.fromkeys((*one, *other)):
            yield from _among((*key, part), part, one, other)
    elif (name := _name_of_elements(key)) is not None:
        ours, theirs = ({each[name]: each for each in every} for every in (one, other))
        if set(ours) == set(theirs) and ours == theirs:
            yield ConfigurationChange(_shown(key), "changed")  # another order, and nothing else
        for part in dict.fromkeys((*ours, *theirs)):
            yield from _among((*key, part), part, ours, theirs)
    else:
        yield ConfigurationChange(_shown(key), "changed")


def _among(
    key: Key, part: str, ours: dict[str, Any], theirs: dict[str, Any]
) -> Iterator[ConfigurationChange]:
    if part not in theirs:
        yield ConfigurationChange(_shown(key), "removed")
    elif part not in ours:
        yield ConfigurationChange(_shown(key), "added")
    else:
        yield from _compared(key, ours[part], theirs[part])


def _name_of_elements(key: Key) -> str | None:
    """The key by which the elements of this array are told apart; None: it is no such array."""
    if len(key) != 1:
        return None
    shape = shape_at((*key, 0))
    if shape is None or not shape.is_table:
        return None
    fields = fields_of(shape)
    return next((name for name in _NAMES if name in fields), None)


def _shown(key: Key) -> str:
    return ".".join(map(str, key))
