"""What happens before and during waiting: diversions, overflows, treatment."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from actors.diversion import When
from actors.speech import MOST
from ccserver.settings.kinds import Name, Number, PromptFile
from ccserver.settings.section import Seconds, Section, SomeSeconds

LIMITS = {"position": 10, "estimated_wait": 60}
"""Where a step says nothing of its limit: places, and minutes."""
DESTINATIONS = ("queue", "entry_point", "number", "message", "busy")


class Diversion(Section):
    """One rule: a condition, and exactly one of queue, entry_point, number, message and busy."""

    when: When
    """"closed": outside the opening hours. "waiting": so many contacts wait. "estimated_wait": half
    of those who come now will wait longer. "no_agents": no agent who could ever serve the queue is
    signed in. "none_working": those who are signed in are all idle. "waited" (overflows only): he
    has waited so long."""
    contacts: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """With "waiting": how many."""
    seconds: SomeSeconds | None = None
    """With "estimated_wait" and "waited": how long."""
    queue: Name | None = None
    """Wait there instead, at the place that belongs to the time already waited."""
    entry_point: Name | None = None
    """Go through that flow."""
    number: Number | None = None
    """Be connected with this number of the dial plan."""
    message: PromptFile | None = None
    """Hear this, and be let go."""
    busy: Literal[486, 600] | None = None
    """Refuse the call with this SIP status; one that has been answered is hung up."""


class TreatmentStep(Section):
    """Something to be heard beside the music: exactly one of play and say."""

    play: PromptFile | None = None
    """A message, as it was recorded."""
    say: Literal["position", "estimated_wait"] | None = None
    """The place in line; or how long half and nine of ten of those who stand there wait, as
    "between 3 and 5 minutes"."""
    after_seconds: Seconds = 30.0
    """When it is heard first, from when he began to wait in this queue."""
    every_seconds: Annotated[float, Field(ge=5, le=7 * 24 * 3600)] | None = None
    """How often again; without it, once."""
    times: Annotated[int, Field(ge=1)] | None = None
    """How often at most."""
    only_better: bool = True
    """With say: nothing is said that is no better than what he heard last."""
    limit: Annotated[int, Field(ge=1, le=MOST)] | None = None
    """With say: beyond this place (10, if nothing is said), or where he may wait more minutes than
    this (60), he hears "more than"."""
    silent_beyond_limit: bool = False
    """With say: beyond the limit he hears nothing."""
    round_minutes: Annotated[int, Field(ge=1, le=60)] = 1
    """With "estimated_wait": minutes are rounded up to multiples of this."""
