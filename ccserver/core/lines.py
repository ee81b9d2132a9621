"""How many calls a trunk, and the centre as a whole, may have at once (V-82), and how many numbers
an agent may have dialled within an hour (A09).
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping

from actors.ids import AgentId, LegId
from actors.reasons import OfferFailure

HOUR = 3600.0


class Lines:
    """``most`` names the trunks that have a limit; ``room``: whether the centre has any.

    ``per_hour``: of one agent's numbers, or None; ``now`` gives monotonic seconds.
    """

    def __init__(
        self,
        most: Mapping[str, int],
        room: Callable[[], bool],
        per_hour: int | None,
        now: Callable[[], float],
    ) -> None:
        self._most, self._room = most, room
        self._per_hour, self._now = per_hour, now
        self._holders: dict[LegId, str] = {}
        self._used: Counter[str] = Counter()
        self._forgotten_at: dict[AgentId, deque[float]] = {}
        """For each agent, when each number that he had dialled counts no more."""

    def configure(self, most: Mapping[str, int], per_hour: int | None) -> None:
        """The limits from now on; calls that are beyond a lower one go on."""
        self._most, self._per_hour = most, per_hour

    def take(
        self, trunk: str, leg: LegId, by: AgentId | None = None, *, admitted: bool = False
    ) -> OfferFailure | None:
        """A line of this trunk for this leg, of ``by`` who has it called; or why there is none.

        ``admitted``: the centre counts this call already.
        """
        why = self.refusal(trunk, by, admitted=admitted)
        if why is not None:
            return why
        if by is not None:
            self._forgotten_at.setdefault(by, deque()).append(self._now() + HOUR)
        self._holders[leg] = trunk
        self._used[trunk] += 1
        return None

    def refusal(
        self, trunk: str, by: AgentId | None = None, *, admitted: bool = False
    ) -> OfferFailure | None:
        """Why there would be none now."""
        if not admitted and not self._room():
            return OfferFailure.TENANT_LIMIT
        if self.is_full(trunk):
            return OfferFailure.TRUNK_LIMIT
        if by is not None and self._per_hour is not None and self._dialled(by) >= self._per_hour:
            return OfferFailure.AGENT_LIMIT
        return None

    def _dialled(self, by: AgentId) -> int:
        """Within the last hour."""
        counted, now = self._forgotten_at.get(by, deque()), self._now()
        while counted and counted[0] <= now:
            counted.popleft()
        return len(counted)

    def keep(self, trunk: str, leg: LegId) -> None:
        """It has had a line since before a restart of the server."""
        self._holders[leg] = trunk
        self._used[trunk] += 1

    def remember(self, by: AgentId, dialled: Iterable[float]) -> None:
        """The instants at which an agent had numbers called, before a restart of the server."""
        self._forgotten_at[by] = deque(at + HOUR for at in dialled)

    def is_full(self, trunk: str) -> bool:
        most = self._most.get(trunk)
        return most is not None and self._used[trunk] >= most

    def give_back(self, leg: LegId) -> None:
        """Safe for a leg that has none."""
        trunk = self._holders.pop(leg, None)
        if trunk is not None:
            self._used[trunk] -= 1

    def used(self) -> dict[str, int]:
        """Calls now, by trunk."""
        return dict(self._used)
