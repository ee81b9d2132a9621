"""How far the store has come: its process says so, and the metrics show it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from actors.reasons import Refusal
from ccserver.core.door.commands import BadArgument
from ccserver.door import Answer, Request
from ccserver.journal.metrics import StoreFigures

OPERATION = "store.progress"


class StoreProgress:
    """``last``: the number of the journal's last event; ``wall``: seconds since 1970."""

    def __init__(self, last: Callable[[], int], wall: Callable[[], float]) -> None:
        self._last, self._wall = last, wall
        self._seq: int | None = None
        """None: it has not been heard of."""
        self._at = self._failures = 0

    def told(self, request: Request) -> Answer:
        """Raises BadArgument."""
        if request.principal is not None:
            return {"refused": Refusal.NOT_PERMITTED, "detail": "this is the store's own affair"}
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


def _number(args: dict[str, Any], name: str) -> int:
    value = args.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise BadArgument(name, "expected a number of 0 or more")
    return value
