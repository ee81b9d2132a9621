"""What every event of the journal is."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from msgspec import Meta, Struct

Personal: TypeAlias = Annotated[str, Meta(extra={"personal": True})]


class Event(Struct, frozen=True, tag_field="event", omit_defaults=True):
    """Base of all events."""
