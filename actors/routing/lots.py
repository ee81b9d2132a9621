"""Numbers that are drawn by lot, and can be drawn again from the record."""

from __future__ import annotations

GOLDEN = 0.6180339887498949
"""Multiples of it, without their whole part, lie as far from each other as they can."""


class Lots:
    """The numbers that are drawn while one message is handled: all follow from its first one."""

    def __init__(self) -> None:
        self._next = 0.0

    def begin(self, lot: float) -> None:
        """``lot``: from 0 to 1; what is drawn next."""
        self._next = lot

    def draw(self) -> float:
        drawn, self._next = self._next, (self._next + GOLDEN) % 1.0
        return drawn
