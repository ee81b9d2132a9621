"""What the fold makes of the journal: one struct for the rows of each table.

``seq`` is the number of the event that touched the row last.  What happens within a contact or to
an agent has as its id the number of the event that began it: ids never repeat, and sort by time.
Times (``..._at``) are microseconds since 1970, UTC; whatever has no ``ended_at`` goes on.
``ccserver.store.tables`` says of each column what it means.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from msgspec import Struct


class Contact(Struct):
    id: str
    seq: int
    channel: str
    direction: str
    entry_point: str
    ani: str
    dnis: str
    arrived_at: int
    trunk: str | None = None
    queue: str | None = None
    agent: str | None = None
    queued_at: int | None = None
    answered_at: int | None = None
    transferred_to: str | None = None
    ended_at: int | None = None
    outcome: str | None = None
    during: str | None = None
    reason: str | None = None
    ended_by: str | None = None
    waited_seconds: float | None = None
    talked_seconds: float | None = None


class Segment(Struct):
    id: int
    seq: int
    contact: str
    kind: str
    queue: str | None
    agent: str | None
    began_at: int
    ended_at: int | None = None


class Offer(Struct):
    id: int
    seq: int
    contact: str
    queue: str | None
    agent: str
    leg: str
    began_at: int
    delay_seconds: float
    ended_at: int | None = None
    result: str | None = None


class Leg(Struct):
    id: str
    seq: int
    contact: str
    direction: str
    target: str
    call_id: str | None
    began_at: int
    kind: str | None = None
    party: str | None = None
    confirmed_at: int | None = None
    ended_at: int | None = None
    cause: str | None = None
    status: int | None = None
    by_us: bool | None = None


class Activity(Struct):
    id: int
    seq: int
    agent: str
    channel: str
    state: str
    code: str | None
    contact: str | None
    queue: str | None
    kind: str | None
    began_at: int
    ended_at: int | None = None


class Decision(Struct):
    id: int
    seq: int
    contact: str
    request: str
    queue: str
    agent: str
    decided_at: int
    delay_seconds: float
    because: str
    strategy: str
    configuration: str
    ring: int
    needs: str
    overdue: bool
    draw: float | None
    candidates: list[dict[str, Any]]
    passed_over: dict[str, int]
    others: list[str]


Row: TypeAlias = Contact | Segment | Offer | Leg | Activity | Decision

_ENDING = ("seq", "ended_at")
CHANGING: dict[type[Row], tuple[str, ...]] = {
    Contact: (
        *_ENDING,
        *("queue", "agent", "queued_at", "answered_at", "transferred_to", "outcome", "during"),
        *("reason", "ended_by", "waited_seconds", "talked_seconds"),
    ),
    Segment: _ENDING,
    Offer: (*_ENDING, "result"),
    Leg: (*_ENDING, "kind", "party", "confirmed_at", "cause", "status", "by_us"),
    Activity: (*_ENDING, "code"),
}
"""What of a row may be another later; a decision is never."""
