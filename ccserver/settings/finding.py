"""What a check finds, and what many checks ask."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from ccserver.settings.positions import Key


class Finding(Struct, frozen=True):
    key: Key
    text: str
    fatal: bool = True


def file_of(key: Key, prompts: Path, name: str) -> Iterator[Finding]:
    """A prompt must lie in the directory of prompts, if there is one."""
    path = (prompts / name).resolve()
    if prompts.is_dir() and not (path.is_relative_to(prompts) and path.is_file()):
        yield Finding(key, f'expected a file in {prompts}, got "{name}"')


def listed(names: set[str]) -> str:
    return ", ".join(sorted(names)) or "there is none"
