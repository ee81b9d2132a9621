"""What other processes say of themselves, for the metrics: how far the store has come, and what
the auditor has found.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from actors.reasons import Refusal
from ccserver.core.door.commands import BadArgument
from ccserver.door import Answer, Request
from ccserver.journal.metrics import AuditFigures, StoreFigures


class AuditStanding:
    """``now``: seconds of any clock."""

    OPERATION = "audit.standing"

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._looked: float | None = None
        self._found = 0

    def told(self, request: Request) -> Answer:
        """Raises BadArgument."""
        if request.principal is not None:
            return _refused("the auditor")
        self._found, self._looked = _number(request.args, "found"), self._now()
        return {"ok": True}

    def figures(self) -> AuditFigures:
        """As of now: an auditor who is stuck, or gone, has looked long ago."""
        ago = None if self._looked is None else max(0.0, self._now() - self._looked)
        return AuditFigures(ago, self._found)


class StoreProgress:
    """``last``: the number of the journal's last event; ``wall``: seconds since 1970."""

    OPERATION = "store.progress"

    def __init__(self, last: Callable[[], int], wall: Callable[[], float]) -> None:
        self._last, self._wall = last, wall
        self._seq: int | None = None
        """None: it has not been heard of."""
        self._at = self._failures = 0

    def told(self, request: Request) -> Answer:
        """Raises BadArgument."""
        if request.principal is not None:
            return _refused("the store")
        self._failures = _number(request.args, "failures")
        if "seq" in request.args:
            self._seq, self._at = _number(request.args, "seq"), _number(request.args, "at")
        return {"ok": True}

    def figures(self) -> StoreFigures:
        """As of now: a process that is stuck, or gone, falls behind."""
        if self._seq is None:
            return StoreFigures(None, 0.0, self._failures)
        events = max(0, self._last() - self._seq)
        seconds = self._wall() - self._at / 1e6 if events and self._at else 0.0
        return StoreFigures(events, max(0.0, seconds), self._failures)


def _refused(whose: str) -> Answer:
    return {"refused": Refusal.NOT_PERMITTED, "detail": f"only {whose} itself may say that"}


def _number(args: dict[str, Any], name: str) -> int:
    value = args.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise BadArgument(name, "expected a number of 0 or more")
    return value
