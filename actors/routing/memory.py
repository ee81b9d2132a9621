"""Which agent served a caller last: bounded in number and in time."""

from __future__ import annotations

from actors.ids import AgentId

MOST_CALLERS = 10_000
NOBODY = frozenset(("", "anonymous"))
"""Who shows no number is not known again (RFC 3323, section 4.1)."""


class LastAgents:
    """By the number that called; who called longest ago is forgotten first.  Times in seconds."""

    def __init__(self, seconds: float, most: int = MOST_CALLERS) -> None:
        self.seconds, self._most = seconds, most
        self._served: dict[str, tuple[AgentId, float]] = {}

    def __len__(self) -> int:
        return len(self._served)

    def remember(self, caller: str, agent: AgentId, now: float) -> None:
        """``caller`` has just been served."""
        if caller in NOBODY:
            return
        self._served.pop(caller, None)
        self._served[caller] = agent, now
        while len(self._served) > self._most or self._oldest() + self.seconds < now:
            del self._served[next(iter(self._served))]

    def recall(self, caller: str, now: float) -> AgentId | None:
        served = self._served.get(caller)
        if served is None or served[1] + self.seconds < now:
            return None
        return served[0]

    def _oldest(self) -> float:
        return self._served[next(iter(self._served))][1]
