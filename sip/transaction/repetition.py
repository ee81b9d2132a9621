"""What is sent again and again until it is answered, or until that is hopeless."""

from __future__ import annotations

from msgspec import Struct

from sip.machine import CancelTimer, StartTimer


class Repetition(Struct, gc=False):
    """One timer for both: ``again``, at longer and longer pauses, and at last ``hopeless``.

    The pauses add up to the second one's time: no timer of its own has to run for it.
    """

    again: str
    hopeless: str
    pause: float
    """Seconds, of the timer that runs; as long as ``left`` if nothing is to be sent again."""
    left: float
    """Seconds from the start of that timer until it is hopeless."""

    def timer(self) -> StartTimer:
        if self.pause < self.left:
            return StartTimer(self.again, self.pause)
        return StartTimer(self.hopeless, self.left)

    def after(self, pause: float) -> StartTimer:
        """The timer that ran is over; the next pause is so long."""
        self.left -= self.pause
        self.pause = pause
        return self.timer()

    def cancel(self) -> CancelTimer:
        return CancelTimer(self.again if self.pause < self.left else self.hopeless)
