"""What happens before and during waiting, in the configuration: diversions and overflows."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from actors.diversion import When
from ccserver.settings.kinds import Name, Number, PromptFile
from ccserver.settings.section import Section, SomeSeconds

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
