"""Whether a new call may come in: decided on bytes, before anything is built.

Refusing must cost a small part of accepting, or an overload becomes a collapse.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from sip.message import peek_request, refuse

RETRY_AFTER = (5, 30)
"""Seconds, spread so that those who were refused do not come back together."""


class Admission:
    """``contacts`` counts the living; ``late``: the loop was later than ``max_lag``, in seconds,
    when that was last measured.
    """

    def __init__(
        self,
        contacts: Callable[[], int],
        random: Random,
        *,
        max_contacts: int,
        max_lag: float,
    ) -> None:
        self._contacts, self._random = contacts, random
        self.configure(max_contacts=max_contacts, max_lag=max_lag)
        self.late = False
        self.draining = False

    def configure(self, *, max_contacts: int, max_lag: float) -> None:
        """The bounds from now on; who is in, stays."""
        self._max_contacts, self.max_lag = max_contacts, max_lag

    def is_late(self, late: bool) -> None:
        self.late = late

    @property
    def open(self) -> bool:
        return not (self.draining or self._contacts() >= self._max_contacts or self.late)

    def refuse(self, data: bytes) -> bytes | None:
        """The 503 for an initial INVITE, or None: it may come in, or belongs to a call."""
        if self.open:
            return None
        peek = peek_request(data)
        if peek is None or not peek.is_initial:
            return None
        return refuse(data, 503, retry_after=self._random.randint(*RETRY_AFTER))
