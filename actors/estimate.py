"""The estimated wait of a contact, as a distribution."""

from __future__ import annotations

from msgspec import Struct


class Estimate(Struct, frozen=True, gc=False):
    """In seconds from now: half of those who stand there wait no longer than ``p50``, nine of ten
    no longer than ``p90``.
    """

    p50: float
    p90: float
