"""Which agent served a caller last: bounded in number and in time."""

from __future__ import annotations

from collections import OrderedDict

from actors.ids import AgentId

MOST_CALLERS = 10_000
NOBODY = frozenset(("", "anonymous"))
"""Who shows no number is not known again (RFC 3323, section 4.1)."""


class LastAgents:
    """By the number that called; who called longest ago is forgotten first.  Times in seconds."""

    def __init__(self, seconds: float, most: int = MOST_CALLERS) -> None:
        self.seconds, self._most = seconds, most
        # A dict would look for its oldest behind all that it has forgotten since it grew last.
        self._served: OrderedDict[str, tuple[AgentId, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._served)

    def remember(self, caller: str, agent: AgentId, now: float) -> None:
        """``caller`` has just been served."""
        if caller in NOBODY:
            return
        self._served[caller] = agent, now
        self._served.move_to_end(caller)
        while len(self._served) > self._most or self._oldest() + self.seconds < now:
            self._served.popitem(last=False)

    def recall(self, caller: str, now: float) -> AgentId | None:
        served = self._served.get(caller)
        if served is None or served[1] + self.seconds < now:
            return None
        return served[0]

    def _oldest(self) -> float:
        return self._served[next(iter(self._served))][1]
