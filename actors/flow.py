"""The flow of an entry point: what a customer meets before a queue, as data."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from actors.diversion import Diversion
from actors.hours import Calendar
from actors.ids import EntryPointName, QueueName
from actors.place import DEFAULT_PRIORITY
from actors.routing.expressions import EVERYBODY, Expression


class AnswerCall(Struct, frozen=True, gc=False):
    """Answer the phone.  What must be heard answers by itself, so this is for clarity."""


class PlayPrompt(Struct, frozen=True, gc=False):
    """Play a file to its end."""

    file: str


class WaitInQueue(Struct, frozen=True, gc=False):
    """Wait for an agent: the last step of a flow."""

    queue: QueueName
    priority: int = DEFAULT_PRIORITY
    needs: Expression = EVERYBODY
    """What he asks of an agent beside what the queue does."""


class LetGo(Struct, frozen=True, gc=False):
    """Let the customer go: the end of a diversion to a message."""

    reason: str


Step: TypeAlias = AnswerCall | PlayPrompt | WaitInQueue | LetGo


class EntryPoint(Struct, frozen=True):
    """Where a dialled number lands."""

    name: EntryPointName
    flow: tuple[Step, ...]
    hours: Calendar | None = None
    """None: those of the queue that the flow leads to."""
    diversions: tuple[Diversion, ...] = ()
    """Before the first step, and before the call is answered."""


class Comfort(Struct, frozen=True):
    """A message, as it was recorded."""

    file: str


class SayPosition(Struct, frozen=True):
    """Where he stands in line.

    ``limit``: beyond it he is told that more than so many are before him, or (``silent``) nothing.
    ``only_better``: unless it is less than what he heard last, nothing is said.
    """

    limit: int
    silent: bool
    only_better: bool


class SayWait(Struct, frozen=True):
    """How long he will probably wait, in minutes, rounded up to multiples of ``step``.

    ``limit``, ``silent`` and ``only_better`` as for the position.
    """

    limit: int
    silent: bool
    only_better: bool
    step: int


class Announcement(Struct, frozen=True):
    """A step of the treatment: first ``after`` seconds of waiting, then ``every`` so often.

    ``every`` None: once; ``times`` None: as often as it comes.
    """

    what: Comfort | SayPosition | SayWait
    after: float
    every: float | None = None
    times: int | None = None


class QueuePlan(Struct, frozen=True):
    """What a contact must know of a queue it waits in."""

    name: QueueName
    music: str
    rona_seconds: float
    overflow_prompt: str | None = None
    """Played before the customer is let go, when the queue cannot keep him."""
    capacity_based: bool = False
    """It only counts seats and has no agents to name: nobody can be consulted there (V-21)."""
    monitored: bool = True
    """False: no supervisor may listen to its calls."""
    closed: bool = False
    """It was taken out of the configuration: it serves those who wait, and nobody is sent there."""
    hours: Calendar | None = None
    """None: always open."""
    diversions: tuple[Diversion, ...] = ()
    """At its door; the first that holds is taken."""
    overflows: tuple[Diversion, ...] = ()
    """While he waits."""
    treatment: tuple[Announcement, ...] = ()
    """What he hears beside the music."""
