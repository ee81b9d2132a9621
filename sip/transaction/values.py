"""The timer values of RFC 3261, table 4, in seconds."""

from __future__ import annotations

from msgspec import Struct

from sip.transaction.repetition import Repetition


class Timers(Struct, frozen=True, gc=False):
    """T1: an estimate of the round trip.  T2: the longest pause between two retransmissions.
    T4: how long a message may live in the network."""

    t1: float = 0.5
    t2: float = 4.0
    t4: float = 5.0

    @property
    def patience(self) -> float:
        """64*T1: how long a transaction waits for its peer (timers B, F, H, J, L, M)."""
        return 64 * self.t1

    def repetition(self, again: str, hopeless: str, *, reliable: bool) -> Repetition:
        """Of what has just been sent, by timers of these names; none over a reliable transport."""
        patience = self.patience
        return Repetition(again, hopeless, patience if reliable else self.t1, patience)


DEFAULT = Timers()
