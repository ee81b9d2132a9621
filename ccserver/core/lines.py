"""How many calls a trunk, and the centre as a whole, may have at once (V-82)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from actors.ids import LegId
from actors.reasons import OfferFailure


class Lines:
    """``most`` names the trunks that have a limit; ``room``: whether the centre has any."""

    def __init__(self, most: Mapping[str, int], room: Callable[[], bool]) -> None:
        self._most, self._room = most, room
        self._holders: dict[LegId, str] = {}
        self._used: Counter[str] = Counter()

    def configure(self, most: Mapping[str, int]) -> None:
        """The limits from now on; calls that are beyond a lower one go on."""
        self._most = most

    def take(self, trunk: str, leg: LegId) -> OfferFailure | None:
        """A line of this trunk for this leg; or why there is none."""
        if not self._room():
            return OfferFailure.TENANT_LIMIT
        if self.is_full(trunk):
            return OfferFailure.TRUNK_LIMIT
        self._holders[leg] = trunk
        self._used[trunk] += 1
        return None

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
