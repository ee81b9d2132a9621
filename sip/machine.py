"""The words every machine shares: what it may say about time and its own end.

A machine is a class with ``handle(message) -> list[Effect]``: no I/O, no clock, no await.
Transactions, dialogs, legs, contacts, queues, agents and the dispatcher are all machines.
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct


class StartTimer(Struct, frozen=True, gc=False):
    """Arm (or arm anew) a named timer; it comes back as ``TimerFired(name)``."""

    name: str
    seconds: float


class CancelTimer(Struct, frozen=True, gc=False):
    """Disarm a timer.  A cancelled timer never fires; an unknown name is no error."""

    name: str


class TimerFired(Struct, frozen=True, gc=False):
    """Heard by the machine that armed the timer, unless it cancelled it before."""

    name: str


class Stop(Struct, frozen=True, gc=False):
    """The last effect a machine asks for."""


TimerEffect: TypeAlias = StartTimer | CancelTimer | Stop
